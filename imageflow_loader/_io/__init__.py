"""Where do bytes come from and go; what do their headers say?"""

from typing import TYPE_CHECKING

from .destinations import (
    check_destination as check_destination,
    file_of as file_of,
    write_output as write_output,
    write_outputs as write_outputs,
)
from .header import ImageInfo as ImageInfo, read_header as read_header, sniff as sniff
from .pixels import Source as Source, to_numpy as to_numpy, to_pil as to_pil
from .sources import (
    NAMELESS as NAMELESS,
    check_source as check_source,
    opened as opened,
    read_source as read_source,
    source_name as source_name,
)

if TYPE_CHECKING:
    from .pixels import PilImage as PilImage, Pixels as Pixels
