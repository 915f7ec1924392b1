"""A wrong file that the user names: one clear sentence, at once, and no other engine.

Each of these really is loaded or started as far as we let it come.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._engine import load_engine
from imageflow_loader._platform import current_platform
from imageflow_loader.errors import (
    EngineError,
    EngineIncompatibleError,
    EngineLoadError,
)
from tests import wrong_engines
from tests.data.elf_heads import EXEC, GLIBC_LIBRARY, MUSL_LIBRARY, ElfFile
from tests.wrong_engines import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imageflow_loader._platform import Family

HERE = current_platform()
ELSEWHERE = "aarch64" if HERE.arch == "x86_64" else "x86_64"
FAMILY: Family = HERE.libc.family if HERE.libc else "unknown"


@pytest.fixture(autouse=True)
def no_patience() -> Iterator[None]:
    """End the test, and not after minutes, should anything be waited for."""

    def too_long(*_: object) -> None:
        raise AssertionError("a wrong engine was waited for")

    former = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


def written(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "engine"
        path.write_bytes(content)
        path.chmod(0o755)
        return path

    return make


def absent(folder: Path) -> Path:
    return folder / "absent"


def directory(folder: Path) -> Path:
    return folder


def named_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def cut(whole: Callable[[Path], Path], keep: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = whole(folder)
        os.truncate(path, int(path.stat().st_size * keep))
        return path

    return make


def compiled(source: str, *flags: str, name: str = "libe.so") -> Callable[[Path], Path]:
    return lambda folder: build(folder, name, source, *flags)


def needs_a_library_that_is_gone(folder: Path, name: str = "libe.so") -> Path:
    gone = build(folder, "libgone.so", "int gone(void) { return 1; }")
    source = (
        f"int gone(void); int main(void) {{ return gone(); }} {wrong_engines.ABI_4}"
    )
    engine = build(folder, name, source, f"-L{folder}", "-lgone")
    gone.unlink()
    return engine


def without_permission_to_run(folder: Path) -> Path:
    path = build(folder, "tool", "int main(void) { return 0; }")
    path.chmod(0o644)
    return path


TEXT = written(b"not an engine\n")
HTML = written(b"<!doctype html><title>404</title>")
ANY_LIBRARY = compiled(wrong_engines.ABI_4)
PROGRAM = compiled("int main(void) { return 0; }", name="tool")
TALKER = compiled(
    '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }', name="tool"
)
CRASHER = compiled("int main(void) { return *(volatile int *)0; }", name="tool")
GLIBC_2_99 = ElfFile(
    arch=HERE.arch,
    needed=("libc.so.6",),
    versions={"libc.so.6": ("GLIBC_2.99",)},
    symbols=GLIBC_LIBRARY.symbols,
)
OTHER_LIBC = MUSL_LIBRARY if FAMILY == "glibc" else GLIBC_LIBRARY

LIBRARIES: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "nothing": (absent, "not_found", "does not exist."),
    "a directory": (directory, "directory", "is a directory."),
    "a named pipe": (named_pipe, "not_a_file", "is a named pipe."),
    "a text": (TEXT, "text", "is a text file, not a shared library."),
    "a page": (HTML, "html", "is an HTML page, not a shared library"),
    "cut in half": (cut(ANY_LIBRARY, 0.5), "cut_off", "is cut off: it needs "),
    "cut at its end": (cut(ANY_LIBRARY, 0.99), "cut_off", "is cut off: it needs "),
    "cut in its head": (cut(ANY_LIBRARY, 0.002), "cut_off", "is cut off: it needs "),
    "another architecture": (
        written(bytes(ElfFile(arch=ELSEWHERE, symbols=GLIBC_LIBRARY.symbols))),
        "wrong_arch",
        f"is built for {ELSEWHERE}, but this process is {HERE.arch}.",
    ),
    "another libc": (
        written(bytes(OTHER_LIBC)),
        "wrong_libc",
        f", but this process runs on {HERE.libc}. Install the wheel for {FAMILY}, or "
        "use the static imageflow_tool: load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "a missing dependency": (
        needs_a_library_that_is_gone,
        "missing_dependency",
        f"needs libgone.so, which cannot be found on this machine ({HERE}).",
    ),
    "no symbols of ours": (
        compiled(wrong_engines.NO_SYMBOLS),
        "not_imageflow",
        "is a library, but not imageflow's: it has no imageflow_context_create.",
    ),
    "half of our symbols": (
        compiled(wrong_engines.HALF_THE_SYMBOLS),
        "missing_symbols",
        "does not export ",
    ),
    "a program": (PROGRAM, "not_a_library", "is a program, not a shared library."),
    "a static archive": (
        written(b"!<arch>\n" + bytes(60)),
        "static_archive",
        "is a static archive",
    ),
}
if FAMILY == "glibc":
    LIBRARIES["a newer glibc"] = (
        written(bytes(GLIBC_2_99)),
        "old_glibc",
        f"needs glibc 2.99, but this process runs on {HERE.libc}.",
    )

TOOLS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "nothing": (absent, "not_found", "does not exist."),
    "a directory": (directory, "directory", "is a directory."),
    "a named pipe": (named_pipe, "not_a_file", "is a named pipe."),
    "a text": (TEXT, "text", "is a text file, not a program."),
    "a page": (HTML, "html", "is an HTML page, not a program"),
    "cut in half": (cut(PROGRAM, 0.5), "cut_off", "is cut off: it needs "),
    "another architecture": (
        written(bytes(ElfFile(arch=ELSEWHERE, type=EXEC, dynamic=False))),
        "wrong_arch",
        f"is built for {ELSEWHERE}, but this process is {HERE.arch}.",
    ),
    "the library": (
        ANY_LIBRARY,
        "not_a_program",
        "is a shared library, not a program.",
    ),
    "not executable": (
        without_permission_to_run,
        "not_executable",
        "is not executable for this user.",
    ),
    "a loader that is not here": (
        written(
            bytes(
                ElfFile(arch=HERE.arch, interpreter="/absent/ld.so.1", is_program=True)
            )
        ),
        "missing_interpreter",
        "needs the loader /absent/ld.so.1 (glibc), which is not on this machine "
        f"({HERE}). Use the static tool, the linux-musl build.",
    ),
    "a missing dependency": (
        lambda folder: needs_a_library_that_is_gone(folder, "tool"),
        "missing_dependency",
        f"needs libgone.so, which cannot be found on this machine ({HERE}).",
    ),
    "somebody else's program": (TALKER, "not_imageflow", "is no imageflow_tool"),
    "a program that says nothing": (PROGRAM, "not_imageflow", "is no imageflow_tool"),
    "a program that crashes": (CRASHER, "not_imageflow", "is no imageflow_tool"),
    "a script without an interpreter": (
        written(b"#!/absent/sh\n"),
        "missing_interpreter",
        "is a script for /absent/sh, which does not exist.",
    ),
}


def the_refusal(
    monkeypatch: pytest.MonkeyPatch, variable: str, path: Path
) -> EngineError:
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(EngineError) as caught:
        load_engine()
    return caught.value


@pytest.mark.parametrize(
    ("make", "code", "sentence"), LIBRARIES.values(), ids=LIBRARIES.keys()
)
def test_a_wrong_library_is_refused_with_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make: Callable[[Path], Path],
    code: str,
    sentence: str,
) -> None:
    path = make(tmp_path)

    error = the_refusal(monkeypatch, "IMAGEFLOW_LIBRARY", path)

    assert isinstance(error, EngineLoadError)
    assert error.reason == code
    assert error.message.startswith(f"IMAGEFLOW_LIBRARY: {path} ")
    assert sentence in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(("make", "code", "sentence"), TOOLS.values(), ids=TOOLS.keys())
def test_a_wrong_tool_is_refused_with_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make: Callable[[Path], Path],
    code: str,
    sentence: str,
) -> None:
    path = make(tmp_path)

    error = the_refusal(monkeypatch, "IMAGEFLOW_TOOL", path)

    assert isinstance(error, EngineLoadError)
    assert error.reason == code
    assert error.message.startswith(f"IMAGEFLOW_TOOL: {path} ")
    assert sentence in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("source", "abi"),
    [(wrong_engines.ABI_4, "4.0"), (wrong_engines.ABI_TOO_OLD, "3.0")],
)
def test_another_abi_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, abi: str
) -> None:
    path = build(tmp_path, "libe.so", source)

    error = the_refusal(monkeypatch, "IMAGEFLOW_LIBRARY", path)

    assert isinstance(error, EngineIncompatibleError)
    assert error.message.startswith(f"IMAGEFLOW_LIBRARY: {path} speaks ABI {abi}, ")


@pytest.mark.parametrize("variable", ["IMAGEFLOW_LIBRARY", "IMAGEFLOW_TOOL"])
def test_nothing_else_is_tried_when_what_was_named_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    error = the_refusal(monkeypatch, variable, tmp_path / "absent")

    assert [(a.origin, a.ok) for a in error.attempts] == [("environment", False)]
    assert error.attempts[0].error == f"{tmp_path / 'absent'} does not exist."


def test_a_path_that_is_given_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(EngineLoadError) as caught:
        load_engine(path=tmp_path)

    assert caught.value.message == (
        f"path: {tmp_path} is a directory. Name the file itself."
    )


def test_what_cannot_be_loaded_starts_no_other_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = needs_a_library_that_is_gone(tmp_path)
    marker = tmp_path / "was-started"
    for name in ("ldconfig", "gcc", "cc", "ld"):
        spy = tmp_path / name
        spy.write_text(f"#!/bin/sh\ntouch {marker}\n")
        spy.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    the_refusal(monkeypatch, "IMAGEFLOW_LIBRARY", path)

    assert not marker.exists()


def test_the_program_of_the_tests_really_is_one(tmp_path: Path) -> None:
    # Otherwise the refusals above would prove nothing.
    assert subprocess.run([PROGRAM(tmp_path)], check=False).returncode == 0
