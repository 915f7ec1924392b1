"""How many jobs may run at once?"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from .._cancel import go_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._cancel import CancelToken, Deadline
    from ..types import EngineKind


def places(kind: EngineKind, wanted: int | None) -> int | None:
    """Return how many jobs an engine runs at once; None for any number.

    In process they share what they have. Children would only wait for each other.
    """
    if wanted is None and kind == "tool":
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count()
    return wanted


class Gate:
    """Lets a number of jobs in at once, the others in the order of their coming."""

    def __init__(self, places: int) -> None:
        """Open it for *places* jobs."""
        self._places = places
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._free = self._places
        self._waiting: deque[threading.Event] = deque()

    @contextlib.contextmanager
    def entered(self, deadline: Deadline, cancel: CancelToken | None) -> Iterator[None]:
        """Hold a place, once there is one.

        Raises:
            JobCancelledError: *cancel* or *deadline* came first.
        """
        if self._pid != os.getpid():
            self._reset()  # the jobs that held places are not in this child
        self._enter(deadline, cancel)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, deadline: Deadline, cancel: CancelToken | None) -> None:
        turn = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._waiting.append(turn)
        forget = cancel._on_cancel(turn.set) if cancel else lambda: None
        try:
            go_on(deadline, cancel)
            while not turn.wait(deadline.remaining()):
                go_on(deadline, cancel)
            go_on(deadline, cancel)  # the token sets it too
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            forget()

    def _give_up(self, turn: threading.Event) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self._leave()  # it was given a place just now

    def _leave(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
