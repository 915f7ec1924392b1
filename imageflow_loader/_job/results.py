"""What came out: pictures, sizes, times."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, NamedTuple

from .._io import to_numpy, to_pil, write_output
from .._value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .._engine import EngineInfo
    from .._io import PilImage, Pixels
    from ..types import Destination


class EncodedImage(Value):
    """One encoded picture."""

    name: str
    """That of the output, or its number."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""
    mime_type: str
    """For instance "image/webp"."""
    extension: str
    """Without a dot, for instance "webp"."""
    byte_count: int
    path: Path | None = None
    """Where it was written; None for bytes and streams."""
    _data: bytes | None = None

    @property
    def data(self) -> bytes:
        """The file's bytes.

        Raises:
            ValueError: It went to a destination, and its bytes were not kept.
        """
        if self._data is None:
            place = "a stream" if self.path is None else str(self.path)
            raise ValueError(f"the picture went to {place}; its bytes were not kept")
        return self._data

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def suffix(self) -> str:
        """The extension with its dot, for instance ".webp"."""
        return f".{self.extension}"

    def __bytes__(self) -> bytes:
        return self.data

    def open(self) -> io.BytesIO:
        """Return a stream over the bytes."""
        return io.BytesIO(self.data)

    def save(self, to: Destination) -> None:
        """Write the bytes to a path, or to a binary stream.

        Raises:
            DestinationError: It cannot be written; nothing is left there.
        """
        write_output(to, self.data)

    def data_uri(self) -> str:
        """Return it as text that an `<img src=…>` takes."""
        return f"data:{self.mime_type};base64,{self._base64()}"

    def to_pil(self) -> PilImage:
        """Return it as a Pillow image.

        Raises:
            ImportError: Pillow is not installed.
        """
        return to_pil(self.data)

    def to_numpy(self) -> Pixels:
        """Return its pixels, uint8 of h × w × 3, or × 4 if it has transparency.

        Raises:
            ImportError: numpy or Pillow is not installed.
        """
        return to_numpy(self.data)

    def _base64(self) -> str:
        return base64.b64encode(self.data).decode("ascii")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show it in a notebook, which also says what to include and exclude."""
        shown = {"text/plain": repr(self)}
        if self._data is not None:
            shown[self.mime_type] = self._base64()
            if self.mime_type == "image/webp":  # which not all notebooks take as such
                shown["text/html"] = f'<img src="{self.data_uri()}">'
        return shown


class DecodedImage(NamedTuple):
    """One input, as its header says."""

    width: int
    """In pixels, after EXIF orientation."""
    height: int
    """In pixels, after EXIF orientation."""
    mime_type: str
    extension: str


class NodePerformance(NamedTuple):
    """How long one node took."""

    name: str
    wall_microseconds: int


class FramePerformance(NamedTuple):
    """How long one frame took."""

    nodes: tuple[NodePerformance, ...]
    """The slowest first."""
    wall_microseconds: int
    overhead_microseconds: int


class Performance(NamedTuple):
    """How long a job took, and where."""

    frames: tuple[FramePerformance, ...]
    """As the engine tells."""
    read_seconds: float
    """Reading sources."""
    queue_seconds: float
    """Waiting for a turn, where `max_concurrency` lets only so many in."""
    engine_seconds: float
    """In the engine."""
    write_seconds: float
    """Writing destinations."""

    def summary(self) -> str:
        """Return one line for people."""
        times = zip(("read", "queue", "engine", "write"), self[1:], strict=True)
        return ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in times)


class JobResult(Value):
    """What a job gave: its outputs in their order, by number or by name."""

    outputs: tuple[EncodedImage, ...]
    decodes: tuple[DecodedImage, ...]
    performance: Performance
    engine: EngineInfo
    _raw: Mapping[str, Any]

    @property
    def raw(self) -> Mapping[str, Any]:
        """The engine's whole answer."""
        return self._raw

    def __getitem__(self, key: int | str) -> EncodedImage:
        if isinstance(key, int):
            return self.outputs[key]
        for output in self.outputs:
            if output.name == key:
                return output
        names = ", ".join(repr(output.name) for output in self.outputs)
        raise KeyError(f"{key!r}; there are {names}")

    def __iter__(self) -> Iterator[EncodedImage]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)


def decoded_images(job_result: Mapping[str, Any]) -> Iterator[DecodedImage]:
    """Return the inputs that the engine tells of."""
    for each in job_result.get("decodes") or ():
        kind = each["preferred_mime_type"], each["preferred_extension"]
        yield DecodedImage(each["w"], each["h"], *kind)


def frame_performances(job_result: Mapping[str, Any]) -> Iterator[FramePerformance]:
    """Return the times that the engine tells of."""
    for frame in (job_result.get("performance") or {}).get("frames") or ():
        nodes = tuple(
            NodePerformance(node["name"], node["wall_microseconds"])
            for node in frame["nodes"]
        )
        times = frame["wall_microseconds"], frame["overhead_microseconds"]
        yield FramePerformance(nodes, *times)
