"""Threads with a stack of our size, kept between jobs."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Task: TypeAlias = tuple[Callable[[], None], Callable[[], None]]
    Inbox: TypeAlias = SimpleQueue[Task | None]

_MOST_IDLE: Final = 32  # a burst of callers leaves no more threads than this behind

# `threading.stack_size` holds for the whole process: while it is changed no other
# thread of ours may start, and nobody may fork, or the child would keep the size.
_starting = threading.RLock()  # and a signal handler may start one


class Workers:
    """Runs tasks, each on a thread of its own; the threads wait for the next task."""

    def __init__(self, stack_bytes: int) -> None:
        """Start nothing yet; each thread will have a stack of *stack_bytes*."""
        self._stack_bytes = stack_bytes
        self._shelf = _Shelf()
        _shelves.add(self._shelf)

    def submit(self, task: Callable[[], None], done: Callable[[], None]) -> None:
        """Run *task*, then *done*, on a thread that may be used again when *done* runs.

        Neither may raise.

        Raises:
            RuntimeError: Closed, or the system starts no more threads.
        """
        inbox = self._shelf.take()
        if inbox is None:
            inbox = SimpleQueue()
            self._start(inbox)
        inbox.put((task, done))

    def close(self) -> None:
        """Let idle threads end now and busy ones after their task."""
        self._shelf.close()

    # No `weakref.finalize`: functions of `atexit` may still run jobs.
    __del__ = close

    def _start(self, inbox: Inbox) -> None:
        thread = threading.Thread(
            target=_work, args=(inbox, self._shelf), name="imageflow", daemon=True
        )
        with _starting:
            before = threading.stack_size(self._stack_bytes)
            try:
                thread.start()
            finally:
                threading.stack_size(before)


class _Shelf:
    """Where idle threads leave their inboxes.

    Threads know the shelf and not its `Workers`, which can so be collected. There is no
    lock, as a list's `pop` and `append` need none: a signal handler that runs a job
    finds nothing held by what it has interrupted.
    """

    def __init__(self) -> None:
        self.reset()
        self._closed = False

    def reset(self) -> None:
        """Forget all threads; in the child of a fork there are none."""
        self._idle: list[Inbox] = []

    def take(self) -> Inbox | None:
        """Return the inbox of an idle thread, None if there is none."""
        if self._closed:
            raise RuntimeError("this engine has been closed")
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def put_back(self, inbox: Inbox) -> bool:
        """Keep a thread for later; False if it has to end."""
        if self._closed or len(self._idle) >= _MOST_IDLE:
            return False
        self._idle.append(inbox)
        if self._closed:  # meanwhile, and perhaps without this one
            self.close()
        return True

    def close(self) -> None:
        """Send idle threads home; a second call does nothing."""
        self._closed = True
        try:
            while True:
                self._idle.pop().put(None)
        except IndexError:  # no `suppress`: when Python ends it may be gone
            pass


def _work(inbox: Inbox, shelf: _Shelf) -> None:
    """Run what arrives in *inbox*, until it is None or the shelf is closed."""
    while (received := inbox.get()) is not None:
        task, done = received
        del received
        task()
        del task  # it holds the job's pictures, and the next one may be far away
        # On the shelf before the caller hears of it, so its next job finds this thread.
        stays = shelf.put_back(inbox)
        done()
        del done
        if not stays:
            return


def _after_fork_in_child() -> None:
    _starting.release()
    for shelf in _shelves:
        shelf.reset()


_shelves: weakref.WeakSet[_Shelf] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_starting.acquire,
        after_in_parent=_starting.release,
        after_in_child=_after_fork_in_child,
    )
