"""Where do bytes come from and go; what do their headers say?"""

from typing import TYPE_CHECKING

from .destinations import check_destination, write_output, write_outputs
from .header import read_header, sniff
from .image_info import ImageInfo
from .pixels import Source, to_numpy, to_pil
from .sources import check_source, opened, read_source, source_name

if TYPE_CHECKING:
    from .pixels import PilImage as PilImage
    from .pixels import Pixels as Pixels

__all__ = [
    "ImageInfo",
    "Source",
    "check_destination",
    "check_source",
    "opened",
    "read_header",
    "read_source",
    "sniff",
    "source_name",
    "to_numpy",
    "to_pil",
    "write_output",
    "write_outputs",
]
