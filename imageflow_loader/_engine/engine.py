"""An engine that has been opened: it takes requests and says what it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .._backend import Request, edition
from .._cancel import Deadline
from .._io import read_source
from .._platform import current_platform
from .._supply import why_this_one
from ..errors import EngineError, InvalidJobError, refuse_at_exit
from ..types import EngineInfo
from .gate import Gate, places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from .._backend import Backend, Response
    from .._cancel import CancelToken
    from .._platform import Platform
    from ..types import (
        Attempt,
        Capability,
        FoundEdition,
        Origin,
        SourceLike,
        VersionInfo,
    )

FORKED: Final = (
    "This process was forked from one that had run jobs in process, and the official "
    "library does not survive that. Start workers with spawn, or use "
    "load_engine('tool')."
)


class RawResponse(NamedTuple):
    """An engine's successful answer, as it gave it."""

    status: int
    """HTTP-like, 200 to 299."""
    json: Mapping[str, Any]
    """The whole envelope: code, success, message, data."""
    outputs: Mapping[int, bytes]
    """io_id → encoded picture."""


class Engine:
    """An engine that has been opened: share it between threads as you like.

    Made by `load_engine`. Closing it is optional.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        origin: Origin = "argument",
        attempts: Iterable[Attempt] = (),
        platform: Platform | None = None,
        max_concurrency: int | None = None,
        replacement: Callable[[], Engine] | None = None,
    ) -> None:
        """Take over *backend*, which is closed together with this engine.

        Args:
            backend: What runs the requests.
            origin: Where it was found.
            attempts: What was tried, this one among it.
            platform: Where it runs; None to look.
            max_concurrency: How many jobs run at once; None as for `load_engine`.
            replacement: Makes the engine that takes over where this one would hang,
                in a forked child.
        """
        self._backend = backend
        self._origin: Origin = origin
        self._attempts = tuple(attempts)
        self._platform = platform or current_platform()
        at_once = places(backend.kind, max_concurrency)
        self._gate = None if at_once is None else Gate(at_once)
        self._replacement = replacement
        self._stand_in: Engine | None = None
        self._info: EngineInfo | None = None
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """Which engine this is, where it came from and why it was chosen."""
        if self._stand_in is not None:
            return self._stand_in.info
        if self._info is None:
            self._info = self._describe()
        return self._info

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closed

    def supports(self, capability: Capability) -> bool:
        """Return whether this engine has *capability*."""
        return capability in self._backend.capabilities

    def execute(self, request: Request) -> Response:
        """Run *request* and return its answer.

        Raises:
            JobError: The engine said no, died, was cancelled or ran out of time.
            EngineError: This engine was closed, or cannot work in a forked child.
        """
        refuse_at_exit()
        if self._closed:
            raise EngineError("This engine was closed. Load another one.")
        if self._backend.forked_after_use and self.info.edition != "embedded":
            return self._after_fork().execute(request)
        if self._gate is None:
            return self._backend.execute(request)
        came = time.perf_counter()
        with self._gate.entered(request.deadline, request.cancel) as place:
            waited = time.perf_counter() - came
            response = self._backend.execute(request._replace(stay=place.stay))
        return response._replace(queue_seconds=waited)

    def send_json(
        self,
        method: str,
        message: Mapping[str, object],
        *,
        inputs: Mapping[int, SourceLike] | None = None,
        outputs: Iterable[int] = (),
        timeout: float | None = None,
        cancel: CancelToken | None = None,
    ) -> RawResponse:
        """Send imageflow's own JSON and return its answer, the same on both kinds.

        Args:
            method: An endpoint, such as "v1/execute" or "v1/get_version_info".
            message: What it takes.
            inputs: io_id → encoded picture, path or stream.
            outputs: The io_ids that the message writes to.
            timeout: Seconds for all of it; None for no end.
            cancel: A token that stops it.

        Raises:
            JobError: The engine said no, died, was cancelled or ran out of time.
            SourceError: An input cannot be read.
            TypeError: *message* is no mapping, or an io_id no integer.
            ValueError: An io_id does not fit into 32 bits.
        """
        deadline = Deadline(timeout)
        outputs = tuple(outputs)
        _check_call(method, message, (*(inputs or ()), *outputs))
        sources = {
            io_id: read_source(source, deadline=deadline, cancel=cancel)
            for io_id, source in (inputs or {}).items()
        }
        response = self.execute(
            Request(method, message, sources, outputs, deadline, cancel)
        )
        return RawResponse(response.status, response.json, response.outputs)

    def close(self) -> None:
        """Let go of threads and children; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._backend.close()
        if self._stand_in is not None:
            self._stand_in.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Engine {self._backend.kind} {self._backend.path}>"

    def _describe(self) -> EngineInfo:
        backend, platform = self._backend, self._platform
        version = backend.version
        return EngineInfo(
            kind=backend.kind,
            edition=edition_of(version),
            path=backend.path,
            origin=self._origin,
            reason=why_this_one(
                platform, self._attempts, backend.kind, version.long_version_string
            ),
            version=version,
            abi=backend.abi,
            libc=None if platform.libc is None else str(platform.libc),
            platform=platform.name,
            capabilities=backend.capabilities,
            attempts=self._attempts,
        )

    def _after_fork(self) -> Engine:
        """Return the engine that takes over in a child of a process that ran jobs."""
        if self._stand_in is None:
            if self._replacement is None:
                raise EngineError(FORKED)
            self._stand_in = self._replacement()
        return self._stand_in


def _check_call(method: str, message: object, io_ids: Iterable[object]) -> None:
    """Refuse what C would cut, wrap round or take for something else."""
    if not method.isascii() or "\0" in method:
        raise InvalidJobError(
            f"InvalidMessageEndpoint: there is no endpoint {method!r}.",
            category="argument_invalid",
            kind="InvalidMessageEndpoint",
        )
    if not isinstance(message, (dict, Mapping)):
        raise TypeError(f"message is a mapping, not {type(message).__name__}")
    for io_id in io_ids:
        if isinstance(io_id, bool) or not isinstance(io_id, int):
            raise TypeError(f"an io_id is an integer, not {io_id!r}")
        if not -(2**31) <= io_id < 2**31:
            raise ValueError(f"io_id {io_id} does not fit into 32 bits")


def edition_of(version: VersionInfo) -> FoundEdition:
    """Return whose engine says this of itself."""
    return edition(version) or "unknown"
