"""What happens to a process that loads this library? Asked of a child, for reports.

A header tells much, but not what a constructor does. It costs a Python's start, so it
is for `doctor` and for libraries of the user's own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from .verdict import OK, STATIC_TOOL, Verdict

if TYPE_CHECKING:
    from pathlib import Path

SECONDS: Final = 10.0
"""How long a library may take to be loaded."""

# Whatever it prints, it has survived; what it found is for the real attempt to say.
_CHILD: Final = """
import ctypes, os, sys
try:
    ctypes.CDLL(sys.argv[1], getattr(os, "RTLD_NOW", 0) | getattr(os, "RTLD_LOCAL", 0))
except OSError:
    pass
print("survived")
"""


def probe_library(
    path: Path, *, python: str | None = sys.executable, seconds: float | None = None
) -> Verdict:
    """Return whether a process survives loading the library at *path*.

    Args:
        path: A library that has passed `preflight`.
        python: The interpreter to try it in; None or "" if there is none to start.
        seconds: How long the loading may take; None for `SECONDS`.
    """
    if not python:
        return OK
    import subprocess  # nobody but a report needs it
    from signal import Signals

    seconds = SECONDS if seconds is None else seconds
    command = [python, "-I", "-S", "-c", _CHILD, str(path)]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        what = f"is not loaded within {seconds:g} seconds: it hangs"
        return _no("hangs_on_load", path, what)
    except OSError:
        return OK  # no child to be had: the report goes without
    if ended.returncode < 0:
        try:
            name = Signals(-ended.returncode).name
        except ValueError:
            name = f"signal {-ended.returncode}"
        return _no("crashes_on_load", path, f"kills a process that loads it ({name})")
    if b"survived" not in ended.stdout:
        what = f"ends a process that loads it (exit status {ended.returncode})"
        return _no("exits_on_load", path, what)
    return OK


def _no(code: str, path: Path, what: str) -> Verdict:
    return Verdict(ok=False, code=code, sentence=f"{path} {what}.", remedy=STATIC_TOOL)
