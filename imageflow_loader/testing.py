"""Test what uses this package without any engine.

::

    import imageflow_loader as imf
    from imageflow_loader.testing import FakeEngine

    def test_avatars_are_small():
        with imf.use_engine(FakeEngine()) as engine:
            upload_avatar(b"any bytes")

        (job,) = engine.jobs
        assert job.nodes[0]["constrain"]["w"] == 256
"""

from __future__ import annotations

import base64
import copy
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from ._backend import Backend, Response
from ._engine import Engine
from ._io import sniff
from ._job import Job
from ._querystring import TRUE, named_format, parsed
from .errors import UnsupportedFeatureError
from .types import Capability, VersionInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._backend import Request
    from ._job import Output
    from .errors import ImageflowError

__all__ = ["FakeEngine", "RecordedJob", "assert_json"]

# One black pixel in each format.
_PIXEL: Final = {
    "jpg": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP////////////////////////////////////////////"
        "//////////////////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAA"
        "AAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
    ),
    "png": (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJ"
        "RU5ErkJggg=="
    ),
    "gif": "R0lGODdhAQABAIEAAAAAAAAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw==",
    "webp": "UklGRhoAAABXRUJQVlA4TA4AAAAvAAAAAAcQEf0PRET/Aw==",
}
_EXTENSIONS: Final = {
    **dict.fromkeys(("mozjpeg", "libjpegturbo", "jpeg", "jpg", "avif", "jxl"), "jpg"),
    **dict.fromkeys(("webplossy", "webplossless", "webp"), "webp"),
    "gif": "gif",
}
"""Of what a preset or a format gives; of the others "png"."""


class RecordedJob(NamedTuple):
    """A job that a `FakeEngine` was given."""

    message: Mapping[str, Any]
    """The engine's JSON."""
    inputs: Mapping[int, bytes]
    """io_id → the bytes that an engine would have decoded."""

    @property
    def nodes(self) -> list[Any]:
        """The nodes of the graph, in order, without `decode` and `encode`."""
        nodes = self.message["framewise"]["graph"]["nodes"].values()
        return [node for node in nodes if not {"decode", "encode"} & set(node)]


class FakeEngine(Engine):
    """An engine that does nothing, remembers everything and gives one black pixel.

    Each output is a real picture of the format that is asked for, 1 × 1: that of the
    source where it is kept, of the first where a recipe has several; PNG where the
    engine chooses, or WebP where that is allowed. Sources are read and checked, limits
    and destinations are kept, as with any engine. Of `send_json` it takes no message
    but a graph.

    Attributes:
        jobs: What it was given, in order.
    """

    def __init__(self, *, error: ImageflowError | None = None) -> None:
        """Make one; it raises *error* at every job, if one is given."""
        fake = _FakeBackend(error)
        super().__init__(fake)
        self.jobs: list[RecordedJob] = fake.jobs


class _FakeBackend(Backend):
    kind = "library"
    path = Path("fake")
    abi = (3, 2)
    version = VersionInfo("fake", "", False, "", None, "fake")
    capabilities = frozenset(get_args(Capability))

    def __init__(self, error: ImageflowError | None) -> None:
        self.error = error
        self.jobs: list[RecordedJob] = []
        self._lock = threading.Lock()

    def execute(self, request: Request) -> Response:
        if "graph" not in request.message.get("framewise", ()):
            raise UnsupportedFeatureError(
                "A FakeEngine takes recipes, which are v1/execute with a graph: it has "
                f"no answer to this {request.method}."
            )
        inputs = {
            io_id: data.read_bytes() if isinstance(data, Path) else bytes(data)
            for io_id, data in request.inputs.items()
        }
        with self._lock:
            self.jobs.append(RecordedJob(request.message, inputs))
        if self.error is not None:
            raise copy.copy(self.error)  # jobs write the names of their sources into it
        extensions = dict(_extensions(request.message, inputs))
        pixels = {i: base64.b64decode(_PIXEL[each]) for i, each in extensions.items()}
        encodes = [_told(io_id, each) for io_id, each in extensions.items()]
        result = {"encodes": encodes, "decodes": [], "performance": {"frames": []}}
        answer = {"code": 200, "success": True, "message": "OK"}
        return Response(200, {**answer, "data": {"job_result": result}}, pixels)


def _extensions(
    message: Mapping[str, Any], inputs: Mapping[int, bytes]
) -> Iterator[tuple[int, str]]:
    """Yield the io_id of each output and the extension of what it is given."""
    nodes = message["framewise"]["graph"]["nodes"].values()
    for node in (each for each in nodes if isinstance(each, dict)):
        command = node.get("command_string", {})
        source = inputs.get(command.get("decode", min(inputs, default=0)), b"")
        if encode := node.get("encode"):
            io_id, preset = encode["io_id"], encode["preset"]
        elif "encode" in command:
            io_id, preset = command["encode"], _preset(command["value"])
        else:
            continue
        name = preset if isinstance(preset, str) else next(iter(preset))
        options = {} if name == preset else preset[name] or {}
        name = options.get("format", name)
        found = {
            "auto": "webp" if (options.get("allow") or {}).get("webp") else "png",
            "keep": (sniff(source) or "").removeprefix("image/"),
        }
        yield io_id, _EXTENSIONS.get(found.get(name, name), "png")


def _preset(query: str) -> dict[str, Any]:
    """Return the preset that a query string stands for, as far as its format goes."""
    values = parsed(query)
    name = "auto" if "qp" in values else "keep"
    with suppress(ValueError):  # engines pass over a format that there is not
        name = named_format(query) or name
    allow = {"webp": values.get("accept.webp", "").lower() in TRUE}
    return {"format": {"format": name, "allow": allow}}


def _told(io_id: int, extension: str) -> dict[str, Any]:
    return {
        "io_id": io_id,
        "w": 1,
        "h": 1,
        "preferred_mime_type": f"image/{extension}".replace("jpg", "jpeg"),
        "preferred_extension": extension,
        "bytes": "elsewhere",
    }


def assert_json(output: Output, expected: list[Any]) -> None:
    """Assert that an output's nodes, without `decode` and `encode`, are *expected*.

    Raises:
        AssertionError: They are not; both are shown.
    """
    job = RecordedJob(Job(output).to_json("execute"), {})
    if job.nodes != expected:
        raise AssertionError(f"the nodes are {job.nodes}, not {expected}")
