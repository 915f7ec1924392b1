"""The imageflow image engine for any Python program, whatever machine it is on.

One call::

    import imageflow_loader as imf

    imf.process("photo.jpg", "w=800&h=600&mode=max", to="photo.webp")

The same idea step by step, and what else there is:

- `process`, `thumbnail`, `info`, `batch`: one line; `aprocess`, `ainfo` are awaited.
- `decode` and `canvas` begin a recipe, the methods of `Image` go on with it, `encode`
  and `save` end it; a variable used twice is a branch::

      photo = imf.decode("photo.jpg").crop_whitespace()
      small, large = photo.constrain(400), photo.constrain(1600)
      imf.run(small.encode("webp", "small.webp"), large.encode("webp", "large.webp"))

- `Output` and `Job` are recipes as values: compared, pickled, turned into JSON, run on
  many sources.
- `Security` says what a job may cost; `Security.untrusted()` is for strangers.
- `load_engine`, `get_engine`, `use_engine`: which engine runs it. `Engine.info` says
  which one it is and why.
- `ImageflowError` and its family, in `imageflow_loader.errors`: what can go wrong.
- `imageflow_loader.types`: names for annotations; `imageflow_loader.testing`: an engine
  that does nothing, for tests.

Importing this loads no engine and nothing else that is slow: names are looked up when
they are used (PEP 562).
"""

from typing import TYPE_CHECKING

from .errors import refuse_at_exit as _refuse_at_exit

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import errors, types
    from ._api import (
        BatchItem,
        ainfo,
        aprocess,
        arun,
        batch,
        info,
        process,
        run,
        thumbnail,
    )
    from ._cancel import CancelToken
    from ._engine import (
        Engine,
        EngineInfo,
        RawResponse,
        ToolLimits,
        fetch,
        get_engine,
        load_engine,
        use_engine,
    )
    from ._io import ImageInfo, Source, sniff
    from ._job import (
        Allow,
        Auto,
        Color,
        ColorLike,
        Constraint,
        DecodedImage,
        EncodedImage,
        Encoder,
        EncoderLike,
        FitBox,
        Format,
        FrameLimit,
        FramePerformance,
        Gif,
        Hints,
        Image,
        Job,
        JobResult,
        LibjpegTurbo,
        LibPng,
        LodePng,
        Margins,
        MozJpeg,
        NodePerformance,
        Output,
        Performance,
        PngQuant,
        QuerystringIssue,
        RunOptions,
        Security,
        Watermark,
        WebPLossless,
        WebPLossy,
        canvas,
        check_querystring,
        command_string,
        decode,
    )
    from .errors import (
        DestinationError,
        EngineCrashedError,
        EngineDownloadError,
        EngineError,
        EngineIncompatibleError,
        EngineInternalError,
        EngineIOError,
        EngineLoadError,
        EngineMemoryError,
        EngineNotFoundError,
        ImageDecodeError,
        ImageflowError,
        InvalidJobError,
        JobCancelledError,
        JobError,
        JobTimeoutError,
        SettingsError,
        SizeLimitError,
        SourceError,
        SourceNotFoundError,
        SourceTooLargeError,
        SourceTypeError,
        UnsupportedFeatureError,
    )
    from .types import Attempt, FetchedEngine, VersionInfo

__all__ = [
    "Allow",
    "Attempt",
    "Auto",
    "BatchItem",
    "CancelToken",
    "Color",
    "ColorLike",
    "Constraint",
    "DecodedImage",
    "DestinationError",
    "EncodedImage",
    "Encoder",
    "EncoderLike",
    "Engine",
    "EngineCrashedError",
    "EngineDownloadError",
    "EngineError",
    "EngineIOError",
    "EngineIncompatibleError",
    "EngineInfo",
    "EngineInternalError",
    "EngineLoadError",
    "EngineMemoryError",
    "EngineNotFoundError",
    "FetchedEngine",
    "FitBox",
    "Format",
    "FrameLimit",
    "FramePerformance",
    "Gif",
    "Hints",
    "Image",
    "ImageDecodeError",
    "ImageInfo",
    "ImageflowError",
    "InvalidJobError",
    "Job",
    "JobCancelledError",
    "JobError",
    "JobResult",
    "JobTimeoutError",
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
    "RawResponse",
    "RunOptions",
    "Security",
    "SettingsError",
    "SizeLimitError",
    "Source",
    "SourceError",
    "SourceNotFoundError",
    "SourceTooLargeError",
    "SourceTypeError",
    "ToolLimits",
    "UnsupportedFeatureError",
    "VersionInfo",
    "Watermark",
    "WebPLossless",
    "WebPLossy",
    "__version__",
    "ainfo",
    "aprocess",
    "arun",
    "batch",
    "canvas",
    "check_querystring",
    "command_string",
    "decode",
    "errors",
    "fetch",
    "get_engine",
    "info",
    "load_engine",
    "process",
    "run",
    "sniff",
    "thumbnail",
    "types",
    "use_engine",
]

_HOMES = {
    "_api": "BatchItem ainfo aprocess arun batch info process run thumbnail",
    "_cancel": "CancelToken",
    "_engine": """
        Engine EngineInfo RawResponse ToolLimits fetch get_engine load_engine
        use_engine
    """,
    "_io": "ImageInfo Source sniff",
    "_job": """
        Allow Auto Color ColorLike Constraint DecodedImage EncodedImage Encoder
        EncoderLike FitBox Format FrameLimit FramePerformance Gif Hints Image Job
        JobResult LibPng LibjpegTurbo LodePng Margins MozJpeg NodePerformance Output
        Performance PngQuant QuerystringIssue RunOptions Security Watermark WebPLossless
        WebPLossy canvas check_querystring command_string decode
    """,
    "errors": """
        DestinationError EngineCrashedError EngineDownloadError EngineError
        EngineIOError EngineIncompatibleError EngineInternalError EngineLoadError
        EngineMemoryError EngineNotFoundError ImageDecodeError ImageflowError
        InvalidJobError JobCancelledError JobError JobTimeoutError SettingsError
        SizeLimitError SourceError SourceNotFoundError SourceTooLargeError
        SourceTypeError UnsupportedFeatureError
    """,
    "types": "Attempt FetchedEngine VersionInfo",
}
"""Where each name lives."""


def __getattr__(name: str) -> object:
    if name in __all__:
        _refuse_at_exit()
    from importlib import import_module

    if name in ("errors", "types"):
        return import_module(f".{name}", __name__)
    for home, names in _HOMES.items():
        if name in names.split():
            value: object = getattr(import_module(f".{home}", __name__), name)
            globals()[name] = value  # so that this function is not asked again
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
