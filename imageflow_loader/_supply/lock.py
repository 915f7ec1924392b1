"""A lock between processes that saves work, and that nothing depends on.

On Lustre, GPFS and some NFS mounts `flock` is refused or, worse, succeeds and does
nothing. So whoever holds this lock must be right without it too.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .._cancel import Deadline

_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)
_PAUSE_S: Final = 0.05  # between two looks at a lock that somebody else holds
_TELL_AFTER_S: Final = 2.0  # a shorter wait is not worth a word


@contextlib.contextmanager
def locked(
    path: Path, deadline: Deadline, on_wait: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hold the lock on *path*, or go on without it where that cannot be.

    The file stays: taking it away would let two processes lock two files of one name.

    Args:
        path: A file, made when missing; or a folder.
        deadline: How long to wait for another holder before going on without.
        on_wait: Called once when the wait becomes noticeable.
    """
    try:
        access = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, access | _CLOEXEC, 0o644)
    except OSError:  # a read-only folder, or one that is not ours
        yield
        return
    try:
        _wait(descriptor, deadline, on_wait)
        yield
    finally:
        os.close(descriptor)  # lets go of the lock as well


def _wait(
    descriptor: int, deadline: Deadline, on_wait: Callable[[], object] | None
) -> None:
    tell_at = time.monotonic() + _TELL_AFTER_S
    while not _taken(descriptor) and not deadline.expired:
        if on_wait is not None and time.monotonic() >= tell_at:
            on_wait()
            on_wait = None
        time.sleep(_PAUSE_S)


def _taken(descriptor: int) -> bool:
    """Return whether the lock is ours, or never can be."""
    try:
        _try_lock(descriptor)
    except (BlockingIOError, PermissionError):  # POSIX, Windows: somebody else has it
        return False
    except OSError:  # this file system knows no locks
        return True
    return True


def _try_lock(descriptor: int) -> None:
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:
        windows: Any = importlib.import_module("msvcrt")
        windows.locking(descriptor, windows.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
