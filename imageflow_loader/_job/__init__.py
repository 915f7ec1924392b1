"""What do you want done? All that `__all__` names is public."""

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
from .results import (
    DecodedImage,
    EncodedImage,
    FramePerformance,
    JobResult,
    NodePerformance,
    Performance,
)
from .shape import check_document as check_document  # for the command line
from .values import Constraint, FitBox, FrameLimit, Hints, Margins, Security, Watermark

__all__ = [
    "Allow",
    "Auto",
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
    "RunOptions",
    "Security",
    "Watermark",
    "WebPLossless",
    "WebPLossy",
    "canvas",
    "command_string",
    "decode",
]
