"""What may stand in a query string: the one place that judges keys and values.

The library has an endpoint for it, `v1/schema/riapi/latest/validate`; the tool has
none. So the tool backend and `check_querystring` ask here, and no engine.

Source: imageflow_riapi/src/ir4/parsing.rs and srcset.rs, and what the `validate` of a
v2.3.1-rc01 library answers. It takes "nan" and "inf" for numbers, which later versions
of it do not; no picture comes of them, so they are wrong here.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from ._colors import Color
from .types import QUERYSTRING_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .types import QuerystringKind

    Check = Callable[[str], bool]

FindingKind: TypeAlias = Literal[
    "unrecognized_key", "ignored_key", "duplicate_key", "invalid_value"
]


class Finding(NamedTuple):
    """Something in a query string that is not as it should be."""

    kind: FindingKind
    key: str
    value: str
    """What is wrong; of a `srcset` the command."""
    instead_of: str | None = None
    """Of an ignored key the one that is obeyed instead, None if it never counts."""
    obeyed: bool = False
    """Whether engines do what it says all the same."""


def pairs(text: str) -> list[tuple[str, str]]:
    """Return keys in lower case, and values without blanks around; a "#" ends it."""
    return [
        (key.lower(), value.strip())
        for key, value in parse_qsl(text.partition("#")[0], keep_blank_values=True)
    ]


def findings(text: str) -> Iterator[Finding]:
    """Yield what is wrong with a query string, in its own order."""
    given = pairs(text)
    values = dict(reversed(given))  # of equal keys the first counts
    seen: set[str] = set()
    for key, value in given:
        kind = QUERYSTRING_KEYS.get(key)
        if kind is None:
            yield Finding("unrecognized_key", key, value)
        elif key in seen:
            yield Finding("duplicate_key", key, value)
        elif kind == "ignored":
            yield Finding("ignored_key", key, value)
        elif rival := _rival(key, values):
            yield Finding("ignored_key", key, value, instead_of=rival)
        elif kind == "srcset":
            yield from (
                Finding("invalid_value", key, part) for part in _bad_commands(value)
            )
        elif value and not is_valid(kind, value):
            obeyed = kind == "crop" and _four_numbers(value.strip("()"))
            yield Finding("invalid_value", key, value, obeyed=obeyed)
        seen.add(key)


_BEFORE: Final[Mapping[str, tuple[str, ...]]] = {
    "w": ("width",),
    "h": ("height",),
    "dpr": ("zoom",),
    "dppx": ("zoom", "dpr"),
    "thumbnail": ("format",),
    "page": ("frame",),
    "crop": ("c",),
}
"""Whose value counts before that of a key, if it can be read."""


def _rival(key: str, values: Mapping[str, str]) -> str | None:
    """Return the key that is obeyed and *key* therefore not, if there is one."""
    if key == "short" and "srcset" in values:  # even when it is blank
        return "srcset"
    if key == "crop" and values["crop"].lower() == "auto":  # this is a mode
        return None
    for other in _BEFORE.get(key, ()):
        if values.get(other) and is_valid(QUERYSTRING_KEYS[other], values[other]):
            return other
    return None


# Values

_INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LARGEST: Final = 3.4028235e38  # engines keep numbers in 32 bits

TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_ANCHORS = tuple(
    f"{y}{x}" for y in ("top", "middle", "bottom") for x in ("left", "center", "right")
)
_PROFILES = (
    *("lowest", "low", "mediumlow", "medium-low", "medium", "good", "mediumhigh"),
    *("medium-high", "high", "highest", "lossless"),
)
_FILTERS = (
    *("robidoux_fast", "robidoux", "robidoux_sharp", "ginseng", "ginseng_sharp"),
    *("lanczos", "lanczos_sharp", "lanczos_2", "lanczos_2_sharp", "cubic"),
    *("cubic_sharp", "catmull_rom", "mitchell", "cubic_b_spline", "hermite", "jinc"),
    *("triangle", "linear", "box", "fastest", "n_cubic", "n_cubic_sharp"),
)
_FORMATS = (
    *("jpg", "jpe", "jif", "jfif", "jfi", "exif", "jpeg", "png", "gif", "webp"),
    *("avif", "jxl", "jpegxl", "auto", "keep"),
)

WORDS: Final[Mapping[QuerystringKind, tuple[str, ...]]] = {
    "switch": (*TRUE, *_FALSE),
    "switch_or_keep": (*TRUE, *_FALSE, "keep", "preserve"),
    "anchor": _ANCHORS,
    "crop": ("auto",),
    "profile": (*_PROFILES, "quality"),
    "profile_dpr": ("dpr", "dppx", "zoom"),
    "mode": ("max", "pad", "crop", "stretch", "aspectcrop", "none"),
    "fit": (
        *("down", "downscaleonly", "up", "upscaleonly", "both"),
        *("canvas", "upscalecanvas"),
    ),
    "stretch": ("fill",),
    "flip": ("none", "h", "x", "v", "y", "both", "xy"),
    "format": _FORMATS,
    "filter": (*_FILTERS, *(name.replace("_", "") for name in _FILTERS if "_" in name)),
    "colorspace": ("srgb", "linear", "gamma"),
    "sharpen_when": ("downscaling", "sizediffers", "always"),
    "grayscale": ("true", "y", "ntsc", "ry", "flat", "bt709"),
    "white_balance": ("true", "area"),
    "subsampling": ("411", "420", "422", "444"),
}
"""The words that a value of each kind may be, in lower case."""


def is_valid(kind: QuerystringKind, value: str) -> bool:
    """Whether engines can read *value*, which has no blanks around it."""
    if value.lower() in WORDS.get(kind, ()):
        return True
    check = _CHECKS.get(kind)
    return check is not None and check(value)


def is_number(text: str) -> bool:
    """Whether it is a number that a picture can have."""
    return _NUMBER.fullmatch(text) is not None and abs(float(text)) <= _LARGEST


def _integers(least: int, most: int) -> Check:
    def check(value: str) -> bool:
        return _INTEGER.fullmatch(value) is not None and least <= int(value) <= most

    return check


def _numbers(*counts: int) -> Check:
    def check(value: str) -> bool:
        parts = value.split(",")
        return len(parts) in counts and all(is_number(part.strip()) for part in parts)

    return check


_four_numbers = _numbers(4)


def _is_factor(value: str) -> bool:
    return is_number(value.rstrip("x"))


def _is_quarter_turn(value: str) -> bool:
    # As engines reckon it: whatever is negative passes, and is rounded.
    return is_number(value) and math.fmod(float(value), 90) <= 0.1


def _is_colour(value: str) -> bool:
    try:
        Color.parse(value)
    except ValueError:
        return False
    return True


_CHECKS: Final[Mapping[QuerystringKind, Check]] = {
    "integer": _integers(-(2**31), 2**31 - 1),
    "byte": _integers(0, 255),
    "number": is_number,
    "quarter_turn": _is_quarter_turn,
    "scale": _is_factor,
    "profile_dpr": _is_factor,
    "colour": _is_colour,
    "anchor": _numbers(2),
    "crop": _four_numbers,
    "four_numbers": _four_numbers,
    "two_numbers": _numbers(2),
    "corners": _numbers(1, 4),
    "profile": is_number,
}


# The commands of `srcset`, as in `srcset=webp-70,160w,fit-crop`

_MOST_ARGUMENTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("jpg", "jpe", "jif", "jfif", "jfi", "exif", "jpeg"), 2),
    "webp": 2,
    "avif": 2,
    "png": 3,
    "jxl": 4,
    "jpegxl": 4,
    "gif": 0,
    **dict.fromkeys(("auto", "keep", "lossy", "lossless"), 1),
}
_LETTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "png": ("", "q", "mq"),
    "avif": ("", "q", "s"),
    **dict.fromkeys(("jxl", "jpegxl"), ("", "q", "d", "e")),
}
"""What stands before the number of an argument; elsewhere nothing or "q"."""
_FITS: Final = frozenset(
    ("pad", "crop", "cover", "max", "scale", "contain", "distort", "fill")
)
_ARGUMENT = re.compile(r"([a-z]*)(.*)", re.DOTALL)


def _bad_commands(text: str) -> Iterator[str]:
    if not text:
        return
    commands = [command.strip() for command in text.lower().split(",")]
    names = [command.partition("-")[0] for command in commands]
    yield from (command for command in commands if not _is_command(command))
    if sum(name in _MOST_ARGUMENTS for name in names) > 1 or names.count("fit") > 1:
        yield text.lower()


def _is_command(command: str) -> bool:
    name, *arguments = command.split("-")
    if name in _MOST_ARGUMENTS:
        return len(arguments) <= _MOST_ARGUMENTS[name] and all(
            _is_tuning(name, argument) for argument in arguments
        )
    match name, arguments:
        case "qp", ["dpr" | "dppx", number, *_]:
            return is_number(number.removesuffix("x"))
        case "qp", [profile, *_]:
            return profile in _PROFILES or is_number(profile)
        case "fit", [fit, *_]:
            return fit in _FITS
        case "crop", [x1, y1, x2, y2, *_]:
            return all(map(is_number, (x1, y1, x2, y2)))
        case "sharp" | "sharpen", [number, *_]:
            return is_number(number)
        case "upscale", _:
            return True
    return name[-1:] in ("w", "h", "x") and is_number(name[:-1])


def _is_tuning(name: str, argument: str) -> bool:
    if argument in ("lossless", "l", "lossy", "keep"):
        return True
    if argument in ("progressive", "baseline"):
        return _MOST_ARGUMENTS[name] == 2 and name not in ("webp", "avif")
    letters, number = _ARGUMENT.fullmatch(argument).groups()  # type: ignore[union-attr]  # it matches anything
    return letters in _LETTERS.get(name, ("", "q")) and is_number(number)
