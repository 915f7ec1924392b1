"""What did the shell ask for? `imageflow-loader`, or `python -m imageflow_loader`.

Each command is a module of this room with `add_arguments(parser)` and
`run(arguments) -> int`, imported when it is the one that is asked for.

Exit codes: 0 fine; 1 a batch with failures; 2 usage; 66 a source that cannot be read;
69 no engine; 73 a destination that cannot be written; 130 cancelled, timed out or
Ctrl-C; 141 nobody reads the output any more; otherwise the engine's own (64 to 77).
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ..errors import DestinationError, EngineError, ImageflowError
from .streams import red

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS: Final[Mapping[str, str]] = {
    "process": "do with a picture what a query string says",
    "batch": "do it with many pictures",
    "info": "say what the header of a picture says",
    "run": "run a job that is written down in JSON",
    "explain": "say what such a job does, in order",
    "validate": "say what an engine would pass over in a query string",
    "doctor": "say which engine is used here, and why",
    "fetch": "fetch the official engine, and use it from now on",
    "cache": "list, check or clear what was fetched",
    "tool": "run the imageflow_tool that is used here, with its own arguments",
}
"""Each command, in the order of the help, and what it does."""

USAGE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* asks for, and return the exit code.

    Args:
        argv: The arguments; those of this process unless given.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments)
        if sys.stdout is not None:  # closed before we were started
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _broken_pipe()
    except DestinationError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _broken_pipe()
        return _failed(error)
    except ImageflowError as error:
        return _failed(error)
    except ValueError as error:  # an argument that argparse cannot judge
        _say(str(error))
        return USAGE
    except OSError as error:  # all else that can fail has an error of ours
        _say(f"standard output cannot be written: {error.strerror or error}.")
        _write_no_more()
        return DestinationError.exit_code
    return status


def _run(argv: list[str]) -> int:
    chosen = argv[0] if argv and argv[0] in COMMANDS else None
    parser = _parser(chosen)
    if not argv:
        parser.print_help(sys.stderr)
        return USAGE
    arguments = parser.parse_args(argv)
    status: int = import_module(f".{arguments.command}", __name__).run(arguments)
    return status


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the *chosen* command alone."""
    parser = argparse.ArgumentParser(
        prog="imageflow-loader",
        description="The imageflow image engine, whatever machine this is.",
        epilog="'imageflow-loader COMMAND --help' says more of each.",
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name == chosen:
            import_module(f".{name}", __name__).add_arguments(command)
    return parser


class _Version(argparse.Action):
    """Print the version of this package, which the others need not look up."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(
            option_strings, dest, nargs=0, help="print the version of this package"
        )

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        package = sys.modules[__name__.partition(".")[0]]
        print(f"imageflow-loader {package.__version__}")
        parser.exit()


def _failed(error: ImageflowError) -> int:
    _say(str(error) if isinstance(error, EngineError) else _first_line(error))
    if hint := getattr(error, "hint", None):
        _say(hint)
    return error.exit_code


def _first_line(error: ImageflowError) -> str:
    return str(error).partition("\n")[0]


def _say(text: str) -> None:
    print(f"{red('imageflow-loader:')} {text}", file=sys.stderr)


def _broken_pipe() -> int:
    _write_no_more()
    return BROKEN_PIPE


def _write_no_more() -> None:
    # The interpreter flushes standard output as it ends, and would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
