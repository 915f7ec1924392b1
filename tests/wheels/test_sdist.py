"""The source distribution: what it holds, and what pip makes of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder

from .programs import ROOT, bundle

FIRST_USE = """
import sys
import imageflow_loader as imf
from tests import pictures
assert imf.__file__.startswith(sys.argv[1]), imf.__file__
try:
    made = imf.process(pictures.jpeg(60, 40), "w=30&format=webp")
    print(imf.get_engine().info.kind, made.size)
except imf.EngineNotFoundError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution of this tree."""
    folder = str(tmp_path_factory.mktemp("sdist"))
    (made,) = SdistBuilder(str(ROOT)).build(directory=folder)
    return Path(made)


def pip_install(
    sdist: Path, folder: Path, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Let pip build *sdist* and install the wheel into *folder*."""
    pip = [sys.executable, "-m", "pip", "--isolated", "--no-cache-dir", "install"]
    offline = ["--no-index", "--no-build-isolation", "--no-deps"]
    return subprocess.run(
        [*pip, *offline, "--target", folder, sdist],
        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        check=False,
    )


def platform_of(folder: Path) -> str:
    """Return the platform tag of the wheel that pip installed into *folder*."""
    (facts,) = folder.glob("imageflow_loader-*/WHEEL")
    return facts.read_text("utf-8").partition("Tag: py3-none-")[2].strip()


def first_use(folder: Path) -> str:
    """Run a job with what is installed in *folder*; return what is printed."""
    return subprocess.run(
        [sys.executable, "-c", FIRST_USE, folder],
        cwd=folder,  # where -c looks first
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def old_rust(tmp_path: Path) -> Path:
    """Return a folder with a Rust that is too old and nothing else."""
    folder = tmp_path / "rust"
    folder.mkdir()
    for name in ("cargo", "rustc"):
        program = folder / name
        program.write_text(
            "#!/bin/sh\necho release: 1.92.0\necho host: x86_64-unknown-linux-gnu\n"
        )
        program.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def rust_of_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no variable name another toolchain."""
    for name in ("CARGO", "RUSTC"):
        monkeypatch.delenv(name, raising=False)


def test_with_rust_pip_makes_an_installation_that_runs_jobs(
    sdist: Path, tmp_path: Path
) -> None:
    try:
        stamp = bundle.stamp_of(ROOT / "engine", bundle.find_toolchain())
    except bundle.NoToolchainError as error:
        pytest.skip(str(error))
    if not bundle.is_fresh(ROOT / bundle.NATIVE, stamp):
        pytest.skip("the engine would be compiled from nothing: `pip install -e .`")
    compiled = os.environ.get("CARGO_TARGET_DIR", ROOT / "engine" / "target")

    done = pip_install(sdist, tmp_path, CARGO_TARGET_DIR=compiled)

    assert done.returncode == 0, done.stdout + done.stderr
    assert platform_of(tmp_path) == bundle.platform_tag()
    assert first_use(tmp_path).endswith("(30, 20)\n")


@pytest.mark.parametrize("old", [False, True], ids=["no Rust", "an old Rust"])
def test_without_rust_pip_installs_the_package_alone_and_its_first_use_says_so(
    old: bool, sdist: Path, old_rust: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "site"

    done = pip_install(sdist, folder, PATH=old_rust if old else tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert platform_of(folder) == "any"
    assert not list(folder.glob("imageflow_loader/_native/*"))
    said = first_use(folder)
    assert "nothing bundled: this is the pure wheel" in said
    assert "install from source with Rust 1.93 or newer" in said


@pytest.mark.parametrize(
    ("old", "why"),
    [
        (False, "cargo is not on the path"),
        (True, r"the engine needs Rust 1\.93 or newer, and \S+/rustc is 1\.92\.0"),
    ],
    ids=["no Rust", "an old Rust"],
)
def test_an_engine_that_is_asked_for_and_cannot_be_built_is_one_sentence_of_pips(
    old: bool, why: str, sdist: Path, old_rust: Path, tmp_path: Path
) -> None:
    path = old_rust if old else tmp_path

    done = pip_install(sdist, tmp_path, PATH=path, IMAGEFLOW_BUILD_EMBEDDED=1)

    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert re.search(
        rf"^ *╰─> (.*\n)? +IMAGEFLOW_BUILD_EMBEDDED=1, but {why}; "
        r"https://rustup\.rs installs Rust\.\n +\[end of output\]$",
        said,
        re.MULTILINE,
    ), said


def test_it_holds_what_a_clone_holds_and_nothing_else(sdist: Path) -> None:
    git = shutil.which("git")
    if not git or not (ROOT / ".git").exists():
        pytest.skip("this tree is no clone")
    listed = subprocess.run(
        [git, "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}

    assert held == {*listed, "PKG-INFO"}
