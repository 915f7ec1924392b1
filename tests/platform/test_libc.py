"""The C library of a process, told from evidence; each row is a machine that exists."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._platform import (
    ElfError,
    ElfHeader,
    Platform,
    detect_platform,
    family_of,
)
from imageflow_loader._platform.libc import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

MUSL = frozenset({"_dlstart", "__dls3", "__optreset"})
GNU = frozenset({"gnu_get_libc_version"})
BIONIC = frozenset({"__system_property_get"})

ABSENT = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
FORBIDDEN = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
INVALID = OSError(errno.EINVAL, os.strerror(errno.EINVAL))
NO_CTYPES = ImportError("No module named '_ctypes'")
STATIC = OSError("Dynamic loading not supported")


def a_program(
    interpreter: str | None = None, machine: int = 62, *, narrow: bool = False
) -> ElfHeader:
    return ElfHeader(
        bits=32 if narrow else 64,
        byte_order="big" if machine in (22, 8) else "little",
        machine=machine,
        type=3,
        entry=0x1000,
        interpreter=interpreter,
        segments=(),
        sections=(0, 0),
    )


@dataclass(frozen=True)
class Machine:
    """A process to judge: what each witness says, or the error it answers with."""

    confstr: str | Exception | None = INVALID
    program: ElfHeader | Exception = ABSENT
    symbols: frozenset[str] | Exception = frozenset()
    mapped: frozenset[str] | Exception = frozenset()
    system: str = "linux"
    preloaded: bool = False
    uname: str = "x86_64"

    def platform(self, libc_override: str | None = None) -> Platform:
        evidence = Evidence(
            system=self.system,
            confstr=_says(self.confstr),
            program=_says(self.program),
            symbols=_says(self.symbols),
            mapped=_says(self.mapped),
            machine=lambda: self.uname,
            pointer_bits=64,
            preloaded=self.preloaded,
        )
        return detect_platform(evidence, libc_override)


def _says(answer: object) -> Callable[[], object]:
    def witness() -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return witness


LD_LINUX = a_program("/lib64/ld-linux-x86-64.so.2")
LD_MUSL = a_program("/lib/ld-musl-x86_64.so.1")
EXPLICIT_LOADER = a_program(None)
GLIBC_MAPS = frozenset({"libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6"})
MUSL_MAPS = frozenset({"ld-musl-x86_64.so.1", "libpython3.13.so.1.0"})

# machine → family, version, can_dlopen
TABLE: dict[str, tuple[Machine, str, tuple[int, int] | None, bool]] = {
    "T01 an ordinary glibc distribution": (
        Machine("glibc 2.36", LD_LINUX, GNU, GLIBC_MAPS),
        "glibc",
        (2, 36),
        True,
    ),
    "T02 Alpine": (Machine(INVALID, LD_MUSL, MUSL, MUSL_MAPS), "musl", None, True),
    "T03 Void and OpenWrt, where musl's file is libc.so": (
        Machine(INVALID, LD_MUSL, MUSL, frozenset({"libc.so"})),
        "musl",
        None,
        True,
    ),
    "T04 gcompat: glibc's loader is a link to musl": (
        Machine(INVALID, LD_LINUX, MUSL | GNU, MUSL_MAPS),
        "musl",
        None,
        True,
    ),
    "T05 a musl fork whose confstr claims glibc": (
        Machine("glibc 2.27", LD_MUSL, MUSL, frozenset({"libc.so"})),
        "musl",
        None,
        True,
    ),
    "T06 glibc's loader started with Python as its argument": (
        Machine("glibc 2.36", EXPLICIT_LOADER, GNU, GLIBC_MAPS),
        "glibc",
        (2, 36),
        True,
    ),
    "T07 musl's loader started with Python as its argument": (
        Machine(INVALID, EXPLICIT_LOADER, MUSL, MUSL_MAPS),
        "musl",
        None,
        True,
    ),
    "T08 a static Python with glibc": (
        Machine("glibc 2.36", a_program(None), NO_CTYPES, frozenset()),
        "glibc",
        (2, 36),
        False,
    ),
    "a static Python with glibc and a built-in ctypes": (
        Machine("glibc 2.36", a_program(None), frozenset(), frozenset()),
        "glibc",
        (2, 36),
        False,
    ),
    "T09 a static Python with musl": (
        Machine(INVALID, a_program(None), STATIC, frozenset()),
        "unknown",
        None,
        False,
    ),
    "T10 Nix: the loader lies in the store": (
        Machine(
            "glibc 2.36",
            a_program("/nix/store/abc-glibc-2.36/lib/ld-linux-x86-64.so.2"),
            GNU,
            GLIBC_MAPS,
        ),
        "glibc",
        (2, 36),
        True,
    ),
    "T11 a program that may be executed but not read": (
        Machine("glibc 2.36", FORBIDDEN, GNU, GLIBC_MAPS),
        "glibc",
        (2, 36),
        True,
    ),
    "T12 glibc without /proc": (
        Machine("glibc 2.36", ABSENT, GNU, ABSENT),
        "glibc",
        (2, 36),
        True,
    ),
    "T13 musl without /proc": (
        Machine(INVALID, ABSENT, MUSL, ABSENT),
        "musl",
        None,
        True,
    ),
    "T14 a 32-bit Python on a 64-bit kernel": (
        Machine(
            "glibc 2.36",
            a_program("/lib/ld-linux.so.2", 3, narrow=True),
            GNU,
            frozenset({"libc.so.6"}),
        ),
        "glibc",
        (2, 36),
        True,
    ),
    "T15 Termux": (
        Machine(
            INVALID,
            a_program("/system/bin/linker64", 183),
            BIONIC,
            frozenset({"libc.so"}),
        ),
        "bionic",
        None,
        True,
    ),
    "T16 Android's own Python": (
        Machine(ABSENT, ABSENT, ABSENT, ABSENT, system="android"),
        "bionic",
        None,
        True,
    ),
    "T17 an old aarch64 distribution": (
        Machine(
            "glibc 2.17",
            a_program("/lib/ld-linux-aarch64.so.1", 183),
            GNU,
            frozenset({"libc-2.17.so"}),
        ),
        "glibc",
        (2, 17),
        True,
    ),
    "T18 a vendor's suffix behind the version": (
        Machine("glibc 2.20-2014.11", LD_LINUX, GNU, GLIBC_MAPS),
        "glibc",
        (2, 20),
        True,
    ),
    "T19a confstr answers garbage on musl": (
        Machine("garbage", LD_MUSL, MUSL, MUSL_MAPS),
        "musl",
        None,
        True,
    ),
    "T19b confstr answers nothing on glibc": (
        Machine(None, LD_LINUX, GNU, GLIBC_MAPS),
        "glibc",
        None,
        True,
    ),
    "T19c confstr does not know the name": (
        Machine(ValueError("unrecognized configuration name"), LD_MUSL, MUSL),
        "musl",
        None,
        True,
    ),
    "T19d there is no confstr": (
        Machine(AttributeError("confstr"), LD_LINUX, GNU),
        "glibc",
        None,
        True,
    ),
    "T20a a garbled program header, and nothing else": (
        Machine(INVALID, ElfError("garbled"), frozenset(), ABSENT),
        "unknown",
        None,
        False,
    ),
    "T20b a garbled program header beside glibc's files": (
        Machine(INVALID, ElfError("garbled"), NO_CTYPES, GLIBC_MAPS),
        "glibc",
        None,
        True,
    ),
    "T21 uClibc": (
        Machine(
            INVALID,
            a_program("/lib/ld-uClibc.so.1", 8, narrow=True),
            frozenset(),
            frozenset({"ld-uClibc.so.1", "libuClibc-1.0.31.so"}),
        ),
        "uclibc",
        None,
        True,
    ),
    "T22 s390x": (
        Machine(
            "glibc 2.36",
            a_program("/lib/ld64.so.1", 22),
            GNU,
            frozenset({"libc.so.6"}),
        ),
        "glibc",
        (2, 36),
        True,
    ),
    "T23 a folder called musl": (
        Machine(
            "glibc 2.36",
            a_program("/opt/ld-musl-tools/lib/ld-linux-x86-64.so.2"),
            GNU,
            GLIBC_MAPS,
        ),
        "glibc",
        (2, 36),
        True,
    ),
    "a preloaded shim that claims glibc on musl": (
        Machine("glibc 2.35", LD_LINUX, MUSL | GNU, MUSL_MAPS, preloaded=True),
        "musl",
        None,
        True,
    ),
    "an ordinary preloaded library on glibc": (
        Machine("glibc 2.36", LD_LINUX, GNU, GLIBC_MAPS, preloaded=True),
        "glibc",
        (2, 36),
        True,
    ),
    "gcompat loaded into a musl process": (
        Machine(INVALID, LD_MUSL, MUSL | GNU, MUSL_MAPS | {"libgcompat.so.0"}),
        "musl",
        None,
        True,
    ),
    "both libcs installed, glibc in use": (
        Machine("glibc 2.36", LD_LINUX, GNU, GLIBC_MAPS),
        "glibc",
        (2, 36),
        True,
    ),
    "the program was replaced while it runs": (
        Machine("glibc 2.36", LD_LINUX, GNU, GLIBC_MAPS | {"python3.11"}),
        "glibc",
        (2, 36),
        True,
    ),
    "embedded in a musl program without ctypes": (
        Machine(INVALID, LD_MUSL, NO_CTYPES, MUSL_MAPS),
        "musl",
        None,
        True,
    ),
    "explicit loader, no ctypes, musl": (
        Machine(INVALID, EXPLICIT_LOADER, NO_CTYPES, MUSL_MAPS),
        "musl",
        None,
        True,
    ),
    "explicit loader, no ctypes, an unnamed libc": (
        Machine(INVALID, EXPLICIT_LOADER, NO_CTYPES, frozenset({"libc.so"})),
        "unknown",
        None,
        True,
    ),
    "no ctypes and no /proc on glibc": (
        Machine("glibc 2.36", ABSENT, NO_CTYPES, ABSENT),
        "glibc",
        (2, 36),
        False,
    ),
    "a musl that hides its symbols": (
        Machine(INVALID, LD_MUSL, frozenset(), MUSL_MAPS),
        "musl",
        None,
        True,
    ),
    "witnesses that contradict each other": (
        Machine("glibc 2.36", LD_MUSL, frozenset(), frozenset({"libc.so"})),
        "unknown",
        None,
        True,
    ),
    "PyPy, started by its loader": (
        Machine("glibc 2.36", a_program(None), GNU, GLIBC_MAPS | {"libpypy3.9-c.so"}),
        "glibc",
        (2, 36),
        True,
    ),
    "conda: libraries of its own beside the system's glibc": (
        Machine("glibc 2.17", LD_LINUX, GNU, GLIBC_MAPS | {"libgcc_s.so.1"}),
        "glibc",
        (2, 17),
        True,
    ),
    "WSL, AppImage, PyInstaller: a program of glibc's": (
        Machine("glibc 2.35", LD_LINUX, GNU, GLIBC_MAPS),
        "glibc",
        (2, 35),
        True,
    ),
    "an aarch64 Python under qemu on x86_64": (
        Machine("glibc 2.36", a_program("/lib/ld-linux-aarch64.so.1", 183), GNU),
        "glibc",
        (2, 36),
        True,
    ),
    "GraalPy: no confstr, no ctypes symbols": (
        Machine(AttributeError("confstr"), LD_LINUX, frozenset(), GLIBC_MAPS),
        "glibc",
        None,
        True,
    ),
    "a self-contained executable with no libc of its own": (
        Machine(AttributeError("confstr"), ElfError("not ELF"), STATIC, frozenset()),
        "unknown",
        None,
        False,
    ),
}


@pytest.mark.parametrize(
    ("machine", "family", "version", "can_dlopen"), TABLE.values(), ids=TABLE.keys()
)
def test_the_libc_is_told_from_the_process(
    machine: Machine, family: str, version: tuple[int, int] | None, can_dlopen: bool
) -> None:
    platform = machine.platform()

    assert platform.libc is not None
    assert (platform.libc.family, platform.libc.version, platform.can_dlopen) == (
        family,
        version,
        can_dlopen,
    )


@pytest.mark.parametrize(
    ("row", "arch"),
    [
        ("T01 an ordinary glibc distribution", "x86_64"),
        ("T14 a 32-bit Python on a 64-bit kernel", "x86"),
        ("T15 Termux", "aarch64"),
        ("T17 an old aarch64 distribution", "aarch64"),
        ("an aarch64 Python under qemu on x86_64", "aarch64"),
        ("T21 uClibc", "mips"),
        ("T22 s390x", "s390x"),
    ],
)
def test_the_architecture_is_that_of_the_program(row: str, arch: str) -> None:
    assert TABLE[row][0].platform().arch == arch


@pytest.mark.parametrize(
    ("system", "uname", "os_name", "arch"),
    [
        ("darwin", "arm64", "macos", "aarch64"),
        ("darwin", "x86_64", "macos", "x86_64"),
        ("win32", "win-amd64", "windows", "x86_64"),
        ("win32", "win-arm64", "windows", "aarch64"),
        ("win32", "win32", "windows", "x86"),
        ("emscripten", "wasm32", "emscripten", "wasm32"),
        ("freebsd14", "amd64", "freebsd14", "x86_64"),
    ],
)
def test_t24_off_linux_there_is_no_libc_to_ask_for(
    system: str, uname: str, os_name: str, arch: str
) -> None:
    platform = Machine(system=system, uname=uname).platform()

    assert (platform.os, platform.arch, platform.libc) == (os_name, arch, None)


def test_android_is_known_by_its_api_whatever_it_calls_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "getandroidapilevel", lambda: 30, raising=False)

    assert Evidence.of_this_process().system == "android"


def test_emscripten_loads_no_libraries() -> None:
    assert not Machine(system="emscripten", uname="wasm32").platform().can_dlopen


@pytest.mark.parametrize(
    ("uname", "pointer_bits", "arch"),
    [
        ("x86_64", 64, "x86_64"),
        ("x86_64", 32, "x86"),
        ("aarch64", 32, "arm"),
        ("armv7l", 32, "arm"),
        ("i686", 32, "x86"),
    ],
)
def test_without_a_readable_program_the_kernel_and_the_pointer_tell_the_architecture(
    uname: str, pointer_bits: int, arch: str
) -> None:
    evidence = Evidence(
        system="linux",
        confstr=lambda: "glibc 2.36",
        program=_says(ABSENT),  # type: ignore[arg-type]  # it raises
        symbols=lambda: GNU,
        mapped=lambda: GLIBC_MAPS,
        machine=lambda: uname,
        pointer_bits=pointer_bits,
    )

    assert detect_platform(evidence).arch == arch


def test_two_witnesses_that_agree_spare_the_import_of_ctypes() -> None:
    nobody_asks = AssertionError("symbols were asked for")

    platform = Machine("glibc 2.36", LD_LINUX, nobody_asks, nobody_asks).platform()

    assert str(platform.libc) == "glibc 2.36"


def test_a_conflict_between_witnesses_is_kept_as_evidence() -> None:
    libc = TABLE["T05 a musl fork whose confstr claims glibc"][0].platform().libc

    assert libc is not None
    assert libc.evidence == (
        "confstr: glibc 2.27",
        "interpreter: /lib/ld-musl-x86_64.so.1",
        "symbols: __dls3, __optreset, _dlstart",
        "conflict: confstr says glibc, the process musl",
    )


def test_the_interpreter_of_gcompat_is_kept_as_a_conflict() -> None:
    row = "T04 gcompat: glibc's loader is a link to musl"
    libc = TABLE[row][0].platform().libc

    assert libc is not None
    assert "conflict: the interpreter is named as glibc's loader" in libc.evidence


def test_an_override_changes_what_is_chosen_and_not_what_may_be_loaded() -> None:
    platform = Machine("glibc 2.36", LD_LINUX).platform("musl")

    assert str(platform.libc) == "musl"
    assert str(platform.loading_libc) == "glibc 2.36"


def test_an_override_that_names_the_running_libc_changes_nothing() -> None:
    machine = Machine("glibc 2.36", LD_LINUX)

    assert machine.platform("glibc") == machine.platform()


def test_an_override_is_believed_where_nothing_could_be_found_out() -> None:
    platform = Machine(INVALID, ABSENT, frozenset(), frozenset()).platform("musl")

    assert str(platform.loading_libc) == "musl"


def test_an_override_means_nothing_off_linux() -> None:
    assert Machine(system="darwin", uname="arm64").platform("musl").libc is None


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/lib64/ld-linux-x86-64.so.2", "glibc"),
        ("/lib/ld-linux.so.2", "glibc"),
        ("/lib/ld-linux-armhf.so.3", "glibc"),
        ("/lib64/ld64.so.1", "glibc"),
        ("/lib64/ld64.so.2", "glibc"),
        ("/lib/ld.so.1", "glibc"),
        ("/gnu/store/x/lib/ld-2.31.so", "glibc"),
        ("/lib/ld-musl-aarch64.so.1", "musl"),
        ("/system/bin/linker64", "bionic"),
        ("/system/bin/linker", "bionic"),
        ("/lib/ld64-uClibc.so.1", "uclibc"),
        ("/lib/ld-uClibc.so.0", "uclibc"),
        ("/opt/ld-musl-x86_64.so.1/other", None),
        ("/usr/bin/linker-helper", None),
        ("", None),
    ],
)
def test_only_the_base_name_of_a_loader_counts(path: str, family: str | None) -> None:
    assert family_of(path) == family


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (Machine("glibc 2.36", LD_LINUX), "linux-x86_64, glibc 2.36"),
        (Machine(INVALID, LD_MUSL, MUSL), "linux-x86_64, musl"),
        (Machine(INVALID, LD_MUSL, frozenset(), ABSENT), "linux-x86_64, musl"),
        (Machine(), "linux-x86_64, an unknown libc"),
        (Machine(system="darwin", uname="arm64"), "macos-aarch64"),
    ],
)
def test_a_platform_reads_well_in_a_sentence(machine: Machine, text: str) -> None:
    assert str(machine.platform()) == text
