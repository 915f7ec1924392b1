"""What is said of a file that was looked at: it will do, it may, or it will not."""

from __future__ import annotations

from typing import Final, NamedTuple

STATIC_TOOL: Final = (
    "Use the static imageflow_tool instead: load_engine('tool') or IMAGEFLOW_TOOL."
)
AGAIN: Final = "Download or copy it again."


class Verdict(NamedTuple):
    """Whether a file can be tried, and what is to be said about it."""

    ok: bool
    """Whether it can be tried."""
    code: str
    """One stable word for the situation; "ok" when there is nothing to say."""
    sentence: str | None = None
    """What is the matter, beginning with the path; a doubt when `ok`."""
    remedy: str | None = None
    """What to do about it."""


OK: Final = Verdict(ok=True, code="ok")


class RefusedError(Exception):
    """A file will not do; caught by `preflight`, and never seen outside.

    Attributes:
        code: One stable word for the situation.
        what: What is the matter, as it follows the path in a sentence.
        remedy: What to do about it, None if nothing can be done.
    """

    def __init__(self, code: str, what: str, remedy: str | None = None) -> None:
        """Keep all three."""
        super().__init__(what)
        self.code, self.what, self.remedy = code, what, remedy
