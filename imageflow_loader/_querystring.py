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
from os import PathLike
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args
from urllib.parse import parse_qsl, urlencode

from ._checks import nearest
from ._colors import Color
from .types import QUERYSTRING_KEYS, Filter, QualityProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .types import FormatName, Querystring

    Check = Callable[[str], bool]

_FORMATS: Final[Mapping[str, FormatName | Literal["auto"]]] = {
    **dict.fromkeys(("jpg", "jpe", "jif", "jfif", "jfi", "exif", "jpeg"), "jpeg"),
    "png": "png", "gif": "gif", "webp": "webp", "avif": "avif",
    "jxl": "jxl", "jpegxl": "jxl", "auto": "auto", "keep": "keep",
}  # fmt: skip
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
        ValueError: A value is a list in a list, and so on.
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
    try:
        given = [(key, _value_text(value)) for key, value in items if value is not None]
    except RecursionError:
        raise ValueError("a value of the query string is nested too deeply") from None
    return urlencode(given, safe=",", errors="surrogatepass")


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
    return None


def named_by_suffix(destination: object) -> FormatName | None:
    """Return the format that a path's suffix names; None for a stream, too."""
    if not isinstance(destination, str | PathLike):
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
# One way only to read it, or a long one that is none would take hours.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
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

    text: str
    """All of it, for people."""
    check: Check | None = None
    words: tuple[str, ...] = ()
    """In lower case; taken whatever the check says."""

    def takes(self, value: str) -> bool:
        """Whether engines can read *value*, which has no blanks around it."""
        return value.lower() in self.words or bool(self.check and self.check(value))


def _one_of(words: str) -> _Kind:
    listed = tuple(dict.fromkeys(words.split()))
    return _Kind(f"one of {', '.join(listed)}", words=listed)


TRUE: Final = ("true", "1", "yes", "on")
DPR_WORDS: Final = ("dpr", "dppx", "zoom")
_SWITCH: Final = "true 1 yes on false 0 no off"
_FILTERS: Final = " ".join(get_args(Filter))
_PROFILES: Final = (
    *get_args(QualityProfile),
    "medium-low",
    "mediumhigh",
    "medium-high",
)
_ANCHORS: Final = tuple(
    y + x for y in ("top", "middle", "bottom") for x in ("left", "center", "right")
)

_KINDS: Final[Mapping[str, _Kind]] = {
    "integer": _Kind("a whole number", _integers(-(2**31), 2**31 - 1)),
    "byte": _Kind("a whole number from 0 to 255", _integers(0, 255)),
    "number": _Kind("a number", is_number),
    "quarter_turn": _Kind("a multiple of 90", _is_quarter_turn),
    "scale": _Kind("a number such as 2 or 1.5x", _is_factor),
    "profile_dpr": _Kind(
        "a number such as 2 or 1.5x, or dpr, dppx, zoom", _is_factor, DPR_WORDS
    ),
    "srcset": _Kind("commands such as webp-80,100w,fit-crop"),
    "colour": _Kind("a colour such as fff, 336699 or orange", _is_colour),
    "anchor": _Kind(
        "a place such as topleft, or two percentages such as 50,25",
        _numbers(2),
        _ANCHORS,
    ),
    "crop": _Kind("four numbers x1,y1,x2,y2, or auto", _four_numbers, ("auto",)),
    "four_numbers": _Kind("four numbers x1,y1,x2,y2", _four_numbers),
    "two_numbers": _Kind("two numbers x,y", _numbers(2)),
    "corners": _Kind("one number, or four", _numbers(1, 4)),
    "profile": _Kind(
        f"a number or one of {', '.join(_PROFILES)}, quality",
        is_number,
        (*_PROFILES, "quality"),
    ),
    "switch": _one_of(_SWITCH),
    "switch_or_keep": _one_of(f"{_SWITCH} keep preserve"),
    "mode": _one_of("max pad crop stretch aspectcrop none"),
    "fit": _one_of("down downscaleonly up upscaleonly both canvas upscalecanvas"),
    "stretch": _one_of("fill"),
    "flip": _one_of("none h x v y both xy"),
    "format": _one_of(" ".join(_FORMATS)),
    "filter": _one_of(f"{_FILTERS} {_FILTERS.replace('_', '')}"),
    "colorspace": _one_of("srgb linear gamma"),
    "sharpen_when": _one_of("downscaling sizediffers always"),
    "grayscale": _one_of("true y ntsc ry flat bt709"),
    "white_balance": _one_of("true area"),
    "subsampling": _one_of("411 420 422 444"),
}


# The commands of `srcset`, as in `srcset=webp-70,160w,fit-crop`

_N: Final = r"\+?(\d+(\.\d*)?|\.\d+)(e\+?\d+)?"  # a minus parts arguments


def _encoder(names: str, most: int, letters: str = "q", words: str = "") -> str:
    """Return a pattern: what stands before a number, and what else arguments may be."""
    return rf"({names})(-(({letters})?{_N}|lossless|l|lossy|keep{words})){{0,{most}}}"


_COMMAND = re.compile(
    "|".join(
        (
            _encoder("jpe?g|jpe|jif|jfif|jfi|exif", 2, words="|progressive|baseline"),
            _encoder("png", 3, "m?q"),
            _encoder("webp", 2),
            _encoder("avif", 2, "[qs]"),
            _encoder("jxl|jpegxl", 4, "[qde]"),
            _encoder("auto|keep|lossy|lossless", 1),
            "gif",
            rf"(qp-(({'|'.join(_PROFILES)}|{_N})|(dpr|dppx)-{_N}x?)"
            r"|fit-(pad|crop|cover|max|scale|contain|distort|fill)"
            rf"|crop(-{_N}){{4}}|sharp(en)?-{_N}|upscale|{_N}[whx])(-.*)?",
        )
    ),
    re.ASCII | re.DOTALL,
)
_ENCODERS: Final = {*_FORMATS, "lossy", "lossless"}


def _bad_commands(text: str) -> Iterator[str]:
    commands = [command.strip() for command in text.lower().split(",")]
    names = [command.partition("-")[0] for command in commands]
    yield from (command for command in commands if not _COMMAND.fullmatch(command))
    if sum(name in _ENCODERS for name in names) > 1 or names.count("fit") > 1:
        yield text.lower()


# What is wrong in it


_MOST_HINTED: Final = 100  # keys: to look for each of those alike takes 0.1 ms


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
    found = issues(querystring_text(querystring))
    return tuple(issue for issue in found if not _is_obeyed(issue))


def _is_obeyed(issue: QuerystringIssue) -> bool:
    """Whether engines do what it says all the same, though they find it wrong."""
    in_brackets = issue.key == "crop" and _four_numbers(issue.value.strip("()"))
    return in_brackets and issue.kind == "invalid_value"


def issues(text: str) -> Iterator[QuerystringIssue]:
    """Yield what is wrong with a query string, in its own order."""
    given = pairs(text)
    values = dict(reversed(given))  # of equal keys the first counts
    seen: set[str] = set()
    for number, (key, value) in enumerate(given):
        kind = QUERYSTRING_KEYS.get(key)
        if kind is None:
            hinted = number < _MOST_HINTED
            near = nearest(key, QUERYSTRING_KEYS) if hinted else None
            unknown = f"there is no key {key}"
            yield QuerystringIssue(key, value, "unrecognized_key", unknown, near)
        elif key in seen:
            twice = f"{key} is given twice; the first counts"
            yield QuerystringIssue(key, value, "duplicate_key", twice)
        elif kind == "ignored":
            idle = f"{key} is known but does nothing"
            yield QuerystringIssue(key, value, "ignored_key", idle)
        elif rival := _rival(key, values):
            idle = f"{key} does nothing where {rival} is given"
            yield QuerystringIssue(key, value, "ignored_key", idle)
        elif value:
            yield from _wrong_values(key, value, kind)
        seen.add(key)


def _wrong_values(key: str, value: str, name: str) -> Iterator[QuerystringIssue]:
    kind = _KINDS[name]
    whole = [] if kind.takes(value) else [value]
    for each in _bad_commands(value) if name == "srcset" else whole:
        message = f"{key} takes {kind.text}, not {each}"
        near = nearest(each, kind.words)
        yield QuerystringIssue(key, each, "invalid_value", message, near)


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
        if values.get(other) and _KINDS[QUERYSTRING_KEYS[other]].takes(values[other]):
            return other
    return None
