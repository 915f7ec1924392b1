"""What this process has and does at the moment, as Linux tells it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/schedstat").is_file(), reason="no /proc with schedstat"
)

_AT_WORK_NS = 20_000_000  # of CPU time: by then an engine is in its job


def children() -> set[int]:
    """Return the processes that this one has started, zombies too.

    Python's own helper for shared memory, which a pool of processes starts, lives as
    long as the interpreter and is left out.
    """
    return {
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in _text(f"{task}/children").split()
        if "multiprocessing.resource_tracker" not in _text(f"/proc/{pid}/cmdline")
    }


def descriptors() -> dict[str, str]:
    """Return the open files of this process, number → name."""
    links = list(Path("/proc/self/fd").iterdir())
    # The one that listed this folder is closed by now.
    return {link.name: str(link.readlink()) for link in links if link.is_symlink()}


def threads() -> list[threading.Thread]:
    """Return the engine's worker threads."""
    return [thread for thread in threading.enumerate() if thread.name == "imageflow"]


def resident_bytes() -> int:
    """Return how much memory this process has touched and holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def until(condition: Callable[[], T], seconds: float = 20) -> T:
    """Wait for *condition* to be true, and return it; fail if it never is."""
    end = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < end, "it did not happen"
        os.sched_yield()
    return met


def is_asleep(pid: int) -> bool:
    """Whether the main thread of a process waits in the kernel.

    Only then is a signal certain to be heard. Python does not look for one between its
    last instruction and a call that waits, and 1 of 50 signals came just then that were
    sent as soon as a child had opened its end of a pipe.
    """
    return _text(f"/proc/{pid}/stat").rpartition(") ")[2].startswith("S")


def a_thread_is_at_work() -> bool:
    """Whether an engine is in a job in this process."""
    return any(
        _cpu_ns(f"/proc/self/task/{thread.native_id}/schedstat") > _AT_WORK_NS
        for thread in threads()
    )


def a_child_is_at_work() -> bool:
    """Whether an engine is in a job in a child."""
    return any(_cpu_ns(f"/proc/{pid}/schedstat") > _AT_WORK_NS for pid in children())


def an_engine_is_at_work() -> bool:
    """Whether an engine is in a job, wherever it runs."""
    return a_thread_is_at_work() or a_child_is_at_work()


def _cpu_ns(file: str) -> int:
    return int(_text(file).partition(" ")[0] or 0)


def _text(file: str) -> str:
    """Return what a file of /proc says; nothing, when its thread has just ended."""
    try:
        return Path(file).read_text()
    except OSError:
        return ""
