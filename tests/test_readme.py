"""CI runs README's words. Its examples are run by tests/docs, as all pages'."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return README's code blocks in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_last_step_of_ci_is_the_readmes_test_command() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    (command,) = (line for line in commands if "pytest" in line)

    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert f"    {command}\n" in script


def test_the_readme_names_the_rust_that_the_engine_needs() -> None:
    manifest = (ROOT / "engine" / "Cargo.toml").read_text(encoding="utf-8")
    (needed,) = re.findall(r'^rust-version = "(.*)"$', manifest, re.MULTILINE)

    assert f"Rust {needed} or newer" in README
