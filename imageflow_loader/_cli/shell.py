"""What commands share: how they are declared, standard streams, red errors, bars."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._settings import colours_are_unwanted
from ..errors import DestinationError, SourceError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TextIO

    from .._job import EncodedImage
    from ..types import Destination, SourceLike

    Amounts: TypeAlias = Callable[[int, int | None], str]
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
    return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)  # a timeout ends its wait


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
        say(f"{text}, {made.byte_count:,} bytes")


def red(text: str) -> str:
    """Return *text* as standard error shows it: red on a terminal, else as it is."""
    if not on_terminal() or colours_are_unwanted():
        return text
    return f"\x1b[31m{text}\x1b[0m"


def on_terminal() -> bool:
    """Whether standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def complain(text: object) -> None:
    """Say on standard error what is wrong."""
    say(f"{red('imageflow-loader:')} {text}")


def say(text: str) -> None:
    """Say something on standard error, if it is open; nobody need be there to read."""
    if sys.stderr is not None:  # print() would take standard output
        _write(sys.stderr, f"{text}\n")


# How a download or a batch is going: a bar on a terminal, lines elsewhere

_WIDTH: Final = 30  # of the bar, in characters
_REDRAW_S: Final = 0.1
MEGABYTE: Final = 1_000_000
_TENTHS: Final = 10
_LINE_EVERY: Final = 10 * MEGABYTE  # where the size is not known


def _amounts(done: int, total: int | None) -> str:
    if not total:
        return f"{done / MEGABYTE:.1f} MB"
    percent = 100 * done // total
    return f"{percent:3} % of {total / MEGABYTE:.1f} MB"


@contextlib.contextmanager
def reporting(
    stream: TextIO | None, *, quiet: bool = False, amounts: Amounts = _amounts
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield what is to be told of each step; None when *quiet*.

    Args:
        stream: Where it is shown: a bar on a terminal, else a line for each tenth.
        quiet: Show nothing.
        amounts: How done and total are written; as bytes unless given.
    """
    if quiet or stream is None:
        yield None
        return
    drawn_at, line, said = 0.0, "", -1

    def draw(done: int, total: int | None) -> None:
        nonlocal drawn_at, line
        now = time.monotonic()
        if done != total and now - drawn_at < _REDRAW_S:
            return
        filled = min(_WIDTH, _WIDTH * done // (total or 1))
        bar = f"[{'#' * filled:-<{_WIDTH}}] " if total else ""
        # What a longer line has left is written over.
        drawn_at, old, line = now, line, bar + amounts(done, total)
        _write(stream, f"\r{line:<{len(old)}}")

    def log(done: int, total: int | None) -> None:
        nonlocal said
        step = _TENTHS * done // total if total else done // _LINE_EVERY
        if step != said:  # smaller in another attempt, from the start
            said = step
            _write(stream, f"{amounts(done, total)}\n")

    try:
        yield draw if stream.isatty() else log
    finally:
        if line:
            _write(stream, "\n")


def _write(stream: TextIO, text: str) -> None:
    # Nothing fails because nobody watches it.
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()
