"""The check of release wheels finds a broken promise, each by its own sentence."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.data.elf_heads import EXEC, ElfFile

from .programs import ROOT, build, check

if TYPE_CHECKING:
    from collections.abc import Callable

MUSL = "musllinux_1_2_x86_64"
GLIBC = "manylinux_2_17_x86_64"
HEADER = (ROOT / "engine" / "include" / "imageflow.h").read_text(encoding="utf-8")
EXPORTS = tuple(sorted(set(re.findall(r"\b(imageflow_\w+)\s*\(", HEADER))))
DIST_INFO = "imageflow_loader-0.1.0.dist-info"
NATIVE = "imageflow_loader/_native/"

LIBRARIES = {
    MUSL: ElfFile(needed=("libc.so",), symbols=EXPORTS, executable_stack=False),
    GLIBC: ElfFile(
        needed=("libc.so.6", "libm.so.6"),
        versions={"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.17")},
        symbols=EXPORTS,
        executable_stack=False,
    ),
}
TOOL = ElfFile(type=EXEC, dynamic=False, executable_stack=False)


def pure_wheel(folder: Path) -> Path:
    """Write a wheel as small as one can be."""
    wheel = folder / "imageflow_loader-0.1.0-py3-none-any.whl"
    facts = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        "imageflow_loader/__init__.py": b"",
        f"{DIST_INFO}/METADATA": b"Metadata-Version: 2.4\nName: imageflow-loader\n",
        f"{DIST_INFO}/WHEEL": facts.encode(),
        f"{DIST_INFO}/licenses/LICENSE": b"MIT",
        f"{DIST_INFO}/licenses/engine/LICENSE": b"AGPL",
        f"{DIST_INFO}/RECORD": b"",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            build.write(archive, name, 0o100644, data)
    return wheel


def make_wheel(
    folder: Path, tag: str, *, library: Any = None, tool: ElfFile = TOOL
) -> Path:
    """Build a wheel for *tag* as `build.py` does, around drawn binaries."""
    parts = {"libimageflow.so": library or LIBRARIES[tag], "imageflow_tool": tool}
    binaries = {}
    for name, elf in parts.items():
        binaries[name] = folder / name
        binaries[name].write_bytes(bytes(elf))
    out = folder / "dist"
    out.mkdir()
    return Path(build.platform_wheel(pure_wheel(folder), tag, binaries, out))


def edited(
    wheel: Path, edit: Callable[[zipfile.ZipInfo, bytes], bytes | None]
) -> list[str]:
    """Write *wheel* again with what *edit* makes of each file; return the faults."""
    with zipfile.ZipFile(wheel) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(wheel, "w") as archive:
        for entry, data in entries:
            changed = edit(entry, data)
            if changed is not None:
                archive.writestr(entry, changed)
    return list(check.check(wheel))


@pytest.mark.parametrize("tag", [MUSL, GLIBC])
def test_a_good_wheel_has_no_fault(tag: str, tmp_path: Path) -> None:
    assert list(check.check(make_wheel(tmp_path, tag))) == []


LIBRARY_FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "another architecture": (MUSL, {"arch": "aarch64"}, "is for aarch64"),
    "a name of the codecs'": (
        MUSL,
        {"symbols": (*EXPORTS, "lodepng_free")},
        "exports lodepng_free",
    ),
    "a function that is not there": (
        GLIBC,
        {"symbols": EXPORTS[1:]},
        f"does not export {EXPORTS[0]}",
    ),
    "libgcc on musl": (
        MUSL,
        {"needed": ("libgcc_s.so.1", "libc.so")},
        "needs libgcc_s.so.1, libc.so, not musl's libc alone",
    ),
    "libgcc on glibc": (
        GLIBC,
        {"needed": ("libc.so.6", "libgcc_s.so.1")},
        "needs libgcc_s.so.1",
    ),
    "glibc in a wheel for musl": (
        MUSL,
        {"needed": ("libc.so.6",)},
        "needs libc.so.6, not musl's libc alone",
    ),
    "a newer glibc": (
        GLIBC,
        {"versions": {"libc.so.6": ("GLIBC_2.17", "GLIBC_2.34")}},
        "needs GLIBC_2.34, newer than glibc 2.17",
    ),
    "thread-locals of a program": (
        MUSL,
        {"static_tls": True},
        "has thread-locals that musl cannot place (initial-exec TLS)",
    ),
    "text relocations": (MUSL, {"text_relocations": True}, "has text relocations"),
    "an executable stack": (
        GLIBC,
        {"executable_stack": True},
        "asks for an executable stack",
    ),
    "a path of the builder's": (
        GLIBC,
        {"runpath": "/home/builder/lib"},
        "searches /home/builder/lib",
    ),
}


@pytest.mark.parametrize(
    ("tag", "change", "fault"), LIBRARY_FAULTS.values(), ids=LIBRARY_FAULTS
)
def test_a_library_that_breaks_its_tag_is_found(
    tag: str, change: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    library = dataclasses.replace(LIBRARIES[tag], **change)

    found = list(check.check(make_wheel(tmp_path, tag, library=library)))

    assert found == [f"libimageflow.so {fault}"]


TOOL_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "another architecture": ({"arch": "aarch64"}, "is for aarch64"),
    "a loader": (
        {"interpreter": "/lib64/ld-linux-x86-64.so.2"},
        "is not static: it needs /lib64/ld-linux-x86-64.so.2",
    ),
    "a library": (
        {"dynamic": True, "needed": ("libc.so.6",)},
        "is not static: it needs libc.so.6",
    ),
    "an executable stack": ({"executable_stack": True}, "asks for an executable stack"),
}


@pytest.mark.parametrize(("change", "fault"), TOOL_FAULTS.values(), ids=TOOL_FAULTS)
def test_a_tool_that_does_not_run_anywhere_is_found(
    change: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    tool = dataclasses.replace(TOOL, **change)

    found = list(check.check(make_wheel(tmp_path, MUSL, tool=tool)))

    assert found == [f"imageflow_tool {fault}"]


def test_a_file_that_was_changed_after_record_is_found(tmp_path: Path) -> None:
    found = edited(
        make_wheel(tmp_path, MUSL),
        lambda entry, data: (
            b"import os" if entry.filename.endswith("__init__.py") else data
        ),
    )

    assert found == ["imageflow_loader/__init__.py is not what RECORD says"]


def test_a_file_that_is_not_in_record_is_found(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, MUSL)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("imageflow_loader/extra.py", "")

    assert list(check.check(wheel)) == ["imageflow_loader/extra.py is not in RECORD"]


def test_a_missing_licence_is_found(tmp_path: Path) -> None:
    licence = f"{DIST_INFO}/licenses/engine/LICENSE"

    found = edited(
        make_wheel(tmp_path, MUSL),
        lambda entry, data: None if entry.filename == licence else data,
    )

    assert found == [f"{licence} is missing", "licenses/engine/LICENSE is missing"]


def test_a_tool_that_may_not_be_executed_is_found(tmp_path: Path) -> None:
    def drop_the_bit(entry: zipfile.ZipInfo, data: bytes) -> bytes:
        if entry.filename == f"{NATIVE}imageflow_tool":
            entry.external_attr = 0o100644 << 16
        return data

    found = edited(make_wheel(tmp_path, MUSL), drop_the_bit)

    assert found == ["imageflow_tool is not executable"]


def test_a_wheel_that_was_renamed_for_another_platform_is_found(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, MUSL)
    renamed = wheel.rename(wheel.with_name(wheel.name.replace(MUSL, GLIBC)))

    found = list(check.check(renamed))

    assert f"its WHEEL file has another tag than {GLIBC}" in found
    assert "libimageflow.so needs libc.so" in found


def test_an_engine_in_the_pure_wheel_is_found(tmp_path: Path) -> None:
    wheel = pure_wheel(tmp_path)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(f"{NATIVE}imageflow_tool", b"")

    assert "the pure wheel holds imageflow_tool" in list(check.check(wheel))


def test_a_wheel_without_its_tool_is_found(tmp_path: Path) -> None:
    found = edited(
        make_wheel(tmp_path, MUSL),
        lambda entry, data: None if entry.filename.endswith("_tool") else data,
    )

    assert (
        "it holds ['libimageflow.so'] instead of ['imageflow_tool', 'libimageflow.so']"
        in found
    )


def test_a_tag_that_nobody_releases_is_found(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, MUSL)
    renamed = wheel.rename(wheel.with_name(wheel.name.replace("_1_2_", "_1_1_")))

    assert "the tag musllinux_1_1_x86_64 is not among the targets" in list(
        check.check(renamed)
    )


def test_a_wheel_that_is_too_large_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path, MUSL)
    size = wheel.stat().st_size
    monkeypatch.setattr(check, "LARGEST", size - 1)

    assert list(check.check(wheel)) == [f"it has {size} bytes, more than {size - 1}"]


def test_the_program_ends_with_1_when_it_finds_a_fault(tmp_path: Path) -> None:
    good = make_wheel(tmp_path, MUSL)
    bad = good.with_name(good.name.replace(MUSL, GLIBC))
    bad.write_bytes(good.read_bytes())
    program = [sys.executable, str(ROOT / "wheels" / "check.py")]

    fine = subprocess.run([*program, good], capture_output=True, text=True, check=False)
    both = subprocess.run(
        [*program, good, bad], capture_output=True, text=True, check=False
    )

    assert (fine.returncode, both.returncode) == (0, 1)
    assert "MB): fine\n" in fine.stdout
    assert "  libimageflow.so needs libc.so\n" in both.stdout
