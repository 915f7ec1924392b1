"""What did the shell ask for? `imageflow-loader`, or `python -m imageflow_loader`.

Each command is a function; its module is imported when it is the one that is asked for.

Exit codes: 0 fine; 1 a batch with failures; 2 usage; 66 a source that cannot be read;
69 no engine; 73 a destination that cannot be written; 130 cancelled, timed out or
Ctrl-C; 141 nobody reads the output any more; otherwise the engine's own (64 to 77).
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ..errors import (
    DestinationError,
    EngineError,
    EngineMemoryError,
    ImageflowError,
)
from .shell import complain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .shell import Command

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "process": ("pictures", "do with a picture what a query string says"),
    "batch": ("batch", "do it with many pictures"),
    "info": ("pictures", "say what the header of a picture says"),
    "run": ("jobs", "run a job that is written down in JSON"),
    "explain": ("jobs", "say what such a job does, in order"),
    "validate": ("pictures", "say what an engine would pass over in a query string"),
    "doctor": ("doctor", "say which engine is used here, and why"),
    "fetch": ("engines", "fetch the official engine, and use it from now on"),
    "cache": ("engines", "list, check or clear what was fetched"),
    "tool": ("engines", "run the imageflow_tool that is used here, with its arguments"),
}
"""Each command, in the order of the help: its module, and what it does."""

USAGE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
VERSION: Final[str] = sys.modules[__name__.partition(".")[0]].__version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* asks for, and return the exit code.

    Args:
        argv: The arguments; those of this process unless given.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may hold anything
            sys.stdout.reconfigure(errors="backslashreplace")
        status = _run(arguments)
        if sys.stdout is not None:  # closed before we were started
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _broken_pipe()
    except ImageflowError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _broken_pipe()
        return _failed(error)
    except MemoryError:
        complain("There is no memory left for this.")
        return EngineMemoryError.exit_code
    except ValueError as error:  # an argument that argparse cannot judge
        complain(str(error))
        return USAGE
    except OSError as error:  # all else that can fail has an error of ours
        complain(f"standard output cannot be written: {error.strerror or error}.")
        _write_no_more()
        return DestinationError.exit_code
    return status


def _run(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="imageflow-loader",
        description="The imageflow image engine, whatever machine this is.",
        epilog="'imageflow-loader COMMAND --help' says more of each.",
    )
    parser.add_argument(
        "--version", action="version", version=f"imageflow-loader {VERSION}"
    )
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, purpose) in COMMANDS.items():
        its_parser = parsers.add_parser(name, help=purpose, description=purpose)
        if argv[:1] == [name]:
            command: Command = getattr(import_module(f".{module}", __name__), name)
            command.declare(its_parser)
    if not argv:
        parser.print_help(sys.stderr)
        return USAGE
    given = vars(parser.parse_args(argv))
    del given["command"]  # its name
    logging.basicConfig(  # hints of the package, and what it waits for
        format="imageflow-loader: %(message)s",
        level=logging.WARNING if given.get("quiet") else logging.INFO,
    )
    return command.run(**given)


def _failed(error: ImageflowError) -> int:
    text = str(error)
    complain(text if isinstance(error, EngineError) else text.partition("\n")[0])
    hint = getattr(error, "hint", None)
    if hint and hint not in text:
        complain(hint)
    return error.exit_code


def _broken_pipe() -> int:
    _write_no_more()
    return BROKEN_PIPE


def _write_no_more() -> None:
    # The interpreter flushes standard output as it ends, and would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
