"""A Python of musl in an Alpine root, with the package installed by pip."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TESTS = Path(__file__).parents[1]
IN_ROOT = Path(__file__).with_name("in-root")
INDEX = "/media/index"
VENV = "/opt/venv"
FILES = "/media/files"
"""Where a program finds the files it was given, read-only."""
ENDLESS_S = 900  # a guard; the machine may be busy


@dataclass(frozen=True)
class Guest:
    """An Alpine root without network, and an environment that is mounted there."""

    root: Path
    index: Path
    venv: Path
    """On this machine; `VENV` inside."""
    files: Path | None = None
    """On this machine; `FILES` inside."""
    variables: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    """More options of `in-root`."""

    def run(
        self, *command: str, writable: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside; *writable* is for pip in the environment."""
        environment = [f"{name}={value}" for name, value in self.variables.items()]
        binds = ["-b", f"{self.index}:{INDEX}", "-b", f"{TESTS}:/media/project/tests"]
        binds += ["-w" if writable else "-b", f"{self.venv}:{VENV}"]
        if self.files is not None:
            binds += ["-b", f"{self.files}:{FILES}"]
        return subprocess.run(
            [
                *(IN_ROOT, "-n", *self.options, *binds, self.root),
                *("env", *environment, *command),
            ],
            capture_output=True,
            text=True,
            timeout=ENDLESS_S,
            check=False,
        )

    def python(self, program: str, *arguments: str) -> str:
        """Run a program with the environment's Python; return what it prints."""
        done = self.run("python", "-c", program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pip_install(self, *what: str) -> None:
        """Install from the index, into the environment."""
        options = ["--quiet", "--isolated", "--index-url", f"file://{INDEX}"]
        command = ["python", "-m", "pip", "install", *options, *what]
        done = self.run(*command, writable=True)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def native(self) -> Path:
        """The folder of the bundled engines, on this machine."""
        (package,) = self.venv.glob("lib/python3*/site-packages/imageflow_loader")
        return package / "_native"
