"""What can I do in one line?"""

from .oneliners import ainfo, aprocess, arun, info, process, run, thumbnail

__all__ = ["ainfo", "aprocess", "arun", "info", "process", "run", "thumbnail"]
