"""`-` is standard input or output; errors are red on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .._settings import colours_are_unwanted
from ..errors import DestinationError, SourceError

if TYPE_CHECKING:
    from ..types import Destination, SourceLike


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


def red(text: str) -> str:
    """Return *text* as standard error shows it: red on a terminal, else as it is."""
    if sys.stderr is None or not sys.stderr.isatty() or colours_are_unwanted():
        return text
    return f"\x1b[31m{text}\x1b[0m"
