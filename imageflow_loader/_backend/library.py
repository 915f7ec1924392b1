"""In process: libimageflow through its C ABI. All pointers of this package live here.

The rules of the ABI that this module keeps (imageflow_abi/src/lib.rs, v2.3.1-rc01):

- A context runs one job. After an error it answers every call with that error.
- A NULL context aborts the process, so `create` is checked before anything else.
- Inputs lent with lifetime "outlives context" are read until `destroy` has returned.
- `destroy` must not run beside another call on the context; `request_cancellation` may
  come from any thread.
"""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .._cancel import Deadline, go_on
from ..errors import (
    EngineError,
    EngineIncompatibleError,
    EngineLoadError,
    EngineMemoryError,
    JobError,
)
from . import faults
from ._abi import ffi
from .inputs import dumps, read_inputs
from .protocol import Backend, Response
from .version import capabilities, from_json
from .workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from .._platform import Platform
    from ..types import VersionInfo
    from .protocol import Request

CData: TypeAlias = Any
"""A pointer or an array that C sees; cffi has no public class for it."""
Lib: TypeAlias = Any
"""The functions of libimageflow, as `build_ffi.py` declares them."""

_CONTEXT_VERSION: Final = (3, 0)  # every 3.x accepts it and gives all that it has
_LEAST_MINOR: Final = 1  # cancellation, and contexts that threads may share
_SINCE: Final = {
    "imageflow_context_request_cancellation": 1,
    "imageflow_context_take_output_buffer": 2,
    "imageflow_buffer_free": 2,
}
"""The ABI minor that brought a function; all others are as old as ABI 3."""

_OUTLIVES_CONTEXT: Final = 1
_LONGEST_ERROR_TEXT: Final = 2**20

# CMYK JPEGs overrun 768 KiB in the official engine; musl's default is 128 KiB, and
# Python's there 1 MiB.
_STACK_BYTES: Final = 2 * 2**20
_STACK_BYTES_ON_MUSL: Final = 8 * 2**20

_GRACE_SECONDS: Final = 0.05  # for the engine to notice; then it finishes on its own
_WINDOWS_SLICE_SECONDS: Final = 0.05  # Ctrl-C does not end a wait there


# A second `dlopen` of the same file gives the same handle anyway.
_kept_for_life: Final[dict[str, Lib]] = {}

# The process in which each of them has run its first job, whichever backend sent it:
# its threads, if it has any, are there and in no child.
_first_users: Final[dict[str, int]] = {}


def open_library(path: Path, *, platform: Platform) -> LibraryBackend:
    """Load the library at *path* and agree on an ABI.

    Raises:
        EngineLoadError: It cannot be loaded, or is not libimageflow.
        EngineIncompatibleError: Its ABI is not 3, or older than 3.1.
    """
    path = path.absolute()
    lib = _dlopen(path)
    abi = _agree_on_abi(lib, path)
    _check_symbols(lib, path, abi)
    on_musl = platform.libc is not None and platform.libc.family == "musl"
    return LibraryBackend(
        path,
        lib,
        abi,
        stack_bytes=_STACK_BYTES_ON_MUSL if on_musl else _STACK_BYTES,
        wait_slice=_WINDOWS_SLICE_SECONDS if platform.os == "windows" else None,
    )


def _dlopen(path: Path) -> Lib:
    # RTLD_NOW: what is missing is found here and not in the first job. RTLD_LOCAL: the
    # official library also exports 86 names of zlib, libpng, lodepng and others.
    # RTLD_NODELETE: a thread that ends cleans up after the engine, and may do so when
    # Python, at its end, has let go of the library. cffi has the first two as 0 on
    # Windows.
    name = os.fspath(path)
    flags = ffi.RTLD_NOW | ffi.RTLD_LOCAL | getattr(os, "RTLD_NODELETE", 0)
    try:
        lib = ffi.dlopen(name, flags)
    except OSError as error:
        reason = str(error).removeprefix(f"cannot load library '{name}': ")
        raise EngineLoadError(
            f"{path} cannot be loaded: {reason}", reason="dlopen_failed"
        ) from error
    return _kept_for_life.setdefault(name, lib)


def _agree_on_abi(lib: Lib, path: Path) -> tuple[int, int]:
    try:
        abi = lib.imageflow_abi_version_major(), lib.imageflow_abi_version_minor()
    except ffi.error as error:
        raise EngineLoadError(
            f"{path} is no libimageflow: it does not export imageflow_abi_version_*.",
            reason="not_imageflow",
        ) from error
    if abi[0] != _CONTEXT_VERSION[0] or abi[1] < _LEAST_MINOR:
        raise EngineIncompatibleError(
            f"{path} speaks ABI {abi[0]}.{abi[1]}, this package needs 3.{_LEAST_MINOR} "
            "or a later 3.x: use imageflow 2.2.0 or newer."
        )
    return abi


def _check_symbols(lib: Lib, path: Path, abi: tuple[int, int]) -> None:
    missing = []
    for name in dir(lib):
        if _SINCE.get(name, 0) > abi[1]:
            continue
        try:
            getattr(lib, name)
        except ffi.error:  # cffi's own: `hasattr` would let it through
            missing.append(name)
    if missing:
        raise EngineLoadError(
            f"{path} says it speaks ABI {abi[0]}.{abi[1]}, but does not export "
            f"{', '.join(missing)}.",
            reason="missing_symbols",
        )


class LibraryBackend(Backend):
    """A loaded libimageflow, and the threads that call it."""

    kind = "library"

    def __init__(
        self,
        path: Path,
        lib: Lib,
        abi: tuple[int, int],
        *,
        stack_bytes: int,
        wait_slice: float | None,
    ) -> None:
        """Use `open_library`, which checks what this takes for granted."""
        self.path = path
        self.abi = abi
        self._name = os.fspath(path)
        self._lib = lib
        self._takes = abi >= (3, 2)
        self._workers = Workers(stack_bytes)
        self._wait_slice = wait_slice
        self.version = self._ask_version()
        self.capabilities = capabilities("library", self.version, abi)

    @property
    def forked_after_use(self) -> bool:
        """Whether another process has run jobs with it, of which this is the child."""
        here = os.getpid()
        return _first_users.get(self._name, here) != here

    def close(self) -> None:
        """Let the threads end. The library stays loaded for the life of the process."""
        self._workers.close()

    def execute(self, request: Request) -> Response:
        """Run *request* on a thread of ours, while this one waits in Python.

        So a signal, the deadline and the token are noticed at once. The engine is then
        asked to stop; if it takes longer than a moment it finishes unwatched, and the
        thread that runs it keeps the pictures until it has.

        Raises:
            JobError: The engine said no, was cancelled or ran out of time.
            SourceError: An input that is a path cannot be read.
            EngineError: This engine has been closed.
        """
        go_on(request.deadline, request.cancel)
        job = _Job(self._lib, request, takes=self._takes)
        news: SimpleQueue[None] = SimpleQueue()
        wake = partial(news.put, None)
        forget = request.cancel._on_cancel(wake) if request.cancel else None

        def ended() -> None:
            wake()
            job.leave()

        try:
            self._submit(job, ended)
            while not job.done:
                self._wait(news, request.deadline)
                if not job.done:
                    go_on(request.deadline, request.cancel)
        except BaseException:
            try:
                job.cancel()
                grace = Deadline(_GRACE_SECONDS)
                while job.submitted and not job.done and not grace.expired:
                    self._wait(news, grace)
            finally:  # whatever comes meanwhile, such as another Ctrl-C
                if job.submitted and request.stay:
                    job.leave = request.stay()
                    if job.done:  # just now, or long ago
                        job.leave()
            raise
        finally:
            if forget:
                forget()
        return job.result()

    def _submit(self, job: _Job, ended: Callable[[], None]) -> None:
        _first_users.setdefault(self._name, os.getpid())
        try:
            self._workers.submit(job.run, ended)
        except RuntimeError as error:
            raise EngineError(f"The job could not be started: {error}.") from error
        job.submitted = True

    def _wait(self, news: SimpleQueue[None], deadline: Deadline) -> None:
        """Return when there is news, when the deadline is past, or a little earlier."""
        seconds = deadline.remaining()
        slice_ = self._wait_slice
        if slice_ is not None and (seconds is None or seconds > slice_):
            seconds = slice_
        try:
            news.get(timeout=seconds)
        except Empty:
            return  # the caller looks what time it is

    def _ask_version(self) -> VersionInfo:
        with _Context(self._lib, {}, takes=self._takes) as context:
            _, answer = context.send("v1/get_version_info", b"{}")
        return from_json(answer["data"]["version_info"])


class _Job:
    """One request on its way through a worker thread."""

    def __init__(self, lib: Lib, request: Request, *, takes: bool) -> None:
        self.submitted = False
        self.done = False
        self.leave: Callable[[], None] = lambda: None  # called when it has ended
        self._request = request
        self._message = dumps(request.message)
        self._inputs = read_inputs(request)
        self._context = _Context(lib, request.message, takes=takes)
        self._response: Response | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it, in a worker; keeps the answer or the error for `result`."""
        try:
            self._response = self._run()
        except BaseException as error:  # noqa: BLE001  # raised by result(), in the caller
            self._error = error
        finally:
            self._context.free_outputs()
            self._inputs = {}
            self.done = True

    def cancel(self) -> None:
        """Ask the engine to stop, from any thread."""
        self._context.cancel()

    def result(self) -> Response:
        """Return the answer, or raise what went wrong."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        assert self._response is not None  # noqa: S101 - or there was an error
        return self._response

    def _run(self) -> Response:
        request = self._request
        with self._context as context:
            self._limit(context)
            for io_id, data in self._inputs.items():
                context.add_input(io_id, data)
            for io_id in request.outputs:
                context.add_output(io_id)
            status, answer = context.send(request.method, self._message)
            outputs = [(io_id, context.output(io_id)) for io_id in request.outputs]
        # The engine's frames are gone before its output is copied.
        pictures = {io_id: bytes(data) for io_id, data in outputs if len(data)}
        return Response(status, answer, pictures)

    def _limit(self, context: _Context) -> None:
        """Put limits in force before inputs are added: GIFs are measured there."""
        security = self._request.message.get("security")
        if security and self._inputs:
            nothing = {"security": security, "framewise": {"steps": []}}
            context.send("v1/execute", dumps(nothing))


class _Context:
    """An imageflow_context: made and destroyed by `with`, cancelled from anywhere."""

    def __init__(self, lib: Lib, job: Mapping[str, Any], *, takes: bool) -> None:
        """Make nothing yet.

        Args:
            lib: The engine.
            job: The message, of which errors tell.
            takes: Whether outputs are handed over, which they are since ABI 3.2.
        """
        self._lib = lib
        self._job = job
        self._takes = takes
        self._lock = threading.Lock()  # held while somebody else uses the pointer
        self._pointer: CData | None = None
        self._cancelled = False
        self._lent: list[CData] = []
        self._taken: list[tuple[CData, int]] = []

    def __enter__(self) -> _Context:
        pointer = self._lib.imageflow_context_create(*_CONTEXT_VERSION)
        if pointer == ffi.NULL:  # the version was agreed on, so it is memory
            raise EngineMemoryError("The engine could not create a context.")
        with self._lock:
            self._pointer = pointer
            if self._cancelled:
                self._lib.imageflow_context_request_cancellation(pointer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            pointer, self._pointer = self._pointer, None
        self._lib.imageflow_context_destroy(pointer)
        for data in self._lent:  # the engine reads it until now
            ffi.release(data)

    def cancel(self) -> None:
        """Ask the job to stop, now or as soon as it starts; it cannot be undone."""
        with self._lock:
            self._cancelled = True
            if self._pointer is not None:
                self._lib.imageflow_context_request_cancellation(self._pointer)

    def add_input(self, io_id: int, data: bytes | memoryview) -> None:
        """Lend *data* until this context is destroyed."""
        lent = ffi.from_buffer("uint8_t[]", data)
        self._lent.append(lent)
        if not self._lib.imageflow_context_add_input_buffer(
            self._pointer, io_id, lent, len(lent), _OUTLIVES_CONTEXT
        ):
            raise self._error()

    def add_output(self, io_id: int) -> None:
        """Make a place for an encoder to write to."""
        if not self._lib.imageflow_context_add_output_buffer(self._pointer, io_id):
            raise self._error()

    def send(self, method: str, message: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and envelope of a successful answer."""
        response = self._lib.imageflow_context_send_json(
            self._pointer, method.encode(), message, len(message)
        )
        if response == ffi.NULL:
            raise self._error()
        status, utf8 = ffi.new("int64_t *"), ffi.new("uint8_t **")
        size = ffi.new("size_t *")
        self._lib.imageflow_json_response_read(
            self._pointer, response, status, utf8, size
        )
        text = str(ffi.buffer(utf8[0], size[0]), "utf-8")
        self._lib.imageflow_json_response_destroy(self._pointer, response)
        # A late cancellation leaves its error beside a success; it counts.
        if self._lib.imageflow_context_has_error(self._pointer):
            raise self._error()
        if not 200 <= status[0] < 300:
            raise JobError(f"{method} answered {status[0]}.", job=self._job)
        return status[0], json.loads(text)

    def output(self, io_id: int) -> bytes | CData:
        """Return what was encoded; `free_outputs` frees it."""
        data, size = ffi.new("uint8_t **"), ffi.new("size_t *")
        read = (
            self._lib.imageflow_context_take_output_buffer
            if self._takes
            else self._lib.imageflow_context_get_output_buffer_by_id
        )
        if not read(self._pointer, io_id, data, size):
            raise self._error()
        encoded = ffi.buffer(data[0], size[0])
        if not self._takes:
            return bytes(encoded)
        self._taken.append((data[0], size[0]))
        return encoded

    def free_outputs(self) -> None:
        """Give back what `output` returned; it may have outlived the context."""
        while self._taken:
            self._lib.imageflow_buffer_free(*self._taken.pop())

    def _error(self) -> JobError:
        code = self._lib.imageflow_context_error_code(self._pointer)
        return faults.from_library(code, self._error_text(), self._job)

    def _error_text(self) -> str:
        """Read the error text. The engine does not say how long it is: double."""
        capacity = 2**13
        while True:
            buffer = ffi.new("char[]", capacity)
            whole = self._lib.imageflow_context_error_write_to_buffer(
                self._pointer, buffer, capacity, ffi.NULL
            )
            if whole or capacity >= _LONGEST_ERROR_TEXT:
                # A text that was cut has a NUL inside, at index 13.
                text = bytes(ffi.buffer(buffer)).rstrip(b"\0")
                return text.replace(b"\0", b"").decode("utf-8", "replace")
            capacity *= 2
