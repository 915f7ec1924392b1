"""Installations of the package, pure or with an engine, as programs would find them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageflow_loader
from imageflow_loader._platform import current_platform
from imageflow_loader._supply.releases import for_platform
from tests.pictures import png
from tests.supply.upstream import Archive, archive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DRIVER = Path(__file__).with_name("driver.py")
PICTURE = base64.b64encode(png(8, 6)).decode()
STRANGER = 54321  # a user without a passwd entry, as containers have them
TIMEOUT_S = 300  # a guard; the machine may be busy


@dataclass(frozen=True)
class Installation:
    """A copy of the package, whose pin is that of an archive around our own engine."""

    folder: Path
    """To be put on the path of modules."""
    archive: Archive
    """What it fetches by itself."""
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, **variables: str | Path) -> dict[str, str]:
        """Return the environment of a program that uses this installation."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("IMAGEFLOW_")
        }
        given = {name: str(value) for name, value in variables.items()}
        return {**kept, "PYTHONPATH": str(self.folder), **self.variables, **given}

    def job(
        self, *, before: Sequence[str] = (), wish: Any = None, **variables: str | Path
    ) -> dict[str, Any]:
        """Run one job in a new process and return what came of it; "stderr" is added.

        Args:
            before: A command that runs the command that follows it.
            wish: What `driver.py` is asked for besides.
            variables: The environment.
        """
        answer, said = self._driven(before, wish or {}, variables)
        assert isinstance(answer, dict)
        return {**answer, "stderr": said}

    def crowd(self, count: int, *, wish: Any = None) -> list[dict[str, Any]]:
        """Run the same job in *count* processes that start together."""
        wish = {"crowd": count, "preload": True, **(wish or {})}
        answers, _ = self._driven((), wish, {})
        assert isinstance(answers, list)
        return answers

    def _driven(
        self, before: Sequence[str], wish: Any, variables: Mapping[str, str | Path]
    ) -> tuple[Any, str]:
        request = json.dumps({"picture": PICTURE, **wish})
        done = subprocess.run(
            [*before, sys.executable, str(DRIVER), request],
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    def command(
        self, *arguments: str, before: Sequence[str] = (), **variables: str | Path
    ) -> subprocess.CompletedProcess[str]:
        """Run `imageflow-loader` with these arguments."""
        return subprocess.run(
            [*before, sys.executable, "-m", "imageflow_loader", *arguments],
            env=self.environment(**variables),
            cwd=self.folder,  # where -m looks first
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )


def install(
    folder: Path, archive: Archive, bundle: Sequence[Path] = ()
) -> Installation:
    """Copy the package into *folder*, pin *archive* and bundle these engines."""
    source = Path(imageflow_loader.__file__).parent
    package = folder / "imageflow_loader"
    ignored = shutil.ignore_patterns("_native", "__pycache__")
    shutil.copytree(source, package, ignore=ignored)
    table = package / "_supply" / "releases.py"
    head, mark, tail = table.read_text(encoding="utf-8").partition(
        "\ndef for_platform("
    )
    pin = f"""
ARTIFACTS = tuple(
    row._replace(sha256={archive.sha256!r} if row.name == {archive.name!r} else None)
    for row in ARTIFACTS
)
"""
    table.write_text(head + pin + mark + tail, encoding="utf-8")
    if bundle:
        (package / "_native").mkdir()
        for file in bundle:
            shutil.copy(file, package / "_native" / file.name)
    return Installation(folder, archive)


@lru_cache(maxsize=2)
def archive_around(library: Path, tool: Path | None) -> Archive | None:
    """Return upstream's main archive for this machine around our own engine.

    Without *tool* its place is taken by a few bytes, for tests that never start it.
    """
    rows = for_platform(current_platform(), "library")
    if not rows:
        return None
    return archive(
        rows[0].suffix,
        library=library.read_bytes(),
        tool=b"#!/bin/sh\n" if tool is None else tool.read_bytes(),
    )
