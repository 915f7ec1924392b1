"""What only the library has: an ABI, symbols, lent memory, threads, forks."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._backend import Backend, edition, library, open_backend
from imageflow_loader._backend.workers import Workers
from imageflow_loader._platform import Libc, current_platform
from imageflow_loader.errors import (
    EngineError,
    EngineIncompatibleError,
    EngineInternalError,
    EngineLoadError,
    EngineMemoryError,
    InvalidJobError,
    JobCancelledError,
    JobError,
    JobTimeoutError,
    SizeLimitError,
)
from tests import pictures

from .jobs import decode, encode, limited, request, steps, thumbnail
from .little_memory import PRESETS
from .watch import needs_proc, threads, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Build = Callable[..., Path]

CC = shutil.which("cc")
HERE = Path(__file__).parent
MIB = 2**20


def test_a_job_that_goes_on_unwatched_keeps_its_place_until_it_ends(
    engine: Backend,
) -> None:
    news: list[str] = []

    def stay() -> Callable[[], None]:
        news.append("stays")
        return lambda: news.append("leaves")

    slow = steps(decode(), encode({"lodepng": {"maximum_deflate": True}}))
    picture = pictures.png(1500, 1500)
    with pytest.raises(JobTimeoutError):
        engine.execute(request(slow, picture, timeout=0.1)._replace(stay=stay))

    assert news[:1] == ["stays"]
    until(lambda: news[1:2] == ["leaves"])


def test_a_signal_handler_may_run_a_job_while_another_is_being_started() -> None:
    for step in range(1000):
        workers = Workers(2 * MIB)
        done: SimpleQueue[str] = SimpleQueue()
        struck: list[int] = []

        lines = iter(range(step))

        def trace(
            frame: FrameType,
            event: str,
            _: object,
            workers: Workers = workers,
            done: SimpleQueue[str] = done,
            struck: list[int] = struck,
            lines: Iterator[int] = lines,
        ) -> Any:
            if frame.f_code.co_filename != Workers.submit.__code__.co_filename:
                return None
            if event == "line" and not struck and next(lines, None) is None:
                struck.append(frame.f_lineno)
                workers.submit(lambda: None, partial(done.put, "inner"))
            return trace

        sys.settrace(trace)
        try:
            workers.submit(lambda: None, partial(done.put, "outer"))
        finally:
            sys.settrace(None)
        heard = {done.get(timeout=20) for _ in range(1 + len(struck))}
        workers.close()
        if not struck:
            break
        assert heard == {"inner", "outer"}
    assert step > 10


def opened(path: Path, **changes: Any) -> Backend:
    platform = current_platform()._replace(**changes)
    return open_backend("library", path, platform=platform)


@pytest.fixture
def engine(library: Path) -> Iterator[Backend]:
    """Yield the library under test, opened."""
    backend = opened(library)
    yield backend
    backend.close()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that compiles a shared library from C."""
    if CC is None:
        pytest.skip("no C compiler")

    def compile_(source: Path | str, *flags: str) -> Path:
        if isinstance(source, str):
            text = source
            source = tmp_path / "source.c"
            source.write_text(text)
        library = tmp_path / f"{len(list(tmp_path.iterdir()))}.so"
        command = [CC, "-shared", "-fPIC", "-o", library, source, *flags]
        subprocess.run(command, check=True)
        return library

    return compile_


@pytest.fixture
def stub(build: Build) -> Build:
    """Return a function that compiles the stub engine, with flags."""
    return lambda *flags: build(HERE / "stub_engine.c", *flags)


def number(library: Path, name: str) -> int:
    """Return a counter of the stub engine."""
    return ctypes.c_int.in_dll(ctypes.CDLL(os.fspath(library)), name).value


def ask(backend: Backend, method: str, **rest: Any) -> Any:
    return backend.execute(request({}, method=method, **{"outputs": (), **rest}))


# What is loaded


def test_a_library_that_is_not_imageflow_is_refused(build: Build) -> None:
    path = build("int something_else;")

    with pytest.raises(EngineLoadError, match="no libimageflow") as caught:
        opened(path)

    assert caught.value.reason == "not_imageflow"


def test_a_file_that_is_no_library_is_refused_with_the_loaders_own_words(
    tmp_path: Path,
) -> None:
    path = tmp_path / "text.so"
    path.write_text("no library at all, " * 99)

    with pytest.raises(EngineLoadError, match=r"text\.so cannot be loaded: ") as caught:
        opened(path)

    assert caught.value.reason == "dlopen_failed"
    assert "find_library" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "abi"),
    [
        (["-DMAJOR=4", "-DMINOR=0"], "ABI 4.0"),
        (["-DMAJOR=2", "-DMINOR=9"], "ABI 2.9"),
        (["-DMINOR=0"], "ABI 3.0"),
    ],
)
def test_another_abi_is_refused_with_its_number(
    stub: Build, flags: list[str], abi: str
) -> None:
    with pytest.raises(EngineIncompatibleError, match=abi):
        opened(stub(*flags))


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        (["-DMINOR=1", "-DWITHOUT_CANCELLATION"], "context_request_cancellation"),
        (["-DMINOR=2", "-DWITHOUT_BUFFER_FREE"], "imageflow_buffer_free"),
        (
            ["-DMINOR=1", "-Dimageflow_context_add_input_buffer=nothing"],
            "context_add_input_buffer",
        ),
    ],
)
def test_a_symbol_that_its_abi_promises_and_it_lacks_is_named_at_once(
    stub: Build, flags: list[str], missing: str
) -> None:
    with pytest.raises(EngineLoadError, match=missing) as caught:
        opened(stub(*flags))

    assert caught.value.reason == "missing_symbols"


def test_a_library_of_abi_3_1_needs_none_of_3_2(stub: Build) -> None:
    backend = opened(stub("-DMINOR=1", "-DWITHOUT_TAKE", "-DWITHOUT_BUFFER_FREE"))

    response = ask(backend, "anything", outputs=(1,))

    assert backend.abi == (3, 1)
    assert "take_output" not in backend.capabilities
    assert response.outputs == {1: b"lent"}


def test_a_newer_minor_is_welcome(stub: Build) -> None:
    assert opened(stub("-DMINOR=9")).abi == (3, 9)


def test_a_context_is_made_for_3_0_whatever_the_library_speaks(stub: Build) -> None:
    path = stub()
    opened(path)

    assert (number(path, "asked_major"), number(path, "asked_minor")) == (3, 0)


def test_what_is_missing_is_found_when_it_is_loaded_and_not_in_a_job(
    build: Build,
) -> None:
    path = build("void nosuch(void); void imageflow(void) { nosuch(); }")

    with pytest.raises(EngineLoadError, match="nosuch"):
        opened(path)


def test_its_symbols_stay_its_own(engine: Backend) -> None:
    assert engine.abi is not None

    with pytest.raises(AttributeError):
        ctypes.CDLL(None).imageflow_context_create  # noqa: B018  # looking is the test


@needs_proc
def test_it_stays_loaded_for_the_life_of_the_process(stub: Build) -> None:
    path = stub()
    backend = opened(path)
    backend.close()
    del backend
    library._kept_for_life.pop(str(path))  # as at the end of Python
    gc.collect()

    assert str(path) in Path("/proc/self/maps").read_text()


# Memory that is lent and taken


def test_a_lent_buffer_is_free_again_when_the_job_is_done(engine: Backend) -> None:
    picture = bytearray(pictures.jpeg())

    engine.execute(thumbnail(memoryview(picture)))
    picture.append(0)

    assert len(picture) == len(pictures.jpeg()) + 1


def test_a_lent_buffer_is_free_again_when_the_job_has_failed(engine: Backend) -> None:
    view = memoryview(bytearray(pictures.jpeg()))
    job = request(steps(decode(), encode(), security=limited(5, 5)), view)

    with pytest.raises(JobError) as caught:
        engine.execute(job)

    view.release()  # BufferError, if anybody still looked through it
    assert isinstance(caught.value, SizeLimitError)


def test_a_read_only_view_is_lent_as_it_is(engine: Backend) -> None:
    view = memoryview(pictures.jpeg()).toreadonly()

    assert engine.execute(thumbnail(view)).outputs


@pytest.mark.parametrize("method", ["anything", "late", "teapot", "long", "panic"])
def test_every_context_is_destroyed_and_every_output_freed(
    stub: Build, method: str
) -> None:
    path = stub()
    backend = opened(path)

    with nullcontext() if method == "anything" else pytest.raises(JobError):
        ask(backend, method, outputs=(1, 2))

    assert number(path, "contexts") == 0
    assert number(path, "buffers") == 0


def test_without_memory_for_a_context_the_error_says_so(
    stub: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = opened(stub())
    monkeypatch.setenv("STUB_ENGINE_HAS_NO_MEMORY", "1")

    with pytest.raises(EngineMemoryError) as caught:
        ask(backend, "anything")

    assert caught.value.exit_code == 71


# What a context says


def test_a_panic_is_an_internal_error_that_names_the_nodes(stub: Build) -> None:
    job = request(steps(decode(), {"flip_h": None}, encode()), method="panic")

    with pytest.raises(EngineInternalError, match="decode, flip_h, encode") as caught:
        opened(stub()).execute(job)

    assert (caught.value.code, caught.value.exit_code) == (18, 70)
    assert caught.value.kind is None


def test_a_success_that_crosses_a_cancellation_counts_as_cancelled(
    stub: Build,
) -> None:
    with pytest.raises(JobCancelledError) as caught:
        ask(opened(stub()), "late")

    assert caught.value.http_status == 499


def test_a_status_that_is_no_success_is_an_error(stub: Build) -> None:
    with pytest.raises(JobError, match="418"):
        ask(opened(stub()), "teapot")


def test_a_long_error_text_is_read_whole_and_shown_short(stub: Build) -> None:
    with pytest.raises(InvalidJobError) as caught:
        ask(opened(stub()), "long")

    assert caught.value.message == "x" * (50_000 - len("InvalidJson: Json: "))
    assert len(str(caught.value)) == 1000


# Threads


def test_jobs_in_turn_share_one_thread(engine: Backend) -> None:
    before = set(threads())

    for _ in range(20):
        engine.execute(thumbnail(pictures.jpeg()))

    assert len(set(threads()) - before) == 1


def test_threads_end_with_their_engine(library: Path) -> None:
    before = set(threads())
    backend = opened(library)
    backend.execute(thumbnail(pictures.jpeg()))

    backend.close()

    until(lambda: set(threads()) <= before)


def test_threads_end_when_nobody_has_the_engine_any_more(library: Path) -> None:
    before = set(threads())
    backend = opened(library)
    backend.execute(thumbnail(pictures.jpeg()))

    del backend
    gc.collect()

    until(lambda: set(threads()) <= before)


def test_a_closed_engine_runs_nothing_more(engine: Backend) -> None:
    engine.close()
    engine.close()

    with pytest.raises(EngineError, match="closed"):
        engine.execute(thumbnail(pictures.jpeg()))


@pytest.mark.parametrize(("family", "least"), [("glibc", 2 * MIB), ("musl", 8 * MIB)])
def test_a_job_has_stack_enough_and_other_threads_keep_theirs(
    stub: Build, family: str, least: int
) -> None:
    libc = Libc(family, None, ())  # type: ignore[arg-type]  # parametrized
    backend = opened(stub(), libc=libc)
    before = threading.stack_size(256 * 1024)
    try:
        stack = ask(backend, "stack").json["data"]["stack_bytes"]

        assert least <= stack < least + MIB
        assert threading.stack_size() == 256 * 1024
    finally:
        threading.stack_size(before)


def test_a_cmyk_jpeg_runs_where_threads_are_small(engine: Backend) -> None:
    before = threading.stack_size(256 * 1024)
    try:
        with ThreadPoolExecutor(1) as pool:
            job = thumbnail(pictures.jpeg(mode="CMYK"))
            response = pool.submit(engine.execute, job).result()
    finally:
        threading.stack_size(before)

    assert pictures.size(response.outputs[1]) == (16, 12)


# Forks


def run_script(name: str, *arguments: str | Path) -> str:
    """Run a script beside this file in a Python of its own."""
    ended = subprocess.run(
        [sys.executable, HERE / name, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": os.fspath(HERE.parents[1])},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@needs_proc
def test_an_encoder_that_gets_no_memory_says_so_and_the_process_lives(
    engine: Backend, library: Path
) -> None:
    if edition(engine.version) != "embedded":
        pytest.skip("others end the process")

    said = run_script("little_memory.py", library)

    assert said.splitlines() == [f"{name} out_of_memory 71" for name in PRESETS]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_prefork_server_serves(library: Path) -> None:
    said = run_script("prefork_server.py", library)

    assert said.splitlines() == ["child: 200 jobs, forked after use"] * 4 + [
        "parent: forked after use is False"
    ]
