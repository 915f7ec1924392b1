"""Which binary fits, and where is it?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from .candidates import Candidate, candidates, nothing_usable, why_this_one
from .linkage import ABI, Linkage
from .preflight import SHORTAGE, Verdict, examine, preflight, probe_library

if TYPE_CHECKING:
    from .acquire import Fetch, choose, fetch_engine
    from .cache import Cache
    from .entry import Damaged, Entry
    from .fetch import shown
    from .releases import SUFFIXES

__all__ = [
    "ABI",
    "SHORTAGE",
    "SUFFIXES",
    "Cache",
    "Candidate",
    "Damaged",
    "Entry",
    "Fetch",
    "Linkage",
    "Verdict",
    "candidates",
    "choose",
    "examine",
    "fetch_engine",
    "nothing_usable",
    "preflight",
    "probe_library",
    "shown",
    "why_this_one",
]

# Most starts fetch nothing, so these are imported when they are asked for.
_LATER: Final = {
    **dict.fromkeys(("Fetch", "choose", "fetch_engine"), ".acquire"),
    **dict.fromkeys(("Damaged", "Entry"), ".entry"),
    "Cache": ".cache",
    "SUFFIXES": ".releases",
    "shown": ".fetch",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` at its first use."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)
