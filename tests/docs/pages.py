"""The fenced blocks of the documentation's pages, and how they are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GALLERY_SETUP = 'import imageflow_loader as imf\nphoto = imf.decode("photo.jpg")\n'


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str
    line: int
    """Of its first line in the page."""
    printed: str | None
    """What the page says it prints: a `text` block right behind it."""


def pages() -> list[Path]:
    """Return README and every page that is written by hand.

    Those of `deploy` are for other machines: `tests/alpine/test_recipes.py` has them.
    """
    elsewhere = {"_build", "deploy"}
    written = (p for p in DOCS.rglob("*.md") if elsewhere.isdisjoint(p.parts))
    return [ROOT / "README.md", *sorted(written)]


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the page's blocks in *languages*, in order."""
    text = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    result = []
    for number, match in enumerate(found):
        if match[1] not in languages:
            continue
        printed = None
        if number + 1 < len(found):
            behind = found[number + 1]
            if behind[1] == "text" and not text[match.end() : behind.start()].strip():
                printed = behind[2]
        line = text.count("\n", 0, match.start(2)) + 1
        result.append(Block(match[1], match[2], line, printed))
    return result


def run_python(
    page: Path, chosen: list[Block], folder: Path, variables: dict[str, str]
) -> list[str]:
    """Run blocks as one program in *folder*; return what each has printed."""
    sent = [{"page": page.name, "line": b.line, "code": b.text} for b in chosen]
    if chosen and chosen[0].language == "{shown}":
        sent[0]["code"] = GALLERY_SETUP + chosen[0].text
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error"),
            *("-W", "ignore:This process:DeprecationWarning"),  # a page forks
            str(ROOT / "tests/docs/run_blocks.py"),
        ],
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(variables),
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return printed


def run_console(text: str, folder: Path, variables: dict[str, str]) -> str:
    """Run the `$ …` lines of a console block in one shell; return the whole, as shown.

    `imageflow-loader` is the package under test, whatever is installed.
    """
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    python = shlex.quote(sys.executable)
    script = [f'imageflow-loader() {{ {python} -m imageflow_loader "$@"; }}', "s=0"]
    for command in commands:
        script += [f"printf '%s\\n' {shlex.quote('$ ' + command)}", "(exit $s)"]
        script += [command, "s=$?"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],  # noqa: S607 - wherever bash is
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment(variables),
        check=False,
        timeout=120,
    )
    return done.stdout


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Return this process's environment, with the package under test on the path."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "80", **variables}


def is_as_shown(printed: str, shown: str) -> bool:
    """Return whether text is as a page shows it: … is anything, alone any lines."""
    pattern = "".join(
        r"(?:.*\n)*?"
        if line.strip() == "…"
        else r"[^\n]*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown.rstrip("\n").split("\n")
    )
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None
