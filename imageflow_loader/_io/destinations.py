"""Where encoded pictures go: a file that is whole or absent, or a stream."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import DestinationError
from .sources import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..types import Destination, SupportsWrite

_PATH: Final = (str, os.PathLike)
_KEPT_BITS: Final = 0o777  # not set-uid and its kin: the content comes from elsewhere


def write_output(destination: Destination, data: bytes) -> Path | None:
    """Write one picture; see `write_outputs`."""
    check_destination(destination)
    return write_outputs([(destination, data)])[0]


def write_outputs(
    outputs: Sequence[tuple[Destination | None, bytes]],
) -> list[Path | None]:
    """Write pictures; no file is replaced unless all the others could be written.

    A file is written beside its name and renamed: a reader sees the old one or the new
    one, and a full disk leaves the old one. As with `open(path, "wb")`, a new file's
    mode follows the umask, an old one's mode is kept (its owner too, where that is
    allowed), a symbolic link is followed, a read-only file is refused, and a device or
    a pipe is written to as it is. A hard link is parted from its other names. Files are
    not flushed to the disk. Where a rename fails, those before it are undone.

    A stream gets `write` calls and no `close`.

    Returns:
        For each output its path, None for a stream and for what goes nowhere.

    Raises:
        DestinationError: Something could not be written; no file has changed.
        TypeError: A destination is neither a path nor a binary stream.
    """
    staged: list[tuple[Destination, Path, Path]] = []
    direct: list[tuple[Destination, bytes]] = []
    with contextlib.ExitStack() as discarding, contextlib.ExitStack() as restoring:
        for destination, data in outputs:
            if destination is None:
                continue
            check_destination(destination)
            if isinstance(destination, _PATH) and not _is_device(destination):
                with _errors(destination, beside=True):
                    files = _staged(os.fspath(destination), data, discarding)
                    staged.append((destination, *files))
            else:
                direct.append((destination, data))
        for destination, data in direct:
            with _errors(destination), _opened(destination) as stream:
                _write_all(stream, data)
        for destination, temporary, target in staged:
            with _errors(destination, beside=True):
                if temporary is not staged[-1][1]:  # after which nothing can fail
                    restoring.callback(_quietly, _way_back(target, discarding))
                temporary.replace(target)
        restoring.pop_all()
    return [Path(to) if isinstance(to, _PATH) else None for to, _ in outputs]


def check_destination(destination: Destination) -> None:
    """Raise `TypeError` unless *destination* is a path or a binary stream."""
    if isinstance(destination, _PATH):
        return
    if not hasattr(destination, "write"):
        raise TypeError(
            "a destination is a path or a binary stream, "
            f"not {type(destination).__name__}: {destination!r:.80}"
        )
    if hasattr(destination, "encoding"):  # as every stream of text has
        raise TypeError(
            f"{destination!r:.80} is a stream of text: open it in binary mode "
            "(open(path, 'wb'), sys.stdout.buffer)"
        )
    # As inspect.iscoroutinefunction asks, whose import takes as long as a picture.
    code = getattr(destination.write, "__code__", None)  # None of what is in C
    if getattr(code, "co_flags", 0) & 0x80:  # an UploadFile of Starlette's, and its kin
        raise TypeError(
            f"{destination!r:.80} is written by awaiting: encode to bytes for "
            "`await file.write(data)`, or give the file inside"
        )


def file_of(destination: Destination | None) -> object:
    """Return what all names of one file have in common; a stream is itself."""
    if isinstance(destination, _PATH):
        with contextlib.suppress(OSError, ValueError):  # told when it is written
            return Path(os.path.realpath(destination))
    return destination


def _staged(
    named: str, data: bytes, discarding: contextlib.ExitStack
) -> tuple[Path, Path]:
    """Write *data* beside a file; return where it is, and where it is to be."""
    # The target of a link is replaced, not the link; realpath also says where a link
    # points that points to nothing yet.
    target = Path(os.path.realpath(named))
    status = _old_status(named, target)
    # Not named after the target, whose name may be as long as names can be.
    temporary = target.with_name(f".imageflow-{os.urandom(8).hex()}.part")
    discarding.callback(_quietly, temporary.unlink)
    with temporary.open("xb", buffering=0) as file:
        _write_all(file, data)
    if status is not None:
        with contextlib.suppress(OSError, AttributeError):  # only root may, on POSIX
            os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(stat.S_IMODE(status.st_mode) & _KEPT_BITS)
    return temporary, target


def _way_back(target: Path, discarding: contextlib.ExitStack) -> Callable[[], object]:
    """Return what makes the file as it is now; of an old one a copy is kept."""
    if not target.exists():
        return target.unlink
    # A hard link could not be taken away again where a folder guards others' files.
    kept, _ = _staged(str(target), target.read_bytes(), discarding)
    return lambda: kept.replace(target)


def _quietly(undo: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):  # it is in its place, or out of reach
        undo()


def _old_status(named: str, target: Path) -> os.stat_result | None:
    try:
        status = target.stat()
    except FileNotFoundError:
        if named.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, "it names a folder") from None
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    # A rename asks leave of the folder alone; open() asks that of the file too.
    effective = os.access in os.supports_effective_ids
    if not os.access(target, os.W_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, "it is read-only")
    return status


def _is_device(path: str | os.PathLike[str]) -> bool:
    """Whether it is there and neither a file nor a folder: /dev/stdout, a pipe."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _opened(
    destination: Destination,
) -> contextlib.AbstractContextManager[SupportsWrite]:
    """Open a device as it is; a stream is open, and stays so."""
    if isinstance(destination, _PATH):
        return Path(destination).open("wb", buffering=0)
    return contextlib.nullcontext(destination)


def _write_all(stream: SupportsWrite, data: bytes) -> None:
    """Write until nothing is left: an unbuffered stream may take a part only."""
    rest: bytes = data
    while rest:
        taken = stream.write(rest)
        if isinstance(taken, int) and taken > 0:
            rest = rest[taken:]
        elif isinstance(taken, int) or isinstance(stream, io.RawIOBase):
            raise BlockingIOError(errno.EAGAIN, "it takes no more bytes")
        else:
            return  # a sink that does not count has taken all


@contextlib.contextmanager
def _errors(destination: Destination, *, beside: bool = False) -> Iterator[None]:
    """Make what goes wrong an error that names *destination*."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a null character
        is_path = isinstance(destination, _PATH)
        name = destination if is_path else getattr(destination, "name", None)
        name = os.fspath(name) if isinstance(name, _PATH) else "the output stream"
        number = getattr(error, "errno", None)
        why = reason(error, destination, "writing")
        if beside and number is not None:
            folder = Path(name).parent
            with contextlib.suppress(OSError):  # the working directory may be gone
                folder = Path(os.path.realpath(name)).parent
            if number == errno.ENOENT and not folder.exists():
                why = f"there is no folder {folder}"
            elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
                why += f" (a new file is made beside it, in {folder})"
        raise DestinationError(
            f"{name} cannot be written: {why}.", errno=number, filename=name
        ) from error
