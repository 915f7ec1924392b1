"""Where do bytes come from and go; what do their headers say?"""

from .destinations import check_destination, write_output, write_outputs
from .header import read_header, sniff
from .image_info import ImageInfo
from .sources import read_source, source_name

__all__ = [
    "ImageInfo",
    "check_destination",
    "read_header",
    "read_source",
    "sniff",
    "source_name",
    "write_output",
    "write_outputs",
]
