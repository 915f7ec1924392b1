"""What commands share: how they are declared, standard streams, red errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._settings import colours_are_unwanted
from ..errors import DestinationError, SourceError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .._job import EncodedImage
    from ..types import Destination, SourceLike

    Argument: TypeAlias = tuple[str, dict[str, Any]]


class Command(NamedTuple):
    """A function that is given what the shell says, and returns the exit code."""

    run: Callable[..., int]
    arguments: tuple[Argument, ...]
    parser: dict[str, Any]
    """Attributes of its parser."""

    def declare(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""
        vars(parser).update(self.parser)
        for name, options in self.arguments:
            parser.add_argument(name, **options)


def argument(name: str, help: str, **options: Any) -> Argument:  # noqa: A002 - its own word
    """Return what `argparse.ArgumentParser.add_argument` is to be given."""
    return name, {"help": help, **options}


def flag(name: str, help: str, **options: Any) -> Argument:  # noqa: A002 - likewise
    """Return an argument that is either there or not."""
    return argument(name, help, action="store_true", **options)


def command(
    *arguments: Argument, **parser: Any
) -> Callable[[Callable[..., int]], Command]:
    """Make a command of a function."""
    return lambda run: Command(run, arguments, parser)


TIMEOUT: Final = argument(
    "--timeout", "give up after so long", type=float, metavar="SECONDS"
)
JSON_LINES: Final = flag(
    "--json", "print a JSON object for each, one a line", dest="as_json"
)
QUIET: Final = flag("--quiet", "say nothing unless it fails")


def titled(blocks: Mapping[str, Iterable[str] | None]) -> Iterator[str]:
    """Yield the lines of each block, the first behind its title."""
    for title, lines in blocks.items():
        for line in lines or ():
            yield f"{title:<9} {line}"
            title = ""


def source(word: str) -> SourceLike:
    """Return the path that *word* is, or standard input for "-"."""
    if word != "-":
        return word
    if sys.stdin is None:
        raise SourceError("Standard input is closed.")
    return sys.stdin.buffer


def destination(word: str) -> Destination:
    """Return the path that *word* is, or standard output for "-"."""
    if word != "-":
        return word
    if sys.stdout is None:
        raise DestinationError("Standard output is closed.")
    return sys.stdout.buffer


def tell(made: EncodedImage) -> None:
    """Say on standard error what was made, unless it went to standard output."""
    if made.path is not None:
        text = f"{made.path}: {made.mime_type}, {made.width}×{made.height}"
        print(f"{text}, {made.byte_count:,} bytes", file=sys.stderr)


def red(text: str) -> str:
    """Return *text* as standard error shows it: red on a terminal, else as it is."""
    if sys.stderr is None or not sys.stderr.isatty() or colours_are_unwanted():
        return text
    return f"\x1b[31m{text}\x1b[0m"


def complain(text: object) -> None:
    """Say on standard error what is wrong."""
    print(f"{red('imageflow-loader:')} {text}", file=sys.stderr)
