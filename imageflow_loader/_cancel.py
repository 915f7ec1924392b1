"""Has someone asked us to stop, or has time run out?"""

from __future__ import annotations

import math
import os
import threading
import time
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from ._checks import given, instance, number
from .errors import EngineError, JobCancelledError, JobTimeoutError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine
    from concurrent.futures import ThreadPoolExecutor

_P = ParamSpec("_P")
_T = TypeVar("_T")


class CancelToken:
    """A switch that stops the jobs that hold it, from any thread and for good."""

    __slots__ = ("_callbacks", "_cancelled", "_lock")

    def __init__(self) -> None:
        """Make a switch that is off."""
        self._cancelled = False
        self._callbacks: list[Callable[[], object]] = []
        # Of one thread's own: a signal handler may pull the token that it interrupts.
        self._lock = threading.RLock()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` has been called."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop every job that holds this token, now and later."""
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def _on_cancel(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Call *callback* once on cancellation, at once if that is past.

        Returns a function that takes the callback back.
        """
        with self._lock:
            self._callbacks.append(callback)
        if self._cancelled and self._forget(callback):
            callback()
        return lambda: self._forget(callback)

    def _forget(self, callback: Callable[[], object]) -> bool:
        """Take a callback back; False if it has been called or taken back already."""
        with self._lock:
            known = callback in self._callbacks
            if known:
                self._callbacks.remove(callback)
            return known


class Deadline:
    """A moment by which something must be done, or never."""

    __slots__ = ("_at", "seconds")

    _LONGEST_WAIT = 1e6  # seconds; waits take no more than some 2**31 milliseconds

    def __init__(self, seconds: float | Deadline | None) -> None:
        """Start the clock; None never runs out, 0 has run out already.

        A deadline stays the one that it is.

        Raises:
            TypeError: *seconds* is not a number.
            ValueError: It is below 0, or nan.
        """
        if isinstance(seconds, Deadline):
            self.seconds: float | None = seconds.seconds
            self._at: float | None = seconds._at
            return
        number(0, math.inf, **given(timeout=seconds))
        self.seconds = seconds
        # No float holds 10**400, and nobody waits longer than 30,000 years.
        self._at = None if seconds is None else time.monotonic() + min(seconds, 1e12)

    def remaining(self) -> float | None:
        """Return how long to wait at most, at least 0; None when there is no end.

        It is not more than a wait can bear, so look whether time is `expired` after it.
        """
        if self._at is None:
            return None
        return min(max(0.0, self._at - time.monotonic()), self._LONGEST_WAIT)

    @property
    def expired(self) -> bool:
        """Whether the moment is past."""
        return self._at is not None and time.monotonic() >= self._at


def go_on(deadline: Deadline, cancel: CancelToken | None = None) -> None:
    """Return if the job may go on.

    Raises:
        JobCancelledError: *cancel* has been pulled.
        JobTimeoutError: The *deadline* is past.
    """
    if cancel is not None and cancel.cancelled:
        raise JobCancelledError("The job was cancelled.")
    if deadline.expired:
        raise JobTimeoutError(
            f"The job did not end within {deadline.seconds:g} seconds."
        )


_pools: WeakKeyDictionary[AbstractEventLoop, ThreadPoolExecutor] = WeakKeyDictionary()


def _pool() -> ThreadPoolExecutor:
    """Return the threads on which the running loop's jobs are awaited.

    They are not asyncio's own, which look up names for the whole program.
    """
    from asyncio import get_running_loop  # 30 ms, and here already loaded
    from concurrent.futures import ThreadPoolExecutor

    loop = get_running_loop()
    if loop not in _pools:
        at_once = min(32, (os.cpu_count() or 1) + 4)  # as asyncio has them
        _pools[loop] = ThreadPoolExecutor(at_once, "imageflow-await")
    return _pools[loop]


async def in_thread(
    work: Callable[[CancelToken], _T], cancel: CancelToken | None, deadline: Deadline
) -> _T:
    """Run *work* in a thread; when the task is cancelled, so is the job.

    `CancelledError` is raised only when the thread has really ended, so that nothing of
    the job is left. Pulling *cancel* stops the job, too; while it waits for a thread,
    all that and the *deadline* drop it at once.
    """
    import asyncio
    from contextvars import copy_context

    instance(CancelToken, cancel=cancel)
    stop, waiting = CancelToken(), [work]

    def begin() -> _T:
        return waiting.pop()(stop)

    try:
        job = _pool().submit(copy_context().run, begin)
    except RuntimeError as error:  # Python ends, or there are too many threads
        stop.cancel()  # though it was refused, it is in the queue
        raise EngineError(f"The job could not be started: {error}.") from error

    def withdraw() -> None:
        if job.cancel():  # which it cannot be once it has begun
            waiting.clear()  # its pictures; the queue keeps the rest

    def drop() -> None:
        stop.cancel()
        withdraw()

    forget = cancel._on_cancel(drop) if cancel else lambda: None
    thread, cancelled = asyncio.wrap_future(job), None
    try:
        while not thread.done():
            left = deadline.remaining()
            if left == 0:
                left = None  # what runs sees for itself that its time is over
                withdraw()
            try:
                await asyncio.wait([thread], timeout=left)
            # Some scopes say it again and again.
            except asyncio.CancelledError as error:
                cancelled = error
                drop()
    finally:
        forget()
        if not thread.done():  # the loop was closed
            drop()
    if cancelled is not None:
        if not thread.cancelled():
            thread.exception()  # taken note of; the task sees its own cancellation
        raise cancelled
    if thread.cancelled():  # before it began
        go_on(deadline, cancel)
    return thread.result()


def awaited(function: Callable[_P, _T]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Return the awaited twin of a function that takes `cancel`."""

    async def twin(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        def work(cancel: CancelToken) -> _T:
            kwargs["cancel"] = cancel
            return function(*args, **kwargs)

        options: dict[str, Any] = kwargs
        # The time begins here, before there is a thread.
        options["timeout"] = deadline = Deadline(options.get("timeout"))
        return await in_thread(work, options.get("cancel"), deadline)

    name = function.__name__
    update_wrapper(twin, function)
    twin.__name__ = f"a{name}"
    twin.__qualname__ = function.__qualname__.removesuffix(name) + twin.__name__
    twin.__doc__ = f"""Do what `{name}` does, awaited; see `{name}`.

    When the task is cancelled, so is the job, and nothing of it is left.
    """
    return twin
