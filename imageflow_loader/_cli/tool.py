"""`imageflow-loader tool -- ARGS…`: the selected `imageflow_tool` itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._engine import load_engine
from .._platform import current_platform
from ..errors import EngineLoadError

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
    command = [path, *arguments.arguments]
    try:
        if current_platform().os == "windows":  # where exec replaces no process
            return os.spawnv(os.P_WAIT, path, command)  # noqa: S606 - no shell is meant
        return os.execv(path, command)  # noqa: S606 - likewise; it does not return
    except OSError as error:  # such as arguments that are longer than a system takes
        raise EngineLoadError(
            f"{path} cannot be started: {error.strerror or error}.",
            reason="exec_failed",
        ) from error
