"""A child of a process that has run jobs in process gets its answers all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imageflow_loader._engine import load_engine
from imageflow_loader._engine.engine import FORKED

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system does not fork"
)


def said_by_the_child(*arguments: object, cache: Path) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "IMAGEFLOW_CACHE_DIR": str(cache),
        "IMAGEFLOW_OFFLINE": "1",
    }
    ended = subprocess.run(
        [sys.executable, Path(__file__).with_name("forked_jobs.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def edition_of(library: Path) -> str:
    with load_engine(path=library) as engine:
        return engine.info.edition


def test_the_child_gets_an_answer_from_either_edition(
    library: Path, tool: Path, tmp_path: Path
) -> None:
    edition = edition_of(library)

    said = said_by_the_child("auto", library, tool, cache=tmp_path)

    assert said == f"answered True {edition}"


@pytest.mark.parametrize(
    ("kind", "tool_is_named"), [("library", True), ("auto", False)]
)
def test_where_the_library_was_asked_for_the_child_is_told_what_to_do(
    kind: str, tool_is_named: bool, library: Path, tool: Path, tmp_path: Path
) -> None:
    edition = edition_of(library)

    said = said_by_the_child(
        kind, library, tool if tool_is_named else "", cache=tmp_path
    )

    if edition == "embedded":  # it has no threads that could be missing
        assert said == "answered True embedded"
    else:
        assert said == FORKED
