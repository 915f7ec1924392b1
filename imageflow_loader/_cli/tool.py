"""`imageflow-loader tool -- ARGS…`: the selected `imageflow_tool` itself."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from .._engine import load_engine
from .._platform import current_platform

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.usage = "imageflow-loader tool [-h] -- ARGS…"
    parser.add_argument(
        "arguments",
        metavar="ARGS",
        nargs="*",
        help="the tool's own arguments, behind two dashes: -- v1/build --json job.json",
    )


def run(arguments: argparse.Namespace) -> int:
    """Become the tool: its output, signals and exit code are then really its own."""
    with load_engine("tool") as engine:
        path = os.fspath(engine.info.path)
    sys.stdout.flush()
    command = [path, *arguments.arguments]
    if current_platform().os == "windows":  # where exec does not replace the process
        return os.spawnv(os.P_WAIT, path, command)  # noqa: S606 - no shell is meant
    return os.execv(path, command)  # noqa: S606 - likewise; it does not return
