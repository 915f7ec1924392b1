"""Which of the wheels pip takes: on Alpine, on this machine, elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._platform import current_platform

from .guest import INDEX

if TYPE_CHECKING:
    from pathlib import Path

    from .guest import Guest

ELSEWHERE = [
    "musllinux_1_2_aarch64",
    "manylinux_2_17_aarch64",
    "macosx_11_0_arm64",
    "win_amd64",
    "manylinux_2_12_x86_64",  # a glibc that is too old
]
WITHOUT_CONFIGURATION = {"PIP_CONFIG_FILE": os.devnull}


def tag_installed(venv: Path) -> str:
    """Return the platform tag of the wheel that *venv* was made from."""
    (facts,) = venv.glob("lib/python3*/site-packages/imageflow_loader-*/WHEEL")
    (tag,) = (line for line in facts.read_text().splitlines() if line[:4] == "Tag:")
    return tag.removeprefix("Tag: py3-none-")


def pip(python: Path | str, command: str, index: Path, *arguments: str) -> None:
    """Run pip on this machine, with nothing but *index*."""
    options = ["--quiet", "--isolated", "--index-url", index.as_uri()]
    subprocess.run(
        [python, "-m", "pip", command, *options, *arguments],
        env={**os.environ, **WITHOUT_CONFIGURATION},
        check=True,
    )


def test_pip_takes_the_musl_wheel_on_alpine(installed: Guest) -> None:
    assert tag_installed(installed.venv) == "musllinux_1_2_x86_64"


def test_what_pip_installed_may_be_executed(installed: Guest) -> None:
    for name in ("libimageflow.so", "imageflow_tool"):
        assert installed.native.joinpath(name).stat().st_mode & 0o111 == 0o111


def test_pip_takes_the_glibc_wheel_on_debian_and_it_runs_in_process(
    index: Path, tmp_path: Path
) -> None:
    libc = current_platform().libc
    if libc is None or libc.family != "glibc":
        pytest.skip("this machine has no glibc")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip(venv / "bin" / "python", "install", index, "imageflow-loader")

    program = "import imageflow_loader as i; print(i.get_engine().info.kind)"
    said = subprocess.run(
        [venv / "bin" / "python", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert tag_installed(venv) == "manylinux_2_17_x86_64"
    assert said.stdout == "library\n"


@pytest.mark.parametrize("platform", ELSEWHERE)
def test_pip_takes_the_wheel_without_an_engine_elsewhere(
    platform: str, index: Path, tmp_path: Path
) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--platform", platform]
    folder = ["--dest", str(tmp_path)]

    pip(sys.executable, "download", index, *options, *folder, "imageflow-loader")

    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_sdist_says_in_one_sentence_that_it_needs_rust(
    changeable: Guest,
) -> None:
    options = ["--isolated", "--no-deps", "--force-reinstall"]
    options += ["--index-url", f"file://{INDEX}", "--no-binary=imageflow-loader"]

    done = changeable.run(
        *("env", "IMAGEFLOW_BUILD_EMBEDDED=1", "python", "-m", "pip", "install"),
        *(*options, "imageflow-loader"),
        writable=True,
    )

    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "IMAGEFLOW_BUILD_EMBEDDED=1, but cargo is not on the path" in said
    assert "Traceback" not in said
