"""How many jobs run at once, and in what order the others come in."""

from __future__ import annotations

import os
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._cancel import CancelToken, Deadline
from imageflow_loader._engine.gate import Gate, places
from imageflow_loader.errors import JobCancelledError, JobTimeoutError

if TYPE_CHECKING:
    from types import FrameType

NEVER = Deadline(None)


class Visitor:
    """A thread that goes through a gate, says so, and stays until it is let go."""

    def __init__(
        self,
        gate: Gate,
        *,
        cancel: CancelToken | None = None,
        deadline: Deadline = NEVER,
    ) -> None:
        self.news: SimpleQueue[object] = SimpleQueue()
        self._leave = threading.Event()
        self._thread = threading.Thread(
            target=self._visit, args=(gate, deadline, cancel)
        )
        self._thread.start()

    def _visit(
        self, gate: Gate, deadline: Deadline, cancel: CancelToken | None
    ) -> None:
        try:
            with gate.entered(deadline, cancel):
                self.news.put("in")
                self._leave.wait(10)
        except JobCancelledError as error:
            self.news.put(type(error))

    def heard(self) -> object:
        return self.news.get(timeout=10)

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(10)


def waiting(gate: Gate, count: int) -> None:
    """Return when *count* visitors are waiting; the queue is all there is to ask."""
    limit = Deadline(10)
    while len(gate._waiting) != count:
        assert not limit.expired


def test_as_many_as_there_are_places_come_in_at_once() -> None:
    gate = Gate(2)
    visitors = [Visitor(gate), Visitor(gate)]

    assert [visitor.heard() for visitor in visitors] == ["in", "in"]

    for visitor in visitors:
        visitor.leave()


def test_the_others_come_in_one_by_one_in_the_order_of_their_coming() -> None:
    gate = Gate(1)
    visitors = [Visitor(gate)]
    for number in range(1, 4):
        visitors.append(Visitor(gate))
        waiting(gate, number)

    for number, visitor in enumerate(visitors):
        assert visitor.heard() == "in"
        assert all(later.news.empty() for later in visitors[number + 1 :])
        visitor.leave()


def test_who_waits_too_long_gives_up_with_a_timeout() -> None:
    gate = Gate(1)
    with gate.entered(NEVER, None):
        late = Visitor(gate, deadline=Deadline(0.01))

        assert late.heard() is JobTimeoutError
        waiting(gate, 0)
    late.leave()


def test_who_is_cancelled_while_waiting_gives_up_at_once() -> None:
    gate, token = Gate(1), CancelToken()
    with gate.entered(NEVER, None):
        waits = Visitor(gate, cancel=token)
        waiting(gate, 1)
        token.cancel()

        assert waits.heard() is JobCancelledError
    waits.leave()


def test_a_place_is_not_lost_when_somebody_gives_up() -> None:
    gate, token = Gate(1), CancelToken()
    first = Visitor(gate)
    assert first.heard() == "in"
    second = Visitor(gate, cancel=token)
    waiting(gate, 1)
    third = Visitor(gate)
    waiting(gate, 2)
    token.cancel()
    assert second.heard() is JobCancelledError

    first.leave()

    assert third.heard() == "in"
    third.leave()
    second.leave()
    with gate.entered(Deadline(1), None):
        pass


def test_a_place_is_given_back_when_the_job_fails() -> None:
    gate = Gate(1)
    with pytest.raises(ZeroDivisionError), gate.entered(NEVER, None):
        raise ZeroDivisionError

    with gate.entered(Deadline(1), None):
        pass


def test_a_place_that_somebody_keeps_is_taken_until_it_is_given_back() -> None:
    gate = Gate(1)
    with gate.entered(NEVER, None) as place:
        leave = place.stay()
    with pytest.raises(JobTimeoutError), gate.entered(Deadline(0.01), None):
        pass

    leave()
    leave()  # once is enough

    for _ in range(2):
        with gate.entered(Deadline(1), None):
            late = Visitor(gate, deadline=Deadline(0.01))
            assert late.heard() is JobTimeoutError
        late.leave()


@pytest.mark.parametrize("fails", [False, True])
def test_no_place_is_lost_wherever_a_signal_handler_raises(fails: bool) -> None:
    for step in range(1000):
        gate = Gate(1)
        steps = iter(range(step))

        def strike(frame: FrameType, event: str, _: object, steps: Any = steps) -> Any:
            if (
                frame.f_code.co_filename
                == Gate.entered.__wrapped__.__code__.co_filename
            ):  # type: ignore[attr-defined]
                if event == "line" and next(steps, None) is None:
                    raise KeyboardInterrupt
                return strike
            return None

        try:
            sys.settrace(strike)
            with gate.entered(Deadline(1), None):
                if fails:
                    raise ZeroDivisionError
        except KeyboardInterrupt:
            struck = True
        except ZeroDivisionError:
            struck = False
        else:
            struck = False
        finally:
            sys.settrace(None)
        if not struck:
            break

        with gate.entered(Deadline(1), None):
            pass
    assert step > 15


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_all_places_for_itself() -> None:
    gate = Gate(1)
    with gate.entered(NEVER, None):
        child = os.fork()
        if child == 0:
            try:
                with gate.entered(Deadline(5), None):
                    os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_children_are_as_many_as_processors_and_in_process_there_is_no_limit() -> None:
    assert places("library", None) is None
    assert places("tool", None) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("kind", ["library", "tool"])
def test_a_number_that_is_asked_for_counts(kind: str) -> None:
    assert places(kind, 3) == 3  # type: ignore[arg-type]  # parametrized


def test_who_has_more_time_than_a_clock_can_count_waits_for_a_place() -> None:
    gate = Gate(1)

    with gate.entered(NEVER, None):
        patient = Visitor(gate, deadline=Deadline(1e300))
        waiting(gate, 1)

    assert patient.heard() == "in"
    patient.leave()
