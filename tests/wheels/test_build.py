"""The parts of the wheels' build that need no compiler."""

from __future__ import annotations

import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from .programs import build, targets
from .test_check import MUSL, NATIVE, make_wheel

if TYPE_CHECKING:
    from pathlib import Path


def test_the_tag_says_what_the_library_is_compiled_for() -> None:
    compiled = {tag: (t.triple, t.glibc) for tag, t in targets.TARGETS.items()}

    assert compiled == {
        "manylinux_2_17_x86_64": ("x86_64-unknown-linux-gnu", "2.17"),
        "musllinux_1_2_x86_64": ("x86_64-unknown-linux-musl", None),
        "manylinux_2_17_aarch64": ("aarch64-unknown-linux-gnu", "2.17"),
        "musllinux_1_2_aarch64": ("aarch64-unknown-linux-musl", None),
    }


def test_every_tool_is_compiled_for_musl_since_that_makes_it_static() -> None:
    assert {target.static_triple for target in targets.TARGETS.values()} == {
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
    }


def test_the_platform_of_a_wheel_is_in_its_name_and_in_its_facts(
    tmp_path: Path,
) -> None:
    wheel = make_wheel(tmp_path, MUSL)

    with zipfile.ZipFile(wheel) as archive:
        (facts,) = (name for name in archive.namelist() if name.endswith("/WHEEL"))
        lines = archive.read(facts).decode().splitlines()

    assert wheel.name == f"imageflow_loader-0.1.0-py3-none-{MUSL}.whl"
    assert [line for line in lines if line.startswith(("Tag", "Root"))] == [
        "Root-Is-Purelib: false",
        f"Tag: py3-none-{MUSL}",
    ]


def test_the_binaries_of_a_wheel_may_be_executed_by_all(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_wheel(tmp_path, MUSL)) as archive:
        modes = {
            entry.filename: entry.external_attr >> 16
            for entry in archive.infolist()
            if entry.filename.startswith(NATIVE)
        }

    assert set(modes.values()) == {0o100755}
    assert len(modes) == 2


def test_the_same_input_gives_the_same_wheel(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()

    one, other = (make_wheel(folder, MUSL).read_bytes() for folder in folders)

    assert one == other


def answer_with(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let every program that `build` starts print *text*."""

    monkeypatch.setattr(build, "run", lambda *_, **__: text)


def test_debians_rust_is_asked_for_with_all_its_libraries_but_libc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_with(
        monkeypatch,
        "libstd-rust-web-dev\n  Depends: libstd-rust-web-1.96\n"
        "libstd-rust-web-1.96\n  Depends: libc6\n  Depends: libllvm22\n"
        "libllvm22\n  Depends: libedit2\n |Depends: <libz-virtual>\n"
        "libc6\n  Depends: gcc-12-base\n",
    )

    assert build.debian_libraries() == [
        "libedit2",
        "libllvm22",
        "libstd-rust-web-1.96",
        "libstd-rust-web-dev",
    ]


def test_a_debian_without_package_lists_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_with(monkeypatch, "")

    with pytest.raises(build.BuildError, match="run `apt-get update`"):
        build.debian_libraries()


def test_an_installed_standard_library_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libstd-0123.rlib").touch()
    answer_with(monkeypatch, f"{tmp_path}\n")

    compiler = build.compiler_for("x86_64-unknown-linux-musl")

    assert compiler.options == ()
    assert "RUSTC" not in compiler.environment


def test_without_a_standard_library_and_without_debian_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, f"{tmp_path}\n")
    monkeypatch.setattr(build, "SCRATCH", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(build.BuildError, match="rustup target add"):
        build.compiler_for("x86_64-unknown-linux-musl")


def test_a_missing_program_is_an_error_that_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match=r"pip install -e '\.\[wheels\]'"):
        build.run(["imageflow-no-such-program"], tmp_path)


def test_a_program_that_fails_is_an_error_with_its_status(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match=r"ended with 3$"):
        build.run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
