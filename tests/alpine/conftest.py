"""What the tests in an Alpine root share: one installation, and pictures."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest

from tests import pictures
from tests.alpine.guest import VENV, Guest
from tests.alpine_root import alpine_root, in_a_namespace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def index(request: pytest.FixtureRequest) -> Path:
    """Return the package index that this run was given."""
    folder: Path | None = request.config.getoption("--wheels")
    if folder is None:
        pytest.skip("no wheels: give --wheels INDEX (tests/alpine/make-index)")
    return folder.resolve()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose insides other users may see."""
    folder = tmp_path_factory.mktemp("alpine") / "shared"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest, index: Path, shared: Path) -> Guest:
    """Install the package on Alpine, by one command of pip and without network."""
    root = alpine_root(request.config.getoption("--alpine")).root
    in_a_namespace()  # skips where that is not permitted
    venv = shared / "venv"
    venv.mkdir()
    guest = Guest(root, index, venv)
    made = guest.run("/opt/python/bin/python3", "-m", "venv", VENV, writable=True)
    assert made.returncode == 0, made.stderr
    guest.pip_install("imageflow-loader")
    return guest


@pytest.fixture
def guest(installed: Guest, tmp_path: Path) -> Guest:
    """Return the installation, with an empty folder for files that it may read."""
    files = tmp_path / "open" / "files"
    files.mkdir(parents=True, mode=0o755)
    (files / "photo.jpg").write_bytes(pictures.jpeg(1200, 900))
    return dataclasses.replace(installed, files=files)


@pytest.fixture
def changeable(guest: Guest, tmp_path: Path) -> Guest:
    """Return a copy of the installation, which the test may spoil."""
    venv = tmp_path / "open" / "venv"
    shutil.copytree(guest.venv, venv, symlinks=True)
    return dataclasses.replace(guest, venv=venv)
