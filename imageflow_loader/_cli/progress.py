"""How a download or a batch is going: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    Amounts = Callable[[int, int | None], str]

_WIDTH: Final = 30  # of the bar, in characters
_REDRAW_S: Final = 0.1
_MEGABYTE: Final = 1_000_000


def _amounts(done: int, total: int | None) -> str:
    if not total:
        return f"{done / _MEGABYTE:.1f} MB"
    percent = 100 * done // total
    return f"{percent:3} % of {total / _MEGABYTE:.1f} MB"


@contextlib.contextmanager
def reporting(
    stream: TextIO | None, *, quiet: bool = False, amounts: Amounts = _amounts
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield what is to be told of each step; None where nothing is shown.

    Args:
        stream: Where it is shown, if it is a terminal.
        quiet: Show nothing.
        amounts: How done and total are written; as bytes unless given.
    """
    if quiet or stream is None or not stream.isatty():
        yield None
        return
    drawn_at, line = 0.0, ""

    def update(done: int, total: int | None) -> None:
        nonlocal drawn_at, line
        now = time.monotonic()
        if done != total and now - drawn_at < _REDRAW_S:
            return
        filled = min(_WIDTH, _WIDTH * done // (total or 1))
        bar = f"[{'#' * filled:-<{_WIDTH}}] " if total else ""
        # What a longer line has left is written over.
        drawn_at, old, line = now, line, bar + amounts(done, total)
        _write(stream, f"\r{line:<{len(old)}}")

    try:
        yield update
    finally:
        if line:
            _write(stream, "\n")


def _write(stream: TextIO, text: str) -> None:
    # A download does not fail because nobody watches it.
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()
