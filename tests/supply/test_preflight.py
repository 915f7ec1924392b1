"""Whether a file can be loaded or started, told before it is tried."""

from __future__ import annotations

import errno
import gzip
import os
import shlex
import socket
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._platform import (
    Libc,
    Platform,
    base_names,
    current_platform,
    mapped_files,
)
from imageflow_loader._supply import Verdict, preflight
from tests.alpine_root import in_a_namespace
from tests.data.elf_heads import (
    EXEC,
    GLIBC_LIBRARY,
    IMAGEFLOW,
    MUSL_LIBRARY,
    RELOCATABLE,
    ElfFile,
)
from tests.unprivileged import as_nobody, shared_folder

if TYPE_CHECKING:
    from imageflow_loader._platform import Family
    from imageflow_loader.types import EngineKind

GLIBC = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
MUSL = Platform("linux", "x86_64", Libc("musl", None), can_dlopen=True)
STATIC = Platform("linux", "x86_64", Libc("unknown", None), can_dlopen=False)
UNKNOWN = Platform("linux", "x86_64", Libc("unknown", None), can_dlopen=True)
BIONIC = Platform("linux", "x86_64", Libc("bionic", None), can_dlopen=True)
MACOS = Platform("macos", "aarch64", None, can_dlopen=True)
WINDOWS = Platform("windows", "x86_64", None, can_dlopen=True)

STATIC_TOOL = ElfFile(type=EXEC, dynamic=False, entry=0x1000)
DYNAMIC_TOOL = ElfFile(
    interpreter="/bin/sh",  # stands for a loader that is there
    needed=("libc.so.6",),
    is_program=True,
    entry=0x1000,
)


def macho(cpu: int, type_: int) -> bytes:
    return struct.pack("<IIII", 0xFEEDFACF, cpu, 0, type_).ljust(64, b"\0")


def universal(*cpus: int) -> bytes:
    rows = b"".join(struct.pack(">5I", cpu, 0, 0, 0, 0) for cpu in cpus)
    return struct.pack(">II", 0xCAFEBABE, len(cpus)) + rows


def pe(machine: int, flags: int) -> bytes:
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    return head + struct.pack("<4sHHIIIHH", b"PE", machine, 0, 0, 0, 0, 0, flags)


ARM64, X64 = 0x0100_000C, 0x0100_0007


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "engine"


def put(place: Path, content: ElfFile | bytes, mode: int = 0o755) -> Path:
    place.unlink(missing_ok=True)  # it may be one that cannot be written
    place.write_bytes(bytes(content))
    place.chmod(mode)
    return place


@pytest.mark.parametrize(
    ("content", "platform"),
    [
        # Its libc itself need not be on the machine that runs the tests.
        pytest.param(replace(GLIBC_LIBRARY, needed=()), GLIBC, id="glibc"),
        pytest.param(MUSL_LIBRARY, MUSL, id="musl"),
        pytest.param(ElfFile(symbols=IMAGEFLOW), GLIBC, id="no libc at all, on glibc"),
        pytest.param(ElfFile(symbols=IMAGEFLOW), MUSL, id="no libc at all, on musl"),
        pytest.param(
            replace(MUSL_LIBRARY, sections=False), MUSL, id="without a section table"
        ),
        pytest.param(macho(ARM64, 6), MACOS, id="macOS"),
        pytest.param(universal(X64, ARM64), MACOS, id="macOS, universal"),
        pytest.param(pe(0x8664, 0x2000), WINDOWS, id="Windows"),
    ],
)
def test_a_library_that_fits_is_let_through(
    place: Path, content: ElfFile | bytes, platform: Platform
) -> None:
    assert preflight(put(place, content), "library", platform) == Verdict(True, "ok")


@pytest.mark.parametrize(
    ("content", "platform"),
    [
        pytest.param(STATIC_TOOL, GLIBC, id="static, on glibc"),
        pytest.param(STATIC_TOOL, MUSL, id="static, on musl"),
        pytest.param(STATIC_TOOL, STATIC, id="static, for a static Python"),
        pytest.param(
            ElfFile(is_program=True, entry=0x1000), MUSL, id="static and movable"
        ),
        pytest.param(DYNAMIC_TOOL, GLIBC, id="dynamic, with its loader there"),
        pytest.param(b"#!/bin/sh\nexec true\n", GLIBC, id="a script"),
        pytest.param(macho(ARM64, 2), MACOS, id="macOS"),
        pytest.param(pe(0x8664, 0x2), WINDOWS, id="Windows"),
    ],
)
def test_a_tool_that_fits_is_let_through(
    place: Path, content: ElfFile | bytes, platform: Platform
) -> None:
    assert preflight(put(place, content), "tool", platform) == Verdict(True, "ok")


REMEDY_TOOL = (
    "Use the static imageflow_tool instead: load_engine('tool') or IMAGEFLOW_TOOL."
)

REFUSED_LIBRARIES: dict[str, tuple[ElfFile | bytes, Platform, str, str, str]] = {
    "built for glibc, on musl": (
        GLIBC_LIBRARY,
        MUSL,
        "wrong_libc",
        "is built for glibc, but this process runs on musl.",
        "Install the wheel for musl, or use the static imageflow_tool:"
        " load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "built for musl as upstream names it, on glibc": (
        MUSL_LIBRARY,
        GLIBC,
        "wrong_libc",
        "is built for musl, but this process runs on glibc 2.36.",
        "Install the wheel for glibc, or use the static imageflow_tool:"
        " load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "built for musl as Alpine names it, on glibc": (
        replace(MUSL_LIBRARY, needed=("libc.musl-x86_64.so.1",)),
        GLIBC,
        "wrong_libc",
        "is built for musl, but this process runs on glibc 2.36.",
        "Install the wheel for glibc, or use the static imageflow_tool:"
        " load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "built for Android, on musl": (
        ElfFile(
            needed=("libc.so",), versions={"libc.so": ("LIBC",)}, symbols=IMAGEFLOW
        ),
        MUSL,
        "wrong_libc",
        "is built for bionic, but this process runs on musl.",
        "Install the wheel for musl, or use the static imageflow_tool:"
        " load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "built for uClibc, on glibc": (
        ElfFile(needed=("libc.so.1",), symbols=IMAGEFLOW),
        GLIBC,
        "wrong_libc",
        "is built for uclibc, but this process runs on glibc 2.36.",
        "Install the wheel for glibc, or use the static imageflow_tool:"
        " load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "built for glibc, on Android": (
        GLIBC_LIBRARY,
        BIONIC,
        "wrong_libc",
        "is built for glibc, but this process runs on bionic.",
        "Install the wheel for bionic, or use the static imageflow_tool:"
        " load_engine('tool') or IMAGEFLOW_TOOL.",
    ),
    "anything, on a libc nobody knows": (
        GLIBC_LIBRARY,
        UNKNOWN,
        "unknown_libc",
        "cannot be judged: this process runs on a libc that we do not know.",
        REMEDY_TOOL,
    ),
    "anything, in a static Python": (
        GLIBC_LIBRARY,
        STATIC,
        "no_dlopen",
        "cannot be loaded: this Python is static and loads no libraries.",
        REMEDY_TOOL,
    ),
    "a newer glibc": (
        replace(GLIBC_LIBRARY, versions={"libc.so.6": ("GLIBC_2.4", "GLIBC_2.38")}),
        GLIBC,
        "old_glibc",
        "needs glibc 2.38, but this process runs on glibc 2.36.",
        REMEDY_TOOL,
    ),
    "another architecture": (
        replace(GLIBC_LIBRARY, arch="aarch64"),
        GLIBC,
        "wrong_arch",
        "is built for aarch64, but this process is x86_64.",
        "Get the build for linux-x86_64.",
    ),
    "32 bits": (
        replace(GLIBC_LIBRARY, arch="x86"),
        GLIBC,
        "wrong_arch",
        "is built for x86, but this process is x86_64.",
        "Get the build for linux-x86_64.",
    ),
    "a macOS library": (
        macho(ARM64, 6),
        GLIBC,
        "wrong_os",
        "is built for macOS aarch64, but this is linux-x86_64.",
        "Get the build for linux-x86_64.",
    ),
    "a universal macOS library": (
        universal(X64, ARM64),
        GLIBC,
        "wrong_os",
        "is built for macOS x86_64 or aarch64, but this is linux-x86_64.",
        "Get the build for linux-x86_64.",
    ),
    "a Windows library": (
        pe(0x8664, 0x2000),
        GLIBC,
        "wrong_os",
        "is built for Windows x86_64, but this is linux-x86_64.",
        "Get the build for linux-x86_64.",
    ),
    "a Linux library, on macOS": (
        GLIBC_LIBRARY,
        MACOS,
        "wrong_os",
        "is built for Linux, but this is macos-aarch64.",
        "Get the build for macos-aarch64.",
    ),
    "an Intel library, on an ARM Mac": (
        macho(X64, 6),
        MACOS,
        "wrong_arch",
        "is built for x86_64, but this process is aarch64.",
        "Get the build for macos-aarch64.",
    ),
    "a Windows program": (
        pe(0x8664, 0x2),
        WINDOWS,
        "not_a_library",
        "is a program, not a shared library.",
        "Name it in IMAGEFLOW_TOOL if it is imageflow_tool.",
    ),
    "a static archive": (
        b"!<arch>\n" + bytes(100),
        GLIBC,
        "static_archive",
        "is a static archive, which can be linked but not loaded.",
        "Get the shared library, or the tool.",
    ),
    "a tarball": (
        gzip.compress(b"tar"),
        GLIBC,
        "archive",
        "is a gzip archive, not a shared library.",
        "Unpack it first.",
    ),
    "a wheel": (
        b"PK\x03\x04" + bytes(60),
        GLIBC,
        "archive",
        "is a zip archive, not a shared library.",
        "Unpack it first.",
    ),
    "a captive portal's page": (
        b"\r\n<!DOCTYPE html><html><body>Sign in</body></html>",
        GLIBC,
        "html",
        "is an HTML page, not a shared library: a download went wrong.",
        "Download or copy it again.",
    ),
    "a text": (
        b"version https://git-lfs.example/spec/v1\nsize 12\n",
        GLIBC,
        "text",
        "is a text file, not a shared library.",
        "Name the libimageflow file itself.",
    ),
    "a text cut within a character": (
        ("ü" * 2048).encode()[:4095],
        GLIBC,
        "text",
        "is a text file, not a shared library.",
        "Name the libimageflow file itself.",
    ),
    "a linker script": (
        b"#!/bin/sh\n",
        GLIBC,
        "text",
        "is a text file, not a shared library.",
        "Name the libimageflow file itself.",
    ),
    "random bytes": (
        bytes(range(256)),
        GLIBC,
        "not_a_binary",
        "holds 256 bytes of something that is not a shared library.",
        "Name the libimageflow file itself.",
    ),
    "nothing": (
        b"",
        GLIBC,
        "empty",
        "is empty.",
        "Download or copy it again.",
    ),
    "a cut header": (
        bytes(GLIBC_LIBRARY)[:40],
        GLIBC,
        "cut_off",
        "is cut off: it needs 64 bytes, has 40.",
        "Download or copy it again.",
    ),
    "a file cut in its tables": (
        bytes(GLIBC_LIBRARY)[:-1],
        GLIBC,
        "cut_off",
        f"is cut off: it needs {len(bytes(GLIBC_LIBRARY))} bytes,"
        f" has {len(bytes(GLIBC_LIBRARY)) - 1}.",
        "Download or copy it again.",
    ),
    "a program": (
        DYNAMIC_TOOL,
        GLIBC,
        "not_a_library",
        "is a program, not a shared library.",
        "Name it in IMAGEFLOW_TOOL if it is imageflow_tool.",
    ),
    "a static program": (
        STATIC_TOOL,
        GLIBC,
        "not_a_library",
        "is a program, not a shared library.",
        "Name it in IMAGEFLOW_TOOL if it is imageflow_tool.",
    ),
    "an object file": (
        ElfFile(type=RELOCATABLE, dynamic=False),
        GLIBC,
        "not_linked",
        "is an object file or a core dump, not a shared library.",
        "Name the libimageflow file itself.",
    ),
    "somebody else's library": (
        replace(GLIBC_LIBRARY, symbols=("deflate", "inflate")),
        GLIBC,
        "not_imageflow",
        "is a library, but not imageflow's: it has no imageflow_context_create.",
        "Name the libimageflow file itself.",
    ),
    "a library that only calls imageflow": (
        replace(GLIBC_LIBRARY, symbols=("wrap",), undefined=IMAGEFLOW),
        GLIBC,
        "not_imageflow",
        "is a library, but not imageflow's: it has no imageflow_context_create.",
        "Name the libimageflow file itself.",
    ),
    "static thread-locals, on musl": (
        replace(MUSL_LIBRARY, static_tls=True),
        MUSL,
        "static_tls",
        "has static thread-local storage (DF_STATIC_TLS), which musl cannot load at run"
        " time.",
        REMEDY_TOOL,
    ),
    "an executable stack, on a strict glibc": (
        replace(GLIBC_LIBRARY, executable_stack=True),
        GLIBC._replace(libc=Libc("glibc", (2, 41))),
        "executable_stack",
        "asks for an executable stack, which glibc 2.41 refuses.",
        "Link it again with -z noexecstack.",
    ),
}


@pytest.mark.parametrize(
    ("content", "platform", "code", "sentence", "remedy"),
    REFUSED_LIBRARIES.values(),
    ids=REFUSED_LIBRARIES.keys(),
)
def test_a_library_that_cannot_be_loaded_is_refused_with_one_sentence_and_a_remedy(
    place: Path,
    content: ElfFile | bytes,
    platform: Platform,
    code: str,
    sentence: str,
    remedy: str,
) -> None:
    verdict = preflight(put(place, content), "library", platform)

    assert verdict == Verdict(False, code, f"{place} {sentence}", remedy)


REFUSED_TOOLS: dict[str, tuple[ElfFile | bytes, Platform, str, str]] = {
    "its loader is not here": (
        replace(DYNAMIC_TOOL, interpreter="/absent/ld-linux-x86-64.so.2"),
        MUSL,
        "missing_interpreter",
        "needs the loader /absent/ld-linux-x86-64.so.2 (glibc), which is not on this"
        " machine (linux-x86_64, musl).",
    ),
    "a newer glibc": (
        replace(
            DYNAMIC_TOOL,
            interpreter="{here}/ld-linux-x86-64.so.2",
            versions={"libc.so.6": ("GLIBC_2.38",)},
        ),
        GLIBC,
        "old_glibc",
        "needs glibc 2.38, but this process runs on glibc 2.36.",
    ),
    "another architecture": (
        replace(STATIC_TOOL, arch="aarch64"),
        GLIBC,
        "wrong_arch",
        "is built for aarch64, but this process is x86_64.",
    ),
    "a macOS program": (
        macho(ARM64, 2),
        GLIBC,
        "wrong_os",
        "is built for macOS aarch64, but this is linux-x86_64.",
    ),
    "a Windows program": (
        pe(0x8664, 0x2),
        GLIBC,
        "wrong_os",
        "is built for Windows x86_64, but this is linux-x86_64.",
    ),
    "the library": (
        replace(GLIBC_LIBRARY, soname="libimageflow.so"),
        GLIBC,
        "not_a_program",
        "is a shared library, not a program.",
    ),
    "the library, without a name of its own": (
        GLIBC_LIBRARY,
        GLIBC,
        "not_a_program",
        "is a shared library, not a program.",
    ),
    "an object file": (
        ElfFile(type=RELOCATABLE, dynamic=False),
        GLIBC,
        "not_linked",
        "is an object file or a core dump, not a program.",
    ),
    "cut off": (
        bytes(STATIC_TOOL)[:-100],
        GLIBC,
        "cut_off",
        f"is cut off: it needs {len(bytes(STATIC_TOOL))} bytes,"
        f" has {len(bytes(STATIC_TOOL)) - 100}.",
    ),
    "empty": (b"", GLIBC, "empty", "is empty."),
    "a text": (b"hello\n", GLIBC, "text", "is a text file, not a program."),
    "a page": (
        b"<html></html>",
        GLIBC,
        "html",
        "is an HTML page, not a program: a download went wrong.",
    ),
    "a zip": (
        b"PK\x03\x04" + bytes(40),
        GLIBC,
        "archive",
        "is a zip archive, not a program.",
    ),
    "a script for nobody": (
        b"#!/absent/python -E\n",
        GLIBC,
        "missing_interpreter",
        "is a script for /absent/python, which does not exist.",
    ),
    "a script for nothing": (
        b"#!\n",
        GLIBC,
        "missing_interpreter",
        "is a script for nothing, which does not exist.",
    ),
    "a script, on Windows": (
        b"#!/bin/sh\n",
        WINDOWS,
        "text",
        "is a text file, not a program.",
    ),
}


@pytest.mark.parametrize(
    ("content", "platform", "code", "sentence"),
    REFUSED_TOOLS.values(),
    ids=REFUSED_TOOLS.keys(),
)
def test_a_tool_that_cannot_be_started_is_refused_with_one_sentence(
    place: Path,
    content: ElfFile | bytes,
    platform: Platform,
    code: str,
    sentence: str,
) -> None:
    if isinstance(content, ElfFile) and content.interpreter:
        loader = content.interpreter.format(here=place.parent)
        content = replace(content, interpreter=loader)
        if "absent" not in loader and not Path(loader).exists():
            Path(loader).touch()

    verdict = preflight(put(place, content), "tool", platform)

    assert (verdict.ok, verdict.code, verdict.sentence) == (
        False,
        code,
        f"{place} {sentence}",
    )


@pytest.mark.parametrize("kind", ["library", "tool"])
@pytest.mark.parametrize(
    ("what", "code", "sentence"),
    [
        ("nothing", "not_found", "does not exist."),
        ("folder", "directory", "is a directory."),
        ("pipe", "not_a_file", "is a named pipe."),
        ("socket", "not_a_file", "is a socket."),
        ("device", "not_a_file", "is a device."),
        ("dangling", "dangling_link", "is a link to gone.so, which does not exist."),
        ("loop", "unreadable", f"cannot be read: {os.strerror(errno.ELOOP)}."),
        (
            "below a file",
            "unreadable",
            f"cannot be read: {os.strerror(errno.ENOTDIR)}.",
        ),
    ],
)
def test_what_is_no_regular_file_is_never_even_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: EngineKind,
    what: str,
    code: str,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name has to be short
    place = Path("engine")
    listener = socket.socket(socket.AF_UNIX)
    if what == "folder":
        place.mkdir()
    elif what == "pipe":
        os.mkfifo(place)
    elif what == "socket":
        listener.bind(str(place))
    elif what == "device":
        place = Path("/dev/zero")
    elif what == "dangling":
        place.symlink_to("gone.so")
    elif what == "loop":
        place.symlink_to(place)
    elif what == "below a file":
        place.touch()
        place /= "engine"

    verdict = preflight(place, kind, GLIBC)
    listener.close()

    assert (verdict.ok, verdict.code, verdict.sentence) == (
        False,
        code,
        f"{place} {sentence}",
    )


def test_a_link_to_a_good_file_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "libimageflow.so"
    link.symlink_to(put(tmp_path / "libimageflow.so.3", GLIBC_LIBRARY))

    assert preflight(link, "library", GLIBC).ok


def test_a_library_needs_no_executable_bit_but_a_tool_does(place: Path) -> None:
    assert preflight(put(place, GLIBC_LIBRARY, 0o444), "library", GLIBC).ok

    verdict = preflight(put(place, STATIC_TOOL, 0o644), "tool", GLIBC)

    assert verdict == Verdict(
        False,
        "not_executable",
        f"{place} is not executable for this user.",
        f"Run: chmod +x {place}",
    )


def test_a_file_that_this_user_may_not_read_is_refused() -> None:
    with shared_folder() as folder:
        secret = put(folder / "libimageflow.so", GLIBC_LIBRARY, 0o600)
        if os.geteuid() != 0:
            secret.chmod(0)

        verdict = as_nobody(lambda: preflight(secret, "library", GLIBC))

    assert verdict[:3] == (
        False,
        "unreadable",
        f"{secret} may not be read by this user.",
    )


def test_a_file_in_a_folder_that_this_user_may_not_enter_is_refused() -> None:
    with shared_folder() as folder:
        closed = folder / "closed"
        closed.mkdir()
        inside = put(closed / "libimageflow.so", GLIBC_LIBRARY)
        closed.chmod(0o700 if os.geteuid() == 0 else 0)

        verdict = as_nobody(lambda: preflight(inside, "library", GLIBC))
        closed.chmod(0o700)

    assert verdict[:3] == (
        False,
        "unreadable",
        f"{inside} lies in a folder that this user may not enter.",
    )


def test_a_tool_that_only_others_may_execute_is_refused() -> None:
    with shared_folder() as folder:
        tool = put(folder / "imageflow_tool", STATIC_TOOL, 0o744)
        if os.geteuid() != 0:
            tool.chmod(0o644)

        verdict = as_nobody(lambda: preflight(tool, "tool", GLIBC))

    assert verdict.code == "not_executable"


@pytest.mark.parametrize("kind", ["library", "tool"])
def test_a_file_on_a_noexec_mount_is_refused(place: Path, kind: EngineKind) -> None:
    content = GLIBC_LIBRARY if kind == "library" else STATIC_TOOL
    put(place, content)
    folder = shlex.quote(str(place.parent))
    command = in_a_namespace(
        f"mount --bind {folder} {folder}",
        f"mount -o remount,bind,noexec {folder}",
    )
    program = (
        "from pathlib import Path; from imageflow_loader._supply import preflight; "
        "from tests.supply.test_preflight import GLIBC; "
        f"print(*preflight(Path({str(place)!r}), {kind!r}, GLIBC), sep='\\n')"
    )

    ended = subprocess.run(
        [*command, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert ended.stdout.splitlines() == [
        "False",
        "noexec",
        f"{place} is on a file system that is mounted noexec.",
        "Put it elsewhere; IMAGEFLOW_CACHE_DIR moves what is fetched.",
    ], ended.stderr


@pytest.mark.parametrize("kind", ["library", "tool"])
def test_a_file_that_is_removed_while_it_is_looked_at_is_refused(
    kind: EngineKind, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, GLIBC_LIBRARY if kind == "library" else STATIC_TOOL)
    look = os.statvfs

    def too_late(path: Path) -> os.statvfs_result:
        path.unlink()
        return look(path)

    monkeypatch.setattr(os, "statvfs", too_late)

    verdict = preflight(place, kind, GLIBC)

    assert (verdict.ok, verdict.code) == (False, "unreadable")
    assert verdict.sentence == f"{place} cannot be read: No such file or directory."


def test_a_file_that_anybody_can_change_is_doubted_and_let_through(place: Path) -> None:
    put(place, STATIC_TOOL, 0o777)

    assert preflight(place, "tool", GLIBC) == Verdict(
        True,
        "others_can_write",
        f"{place} can be changed by every user of this machine.",
        "Make it yours and writable for you alone.",
    )


def test_a_folder_in_which_anybody_can_put_files_is_doubted(place: Path) -> None:
    put(place, STATIC_TOOL)
    place.parent.chmod(0o777)

    verdict = preflight(place, "tool", GLIBC)

    assert (verdict.ok, verdict.code) == (True, "others_can_write")
    assert verdict.sentence == (
        f"{place} lies in {place.parent}, which can be changed by every user of this "
        "machine."
    )


def test_a_folder_like_tmp_is_not_doubted(place: Path) -> None:
    put(place, STATIC_TOOL)
    place.parent.chmod(0o1777)

    assert preflight(place, "tool", GLIBC).code == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_doubted(place: Path) -> None:
    put(place, STATIC_TOOL)
    os.chown(place, 1234, 1234)

    verdict = preflight(place, "tool", GLIBC)

    assert (verdict.ok, verdict.code) == (True, "others_can_write")
    assert verdict.sentence == f"{place} belongs to another user (uid 1234)."


def test_an_executable_stack_is_doubted_where_it_may_still_work(place: Path) -> None:
    content = replace(MUSL_LIBRARY, executable_stack=True)

    verdict = preflight(put(place, content), "library", MUSL)

    assert (verdict.ok, verdict.code) == (True, "executable_stack")


def test_a_dependency_that_is_not_to_be_seen_is_doubted(place: Path) -> None:
    content = ElfFile(needed=("libgone.so.1", "libgcc_gone.so"), symbols=IMAGEFLOW)

    assert preflight(put(place, content), "library", MUSL) == Verdict(
        True,
        "missing_dependency",
        f"{place} needs libgone.so.1 and libgcc_gone.so, which cannot be found on this "
        "machine (linux-x86_64, musl).",
        "Install it, or use the static imageflow_tool.",
    )


def test_a_doubt_never_hides_a_refusal(place: Path) -> None:
    content = replace(STATIC_TOOL, executable_stack=True)
    put(place, content, 0o666)

    assert preflight(place, "tool", GLIBC).code == "not_executable"


@pytest.mark.parametrize("origin", ["$ORIGIN", "${ORIGIN}/.", "/elsewhere:$ORIGIN"])
def test_a_dependency_beside_the_library_is_found_by_its_search_path(
    place: Path, origin: str
) -> None:
    (place.parent / "libbeside.so").touch()
    content = ElfFile(needed=("libbeside.so",), runpath=origin, symbols=IMAGEFLOW)

    assert preflight(put(place, content), "library", MUSL).code == "ok"


def test_a_dependency_that_is_mapped_already_is_there(place: Path) -> None:
    try:
        mapped = sorted(n for n in base_names(mapped_files()) if ".so" in n)
    except OSError:
        pytest.skip("no /proc here")
    content = ElfFile(needed=tuple(mapped), symbols=IMAGEFLOW)
    platform = GLIBC._replace(libc=Libc(running_family(), (9, 9)))

    assert preflight(put(place, content), "library", platform).code == "ok"


def running_family() -> Family:
    libc = current_platform().libc
    return "unknown" if libc is None else libc.family


@pytest.mark.parametrize(
    "part", ["libc.so", "libpthread.so.0", "libm.so.6", "libdl.so.2", "librt.so.1"]
)
def test_every_part_of_musl_is_there(place: Path, part: str) -> None:
    content = ElfFile(needed=("libc.so", part), symbols=IMAGEFLOW)
    verdict = preflight(put(place, content), "library", MUSL)

    assert verdict.code == ("wrong_libc" if part == "libc.so.6" else "ok")


def test_the_package_with_libgcc_is_named(place: Path) -> None:
    content = ElfFile(
        needed=("libgcc_s.so.1",), runpath="/absent", symbols=IMAGEFLOW, arch="s390x"
    )
    platform = MUSL._replace(arch="s390x")

    verdict = preflight(put(place, content), "library", platform)

    if verdict.code == "ok":
        pytest.skip("libgcc_s is on this machine")
    assert verdict.remedy == (
        "Install it: `apk add libgcc` or `apt-get install libgcc-s1`."
    )
