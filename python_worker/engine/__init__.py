"""The separation engine: MSST's own `proc_folder`, unmodified, with warm models.

Nothing outside this package imports torch or MSST.
"""

from .engine import Engine

__all__ = ["Engine"]
