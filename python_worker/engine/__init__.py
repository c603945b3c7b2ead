"""The separation engine: MSST's own `proc_folder`, unmodified, with warm models.

Only this package imports MSST.
"""

from .engine import Engine

__all__ = ["Engine"]
