"""`-` is standard input or output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..types import Destination, SourceLike


def source(word: str) -> SourceLike:
    """Return the path that *word* is, or standard input for "-"."""
    return sys.stdin.buffer if word == "-" else word


def destination(word: str) -> Destination:
    """Return the path that *word* is, or standard output for "-"."""
    return sys.stdout.buffer if word == "-" else word
