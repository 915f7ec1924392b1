"""What do you want done?"""

from .._colors import Color, ColorLike
from .checks import one_of, whole
from .encoders import (
    Allow,
    Auto,
    Encoder,
    EncoderLike,
    Format,
    Gif,
    LibjpegTurbo,
    LibPng,
    LodePng,
    MozJpeg,
    PngQuant,
    WebPLossless,
    WebPLossy,
)
from .image import Image, canvas, command_string, decode
from .job import Job, Output, RunOptions
from .querystring import (
    QuerystringIssue,
    check_querystring,
    named_format,
    querystring_text,
    suffix_format,
    with_key,
)
from .results import (
    DecodedImage,
    EncodedImage,
    FramePerformance,
    JobResult,
    NodePerformance,
    Performance,
)
from .values import Constraint, FitBox, FrameLimit, Hints, Margins, Security, Watermark

__all__ = [
    "Allow",
    "Auto",
    "Color",
    "ColorLike",
    "Constraint",
    "DecodedImage",
    "EncodedImage",
    "Encoder",
    "EncoderLike",
    "FitBox",
    "Format",
    "FrameLimit",
    "FramePerformance",
    "Gif",
    "Hints",
    "Image",
    "Job",
    "JobResult",
    "LibPng",
    "LibjpegTurbo",
    "LodePng",
    "Margins",
    "MozJpeg",
    "NodePerformance",
    "Output",
    "Performance",
    "PngQuant",
    "QuerystringIssue",
    "RunOptions",
    "Security",
    "Watermark",
    "WebPLossless",
    "WebPLossy",
    "canvas",
    "check_querystring",
    "command_string",
    "decode",
    "named_format",
    "one_of",
    "querystring_text",
    "suffix_format",
    "whole",
    "with_key",
]
