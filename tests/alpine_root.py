"""An Alpine root, to be looked at from inside and from outside."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parents[1]


def in_a_namespace(*steps: str) -> list[str]:
    """Return a command: *steps*, then its arguments, with mounts of its own."""
    unshare = shutil.which("unshare")
    works = unshare and subprocess.run(
        [unshare, "--mount", "true"], capture_output=True, check=False
    )
    if not unshare or not works or works.returncode:
        pytest.skip("no permission for mounts of our own (unshare --mount)")
    script = "; ".join(["set -e", *steps, 'exec "$@"'])
    return [unshare, "--mount", "sh", "-c", script, "sh"]


class Alpine(NamedTuple):
    """An Alpine root and the Python in it."""

    root: Path
    python: Path
    """As it is called inside."""

    @property
    def loader(self) -> Path:
        """Musl's loader, as it is called from outside."""
        return next(self.root.glob("lib/ld-musl-*.so.1"))

    @property
    def libraries(self) -> str:
        """Where its libraries lie, as seen from outside."""
        home = self.python.parents[1].relative_to("/")
        folders = ["lib", "usr/lib", home / "lib"]
        return ":".join(str(self.root / folder) for folder in folders)

    def inside(self, *steps: str) -> list[str]:
        """Return a command that runs its arguments in there, the project at /mnt."""
        root = shlex.quote(str(self.root))
        return [
            *in_a_namespace(
                f"mount --bind {shlex.quote(str(PROJECT))} {root}/mnt", *steps
            ),
            "chroot",
            str(self.root),
        ]


def alpine_root(root: Path | None) -> Alpine:
    """Return the Alpine root that this run was given, or skip the test."""
    if root is None:
        pytest.skip("no Alpine root: give --alpine ROOT")
    for python in ("/opt/python/bin/python3", "/usr/bin/python3"):
        if (root / python[1:]).exists():
            return Alpine(root, Path(python))
    pytest.skip(f"no Python in {root}")
