"""README's examples do what it says, and CI runs its words."""

from __future__ import annotations

import fnmatch
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from . import pictures

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return README's code blocks in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder_with_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to an empty folder with photo.jpg in it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(pictures.jpeg(1200, 900))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("engine_for_users")
def test_the_python_examples_run(
    folder_with_a_photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = "\n".join(blocks("python"))

    exec(compile(example, "README.md", "exec"), {})  # noqa: S102  # our own README

    made = {path.name for path in folder_with_a_photo.iterdir()}
    assert made == {"photo.jpg", "photo.webp", "small.webp", "square.jpg", "out.webp"}
    assert capsys.readouterr().out.startswith("(800, 600) image/webp\n")


@pytest.mark.usefixtures("engine_for_users", "folder_with_a_photo")
def test_the_commands_print_what_the_readme_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # as imported here, if not installed
    (shown,) = blocks("console")

    printed = []
    for line in shown.splitlines():
        if line.startswith("$ imageflow-loader "):
            command = [sys.executable, "-m", "imageflow_loader", *shlex.split(line)[2:]]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            printed += [line, *(done.stdout + done.stderr).splitlines()]

    expected = [line.replace("…", "*") for line in shown.splitlines()]
    assert all(map(fnmatch.fnmatchcase, printed, expected))
    assert len(printed) == len(expected)


def test_the_last_step_of_ci_is_the_readmes_test_command() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    (command,) = (line for line in commands if "pytest" in line)

    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert f"    {command}\n" in script


def test_the_readme_names_the_rust_that_the_engine_needs() -> None:
    manifest = (ROOT / "engine" / "Cargo.toml").read_text(encoding="utf-8")
    (needed,) = re.findall(r'^rust-version = "(.*)"$', manifest, re.MULTILINE)

    assert f"Rust {needed} or newer" in README
