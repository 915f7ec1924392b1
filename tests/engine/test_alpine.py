"""Engines that were built for glibc, named on a real Alpine."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._platform import read_dynamic, read_header
from imageflow_loader._supply.linkage import libc_family

if TYPE_CHECKING:
    from pathlib import Path

    from tests.alpine_root import Alpine

PROGRAM = """
import json, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "/mnt")
from imageflow_loader._engine import load_engine
from imageflow_loader.errors import EngineLoadError
try:
    load_engine(path=sys.argv[1])
except EngineLoadError as error:
    print(json.dumps([error.reason, error.message]))
"""


def refused_there(alpine: Alpine, engine: Path) -> tuple[str, str]:
    root = shlex.quote(str(alpine.root))
    command = alpine.inside(
        f"mount --bind {shlex.quote(str(engine.parent))} {root}/media",
        f"mount --rbind /proc {root}/proc",
    )
    ended = subprocess.run(
        [*command, alpine.python, "-c", PROGRAM, f"/media/{engine.name}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    reason, message = json.loads(ended.stdout)
    return reason, message


def built_for_glibc(engine: Path) -> Path:
    with engine.open("rb") as file:
        header = read_header(file)
        dynamic = read_dynamic(file, header)
    if libc_family(dynamic) != "glibc":
        pytest.skip(f"{engine} is not built for glibc")
    return engine


def test_a_library_for_glibc_is_refused_with_the_name_of_musl_and_a_remedy(
    alpine: Alpine, library: Path
) -> None:
    reason, message = refused_there(alpine, built_for_glibc(library))

    assert reason == "wrong_libc"
    assert message == (
        f"path: /media/{library.name} is built for glibc, but this process runs on "
        "musl. Install the wheel for musl, or use the static imageflow_tool: "
        "load_engine('tool') or IMAGEFLOW_TOOL."
    )


def test_a_tool_for_glibc_is_refused_with_the_name_of_musl_and_a_remedy(
    alpine: Alpine, tool: Path
) -> None:
    reason, message = refused_there(alpine, built_for_glibc(tool))

    assert reason == "missing_interpreter"
    assert message.startswith(f"path: /media/{tool.name} needs the loader /")
    assert message.endswith(", musl). Use the static tool, the linux-musl build.")
