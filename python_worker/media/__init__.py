"""The media child's work: what an uploaded file is and how long, and staging what MSST cannot read."""

from .limits import limit_memory
from .probing import probe
from .staging import stage

__all__ = ["limit_memory", "probe", "stage"]
