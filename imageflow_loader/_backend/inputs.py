"""The bytes of a request's inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._io import read_source

if TYPE_CHECKING:
    from .protocol import Request


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
