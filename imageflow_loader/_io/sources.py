"""Where encoded pictures come from: bytes, views, paths and streams, under a cap."""

from __future__ import annotations

import io
import os
import select  # not once a pipe is open: what interrupts an import may be lost
import stat
from typing import TYPE_CHECKING, Any

from .._cancel import Deadline, go_on
from ..errors import (
    ImageDecodeError,
    ImageflowError,
    SourceError,
    SourceNotFoundError,
    SourceTooLargeError,
    refuse_at_exit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._cancel import CancelToken
    from ..types import SourceLike, SupportsRead

NAMELESS = "the input"
"""What an error calls a source that has no name."""

_CHUNK = 2**20  # bytes; between two chunks we look whether we may go on
_LOOK_MILLISECONDS = 20  # between two looks at a pipe that has nothing
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for its writer; Windows has no such flag


def read_source(
    source: SourceLike,
    *,
    max_bytes: int | None = None,
    deadline: Deadline | None = None,
    cancel: CancelToken | None = None,
) -> bytes | memoryview:
    """Return the bytes of an encoded picture.

    Bytes and read-only views are lent, not copied; a buffer that may change is copied.
    A stream is read from where it stands to its end, and is not closed. A file is read
    whole, so that what is checked is what the engine sees, on both backends.

    Args:
        source: Bytes, a path (a `str` is always a path), a binary stream, or what
            `opened` gives one of these.
        max_bytes: The most that is read; None for no limit.
        deadline: When to give up.
        cancel: Who else may stop it.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: It cannot be read.
        SourceTooLargeError: It has more than *max_bytes*.
        ImageDecodeError: It has no bytes at all.
        JobCancelledError: It was stopped; `JobTimeoutError` when time ran out.
        TypeError: It is none of these things, or a stream of text.
    """
    refuse_at_exit()
    given = opened(source)
    reader = _Reader(given, max_bytes, deadline or Deadline(None), cancel)
    if isinstance(given, bytes):
        data: bytes | memoryview = given
    elif isinstance(given, bytearray):
        data = bytes(given)
    elif isinstance(given, memoryview):
        data = _lent(given)
    elif isinstance(given, str | os.PathLike):
        data = reader.path(given)
    else:
        check_source(given)
        waits = isinstance(given, io.FileIO) and _may_wait(given)
        stream = _Awaited(given, reader.go_on) if waits else given
        data = reader.stream(stream, _CHUNK)
    reader.check_size(len(data))
    if not data:
        raise ImageDecodeError(f"{reader.name} is empty.", kind="NoEnabledDecoderFound")
    return data


def check_source(source: object) -> None:
    """Raise `TypeError` unless *source* is something that can be read."""
    kinds = (bytes, bytearray, memoryview, str, os.PathLike)
    if not isinstance(source, kinds) and not (
        hasattr(source, "read") or hasattr(source, "opened")
    ):
        raise TypeError(
            "a source is bytes, a path or a binary stream, "
            f"not {type(source).__name__}: {source!r:.80}"
        )


def opened(source: Any) -> Any:
    """Return what a `Source` stands for, and all else as it is."""
    return source.opened() if hasattr(source, "opened") else source


def source_name(source: SourceLike) -> str:
    """Return what an error calls *source*: its path, or that it has none."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else NAMELESS


def _lent(view: memoryview) -> bytes | memoryview:
    if not view.readonly or not view.c_contiguous:
        return view.tobytes()
    return view.cast("B") if view.ndim != 1 or view.format != "B" else view


class _Reader:
    """One reading: under what cap, until when, and what errors call the source."""

    __slots__ = ("cancel", "deadline", "max_bytes", "source")

    def __init__(
        self,
        source: Any,
        max_bytes: int | None,
        deadline: Deadline,
        cancel: CancelToken | None,
    ) -> None:
        self.source = source
        self.max_bytes = max_bytes
        self.deadline = deadline
        self.cancel = cancel

    @property
    def name(self) -> str:
        return source_name(self.source)

    def path(self, path: str | os.PathLike[str]) -> bytes:
        # ValueError: a null character, which no file's name has.
        try:
            with open(path, "rb", 0, opener=_at_once) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):  # a pipe, /dev/stdin
                    awaited = _Awaited(file, self.go_on) if _NO_WAITING else file
                    return self.stream(awaited, _CHUNK)
                self.check_size(status.st_size)
                return self.stream(file, status.st_size + 1)
        except ImageflowError:
            raise
        except FileNotFoundError as error:
            hint = " A str is always a path, never a URL." * ("://" in self.name)
            raise SourceNotFoundError(
                f"There is no file {self.name}.{hint}", filename=self.name
            ) from error
        except (OSError, ValueError) as error:
            raise self.unreadable(error) from error

    def stream(self, stream: SupportsRead, first: int) -> bytes:
        """Read to the end, *first* bytes at first."""
        chunks: list[bytes] = []
        total, ask = 0, first
        while True:
            self.go_on()
            if self.max_bytes is not None:
                ask = min(ask, self.max_bytes - total + 1)
            try:
                chunk = stream.read(ask)
            except ImageflowError:  # time has run out: it is an OSError too
                raise
            except UnicodeError:  # a ValueError, of a stream of text
                chunk = ""  # type: ignore[assignment]  # what it would have given
            except (OSError, ValueError) as error:
                raise self.unreadable(error, stream) from error
            if chunk is None:  # what a stream that does not block says
                raise self.unreadable(BlockingIOError("it has nothing to read yet"))
            if hasattr(chunk, "__await__"):  # an UploadFile of Starlette's, and its kin
                chunk.close()  # type: ignore[attr-defined]  # as every coroutine
                raise TypeError(
                    f"{self.name} is read by awaiting: give `await source.read()`, or "
                    "the file inside"
                )
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise TypeError(
                    f"{self.name} gave {type(chunk).__name__}, not bytes: "
                    "open it in binary mode"
                )
            if not chunk:
                break
            chunks.append(bytes(chunk))
            total += len(chunk)
            self.check_size(total)
            ask = _CHUNK
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def go_on(self) -> None:
        go_on(self.deadline, self.cancel)

    def check_size(self, size: int) -> None:
        if self.max_bytes is not None and size > self.max_bytes:
            raise SourceTooLargeError(
                f"{self.name} has more than {self.max_bytes:,} bytes, the most that is "
                "read (Security.max_input_bytes)."
            )

    def unreadable(
        self, error: OSError | ValueError, stream: object = None
    ) -> SourceError:
        if isinstance(error, IsADirectoryError) or os.path.isdir(self.name):  # noqa: PTH112 - a name, not a Path
            return SourceError(f"{self.name} is a folder, not a picture.")
        why = reason(error, stream, "reading")
        return SourceError(f"{self.name} cannot be read: {why}.")


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAITING)


def _may_wait(file: io.FileIO) -> bool:
    """Whether a read keeps us until something comes, and `poll` knows whether."""
    may_read = not file.closed and file.readable() and bool(_NO_WAITING)
    return may_read and os.get_blocking(file.fileno())


class _Awaited:
    """A pipe or a device, which may keep us for ever unless it is looked at first."""

    def __init__(self, file: io.FileIO, go_on: Callable[[], None]) -> None:
        self._file = file
        self._go_on = go_on

    def read(self, size: int = -1, /) -> bytes:
        """Return what is there, once something is; nothing at the end."""
        ready = select.poll()
        ready.register(self._file, select.POLLIN)
        while True:
            while not ready.poll(_LOOK_MILLISECONDS):
                self._go_on()
            if (chunk := self._file.read(size)) is not None:
                return chunk


def reason(error: OSError | ValueError, stream: object, use: str) -> str:
    """Return why *stream*, None for a path, failed at *use*: in words, not calls."""
    if getattr(stream, "closed", False):
        return "it is closed"
    if isinstance(error, io.UnsupportedOperation):  # it names a method, or a mode
        return f"it is not open for {use}"
    return getattr(error, "strerror", None) or str(error)
