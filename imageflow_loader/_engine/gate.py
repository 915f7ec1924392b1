"""How many jobs may run at once?"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from .._cancel import go_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


class Place:
    """Somebody who waits at a gate, or is inside."""

    def __init__(self, gate: Gate) -> None:
        """Stand before *gate*."""
        self._gate = gate
        self.turn = threading.Event()
        """Set when there is something to look at: a place, or a cancellation."""
        self.stays = False

    def stay(self) -> Callable[[], None]:
        """Keep the place when its block ends, and return what gives it back."""
        self.stays = True
        return partial(self._gate.leave, self)


class Gate:
    """Lets a number of jobs in at once, the others in the order of their coming.

    Who is inside is a set and no count: an exception out of a signal handler, wherever
    it strikes, leaves nobody in it for whom `leave` was called.
    """

    def __init__(self, places: int) -> None:
        """Open it for *places* jobs."""
        self._places = places
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal handler may run a job, too
        self._inside: set[Place] = set()
        self._waiting: deque[Place] = deque()

    @contextlib.contextmanager
    def entered(
        self, deadline: Deadline, cancel: CancelToken | None
    ) -> Iterator[Place]:
        """Hold a place, once there is one.

        Raises:
            JobCancelledError: *cancel* or *deadline* came first.
        """
        if self._pid != os.getpid():
            self._reset()  # the jobs that held places are not in this child
        place = Place(self)
        try:
            try:
                self._enter(place, deadline, cancel)
                yield place
            finally:
                self._end(place)
        except BaseException:  # and be it one that has interrupted the line above
            self._end(place)
            raise

    def _end(self, place: Place) -> None:
        if not place.stays:
            self.leave(place)

    def _enter(
        self, place: Place, deadline: Deadline, cancel: CancelToken | None
    ) -> None:
        with self._lock:
            self._waiting.append(place)
            self._admit()
        forget = cancel._on_cancel(place.turn.set) if cancel else lambda: None
        try:
            go_on(deadline, cancel)
            while place not in self._inside:
                place.turn.wait(deadline.remaining())
                go_on(deadline, cancel)
        finally:
            forget()

    def leave(self, place: Place) -> None:
        """Give a place back, or give up waiting for one; a second call does nothing."""
        with self._lock:
            self._inside.discard(place)
            with contextlib.suppress(ValueError):
                self._waiting.remove(place)
            self._admit()

    def _admit(self) -> None:
        # What a handler has done in between is done.
        with contextlib.suppress(IndexError, ValueError):
            while len(self._inside) < self._places:
                first = self._waiting[0]
                self._inside.add(first)
                first.turn.set()
                self._waiting.remove(first)
