"""A job can be stopped at any moment; its caller has its thread back at once."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._cancel import CancelToken
from imageflow_loader.errors import JobCancelledError, JobTimeoutError
from tests import pictures

from .jobs import long_job, thumbnail
from .watch import an_engine_is_at_work, children, needs_proc, threads, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from imageflow_loader._backend import Backend

SECONDS_TO_RETURN = 0.15

pytestmark = needs_proc


@pytest.fixture(autouse=True)
def nothing_is_at_work_yet(backend: Backend) -> None:
    """Wait for the engine of the test before, which may finish after its caller."""
    del backend  # open now, and nothing asked of it
    until(lambda: not threads() and not children())


class Stopwatch:
    """Waits until an engine is at work, stops it, and knows when that was."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop
        self._at = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        until(an_engine_is_at_work)
        self._at = time.monotonic()
        self._stop()

    def seconds(self) -> float:
        now = time.monotonic()
        self._thread.join()
        return now - self._at


def returns_at_once(seconds: Callable[[], float]) -> bool:
    """Whether it takes no more than it may; a busy machine gets more than one try."""
    return any(seconds() < SECONDS_TO_RETURN for _ in range(5))


def test_a_cancelled_job_returns_at_once(backend: Backend) -> None:
    def seconds() -> float:
        token = CancelToken()
        stopwatch = Stopwatch(token.cancel)
        with pytest.raises(JobCancelledError) as caught:
            backend.execute(long_job(cancel=token))
        took = stopwatch.seconds()

        assert type(caught.value) is JobCancelledError
        assert caught.value.exit_code == 130
        return took

    assert returns_at_once(seconds)


def test_a_job_that_has_no_more_time_returns_at_once(backend: Backend) -> None:
    def seconds() -> float:
        job = long_job(timeout=0.3)
        with pytest.raises(JobTimeoutError, match=r"0\.3 seconds"):
            backend.execute(job)
        return time.monotonic() - (job.deadline._at or 0)

    assert returns_at_once(seconds)


def test_ctrl_c_returns_at_once(backend: Backend) -> None:
    main = threading.main_thread().ident
    assert main is not None

    def seconds() -> float:
        stopwatch = Stopwatch(lambda: signal.pthread_kill(main, signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            backend.execute(long_job())
        return stopwatch.seconds()

    assert returns_at_once(seconds)


def test_a_token_can_be_pulled_in_a_signal_handler(backend: Backend) -> None:
    main = threading.main_thread().ident
    assert main is not None
    before = signal.getsignal(signal.SIGUSR1)

    def seconds() -> float:
        token = CancelToken()
        signal.signal(signal.SIGUSR1, lambda *_: token.cancel())
        stopwatch = Stopwatch(lambda: signal.pthread_kill(main, signal.SIGUSR1))
        with pytest.raises(JobCancelledError):
            backend.execute(long_job(cancel=token))
        return stopwatch.seconds()

    try:
        assert returns_at_once(seconds)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_one_token_stops_all_jobs_that_hold_it_and_no_other(backend: Backend) -> None:
    token = CancelToken()
    ends: list[BaseException] = []

    def run() -> None:
        try:
            backend.execute(long_job(cancel=token))
        except JobCancelledError as error:
            ends.append(error)

    runners = [threading.Thread(target=run) for _ in range(3)]
    for runner in runners:
        runner.start()
    until(an_engine_is_at_work)
    token.cancel()
    response = backend.execute(thumbnail(pictures.jpeg()))
    for runner in runners:
        runner.join()

    assert len(ends) == 3
    assert response.status == 200


def test_a_job_after_a_stopped_one_runs(backend: Backend) -> None:
    with pytest.raises(JobTimeoutError):
        backend.execute(long_job(timeout=0.1))

    response = backend.execute(thumbnail(pictures.jpeg()))

    assert pictures.size(response.outputs[1]) == (16, 12)


def test_a_stopped_child_is_gone_when_its_caller_returns(backend: Backend) -> None:
    with pytest.raises(JobTimeoutError):
        backend.execute(long_job(timeout=0.1))

    assert children() == set()


def test_a_stopped_thread_ends_or_waits_for_the_next_job(backend: Backend) -> None:
    with pytest.raises(JobTimeoutError):
        backend.execute(long_job(timeout=0.1))

    backend.close()

    until(lambda: not threads())


def test_a_token_can_be_pulled_by_what_interrupts_the_thread_that_holds_it() -> None:
    token = CancelToken()
    stopped: list[str] = []
    token._on_cancel(lambda: stopped.append("before"))

    with token._lock:  # where a signal handler may find the thread that it runs in
        token.cancel()
    token._on_cancel(lambda: stopped.append("after"))

    assert stopped == ["before", "after"]


def test_a_token_forgets_the_jobs_that_it_did_not_stop(backend: Backend) -> None:
    token = CancelToken()

    for _ in range(3):
        backend.execute(thumbnail(pictures.jpeg(), cancel=token))

    assert token._callbacks == []
