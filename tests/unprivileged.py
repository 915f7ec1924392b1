"""Run a function as a user who may not do everything; the tests may be root."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NOBODY = 65534


def as_nobody(function: Callable[[], Any]) -> Any:
    """Return what *function* gives, or raise what it raises, in a forked child.

    The child is "nobody" if we are root, else who we are.
    """
    read, write = os.pipe()
    with warnings.catch_warnings():
        # A fork beside threads: the child calls nothing that waits for one.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(read)
        with os.fdopen(write, "wb") as answer:
            pickle.dump(_outcome(function), answer)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        succeeded, value = pickle.load(answer)  # noqa: S301 - our own child's bytes
    os.waitpid(pid, 0)
    if succeeded:
        return value
    raise value


def _outcome(function: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        return True, function()
    except BaseException as error:  # noqa: BLE001 - it is raised by the parent
        return False, error


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Make a folder that anybody can look into, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="imageflow-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        for here, below, _ in os.walk(folder):
            for each in (Path(here, name) for name in below):
                if not each.is_symlink():
                    each.chmod(0o700)  # or only root could empty it
        shutil.rmtree(folder)
