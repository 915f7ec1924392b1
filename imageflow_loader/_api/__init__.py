"""What can I do in one line?"""

from .batch import BatchItem, batch
from .oneliners import ainfo, aprocess, arun, info, process, run, thumbnail

__all__ = [
    "BatchItem",
    "ainfo",
    "aprocess",
    "arun",
    "batch",
    "info",
    "process",
    "run",
    "thumbnail",
]
