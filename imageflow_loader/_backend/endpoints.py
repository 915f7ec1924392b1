"""Endpoints that the tool does not have, answered here as the library answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .._io import read_header
from .._querystring import issues
from ..errors import ImageDecodeError, InvalidJobError
from ..types import QUERYSTRING_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._querystring import QuerystringIssue

Answer: TypeAlias = "dict[str, Any]"
"""The envelope of an answer."""


def success(data: Mapping[str, Any]) -> Answer:
    """Return the envelope of a success."""
    return {"code": 200, "success": True, "message": "OK", "data": dict(data)}


def answer_image_info(
    message: Mapping[str, Any], inputs: Mapping[int, bytes | memoryview]
) -> Answer:
    """Return what `v1/get_image_info` answers, from the picture's header.

    Raises:
        ImageDecodeError: It is no picture, or its header is damaged.
        InvalidJobError: The message names no input.
    """
    io_id = message.get("io_id")
    if isinstance(io_id, bool) or not isinstance(io_id, int):
        raise InvalidJobError(
            f"io_id must be an integer, not {io_id!r}.",
            category="invalid_json",
            job=message,
        )
    if io_id not in inputs:
        raise InvalidJobError(
            f"IoIdNotFound: there is no input with io_id {io_id}.",
            category="argument_invalid",
            kind="IoIdNotFound",
            job=message,
        )
    try:
        info = read_header(inputs[io_id])
    except ImageDecodeError as error:
        error.job = message
        raise
    return success({"image_info": info.to_json()})


def answer_querystring(method: str, message: Mapping[str, Any]) -> Answer:
    """Return what `v1/schema/riapi/latest/…` answers.

    Raises:
        InvalidJobError: There is no such endpoint, or nothing to validate.
    """
    name = method.rpartition("/")[2]
    if name in ("get", "list_keys"):
        return success({"schema": {"key_names": sorted(QUERYSTRING_KEYS)}})
    query = message.get("query_string")
    if name != "validate":
        raise InvalidJobError(
            f"InvalidMessageEndpoint: there is no endpoint {method!r}.",
            category="argument_invalid",
            kind="InvalidMessageEndpoint",
            job=message,
        )
    if not isinstance(query, str):
        raise InvalidJobError(
            f"query_string must be text, not {query!r}.",
            category="invalid_json",
            job=message,
        )
    told = [each for issue in issues(query) for each in _told(issue)]
    return success({"results": {"issues": told}})


_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "unrecognized_key": ("UnrecognizedKey", "Key not recognized: {key}"),
    "ignored_key": ("IgnoredKey", "Key not supported: {key}"),
    "duplicate_key": ("DuplicateKeyError", "Duplicate key: {key}"),
    "invalid_value": ("InvalidValueError", "Value invalid: {value}"),
}


def _told(issue: QuerystringIssue) -> Iterator[dict[str, str]]:
    """Yield what the library says of an issue: of most wrong values two things."""
    if issue.key != "stretch" or issue.kind != "invalid_value":
        yield _as(issue.kind, issue)
    if issue.kind == "invalid_value" and not _is_half_read(issue):
        yield _as("ignored_key", issue)


def _is_half_read(issue: QuerystringIssue) -> bool:
    """Whether the library makes something of the value, though it finds it wrong."""
    key, value = issue.key, issue.value.lower()
    if key == "crop":
        return value.count(",") == 3
    return key in ("srcset", "short") or (key, value) in _UNDERSTOOD


_UNDERSTOOD: Final = frozenset(
    {("mode", "carve"), ("a.balancewhite", "gimp"), ("a.balancewhite", "simple")}
)
"""Values that ImageResizer had; others are used in their place."""


def _as(kind: str, issue: QuerystringIssue) -> dict[str, str]:
    name, message = _KINDS[kind]
    key, value = issue.key, issue.value
    message = message.format(key=key, value=value)
    return {"message": message, "key": key, "value": value, "kind": name}
