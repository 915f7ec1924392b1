"""What do you want done? All of it is public."""

from .encoders import (
    Allow as Allow,
    Auto as Auto,
    Encoder as Encoder,
    EncoderLike as EncoderLike,
    Format as Format,
    Gif as Gif,
    LibjpegTurbo as LibjpegTurbo,
    LibPng as LibPng,
    LodePng as LodePng,
    MozJpeg as MozJpeg,
    PngQuant as PngQuant,
    WebPLossless as WebPLossless,
    WebPLossy as WebPLossy,
)
from .image import (
    Image as Image,
    canvas as canvas,
    command_string as command_string,
    decode as decode,
)
from .job import Job as Job, Output as Output, RunOptions as RunOptions
from .results import (
    DecodedImage as DecodedImage,
    EncodedImage as EncodedImage,
    FramePerformance as FramePerformance,
    JobResult as JobResult,
    NodePerformance as NodePerformance,
    Performance as Performance,
)
from .values import (
    Constraint as Constraint,
    FitBox as FitBox,
    FrameLimit as FrameLimit,
    Hints as Hints,
    Margins as Margins,
    Security as Security,
    Watermark as Watermark,
)
