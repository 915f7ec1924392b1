"""Endpoints that the tool does not have, answered here as the library answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .._io import read_header
from ..errors import ImageDecodeError, InvalidJobError
from ..types import QUERYSTRING_KEYS
from .querystring import issues

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    return success({"results": {"issues": issues(query)}})
