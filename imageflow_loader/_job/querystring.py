"""Query strings: keys and values to text, what they ask for, what is wrong in them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import quote_plus

from .._colors import Color
from .._querystring import TRUE, WORDS, findings, is_number, pairs
from ..types import QUERYSTRING_KEYS
from .encoders import needs_percent_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._querystring import Finding
    from ..types import Capability, FormatName, Querystring, QuerystringKind

_JPEG_NAMES = ("jpg", "jpe", "jif", "jfif", "jfi", "exif", "jpeg")
_FORMATS: Final[Mapping[str, FormatName | Literal["auto"]]] = {
    **dict.fromkeys(_JPEG_NAMES, "jpeg"),
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "avif": "avif",
    "jxl": "jxl",
    "jpegxl": "jxl",
    "auto": "auto",
    "keep": "keep",
}
_FORMAT_OF_SUFFIX: Final[Mapping[str, FormatName]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi"), "jpeg"),
    ".png": "png",
    ".gif": "gif",
    ".webp": "webp",
    ".avif": "avif",
    ".jxl": "jxl",
}
_UNWRITTEN = frozenset({"avif", "jxl"})
_MAY_MOVE = frozenset({None, "gif", "auto", "keep"})


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
        return ",".join(_value_text(part) for part in value)
    if isinstance(value, Color):
        return value.hex()
    return str(value)


def parsed(text: str) -> dict[str, str]:
    """Return what an engine sees in *text*: of equal keys the first, in lower case."""
    return {key: value for key, value in reversed(pairs(text)) if value}


# What it asks for


def named_format(text: str) -> FormatName | Literal["auto"] | None:
    """Return the format that a query string names, None if it leaves the choice.

    Raises:
        ValueError: It names a format that there is not.
    """
    values = parsed(text)
    for key in ("srcset", "short"):  # applied last, so they win
        for command in reversed(values.get(key, "").lower().split(",")):
            word = command.strip().split("-")[0]
            if word in ("lossy", "lossless", "qp"):
                return "auto"
            if word in _FORMATS:
                return _FORMATS[word]
    for key in ("format", "thumbnail"):
        if key in values:
            try:
                return _FORMATS[values[key].lower()]
            except KeyError:
                known = ", ".join(dict.fromkeys(_FORMATS.values()))
                raise ValueError(
                    f"{key}={values[key]} names no format: {known}"
                ) from None
    return "auto" if "qp" in values else None


def named_by_suffix(destination: object) -> FormatName | None:
    """Return the format that a path's suffix names; None for a stream, too."""
    if not isinstance(destination, str | PurePath):
        return None
    return _FORMAT_OF_SUFFIX.get(PurePath(destination).suffix.lower())


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


def with_key(text: str, key: str, value: object) -> str:
    """Return *text* with one more key."""
    return f"{text}&{key}={value}" if text else f"{key}={value}"


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


def command_needs(text: str, *, encodes: bool = True) -> frozenset[Capability]:
    """Return what an engine must be able to do with a query string.

    Args:
        text: The query string.
        encodes: Whether it encodes as well: its quality counts only then.
    """
    values = parsed(text)
    needs: set[Capability] = set()
    if values.get("watermark_red_dot", "").lower() in TRUE:
        needs.add("watermark_red_dot")
    if encodes and ("frame" in values or "page" in values):
        needs.add("select_frame")
    if encodes and needs_percent_profile(*_quality_profile(values)):
        needs.add("percent_profile")
    return frozenset(needs)


def _quality_profile(values: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return the quality profile and what it is adapted to, where they are numbers."""
    profile = values.get("qp", "").lower()
    dpr = values.get("qp.dpr") or values.get("qp.dppx") or ""
    for key in ("srcset", "short"):  # applied last, so they win
        for command in values.get(key, "").lower().split(","):
            match command.strip().split("-"):
                case "qp", "dpr" | "dppx", number, *_:
                    dpr = number
                case "qp", word, *_:
                    profile = word
    if not profile and values.get("format", "").lower() == "auto":
        profile = "quality"  # what engines take where no profile is given
    if profile == "quality":
        profile = values.get("quality", "")
    if dpr.lower() in WORDS["profile_dpr"]:
        dpr = next(filter(None, map(values.get, ("zoom", "dpr", "dppx"))), "")
    return _as_number(profile), _as_number(dpr.lower().rstrip("x"))


def _as_number(text: str) -> float | None:
    return float(text) if is_number(text) else None


# What is wrong in it


class QuerystringIssue(NamedTuple):
    """Something in a query string that an engine would pass over in silence."""

    key: str
    value: str
    kind: Literal["unrecognized_key", "ignored_key", "duplicate_key", "invalid_value"]
    message: str
    suggestion: str | None = None
    """What was probably meant."""


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
        suggestion = _nearest(key, QUERYSTRING_KEYS)
    elif finding.kind == "duplicate_key":
        message = f"{key} is given twice; the first counts"
    elif finding.instead_of:
        message = f"{key} does nothing where {finding.instead_of} is given"
    elif finding.kind == "ignored_key":
        message = f"{key} is known but does nothing"
    else:
        kind = QUERYSTRING_KEYS[key]
        message = f"{key} takes {_EXPECTED[kind]}, not {value}"
        suggestion = _nearest(value.lower(), WORDS.get(kind, ()))
    return QuerystringIssue(key, value, finding.kind, message, suggestion)


def _nearest(word: str, words: Mapping[str, object] | tuple[str, ...]) -> str | None:
    from difflib import get_close_matches  # 4 ms, and only for mistakes

    return next(iter(get_close_matches(word, words, n=1)), None)


_EXPECTED: Final[Mapping[QuerystringKind, str]] = {
    "integer": "a whole number",
    "number": "a number",
    "byte": "a whole number from 0 to 255",
    "quarter_turn": "a multiple of 90",
    "scale": "a number such as 2 or 1.5x",
    "profile_dpr": "a number such as 2 or 1.5x, or dpr, dppx, zoom",
    "srcset": "commands such as webp-80,100w,fit-crop",
    "colour": "a colour such as fff, 336699 or orange",
    "anchor": "a place such as topleft, or two percentages such as 50,25",
    "crop": "four numbers x1,y1,x2,y2, or auto",
    "four_numbers": "four numbers x1,y1,x2,y2",
    "two_numbers": "two numbers x,y",
    "corners": "one number, or four",
    "profile": "a number or one of " + ", ".join(WORDS["profile"]),
    **{
        kind: "one of " + ", ".join(words)
        for kind, words in WORDS.items()
        if kind not in ("anchor", "crop", "profile", "profile_dpr")
    },
}
