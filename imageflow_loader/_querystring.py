"""Query strings: as text, what they ask for, and what is wrong in them.

The library has an endpoint for that, `v1/schema/riapi/latest/validate`; the tool has
none. So the tool backend and `check_querystring` ask here, and no engine.

Source: imageflow_riapi/src/ir4/parsing.rs and srcset.rs, and what the `validate` of a
v2.3.1-rc01 library answers. It takes "nan" and "inf" for numbers, which later versions
of it do not; no picture comes of them, so they are wrong here.
"""

from __future__ import annotations

import math
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import parse_qsl, quote_plus

from ._checks import nearest
from ._colors import Color
from .types import QUERYSTRING_KEYS, Filter, QualityProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .types import FormatName, Querystring

    Check = Callable[[str], bool]

_FORMATS: Final[Mapping[str, FormatName | Literal["auto"]]] = {
    **dict.fromkeys(("jpg", "jpe", "jif", "jfif", "jfi", "exif", "jpeg"), "jpeg"),
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "avif": "avif",
    "jxl": "jxl",
    "jpegxl": "jxl",
    "auto": "auto",
    "keep": "keep",
}
_NO_SUFFIXES: Final = frozenset({"exif", "jpegxl", "auto", "keep"})
_UNWRITTEN: Final = frozenset({"avif", "jxl"})
_MAY_MOVE: Final = frozenset({None, "gif", "auto", "keep"})


# As text


def querystring_text(querystring: Querystring) -> str:
    """Return a query string as the engine takes it.

    A leading question mark goes, and a "#" is escaped: engines take the rest for a
    fragment, so that `bgcolor=#fff` would be no colour at all. In a mapping True and
    False become "true" and "false", None is left out, a sequence is joined by commas.

    Raises:
        TypeError: It is neither text nor a mapping.
    """
    if isinstance(querystring, str):
        return querystring.removeprefix("?").replace("#", "%23")
    try:
        items = querystring.items()
    except AttributeError:
        raise TypeError(
            "a query string is a str or a mapping, "
            f"not {type(querystring).__name__}: {querystring!r:.80}"
        ) from None
    return "&".join(
        f"{quote_plus(str(key))}={quote_plus(_value_text(value), safe=',')}"
        for key, value in items
        if value is not None
    )


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(_value_text, value))
    return value.hex() if isinstance(value, Color) else str(value)


def with_key(text: str, key: str, value: object) -> str:
    """Return *text* with one more key."""
    return f"{text}&{key}={value}" if text else f"{key}={value}"


def pairs(text: str) -> list[tuple[str, str]]:
    """Return keys in lower case, and values without blanks around; a "#" ends it."""
    return [
        (key.lower(), value.strip())
        for key, value in parse_qsl(text.partition("#")[0], keep_blank_values=True)
    ]


def parsed(text: str) -> dict[str, str]:
    """Return what an engine sees in *text*: of equal keys the first, in lower case."""
    return {key: value for key, value in reversed(pairs(text)) if value}


# What it asks for


def srcset_commands(values: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield each command of a `srcset`, parted; they are applied last, so they win."""
    for key in ("short", "srcset"):
        for command in values.get(key, "").lower().split(","):
            yield command.strip().split("-")


def named_format(text: str) -> FormatName | Literal["auto"] | None:
    """Return the format that a query string names, None if it leaves the choice.

    Raises:
        ValueError: It names a format that there is not.
    """
    values = parsed(text)
    for word, *_ in reversed([*srcset_commands(values)]):
        if word in ("lossy", "lossless", "qp"):
            return "auto"
        if word in _FORMATS:
            return _FORMATS[word]
    for key in ("format", "thumbnail"):
        if key in values:
            if (name := values[key].lower()) in _FORMATS:
                return _FORMATS[name]
            known = ", ".join(dict.fromkeys(_FORMATS.values()))
            raise ValueError(f"{key}={values[key]} names no format: {known}")
    return "auto" if "qp" in values else None


def named_by_suffix(destination: object) -> FormatName | None:
    """Return the format that a path's suffix names; None for a stream, too."""
    if not isinstance(destination, str | PurePath):
        return None
    suffix = PurePath(destination).suffix.lower()[1:]
    return None if suffix in _NO_SUFFIXES else _FORMATS.get(suffix)  # type: ignore[return-value]  # "auto" is no suffix


def suffix_format(destination: object) -> FormatName | None:
    """Return the format that a path's suffix names; None for a stream, too.

    Raises:
        ValueError: It names a format that no engine writes.
    """
    format_ = named_by_suffix(destination)
    if format_ in _UNWRITTEN:
        raise ValueError(f"no engine writes {format_} files yet: {destination}")
    return format_


def with_format_of(text: str, destination: object) -> str:
    """Return *text* with the format that the destination's suffix names.

    Raises:
        ValueError: Query string and suffix name different formats.
    """
    wanted = suffix_format(destination)
    if wanted is None:
        return text
    named = named_format(text)
    if named is None:
        return with_key(text, "format", wanted)
    if named not in ("auto", "keep", wanted):
        raise ValueError(
            f"the query string asks for {named}, but {destination} is a name for "
            f"{wanted}"
        )
    return text


def wants_first_frame(text: str) -> bool:
    """Whether a still picture is asked for, and no frame of an animation is chosen.

    Engines would otherwise write every frame, one file behind the other.
    """
    values = parsed(text)
    if "frame" in values or "page" in values:
        return False
    try:
        return named_format(text) not in _MAY_MOVE
    except ValueError:  # engines pass over such a format
        return False


# What its values may be

_INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LARGEST: Final = 3.4028235e38  # engines keep numbers in 32 bits


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


class _Kind(NamedTuple):
    """What the values of some keys may be."""

    words: tuple[str, ...] = ()
    """In lower case."""
    check: Check | None = None
    """What else."""
    text: str = ""
    """All that in words; the words themselves unless given."""


TRUE: Final = ("true", "1", "yes", "on")
_FALSE: Final = ("false", "0", "no", "off")
_FILTERS: Final = get_args(Filter)
_PROFILES: Final = (
    *get_args(QualityProfile),
    "medium-low",
    "mediumhigh",
    "medium-high",
)
DPR_WORDS: Final = ("dpr", "dppx", "zoom")

_KINDS: Final[Mapping[str, _Kind]] = {
    "integer": _Kind((), _integers(-(2**31), 2**31 - 1), "a whole number"),
    "byte": _Kind((), _integers(0, 255), "a whole number from 0 to 255"),
    "number": _Kind((), is_number, "a number"),
    "quarter_turn": _Kind((), _is_quarter_turn, "a multiple of 90"),
    "scale": _Kind((), _is_factor, "a number such as 2 or 1.5x"),
    "profile_dpr": _Kind(
        DPR_WORDS, _is_factor, "a number such as 2 or 1.5x, or dpr, dppx, zoom"
    ),
    "switch": _Kind((*TRUE, *_FALSE)),
    "switch_or_keep": _Kind((*TRUE, *_FALSE, "keep", "preserve")),
    "srcset": _Kind((), None, "commands such as webp-80,100w,fit-crop"),
    "colour": _Kind((), _is_colour, "a colour such as fff, 336699 or orange"),
    "anchor": _Kind(
        tuple(
            f"{y}{x}"
            for y in ("top", "middle", "bottom")
            for x in ("left", "center", "right")
        ),
        _numbers(2),
        "a place such as topleft, or two percentages such as 50,25",
    ),
    "crop": _Kind(("auto",), _four_numbers, "four numbers x1,y1,x2,y2, or auto"),
    "four_numbers": _Kind((), _four_numbers, "four numbers x1,y1,x2,y2"),
    "two_numbers": _Kind((), _numbers(2), "two numbers x,y"),
    "corners": _Kind((), _numbers(1, 4), "one number, or four"),
    "profile": _Kind(
        (*_PROFILES, "quality"),
        is_number,
        f"a number or one of {', '.join(_PROFILES)}, quality",
    ),
    "mode": _Kind(("max", "pad", "crop", "stretch", "aspectcrop", "none")),
    "fit": _Kind(
        (
            *("down", "downscaleonly", "up", "upscaleonly", "both"),
            *("canvas", "upscalecanvas"),
        )
    ),
    "stretch": _Kind(("fill",)),
    "flip": _Kind(("none", "h", "x", "v", "y", "both", "xy")),
    "format": _Kind(tuple(_FORMATS)),
    "filter": _Kind(
        (*_FILTERS, *(name.replace("_", "") for name in _FILTERS if "_" in name))
    ),
    "colorspace": _Kind(("srgb", "linear", "gamma")),
    "sharpen_when": _Kind(("downscaling", "sizediffers", "always")),
    "grayscale": _Kind(("true", "y", "ntsc", "ry", "flat", "bt709")),
    "white_balance": _Kind(("true", "area")),
    "subsampling": _Kind(("411", "420", "422", "444")),
}


def is_valid(kind: str, value: str) -> bool:
    """Whether engines can read *value*, which has no blanks around it."""
    words, check, _ = _KINDS[kind]
    return value.lower() in words or (check is not None and check(value))


# The commands of `srcset`, as in `srcset=webp-70,160w,fit-crop`

_MOST_ARGUMENTS: Final[Mapping[str | None, int]] = {
    "jpeg": 2,
    "webp": 2,
    "avif": 2,
    "png": 3,
    "jxl": 4,
    "gif": 0,
}
"""Elsewhere one."""
_LETTERS: Final[Mapping[str | None, tuple[str, ...]]] = {
    "png": ("", "q", "mq"),
    "avif": ("", "q", "s"),
    "jxl": ("", "q", "d", "e"),
}
"""What stands before the number of an argument; elsewhere nothing or "q"."""
_FITS: Final = frozenset(
    ("pad", "crop", "cover", "max", "scale", "contain", "distort", "fill")
)
_ENCODERS: Final = {*_FORMATS, "lossy", "lossless"}
_ARGUMENT = re.compile(r"([a-z]*)(.*)", re.DOTALL)


def _bad_commands(text: str) -> Iterator[str]:
    if not text:
        return
    commands = [command.strip() for command in text.lower().split(",")]
    names = [command.partition("-")[0] for command in commands]
    yield from (command for command in commands if not _is_command(command))
    if sum(name in _ENCODERS for name in names) > 1 or names.count("fit") > 1:
        yield text.lower()


def _is_command(command: str) -> bool:
    name, *arguments = command.split("-")
    if name in _ENCODERS:
        format_ = _FORMATS.get(name)
        return len(arguments) <= _MOST_ARGUMENTS.get(format_, 1) and all(
            _is_tuning(format_, argument) for argument in arguments
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


def _is_tuning(format_: str | None, argument: str) -> bool:
    if argument in ("lossless", "l", "lossy", "keep"):
        return True
    if argument in ("progressive", "baseline"):
        return format_ == "jpeg"
    letters, number = _ARGUMENT.fullmatch(argument).groups()  # type: ignore[union-attr]  # it matches anything
    return letters in _LETTERS.get(format_, ("", "q")) and is_number(number)


# What is wrong in it

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
            for command in _bad_commands(value):
                yield Finding("invalid_value", key, command)
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


class QuerystringIssue(NamedTuple):
    """Something in a query string that an engine would pass over in silence."""

    key: str
    value: str
    kind: Literal["unrecognized_key", "ignored_key", "duplicate_key", "invalid_value"]
    message: str
    suggestion: str | None = None
    """What was probably meant."""

    def __str__(self) -> str:
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        return f"{self.message}{hint}"


def check_querystring(querystring: Querystring) -> tuple[QuerystringIssue, ...]:
    """Return what an engine would pass over in silence, in order; nothing is run.

    Args:
        querystring: Text or a mapping.

    Returns:
        Keys that are unknown, without effect or given twice, and values that are not
        of the key's kind; `suggestion` says what was probably meant.

    Source: our own table of keys (`imageflow_loader.types.QUERYSTRING_KEYS`).
    """
    text = querystring_text(querystring)
    return tuple(_issue(finding) for finding in findings(text) if not finding.obeyed)


def _issue(finding: Finding) -> QuerystringIssue:
    key, value = finding.key, finding.value
    suggestion = None
    if finding.kind == "unrecognized_key":
        message = f"there is no key {key}"
        suggestion = nearest(key, QUERYSTRING_KEYS)
    elif finding.kind == "duplicate_key":
        message = f"{key} is given twice; the first counts"
    elif finding.instead_of:
        message = f"{key} does nothing where {finding.instead_of} is given"
    elif finding.kind == "ignored_key":
        message = f"{key} is known but does nothing"
    else:
        words, _, expected = _KINDS[QUERYSTRING_KEYS[key]]
        expected = expected or f"one of {', '.join(words)}"
        message = f"{key} takes {expected}, not {value}"
        suggestion = nearest(value, words)
    return QuerystringIssue(key, value, finding.kind, message, suggestion)
