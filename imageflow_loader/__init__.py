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

from . import errors as errors
from .errors import *  # noqa: F403 - its `__all__`, all of which is public

__version__ = "0.1.0"

_HOMES = {
    "_api": "BatchItem ainfo aprocess arun batch info process run thumbnail",
    "_cancel": "CancelToken",
    "_colors": "Color ColorLike",
    "_engine": """
        Engine EngineInfo RawResponse ToolLimits fetch get_engine load_engine
        use_engine
    """,
    "_io": "ImageInfo Source sniff",
    "_job": """
        Allow Auto Constraint DecodedImage EncodedImage Encoder EncoderLike FitBox
        Format FrameLimit FramePerformance Gif Hints Image Job JobResult LibPng
        LibjpegTurbo LodePng Margins MozJpeg NodePerformance Output Performance
        PngQuant RunOptions Security Watermark WebPLossless WebPLossy canvas
        command_string decode
    """,
    "_querystring": "QuerystringIssue check_querystring",
    "types": "Attempt FetchedEngine VersionInfo",
}
"""Where each name lives that is looked up when it is used."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

if TYPE_CHECKING:
    from . import types as types
    from ._api import *  # noqa: F403 - its names, as `_HOMES` has them
    from ._cancel import CancelToken as CancelToken
    from ._colors import Color as Color, ColorLike as ColorLike
    from ._engine import *  # noqa: F403 - likewise
    from ._io import ImageInfo as ImageInfo, Source as Source, sniff as sniff
    from ._job import *  # noqa: F403 - likewise
    from ._querystring import (
        QuerystringIssue as QuerystringIssue,
        check_querystring as check_querystring,
    )
    from .types import (
        Attempt as Attempt,
        FetchedEngine as FetchedEngine,
        VersionInfo as VersionInfo,
    )
else:
    __all__ = ["__version__", "errors", "types", *errors.__all__, *_HOME_OF]


def __getattr__(name: str) -> object:
    home = "types" if name == "types" else _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    errors.refuse_at_exit()
    from importlib import import_module

    module = import_module(f".{home}", __name__)
    value: object = module if name == home else getattr(module, name)
    globals()[name] = value  # so that this function is not asked again
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), "types", *_HOME_OF})
