"""The seam between the hall and an engine: what is asked, what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .._checks import INT32, given, number, whole
from .._value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .._cancel import CancelToken, Deadline
    from ..types import Capability, EngineKind, VersionInfo


class Request(NamedTuple):
    """One message for an engine, with the bytes that it speaks of."""

    method: str
    """An endpoint without a leading slash: "v1/execute", "v1/get_image_info" …"""
    message: Mapping[str, Any]
    """Imageflow's own JSON, with its limits where an execute message has them."""
    inputs: Mapping[int, bytes | memoryview | Path]
    """io_id → encoded picture. A path is opened by the backend."""
    outputs: tuple[int, ...]
    """The io_ids of the outputs."""
    deadline: Deadline
    """When the answer must be there."""
    cancel: CancelToken | None = None
    """Who else may stop it."""
    stay: Callable[[], Callable[[], None]] | None = None
    """Called when the engine goes on after `execute` has raised: so it goes on to count
    as a running job, until what this returns is called."""


class Response(NamedTuple):
    """A successful answer; a failure is raised."""

    status: int
    """HTTP-like, 200 to 299."""
    json: Mapping[str, Any]
    """The whole envelope: code, success, message, data. One shape on both backends
    (`data.job_result`)."""
    outputs: Mapping[int, bytes]
    """io_id → encoded picture, for each output that was written."""
    queue_seconds: float = 0
    """How long it waited for its turn, before it was asked."""


class ToolLimits(Value):
    """What a child may use (Linux). None is no limit."""

    memory_bytes: int | None = None
    """Of address space, the program itself included: a job needs 64 MiB at least."""
    cpu_seconds: float | None = None
    """Rounded up to whole seconds, which is what the system counts."""

    def _check(self) -> None:
        whole(1, 2**63 - 1, **given(memory_bytes=self.memory_bytes))
        number(0.001, INT32, **given(cpu_seconds=self.cpu_seconds))


NO_LIMITS: Final = ToolLimits()


class Backend:
    """An engine that has been opened and can run requests, from any thread."""

    kind: EngineKind
    """How it runs jobs."""
    path: Path
    """The library or the tool."""
    abi: tuple[int, int] | None = None
    """Version of the C ABI, major and minor; None for a tool."""
    version: VersionInfo
    """What the engine says of itself."""
    capabilities: frozenset[Capability]
    """What it can do."""

    @property
    def forked_after_use(self) -> bool:
        """Whether this process was forked from one that had run jobs with it.

        An engine that has threads of its own, as the official library, hangs then: they
        did not come along. A child starts anew each time.
        """
        return False

    def execute(self, request: Request) -> Response:
        """Run *request* and return its answer.

        Raises:
            JobError: The engine said no, died, was cancelled or ran out of time.
            SourceError: An input that is a path cannot be read.
            EngineError: It cannot be started any more, or has been closed.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of threads and children; a second call does nothing."""
