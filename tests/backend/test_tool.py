"""What only a child has: a start, limits, a violent end; and nothing left behind."""

from __future__ import annotations

import errno
import os
import random
import resource
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._backend import (
    Backend,
    ToolLimits,
    exchange as exchange_room,
    open_backend,
    talk as talk_room,
)
from imageflow_loader._backend.tool import open_tool
from imageflow_loader._cancel import CancelToken
from imageflow_loader._platform import current_platform
from imageflow_loader.errors import (
    EngineCrashedError,
    EngineError,
    EngineIncompatibleError,
    EngineInternalError,
    EngineIOError,
    EngineLoadError,
    EngineMemoryError,
    ImageDecodeError,
    ImageflowError,
    InvalidJobError,
    JobCancelledError,
    JobError,
    JobTimeoutError,
    UnsupportedFeatureError,
)
from tests import pictures
from tests.shortage import few_descriptors

from .jobs import command, decode, encode, graph, long_job, request, steps, thumbnail
from .watch import (
    a_child_is_at_work,
    children,
    descriptors,
    needs_proc,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Write = Callable[[str], Backend]

MIB = 2**20
pytestmark = needs_proc


def opened(path: Path, limits: ToolLimits | None = None) -> Backend:
    return open_backend("tool", path, platform=current_platform(), tool_limits=limits)


@pytest.fixture
def engine(tool: Path) -> Iterator[Backend]:
    """Yield the tool under test, opened."""
    backend = opened(tool)
    yield backend
    backend.close()


@pytest.fixture
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look for files, descriptors and processes that a test leaves behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    before = descriptors()
    yield
    assert children() == set()
    assert list(folder.iterdir()) == []
    assert descriptors() == before


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """Return a function that opens a tool whose jobs are a few lines of shell."""

    def write(job: str) -> Backend:
        path = tmp_path / "tool.sh"
        path.write_text(
            "#!/bin/sh\n"
            'case "$1" in\n'
            '--version) echo "imageflow_tool release 2.3.1-rc01 (0123456789 2026-01-01)'
            ' for nowhere"; exit 0 ;;\n'
            "diagnose) exit 2 ;;\n"
            "esac\n"
            f"{job}\n"
        )
        path.chmod(0o755)
        return opened(path)

    return write


# How pictures get there and back


@pytest.fixture(params=["memory files", "a folder"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose how pictures get to a child."""
    way = str(request.param)
    if way == "a folder":
        monkeypatch.setattr(exchange_room, "memory_files_work", lambda: False)
    elif not exchange_room.memory_files_work():
        pytest.skip("no memory files here")
    return way


@pytest.mark.usefixtures("way", "nothing_left")
def test_a_job_that_succeeds_leaves_nothing_behind(engine: Backend) -> None:
    response = engine.execute(thumbnail(pictures.jpeg()))

    assert pictures.size(response.outputs[1]) == (16, 12)


@pytest.mark.usefixtures("way", "nothing_left")
def test_a_job_that_fails_leaves_nothing_behind(engine: Backend) -> None:
    with pytest.raises(ImageDecodeError):
        engine.execute(thumbnail(b"no picture"))


@pytest.mark.usefixtures("way", "nothing_left")
def test_a_job_that_is_stopped_leaves_nothing_behind(engine: Backend) -> None:
    token = CancelToken()

    def stop() -> None:
        until(a_child_is_at_work)
        token.cancel()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(JobCancelledError):
        engine.execute(long_job(cancel=token))
    stopper.join()


@pytest.mark.usefixtures("way", "nothing_left")
def test_a_job_that_is_no_json_leaves_nothing_behind(engine: Backend) -> None:
    with pytest.raises(TypeError):
        engine.execute(request({"framewise": object()}, pictures.jpeg()))


@pytest.mark.usefixtures("nothing_left")
def test_both_ways_give_the_same(
    engine: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = graph(
        {"0": decode(), "1": encode(), "2": encode("gif", 2)},
        (0, 1, "input"),
        (0, 2, "input"),
    )
    job = request(two, pictures.png(), outputs=(1, 2, 3))

    in_memory = engine.execute(job)
    monkeypatch.setattr(exchange_room, "memory_files_work", lambda: False)
    in_a_folder = engine.execute(job)

    assert in_memory.outputs.keys() == {1, 2}
    assert in_memory.outputs == in_a_folder.outputs
    encodes = in_a_folder.json["data"]["job_result"]["encodes"]
    assert {encode["bytes"] for encode in encodes} == {"elsewhere"}


def test_on_linux_no_disk_is_touched(
    engine: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange_room.memory_files_work():
        pytest.skip("no memory files here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "there is no such folder"))

    assert engine.execute(thumbnail(pictures.jpeg())).outputs


def test_memory_files_are_not_used_where_they_cannot_be_opened_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError

    exchange_room.memory_files_work.cache_clear()
    monkeypatch.setattr("os.open", refuse)

    works = exchange_room.memory_files_work()

    monkeypatch.undo()
    exchange_room.memory_files_work.cache_clear()
    assert works is False


@pytest.mark.usefixtures("nothing_left")
def test_a_folder_for_temporary_files_that_is_missing_is_named(
    engine: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_room, "memory_files_work", lambda: False)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))

        with pytest.raises(EngineIOError, match="no such folder") as caught:
            engine.execute(thumbnail(pictures.jpeg()))

    assert (caught.value.category, caught.value.exit_code) == ("io_error", 74)


@pytest.mark.usefixtures("nothing_left")
def test_a_full_folder_for_temporary_files_is_an_io_error(
    engine: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_room, "memory_files_work", lambda: False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(EngineIOError, match="TMPDIR") as caught:
            engine.execute(thumbnail(pictures.jpeg(200, 200)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (caught.value.code, caught.value.exit_code) == (16, 74)
    assert caught.value.errno is not None


@pytest.mark.parametrize("free", [0, 2, 5])
@pytest.mark.usefixtures("way", "nothing_left")
def test_without_file_descriptors_the_error_says_so_and_what_to_do(
    engine: Backend, free: int
) -> None:
    job = thumbnail(pictures.jpeg())

    with few_descriptors(free), pytest.raises(EngineError) as caught:
        engine.execute(job)

    assert type(caught.value) is EngineError
    assert "no file descriptors left" in str(caught.value)
    assert "ulimit -n" in str(caught.value)


def test_a_moment_without_file_descriptors_does_not_end_memory_files() -> None:
    exchange_room.memory_files_work.cache_clear()
    with few_descriptors(0), pytest.raises(OSError, match="Too many open files"):
        exchange_room.memory_files_work()

    assert exchange_room.memory_files_work() is hasattr(os, "memfd_create")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 64 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount")
    yield folder
    subprocess.run(["umount", folder], check=True)  # noqa: S607  # as the mount


def test_a_full_disk_is_an_io_error_and_is_emptied_again(
    engine: Backend, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_room, "memory_files_work", lambda: False)
    monkeypatch.setattr("tempfile.tempdir", str(tiny_disk))

    with pytest.raises(EngineIOError, match="No space left on device") as caught:
        engine.execute(thumbnail(pictures.png(300, 300)))
    left = list(tiny_disk.iterdir())
    response = engine.execute(thumbnail(pictures.jpeg()))

    assert caught.value.errno == errno.ENOSPC
    assert left == []
    assert response.outputs


@pytest.mark.parametrize("name", ["a b", "-x", "été", "new\nline", "$HOME;ls"])
def test_the_tool_may_have_any_name(tool: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.symlink_to(tool)

    assert opened(path).execute(thumbnail(pictures.jpeg())).outputs


def test_a_bare_name_is_a_file_here_and_not_one_in_path(
    tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "true").symlink_to(tool)
    monkeypatch.chdir(tmp_path)

    backend = opened(Path("true"))
    monkeypatch.chdir("/")

    assert backend.execute(thumbnail(pictures.jpeg())).outputs


# What is no tool


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("#!/bin/sh\nexit 0\n", "ended with 0"),
        ("#!/bin/sh\necho ImageMagick 7\n", "ImageMagick 7"),
        ("#!/bin/sh\necho imageflow_tool\n", "imageflow_tool"),
        ("#!/bin/sh\necho I broke >&2; exit 3\n", "I broke"),
        ("#!/bin/sh\nkill -KILL $$\n", "ended with -9"),
        ("#!/no/such/interpreter\n", "interpreter"),
        ("just text\n", "cannot be started"),
    ],
)
def test_what_is_no_imageflow_tool_is_refused_with_what_it_said(
    tmp_path: Path, program: str, said: str
) -> None:
    path = tmp_path / "program"
    path.write_text(program)
    path.chmod(0o755)

    with pytest.raises(EngineLoadError, match=said):
        opened(path)


@pytest.mark.parametrize(
    ("question", "program"),
    [
        ("--version", "exec tail -f /dev/null"),
        (
            "diagnose",
            '[ "$1" = diagnose ] || { echo imageflow_tool release 2.3.1; exit 0; }\n'
            "tail -f /dev/null",  # a grandchild, which holds on to our pipes
        ),
    ],
)
@pytest.mark.usefixtures("nothing_left")
def test_a_tool_that_does_not_say_what_it_is_in_time_is_refused(
    tmp_path: Path, question: str, program: str
) -> None:
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)

    with pytest.raises(EngineLoadError) as caught:
        open_tool(path, seconds_to_start=0.5)

    assert caught.value.reason == "not_imageflow"
    assert caught.value.message == (
        f"{path} is no imageflow_tool that runs here: asked for {question}, it did not "
        "end within 0.5 seconds."
    )


def test_a_file_without_the_permission_to_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")

    with pytest.raises(EngineLoadError, match="Permission denied") as caught:
        opened(path)

    assert caught.value.reason == "exec_failed"


@pytest.mark.usefixtures("nothing_left")
def test_a_tool_that_has_gone_since_is_an_engine_error(script: Write) -> None:
    backend = script("exit 0")
    backend.path.unlink()

    with pytest.raises(EngineLoadError, match="No such file"):
        backend.execute(thumbnail(pictures.jpeg()))


def test_a_closed_engine_runs_nothing_more(engine: Backend) -> None:
    engine.close()
    engine.close()

    with pytest.raises(EngineError, match="closed"):
        engine.execute(thumbnail(pictures.jpeg()))


# How a child can end


@pytest.mark.parametrize(
    ("job", "error", "said"),
    [
        ("kill -SEGV $$", EngineCrashedError, r"signal 11 \(SIGSEGV\)"),
        ("kill -KILL $$", EngineCrashedError, r"SIGKILL, often for want of memory"),
        ("kill -TERM $$", EngineCrashedError, r"SIGTERM"),
        ("echo; exit 0", EngineCrashedError, "cannot be read"),
        ("echo '{}'; exit 0", EngineCrashedError, "cannot be read"),
        ("echo '[1]'; exit 0", EngineCrashedError, "cannot be read"),
        (r"printf '\377\376'", EngineCrashedError, r"\\xff\\xfe"),
        ("echo usage >&2; exit 2", EngineIncompatibleError, "usage"),
        ("echo panicked >&2; exit 101", EngineInternalError, "decode, constrain"),
        ("exit 101", EngineInternalError, "panicked"),
        ("exit 71", EngineMemoryError, "71"),
        ("exit 64", InvalidJobError, "64"),
        ("exit 65", ImageDecodeError, "65"),
        ("exit 70", EngineInternalError, "70"),
        ("exit 74", EngineIOError, "74"),
        ("exit 130", JobCancelledError, "130"),
        ("exit 145", JobError, "145"),
        ("exit 146", JobError, "146"),
        ("exit 77", JobError, "77"),
        ("echo who knows >&2; exit 3", EngineInternalError, "who knows"),
    ],
)
@pytest.mark.usefixtures("nothing_left")
def test_every_end_of_a_child_is_an_error_of_its_own(
    script: Write, job: str, error: type[ImageflowError], said: str
) -> None:
    backend = script(job)

    with pytest.raises(error, match=said) as caught:
        backend.execute(thumbnail(pictures.jpeg()))

    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "category", "http_status", "exit_code"),
    [(145, "authorization_required", 401, 401), (146, "license_error", 402, 402)],
)
def test_an_exit_status_above_255_is_known_by_what_the_system_makes_of_it(
    script: Write, status: int, category: str, http_status: int, exit_code: int
) -> None:
    with pytest.raises(JobError) as caught:
        script(f"exit {status}").execute(thumbnail(pictures.jpeg()))

    assert caught.value.category == category
    assert caught.value.http_status == http_status
    assert caught.value.exit_code == exit_code


@pytest.mark.usefixtures("nothing_left")
def test_a_fault_is_known_where_the_system_forgets_how_children_end(
    engine: Backend,
) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(ImageDecodeError) as caught:
            engine.execute(thumbnail(b"no picture"))
        response = engine.execute(thumbnail(pictures.jpeg()))
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert caught.value.kind == "NoEnabledDecoderFound"
    assert response.outputs


@pytest.fixture(params=["poll", "poll without pidfd", "threads"])
def conversation(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choose how a child is talked to: as on Linux, macOS, Windows."""
    if request.param == "poll without pidfd":
        monkeypatch.setattr(talk_room, "_pidfd", lambda _: None)
    if request.param == "threads":
        monkeypatch.setattr(talk_room, "_Poll", talk_room._Threads)


@pytest.mark.usefixtures("conversation", "nothing_left")
class TestWhereverItRuns:
    def test_a_job_runs(self, engine: Backend) -> None:
        response = engine.execute(thumbnail(pictures.jpeg()))

        assert pictures.size(response.outputs[1]) == (16, 12)

    def test_a_fault_is_the_engines(self, engine: Backend) -> None:
        with pytest.raises(ImageDecodeError):
            engine.execute(thumbnail(b"no picture"))

    def test_a_large_job_gets_through_the_pipe(self, engine: Backend) -> None:
        job = command("w=10&format=png&" + "x" * MIB)

        assert engine.execute(request(job, pictures.jpeg())).outputs

    def test_a_child_that_does_not_read_its_job_is_no_problem(
        self, script: Write
    ) -> None:
        backend = script("exec 0<&-; echo unread >&2; exit 70")
        job = command("x" * MIB)

        with pytest.raises(EngineInternalError, match="unread"):
            backend.execute(request(job))

    def test_a_child_that_hangs_is_ended_in_time(self, script: Write) -> None:
        backend = script("exec sleep 1000")

        with pytest.raises(JobTimeoutError):
            backend.execute(thumbnail(pictures.jpeg(), timeout=0.1))

    def test_a_child_that_hangs_with_its_pipes_closed_is_ended_in_time(
        self, script: Write
    ) -> None:
        backend = script("exec sleep 1000 0<&- 1>&- 2>&-")

        with pytest.raises(JobTimeoutError):
            backend.execute(thumbnail(pictures.jpeg(), timeout=0.1))

    def test_a_child_that_says_too_much_is_ended(
        self, script: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exchange_room.MemoryFiles, "most_answer", 100_000)

        with pytest.raises(EngineCrashedError, match="more than 100,000 bytes"):
            script("exec yes").execute(thumbnail(pictures.jpeg()))

    def test_of_what_a_child_complains_the_beginning_is_kept(
        self, script: Write
    ) -> None:
        backend = script("yes complaint | head -c 5000000 >&2; exit 70")

        with pytest.raises(EngineInternalError) as caught:
            backend.execute(thumbnail(pictures.jpeg()))

        assert len(caught.value.details or "") < MIB + 100

    def test_a_cancelled_child_is_ended(self, engine: Backend) -> None:
        token = CancelToken()

        def stop() -> None:
            until(a_child_is_at_work)
            token.cancel()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(JobCancelledError):
            engine.execute(long_job(cancel=token))
        stopper.join()


@pytest.mark.usefixtures("nothing_left")
def test_what_a_child_started_ends_with_it(script: Write, tmp_path: Path) -> None:
    backend = script(f"sleep 1000 & echo $! > '{tmp_path}/pid'; echo kin >&2; exit 70")

    with pytest.raises(EngineInternalError, match="kin"):
        backend.execute(thumbnail(pictures.jpeg(), timeout=20))

    kin = int((tmp_path / "pid").read_text())
    until(lambda: not is_alive(kin))


def is_alive(pid: int) -> bool:
    """Whether a process of somebody else's runs; the dead may wait to be reaped."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.usefixtures("nothing_left")
def test_two_hundred_murders_are_two_hundred_errors_and_the_next_job_runs(
    engine: Backend,
) -> None:
    dice = random.Random(4)  # noqa: S311  # moments, not secrets

    for _ in range(200):
        murderer = threading.Thread(target=murder, args=(dice.uniform(0, 0.02),))
        murderer.start()
        with pytest.raises(EngineCrashedError, match=r"signal 9 \(SIGKILL"):
            engine.execute(long_job())
        murderer.join()

    assert engine.execute(thumbnail(pictures.jpeg())).outputs


def murder(after: float) -> None:
    """Kill the child that runs, *after* so many seconds of its life."""
    until(children)
    for pid in children():
        watched = os.pidfd_open(pid)
        select.select([watched], [], [], after)
        os.close(watched)
        os.kill(pid, signal.SIGKILL)


# Limits


def limited(tool: Path, **limits: Any) -> Backend:
    return opened(tool, ToolLimits(**limits))


@pytest.mark.usefixtures("nothing_left")
def test_a_child_gets_no_more_memory_than_it_may_have(tool: Path) -> None:
    backend = limited(tool, memory_bytes=100 * MIB)

    with pytest.raises((EngineMemoryError, EngineCrashedError)):
        backend.execute(long_job())

    assert backend.execute(thumbnail(pictures.jpeg())).outputs


@pytest.mark.usefixtures("nothing_left")
def test_a_child_gets_no_more_cpu_time_than_it_may_have(tool: Path) -> None:
    backend = limited(tool, cpu_seconds=0.5)
    enlarge = {"resample_2d": {"w": 9000, "h": 9000}}
    longer = request(steps(decode(), enlarge, encode()), pictures.jpeg(300, 300))

    with pytest.raises(EngineCrashedError, match="out of CPU time"):
        backend.execute(longer)


def test_limits_hold_before_a_child_has_read_its_job(script: Write) -> None:
    told = "{ cat > /dev/null; ulimit -v; ulimit -t; ulimit -c; } >&2; exit 70"
    backend = limited(script(told).path, memory_bytes=512 * MIB, cpu_seconds=7.5)

    with pytest.raises(EngineInternalError) as caught:
        backend.execute(thumbnail(pictures.jpeg()))

    said = f"{caught.value.message}\n{caught.value.details}"
    assert said.split() == [str(512 * 1024), "8", "0"]


def test_limits_that_cannot_be_kept_are_refused(
    tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(resource, "prlimit")

    with pytest.raises(UnsupportedFeatureError, match="Linux"):
        limited(tool, memory_bytes=MIB)


def test_without_limits_a_system_that_has_none_will_do(
    tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(resource, "prlimit")

    assert opened(tool).execute(thumbnail(pictures.jpeg())).outputs


@pytest.mark.parametrize("name", ["memory_bytes", "cpu_seconds"])
@pytest.mark.parametrize("value", [0, -1, 2**70, float("nan"), float("inf"), "1", True])
def test_a_limit_that_is_none_is_refused(name: str, value: float) -> None:
    with pytest.raises((TypeError, ValueError), match=f"{name} is "):
        ToolLimits(**{name: value})


def test_a_job_in_a_child_sees_what_the_parent_sees(script: Write) -> None:
    backend = script("pwd >&2; exit 70")

    with pytest.raises(EngineInternalError, match=str(Path.cwd())):
        backend.execute(thumbnail(pictures.jpeg()))


def test_only_the_pictures_of_its_job_are_open_in_a_child(script: Write) -> None:
    backend = script("ls -l /proc/self/fd >&2; exit 70")
    with Path(__file__).open() as secret:
        os.set_inheritable(secret.fileno(), True)

        with pytest.raises(EngineInternalError) as caught:
            backend.execute(thumbnail(pictures.jpeg()))

    seen = f"{caught.value.message}{caught.value.details}"
    assert "memfd:imageflow-input" in seen
    assert Path(__file__).name not in seen


def test_starting_a_child_needs_no_shell_and_no_path(tool: Path) -> None:
    code = (
        "from pathlib import Path; import sys\n"
        "from imageflow_loader._backend import open_backend\n"
        "from imageflow_loader._platform import current_platform\n"
        f"open_backend('tool', Path({str(tool)!r}), platform=current_platform())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
