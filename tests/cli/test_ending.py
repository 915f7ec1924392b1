"""How each command ends when nobody reads, when nothing fits, and at Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._cli import COMMANDS
from tests import pictures
from tests.backend.watch import is_asleep, needs_proc, until
from tests.conftest import VARIABLES, engine_under_test
from tests.terminal import on_terminal

if TYPE_CHECKING:
    from imageflow_loader.types import EngineKind

PROJECT = Path(__file__).parents[2]
BECOMES_THE_TOOL = {"tool"}
NEVER_WAITS = {"validate", "cache"}
TELLING = {
    "process": ["a.png", "-", "w=9"],
    "batch": ["photos", "--to", "web", "--query", "w=9", "--json"],
    "info": ["a.png"],
    "run": ["job.json", "--in", "0=a.png", "--out", "1=-"],
    "explain": ["job.json"],
    "validate": ["widht=9"],
    "doctor": ["--json"],
    "fetch": ["--print-url"],
    "cache": ["list"],
}
WAITING = {
    "process": ["pipe", "web/out.png", "w=9"],
    "batch": ["pipe", "--to", "web", "--query", "w=9"],
    "info": ["pipe"],
    "run": ["job.json", "--in", "0=pipe", "--out", "1=web/out.gif"],
    "explain": ["pipe"],
    "doctor": [],
    "fetch": ["--quiet", "--from", "pipe", "--sha256", "0" * 64],
    "tool": ["--", "v1/build", "--json", "pipe"],
}
FAILING = {
    "process": ["nowhere.jpg", "-", "w=9"],
    "batch": ["nowhere.jpg", "--to", "web", "--query", "w=9"],
    "info": ["nowhere.jpg"],
    "run": ["nowhere.json"],
    "explain": ["nowhere.json"],
    "fetch": [],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    for folder in ("photos", "web"):
        Path(folder).mkdir()
    for name in ("a.png", "photos/a.png"):
        Path(name).write_bytes(pictures.png(200, 150))
    steps = [{"decode": {"io_id": 0}}, {"encode": {"io_id": 1, "preset": "gif"}}]
    entries = [
        {"io_id": number, "direction": direction, "io": "placeholder"}
        for number, direction in enumerate(("in", "out"))
    ]
    job = {"io": entries, "framewise": {"steps": steps}}
    Path("job.json").write_text(json.dumps(job))


@pytest.fixture(params=["library", "tool"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> EngineKind:
    kind: EngineKind = request.param
    monkeypatch.setenv(VARIABLES[kind], str(engine_under_test(kind)))
    return kind


def python(command: str, arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "imageflow_loader", command, *arguments]


def writing_end(pipe: str) -> int | None:
    """Open a pipe to write to it; None as long as nobody has it open to read."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_every_command_is_here() -> None:
    assert TELLING.keys() | BECOMES_THE_TOOL == COMMANDS.keys()
    assert WAITING.keys() | NEVER_WAITS == COMMANDS.keys()


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("command", TELLING)
def test_a_reader_that_goes_away_ends_it_quietly(command: str) -> None:
    read, write = os.pipe()
    os.close(read)

    with os.fdopen(write, "wb") as stdout:
        done = subprocess.run(
            python(command, TELLING[command]),
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.usefixtures("kind")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", TELLING)
def test_a_full_standard_output_is_exit_code_73_and_one_line(command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            python(command, TELLING[command]),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 73
    assert done.stderr.count(b"\n") == 1
    assert b"cannot be written: No space left on device." in done.stderr


@needs_proc
@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("command", WAITING)
def test_ctrl_c_ends_it_quietly_and_leaves_nothing(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo("pipe")  # from which nothing comes
    if command == "doctor":  # whose tool does not answer
        Path("slow").write_text("#!/bin/sh\nread nothing <pipe\n")
        Path("slow").chmod(0o755)
        monkeypatch.setenv(VARIABLES["tool"], str(Path("slow").resolve()))
        monkeypatch.delenv(VARIABLES["library"], raising=False)
    elif command == "tool":
        monkeypatch.setenv(VARIABLES["tool"], str(engine_under_test("tool")))

    with subprocess.Popen(
        python(command, WAITING[command]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        try:
            writer = until(lambda: writing_end("pipe"))
            until(lambda: is_asleep(child.pid))
            child.send_signal(signal.SIGINT)
            if command == "batch":  # whose thread reads on until it is given something
                os.close(writer)
            told = child.communicate(timeout=30)
            with contextlib.suppress(OSError):
                os.close(writer)
        finally:
            child.kill()

    ended = -signal.SIGINT if command in BECOMES_THE_TOOL else 130
    assert (child.returncode, *told) == (ended, b"", b"")
    assert list(Path("web").iterdir()) == []
    cached = Path(os.environ["IMAGEFLOW_CACHE_DIR"]).rglob("*")
    assert {each.name for each in cached if each.is_file()} <= {
        "imageflow-lock",
        "CACHEDIR.TAG",
    }


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize(
    ("name", "value", "red"),
    [("TERM", "xterm", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False)],
)
@pytest.mark.parametrize("command", FAILING)
def test_what_is_wrong_is_red_on_a_terminal_unless_that_is_unwanted(
    command: str, name: str, value: str, red: bool
) -> None:
    environment = {**os.environ, "TERM": "xterm", name: value}

    code, told = on_terminal([command, *FAILING[command]], environment)
    piped = subprocess.run(
        python(command, FAILING[command]),
        capture_output=True,
        env=environment,
        check=False,
    )

    assert code == piped.returncode != 0
    assert ("\x1b[31m" in told) is red
    assert b"\x1b" not in piped.stdout + piped.stderr
