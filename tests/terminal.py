"""A terminal for commands that look whether they have one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def on_terminal(
    arguments: list[Any],
    environment: Mapping[str, str] | None = None,
    *,
    with_stdout: bool = False,
) -> tuple[int, str]:
    """Run a command whose standard error is a terminal; return its code and words.

    Its standard output is one too *with_stdout*, else nothing is read of it.
    """
    leader, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "imageflow_loader", *map(str, arguments)],
        stdout=terminal if with_stdout else subprocess.DEVNULL,
        stderr=terminal,
        env=environment,
    ) as child:
        os.close(terminal)
        told = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end closed
            while data := os.read(leader, 4096):
                told += data
        os.close(leader)
    return child.returncode, told.decode()
