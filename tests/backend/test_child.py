"""How a program is started, before anybody knows what it is."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._backend import child
from imageflow_loader._backend.talk import Heard
from imageflow_loader._cancel import CancelToken, Deadline
from imageflow_loader.errors import (
    EngineCrashedError,
    JobCancelledError,
    JobTimeoutError,
)

from .watch import children, descriptors, needs_proc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_proc


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Look for descriptors and processes that a test leaves behind."""
    before = descriptors()
    yield
    assert children() == set()
    assert descriptors() == before


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program that says what it is told."""
    path = tmp_path / "program"
    path.write_text('#!/bin/sh\necho out "$@"; cat; echo err >&2; exit 7\n')
    path.chmod(0o755)
    return path


def run(*arguments: Any, **rest: Any) -> child.Ended:
    options: dict[str, Any] = {
        "stdin": b"",
        "most_stdout": 10_000,
        "deadline": Deadline(30),
    }
    return child.run(arguments, **{**options, **rest})


def test_a_child_hears_says_and_ends(program: Path) -> None:
    ended = run(program, "a b", "$HOME", stdin=b"in")

    assert ended == child.Ended(7, b"out a b $HOME\nin", "err\n")


def test_words_that_are_no_utf8_are_shown_as_well_as_can_be(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nprintf 'caf\\351' >&2\n")
    program.chmod(0o755)

    assert run(program).stderr == "caf�"


@pytest.mark.parametrize("name", ["no such program", "."])
def test_what_cannot_be_started_is_an_os_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Permission denied"):
        run(tmp_path / name)


def test_without_time_nothing_is_started(program: Path) -> None:
    with pytest.raises(JobTimeoutError):
        run(program, deadline=Deadline(0))


def test_once_cancelled_nothing_is_started(program: Path) -> None:
    token = CancelToken()
    token.cancel()

    with pytest.raises(JobCancelledError) as caught:
        run(program, cancel=token)

    assert type(caught.value) is JobCancelledError


def test_a_program_that_is_still_being_written_is_tried_again(program: Path) -> None:
    writer = os.open(program, os.O_WRONLY)
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            os.close(writer)

    started = child._start([program], (), pause=pause)
    started.communicate()

    assert started.returncode == 7
    assert pauses == [0.01, 0.02]


def test_a_program_that_is_written_for_ever_is_an_error(program: Path) -> None:
    writer = os.open(program, os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="Text file busy") as caught:
            child._start([program], (), pause=lambda _: None)
    finally:
        os.close(writer)

    assert caught.value.errno == errno.ETXTBSY


def test_a_child_that_nobody_may_ask_after_has_ended_all_the_same(
    program: Path,
) -> None:
    """Some servers have the system reap all children at once."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        ended = run(program)
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert ended.stdout == b"out\n"


def test_a_child_does_not_hear_ctrl_c_at_the_terminal() -> None:
    ask = "import os; print(os.getsid(0) == os.getpid())"

    assert run(sys.executable, "-c", ask).stdout == b"True\n"


def test_too_many_words_end_a_child() -> None:
    with pytest.raises(EngineCrashedError, match="more than 10,000 bytes"):
        run("/bin/sh", "-c", "exec yes")


def test_too_many_last_words_are_noticed_too() -> None:
    with pytest.raises(EngineCrashedError, match="more than 10,000 bytes"):
        run("/bin/sh", "-c", "head -c 10001 /dev/zero")


def test_as_many_words_as_allowed_are_heard() -> None:
    assert run("/bin/sh", "-c", "head -c 10000 /dev/zero").stdout == bytes(10_000)


@pytest.mark.parametrize("chunks", [[b"abcdef"], [b"abc", b"def"], [b"abcd", b"ef"]])
def test_what_is_too_much_is_dropped(chunks: list[bytes]) -> None:
    heard = Heard(4)
    for chunk in chunks:
        heard.add(chunk)

    heard.check()

    assert heard.kept() == b"abcd"


def test_an_interruption_while_a_child_ends_does_not_lose_it(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        process: subprocess.Popen[bytes], timeout: float | None = None
    ) -> int:
        monkeypatch.undo()
        del process, timeout
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)

    with pytest.raises(KeyboardInterrupt):
        run(program)
