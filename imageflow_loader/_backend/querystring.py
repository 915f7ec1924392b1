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

    from ..types import QuerystringKind

Issue: TypeAlias = "dict[str, str]"
"""message, key, value, kind."""


def issues(query: str) -> list[Issue]:
    """Return what is wrong with *query*, in its own order.

    A value that cannot be read is one issue here; the library adds an `IgnoredKey`.
    """
    return list(_issues(query))


def _issues(query: str) -> Iterator[Issue]:
    seen = set()
    for name, value in parse_qsl(query.partition("#")[0], keep_blank_values=True):
        key = name.lower()
        kind = QUERYSTRING_KEYS.get(key)
        if key in seen:
            yield _issue("DuplicateKeyError", f"Duplicate key: {key}", key, value)
        elif kind is None:
            yield _issue("UnrecognizedKey", f"Key not recognized: {key}", key, value)
        elif kind == "ignored":
            yield _issue("IgnoredKey", f"Key not supported: {key}", key, value)
        elif value.strip() and not _CHECKS[kind](value.strip().lower()):
            yield _issue("InvalidValueError", f"Value invalid: {value}", key, value)
        seen.add(key)


def _issue(kind: str, message: str, key: str, value: str) -> Issue:
    return {"message": message, "key": key, "value": value, "kind": kind}


def _any_text(_: str) -> bool:
    return True


def _is_integer(value: str) -> bool:
    return (
        bool(re.fullmatch(r"[-+]?\d{1,10}", value)) and -(2**31) <= int(value) < 2**31
    )


def _is_number(value: str) -> bool:
    number = r"\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*"
    return re.fullmatch(number, value) is not None


def _is_factor(value: str) -> bool:
    return value in ("dpr", "dppx", "zoom") or _is_number(value.rstrip("x"))


def _numbers(*counts: int) -> Callable[[str], bool]:
    def are_numbers(value: str) -> bool:
        parts = value.strip("()").split(",")
        return len(parts) in counts and all(map(_is_number, parts))

    return are_numbers


def _words(text: str) -> Callable[[str], bool]:
    return frozenset(text.split()).__contains__


def _either(*checks: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: any(check(value) for check in checks)


_is_filter = _words(
    """
    robidouxfast robidoux robidouxsharp ginseng ginsengsharp lanczos lanczossharp
    lanczos2 lanczos2sharp cubic cubicsharp catmullrom mitchell cubicbspline hermite
    jinc triangle linear box fastest ncubic ncubicsharp
    """
)

_CHECKS: Final[Mapping[QuerystringKind, Callable[[str], bool]]] = {
    "text": _any_text,
    "colour": _any_text,
    "integer": _is_integer,
    "number": _is_number,
    "scale": _is_factor,
    "two_numbers": _numbers(2),
    "four_numbers": _numbers(4),
    "corners": _numbers(1, 4),
    "crop": _either(_words("auto"), _numbers(4)),
    "anchor": _either(
        _words(
            """
            topleft topcenter topright middleleft middlecenter middleright
            bottomleft bottomcenter bottomright
            """
        ),
        _numbers(2),
    ),
    "profile": _either(
        _words(
            """
            lowest low mediumlow medium-low medium good mediumhigh medium-high high
            highest lossless quality
            """
        ),
        _is_number,
    ),
    "switch": _words("true 1 yes on false 0 no off"),
    "switch_or_keep": _words("true 1 yes on false 0 no off keep preserve"),
    "mode": _words("max pad crop stretch aspectcrop none"),
    "fit": _words("down downscaleonly up upscaleonly both canvas upscalecanvas"),
    "stretch": _words("fill"),
    "flip": _words("none h x v y both xy"),
    "format": _words(
        "jpg jpe jif jfif jfi exif jpeg png gif webp avif jxl jpegxl auto keep"
    ),
    "filter": lambda value: _is_filter(value.replace("_", "")),
    "colorspace": _words("srgb linear gamma"),
    "sharpen_when": _words("downscaling sizediffers always"),
    "grayscale": _words("true y ntsc ry flat bt709"),
    "white_balance": _words("true area"),
    "subsampling": _words("411 420 422 444"),
}
