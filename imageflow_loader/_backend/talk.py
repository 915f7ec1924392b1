"""What is said to a child and by it, until it has ended."""

from __future__ import annotations

import os
import selectors
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Final, TypeAlias

from .._cancel import go_on
from ..errors import EngineCrashedError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from .._cancel import CancelToken, Deadline

Child: TypeAlias = "subprocess.Popen[bytes]"

_CHUNK: Final = 2**16
_SLICE_SECONDS: Final = 0.02  # between two looks, where nothing wakes us at its end
_LAST_SLICE_SECONDS: Final = 0.001  # its pipes are closed: it is about to end


class Heard:
    """What came through a pipe, up to a number of bytes."""

    def __init__(self, most: int, *, fatal: bool = False) -> None:
        """Keep the first *most* bytes; more are dropped, or *fatal* to the child."""
        self._most = most
        self._fatal = fatal
        self._size = 0
        self._chunks: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        """Take what has just been read."""
        if self._size < self._most:
            self._chunks.append(chunk[: self._most - self._size])
        self._size += len(chunk)

    def check(self) -> None:
        """Raise EngineCrashedError if too much was said."""
        if self._fatal and self._size > self._most:
            raise EngineCrashedError(
                "The engine's process was ended: it wrote more than "
                f"{self._most:,} bytes to its standard output."
            )

    def kept(self) -> bytes:
        """Return what was said."""
        return b"".join(self._chunks)


def talk(
    child: Child,
    data: bytes,
    heard: tuple[Heard, Heard],
    deadline: Deadline,
    cancel: CancelToken | None,
) -> None:
    """Write *data* to a child and hear its two outputs, until it has ended.

    Raises:
        EngineCrashedError: It said more than is allowed.
        JobCancelledError: It is to be stopped; `JobTimeoutError` when time is up.
    """
    # Windows cannot wait for a pipe and something else at once.
    conversation = _Poll if hasattr(os, "killpg") else _Threads
    with conversation(child, data, heard, cancel) as still:
        while not still.ended():
            still.listen(deadline.remaining())
            for pipe in heard:
                pipe.check()
            if not still.ended():
                go_on(deadline, cancel)
    for pipe in heard:
        pipe.check()


class _Poll:
    """One thread that waits for the pipes, the child's end and the token at once."""

    def __init__(
        self,
        child: Child,
        data: bytes,
        heard: tuple[Heard, Heard],
        cancel: CancelToken | None,
    ) -> None:
        self._child = child
        self._pipes = tuple(zip((child.stdout, child.stderr), heard, strict=True))
        self._selector = selectors.PollSelector()
        self._bell = _Bell(cancel) if cancel is not None else None
        self._pidfd = _pidfd(child.pid)
        self._exited = False
        self._open_pipes = 0
        self._register(data)

    def __enter__(self) -> _Poll:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._selector.close()
        if self._bell is not None:
            self._bell.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
        if kind is None:
            # What it said is in the pipes; a grandchild may hold their other ends open,
            # so there may be no end of file.
            for pipe, kept in self._pipes:
                _drain(_descriptor(pipe), kept)

    def ended(self) -> bool:
        """Whether the child has ended; with a pidfd it is not reaped yet."""
        if self._pidfd is None:
            return self._child.poll() is not None
        return self._exited

    def listen(self, seconds: float | None) -> None:
        """Return when something has happened, or after *seconds*."""
        if self._pidfd is None:
            most = _SLICE_SECONDS if self._open_pipes else _LAST_SLICE_SECONDS
            seconds = most if seconds is None else min(seconds, most)
        for key, _ in self._selector.select(seconds):
            key.data()

    def _register(self, data: bytes) -> None:
        read, write = selectors.EVENT_READ, selectors.EVENT_WRITE
        stdin = _descriptor(self._child.stdin)
        os.set_blocking(stdin, False)
        self._selector.register(stdin, write, self._writer(stdin, memoryview(data)))
        for pipe, kept in self._pipes:
            descriptor = _descriptor(pipe)
            self._open_pipes += 1
            self._selector.register(descriptor, read, self._reader(descriptor, kept))
        if self._bell is not None:
            self._selector.register(self._bell, read, lambda: None)  # that wakes us
        if self._pidfd is not None:
            self._selector.register(self._pidfd, read, self._exit)

    def _writer(self, descriptor: int, rest: memoryview) -> Callable[[], None]:
        def write() -> None:
            nonlocal rest
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BrokenPipeError:  # it does not want to hear more
                rest = rest[:0]
            if not rest:
                self._selector.unregister(descriptor)
                _pipe(self._child.stdin).close()

        return write

    def _reader(self, descriptor: int, kept: Heard) -> Callable[[], None]:
        def read() -> None:
            chunk = os.read(descriptor, _CHUNK)
            kept.add(chunk)
            if not chunk:
                self._open_pipes -= 1
                self._selector.unregister(descriptor)

        return read

    def _exit(self) -> None:
        self._exited = True


class _Threads:
    """A thread for each pipe, and one that looks at everything now and then."""

    def __init__(
        self,
        child: Child,
        data: bytes,
        heard: tuple[Heard, Heard],
        cancel: CancelToken | None,
    ) -> None:
        self._child = child
        self._news: SimpleQueue[None] = SimpleQueue()
        self._forget = cancel._on_cancel(self._ring) if cancel is not None else None
        self._threads = [
            threading.Thread(target=self._write, args=(data,), daemon=True),
            threading.Thread(
                target=self._read, args=(child.stdout, heard[0]), daemon=True
            ),
            threading.Thread(
                target=self._read, args=(child.stderr, heard[1]), daemon=True
            ),
        ]

    def __enter__(self) -> _Threads:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._forget is not None:
            self._forget()
        if kind is not None:
            self._child.kill()  # so that the pipes end
        for thread in self._threads:
            thread.join()

    def ended(self) -> bool:
        """Whether the child has ended."""
        return self._child.poll() is not None

    def listen(self, seconds: float | None) -> None:
        """Return when something has happened, or a little later."""
        alive = any(thread.is_alive() for thread in self._threads)
        most = _SLICE_SECONDS if alive else _LAST_SLICE_SECONDS
        with suppress(Empty):
            self._news.get(timeout=most if seconds is None else min(seconds, most))

    def _ring(self) -> None:
        self._news.put(None)

    def _write(self, data: bytes) -> None:
        with suppress(OSError), _pipe(self._child.stdin) as stdin:
            rest = memoryview(data)
            while rest:
                rest = rest[stdin.write(rest) :]

    def _read(self, pipe: IO[bytes] | None, kept: Heard) -> None:
        with suppress(OSError):
            while chunk := os.read(_descriptor(pipe), _CHUNK):
                kept.add(chunk)
        self._ring()


class _Bell:
    """A pipe that a token rings, so that a `select` ends; safe in a signal handler."""

    def __init__(self, cancel: CancelToken) -> None:
        self._lock = threading.RLock()
        self._open = True
        self._heard_at, self._rung_at = os.pipe()
        self._forget = cancel._on_cancel(self._ring)

    def fileno(self) -> int:
        """Return the end to wait for."""
        return self._heard_at

    def close(self) -> None:
        """Take the bell down."""
        self._forget()
        with self._lock:
            self._open = False
            os.close(self._heard_at)
            os.close(self._rung_at)

    def _ring(self) -> None:
        with self._lock:
            if self._open:  # the number may be somebody else's file by now
                os.write(self._rung_at, b"!")


def _pidfd(pid: int) -> int | None:
    """Return a descriptor that is readable when the process has ended (Linux 5.3)."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _drain(descriptor: int, kept: Heard) -> None:
    """Read what is left in a pipe, without waiting for more."""
    os.set_blocking(descriptor, False)
    with suppress(BlockingIOError):
        while chunk := os.read(descriptor, _CHUNK):
            kept.add(chunk)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - a child is started with three
    return pipe


def _descriptor(pipe: IO[bytes] | None) -> int:
    return _pipe(pipe).fileno()
