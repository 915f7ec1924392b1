"""The tools of the wheels for aarch64 run a real job, in qemu's emulation of a process.

`.ci/run aarch64` builds these wheels; what is in them is looked at by `check.py`.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests import pictures
from tests.conformance.comparing import psnr


@pytest.fixture(params=["manylinux_2_17_aarch64", "musllinux_1_2_aarch64"])
def foreign_tool(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return the command that runs the tool of a wheel for aarch64."""
    folder: Path | None = request.config.getoption("--wheels")
    emulator = shutil.which("qemu-aarch64")
    wheels = list(folder.rglob(f"*-{request.param}.whl")) if folder else []
    if not wheels or not emulator:
        pytest.skip("needs qemu-user, and --wheels with wheels for aarch64")
    with zipfile.ZipFile(wheels[0]) as wheel:
        tool = wheel.extract("imageflow_loader/_native/imageflow_tool", tmp_path)
    Path(tool).chmod(0o755)
    return [emulator, tool]


def test_the_tool_for_aarch64_makes_the_picture_that_is_made_here(
    foreign_tool: list[str], tool: Path, tmp_path: Path
) -> None:
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
