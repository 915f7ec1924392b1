"""What `v1/schema/riapi/latest/validate` says of a query string, said by us.

The tool has no such endpoint. Source: imageflow_riapi/src/ir4/parsing.rs and what a
v2.3.1-rc01 library answers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl

from ..types import QUERYSTRING_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Issue: TypeAlias = "dict[str, str]"
"""message, key, value, kind."""

KEYS: Final = tuple(sorted(QUERYSTRING_KEYS))

_WITHOUT_EFFECT: Final = frozenset(
    """
    404 a.blur a.removenoise a.sharpen bordercolor borderwidth builder cache colors
    decoder dither encoder floatspace jpeg_idct_downscale_linear margin paddingcolor
    paddingheight paddingwidth preset process s.invert watermark
    """.split()  # noqa: SIM905  # a table of names reads better than a list of strings
)

_FORMATS: Final = (
    "jpg jpe jif jfif jfi exif jpeg png gif webp avif jxl jpegxl auto keep"
)
_PROFILES: Final = """
    lowest low mediumlow medium-low medium good mediumhigh medium-high high highest
    lossless quality
"""
_ANCHORS: Final = """
    topleft topcenter topright middleleft middlecenter middleright
    bottomleft bottomcenter bottomright
"""
_FILTERS: Final = frozenset(
    """
    robidouxfast robidoux robidouxsharp ginseng ginsengsharp lanczos lanczossharp
    lanczos2 lanczos2sharp cubic cubicsharp catmullrom mitchell cubicbspline hermite
    jinc triangle linear box fastest ncubic ncubicsharp
    """.split()  # noqa: SIM905  # as above
)


def _words(text: str) -> Callable[[str], bool]:
    words = frozenset(text.split())
    return words.__contains__


def _numbers(*counts: int) -> Callable[[str], bool]:
    def are_numbers(value: str) -> bool:
        parts = value.strip("()").split(",")
        return len(parts) in counts and all(map(_is_number, parts))

    return are_numbers


def _is_number(value: str) -> bool:
    return (
        re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value) is not None
    )


def _is_integer(value: str) -> bool:
    return re.fullmatch(r"[-+]?\d{1,10}", value) is not None


def _either(*checks: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: any(check(value) for check in checks)


def _is_factor(value: str) -> bool:
    return _is_number(value.rstrip("xX"))


def _table() -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Yield keys, several in one text, and what their values must be."""
    boolean = _words("true 1 yes on false 0 no off")
    keep = _words("true 1 yes on false 0 no off keep preserve")
    yield (
        """w width h height maxwidth maxheight trim.threshold frame page quality
        jpeg.quality png.quality png.min_quality png.quantization_speed avif.speed
        jxl.effort""",
        _is_integer,
    )
    yield (
        """decoder.min_precise_scaling_ratio cropxunits cropyunits trim.percentpadding
        f.sharpen s.alpha s.brightness s.contrast s.saturation webp.quality avif.quality
        jxl.quality jxl.distance rotate srotate""",
        _is_number,
    )
    yield "zoom dpr dppx", _is_factor
    yield "qp.dpr qp.dppx", _either(_is_factor, _words("dpr dppx zoom"))
    yield (
        """autorotate ignoreicc ignore_icc_errors s.sepia watermark_red_dot jpeg.turbo
        jpeg.progressive jpeg.li png.libpng png.max_deflate accept.webp accept.avif
        accept.jxl accept.color_profiles""",
        boolean,
    )
    yield "webp.lossless png.lossless lossless jxl.lossless", keep
    yield "mode", _words("max pad crop stretch aspectcrop none")
    yield "stretch", _words("fill")
    yield (
        "scale",
        _words("down downscaleonly up upscaleonly both canvas upscalecanvas"),
    )
    yield "anchor", _either(_words(_ANCHORS), _numbers(2))
    yield "c.gravity", _numbers(2)
    yield "crop", _either(_words("auto"), _numbers(4))
    yield "c", _numbers(4)
    yield "flip sflip", _words("none h x v y both xy")
    yield "down.filter up.filter", lambda value: value.replace("_", "") in _FILTERS
    yield "down.colorspace up.colorspace", _words("srgb linear gamma")
    yield "f.sharpen_when", _words("downscaling sizediffers always")
    yield "s.grayscale", _words("true y ntsc ry flat bt709")
    yield "s.roundcorners", _numbers(1, 4)
    yield "a.balancewhite", _words("true area")
    yield "format thumbnail", _words(_FORMATS)
    yield "qp", _either(_words(_PROFILES), _is_number)
    yield "subsampling", _words("411 420 422 444")


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    key: check for keys, check in _table() for key in keys.split()
}
"""Keys that are in neither table take any text, colours and srcset among them."""


def issues(query: str) -> list[Issue]:
    """Return what is wrong with *query*, in its own order.

    A value that cannot be read is one issue here; the library adds an `IgnoredKey`.
    """
    return list(_issues(query))


def _issues(query: str) -> Iterator[Issue]:
    seen = set()
    for name, value in parse_qsl(query.partition("#")[0], keep_blank_values=True):
        key = name.lower()
        if key in seen:
            yield _issue("DuplicateKeyError", f"Duplicate key: {key}", key, value)
        elif key not in QUERYSTRING_KEYS:
            yield _issue("UnrecognizedKey", f"Key not recognized: {key}", key, value)
        elif key in _WITHOUT_EFFECT:
            yield _issue("IgnoredKey", f"Key not supported: {key}", key, value)
        elif value.strip() and not _is_valid(key, value.strip()):
            yield _issue("InvalidValueError", f"Value invalid: {value}", key, value)
        seen.add(key)


def _is_valid(key: str, value: str) -> bool:
    check = _CHECKS.get(key)
    return check is None or check(value.lower())


def _issue(kind: str, message: str, key: str, value: str) -> Issue:
    return {"message": message, "key": key, "value": value, "kind": kind}
