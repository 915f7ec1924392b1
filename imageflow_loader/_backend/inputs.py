"""A request as bytes: its message and its inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._io import read_source
from ..errors import InvalidJobError

if TYPE_CHECKING:
    from .protocol import Request


def dumps(message: Mapping[str, Any]) -> bytes:
    """Return *message* as ASCII: the engine's parser panics at cut multi-byte text.

    Raises:
        InvalidJobError: It is nested more deeply than any engine reads.
        TypeError: It holds something that JSON does not.
        ValueError: It holds itself.
    """
    try:
        return _encode(message).encode("ascii")
    except RecursionError:
        raise InvalidJobError(
            "The message is nested too deeply.", category="invalid_json"
        ) from None


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r:.80} ({type(value).__name__}) has no place in JSON")


# `json.dumps` would make one for each message.
_encode = json.JSONEncoder(default=_plain, separators=(",", ":")).encode


def read_inputs(request: Request) -> dict[int, bytes | memoryview]:
    """Return each input's bytes; those that are paths are read whole.

    Neither engine opens them itself: so a missing file is the same error on both
    backends, any name will do, and nobody changes a picture while it is decoded.

    Raises:
        SourceError: A file cannot be read.
        ImageDecodeError: A file is empty.
        JobCancelledError: The request was stopped meanwhile, or its time ran out.
    """
    return {
        io_id: read_source(source, deadline=request.deadline, cancel=request.cancel)
        if isinstance(source, Path)
        else source
        for io_id, source in request.inputs.items()
    }
