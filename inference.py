"""The default engine: `proc_folder` of the `msst` package. `msst_root` in the configuration names another."""

from msst.inference import proc_folder

__all__ = ["proc_folder"]
