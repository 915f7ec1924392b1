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
    bar = _Bar(stream, amounts)
    try:
        yield bar.update
    finally:
        bar.end()


class _Bar:
    """One line that is drawn over itself."""

    def __init__(self, stream: TextIO, amounts: Amounts) -> None:
        self._stream, self._amounts = stream, amounts
        self._drawn_at, self._line = 0.0, ""

    def update(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done != total and now - self._drawn_at < _REDRAW_S:
            return
        self._drawn_at = now
        line = self._amounts(done, total)
        if total:
            filled = min(_WIDTH, _WIDTH * done // total)
            line = f"[{'#' * filled:-<{_WIDTH}}] {line}"
        # What a longer line has left is written over.
        _write(self._stream, f"\r{line:<{len(self._line)}}")
        self._line = line

    def end(self) -> None:
        if self._line:
            _write(self._stream, "\n")


def _write(stream: TextIO, text: str) -> None:
    # A download does not fail because nobody watches it.
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()
