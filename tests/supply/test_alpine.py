"""A musl Python fetches the static tool, and runs jobs with it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._platform import current_platform, read_dynamic, read_header
from tests.data.elf_heads import GLIBC_LIBRARY, IMAGEFLOW, ElfFile
from tests.supply.installation import DRIVER, PICTURE, install
from tests.supply.upstream import Archive, archive

if TYPE_CHECKING:
    from pathlib import Path

    from tests.alpine_root import Alpine

SUFFIXES = {62: "linux-musl-x64", 183: "linux-musl-arm64"}  # by the header's machine


@pytest.fixture
def static_tool(tool: Path) -> Path:
    """Return the tool under test, if it brings its own libc."""
    with tool.open("rb") as file:
        header = read_header(file)
        dynamic = read_dynamic(file, header)
    if header.interpreter is not None or (dynamic and dynamic.needed):
        pytest.skip(f"{tool} is not static: name one in IMAGEFLOW_TOOL")
    return tool


class Guest:
    """A folder that an Alpine root sees as /media, with a pure installation in it."""

    def __init__(self, alpine: Alpine, folder: Path, archive: Archive) -> None:
        self._alpine = alpine
        self._folder = folder
        install(folder / "pure", archive)
        shutil.copy(DRIVER, folder)
        mirror = folder / "mirror"
        mirror.mkdir()
        (mirror / archive.name).write_bytes(archive.data)
        (mirror / "SHA256SUMS").write_bytes(archive.sums)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run Alpine's Python with these arguments; return what it prints."""
        root = shlex.quote(str(self._alpine.root))
        command = self._alpine.inside(
            f"mount --bind {shlex.quote(str(self._folder))} {root}/media",
            f"mount --rbind /proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
        )
        environment = {
            "PYTHONPATH": "/media/pure",
            "PYTHONDONTWRITEBYTECODE": "1",
            "IMAGEFLOW_MIRROR": "file:///media/mirror",
            "IMAGEFLOW_CACHE_DIR": "/media/cache",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        done = subprocess.run(
            [*command, str(self._alpine.python), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout

    def job(self, **wish: Any) -> Any:
        """Run what `driver.py` runs."""
        request = json.dumps({"picture": PICTURE, **wish})
        return json.loads(self.run("/media/driver.py", request))


def test_alpine_fetches_the_static_tool(alpine: Alpine, tmp_path: Path) -> None:
    with (alpine.root / "bin/busybox").open("rb") as file:
        suffix = SUFFIXES[read_header(file).machine]
    packed = archive(suffix, tool_only=True)
    guest = Guest(alpine, tmp_path, packed)

    said = guest.run("-m", "imageflow_loader", "fetch")

    place = f"v2.3.1-rc01/{suffix}/{packed.sha256[:16]}/imageflow_tool"
    assert f"{suffix}: fetched from file:///media/mirror/{packed.name}" in said
    assert f"/media/cache/{place}" in said
    assert tmp_path.joinpath("cache", place).stat().st_mode & 0o7777 == 0o755


def test_alpine_tells_what_would_run_there(alpine: Alpine, tmp_path: Path) -> None:
    guest = Guest(alpine, tmp_path, archive("linux-musl-x64", tool_only=True))
    own = ElfFile(needed=("libc.so", "libgcc_s.so.1"), symbols=IMAGEFLOW)
    for name, content in {"glibc.so": GLIBC_LIBRARY, "gcc.so": own}.items():
        (tmp_path / name).write_bytes(bytes(content))
    if current_platform().arch != "x86_64":
        pytest.skip("the libraries of this test are for x86-64")

    def asked(path: str, status: int) -> Any:
        command = ["-m", "imageflow_loader", "doctor", "--json", "--binary", path]
        return json.loads(guest.run(*command, status=status))

    assert asked("/bin/busybox", 0)["linkage"]["libc"] == "musl"
    assert asked("/media/glibc.so", 69)["code"] == "wrong_libc"
    needs_gcc = asked("/media/gcc.so", 69)
    assert needs_gcc["code"] == "missing_dependency"
    assert "apk add libgcc" in needs_gcc["remedy"]
    assert needs_gcc["linkage"]["needed"] == [
        ["libc.so", "a part of musl"],
        ["libgcc_s.so.1", None],
    ]


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_alpine_runs_a_job_at_its_first_use(
    locks: bool, alpine: Alpine, static_tool: Path, tmp_path: Path
) -> None:
    with static_tool.open("rb") as file:
        suffix = SUFFIXES[read_header(file).machine]
    packed = archive(suffix, tool_only=True, tool=static_tool.read_bytes())
    guest = Guest(alpine, tmp_path, packed)

    first, second = guest.job(locks=locks), guest.job(locks=locks)

    assert (first["origin"], first["kind"]) == ("download", "tool")
    assert second == {**first, "origin": "cache", "attempts": second["attempts"]}
    assert second["size"] == [4, 3]


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_a_crowd_on_alpine_runs_its_jobs_at_first_use(
    locks: bool, alpine: Alpine, static_tool: Path, tmp_path: Path
) -> None:
    with static_tool.open("rb") as file:
        suffix = SUFFIXES[read_header(file).machine]
    packed = archive(suffix, tool_only=True, tool=static_tool.read_bytes())
    guest = Guest(alpine, tmp_path, packed)

    answers = guest.job(locks=locks, crowd=8)

    assert [answer.get("size", answer) for answer in answers] == [[4, 3]] * 8
