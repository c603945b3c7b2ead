"""The media child's work: probing uploaded files, and staging those that MSST cannot read."""

from .limits import limit_memory
from .probing import probe
from .staging.staging import stage

__all__ = ["limit_memory", "probe", "stage"]
