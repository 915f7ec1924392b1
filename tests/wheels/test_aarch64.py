"""What the wheels for aarch64 hold does its work, in qemu's emulation of a process.

`.ci/run aarch64` builds these wheels; their headers are looked at by `check.py`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import pictures
from tests.conformance.comparing import psnr

from .programs import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable


MUSL, GLIBC = "musllinux_1_2_aarch64", "manylinux_2_17_aarch64"
EMULATOR = "qemu-aarch64"
GLIBC_FOR_AARCH64 = Path("/usr/aarch64-linux-gnu")  # Debian's libc6-arm64-cross
MUSL_FOR_AARCH64 = ROOT / ".build" / "musl-aarch64"  # Debian's musl:arm64, unpacked


@pytest.fixture
def unpacked(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function: the folder of the engines of the wheel for a platform."""
    folder: Path | None = request.config.getoption("--wheels")

    def unpack(tag: str) -> Path:
        wheels = list(folder.rglob(f"*-{tag}.whl")) if folder else []
        if not wheels or not shutil.which(EMULATOR):
            pytest.skip("needs qemu-user, and --wheels with wheels for aarch64")
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(tmp_path)
        native = tmp_path / "imageflow_loader" / "_native"
        native.joinpath("imageflow_tool").chmod(0o755)
        return native

    return unpack


@pytest.mark.parametrize("tag", [GLIBC, MUSL])
def test_the_tool_for_aarch64_makes_the_picture_that_is_made_here(
    tag: str, unpacked: Callable[[str], Path], tool: Path, tmp_path: Path
) -> None:
    foreign_tool = [EMULATOR, unpacked(tag) / "imageflow_tool"]
    tmp_path.joinpath("photo").write_bytes(pictures.jpeg(600, 400))
    made = []
    for command in (foreign_tool, [tool]):
        query = ["--command", "w=200&h=200&mode=crop&format=png"]
        files = ["--in", "photo", "--out", "made.png"]
        subprocess.run(
            [*command, "v1/querystring", *query, *files, "--quiet"],
            cwd=tmp_path,
            check=True,
        )
        made.append(tmp_path.joinpath("made.png").read_bytes())

    there, here = map(pictures.pixels, made)

    assert there.shape == (200, 200, 4)
    assert psnr(there, here) >= 60


@pytest.mark.parametrize(
    ("tag", "target", "libc"),
    [
        (GLIBC, ["aarch64-linux-gnu"], GLIBC_FOR_AARCH64),
        (MUSL, ["aarch64-linux-musl", "-dynamic"], MUSL_FOR_AARCH64),
    ],
)
def test_the_library_for_aarch64_keeps_the_contract_of_its_abi(
    tag: str,
    target: list[str],
    libc: Path,
    unpacked: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    library = unpacked(tag) / "libimageflow.so"
    if not libc.exists():
        pytest.skip(f"needs a libc for aarch64 in {libc}")
    engine = ROOT / "engine"
    program = tmp_path / "abi"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", *target]
    # Optimised, since zig else adds checks that call functions of the newest musl.
    options = ["-O1", "-std=c11", "-pthread", "-I", engine / "include", "-o", program]
    options += [f"-Wl,-rpath,{library.parent}"]
    sources = [engine / "tests" / "abi.c", library]
    subprocess.run([*compiler, *options, *sources], check=True)

    done = subprocess.run(
        [EMULATOR, "-L", libc, program, "all"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
