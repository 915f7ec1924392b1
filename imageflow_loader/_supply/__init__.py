"""Which binary fits, and where is it?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from .candidates import (
    Candidate,
    bundled_folder,
    candidates,
    file_name,
    nothing_usable,
    why_this_one,
)
from .linkage import ABI, Linkage
from .preflight import Verdict, examine, kind_of, preflight, probe_library

if TYPE_CHECKING:
    from .acquire import Fetch, choose, digest, fetch_engine
    from .cache import Cache
    from .entry import Damaged, Entry
    from .fetch import Patience, shown
    from .releases import RELEASE, SUFFIXES

__all__ = [
    "ABI",
    "RELEASE",
    "SUFFIXES",
    "Cache",
    "Candidate",
    "Damaged",
    "Entry",
    "Fetch",
    "Linkage",
    "Patience",
    "Verdict",
    "bundled_folder",
    "candidates",
    "choose",
    "digest",
    "examine",
    "fetch_engine",
    "file_name",
    "kind_of",
    "nothing_usable",
    "preflight",
    "probe_library",
    "shown",
    "why_this_one",
]

# Most starts fetch nothing, so these are imported when they are asked for.
_LATER: Final = {
    **dict.fromkeys(("Fetch", "choose", "digest", "fetch_engine"), ".acquire"),
    **dict.fromkeys(("Patience", "shown"), ".fetch"),
    **dict.fromkeys(("RELEASE", "SUFFIXES"), ".releases"),
    **dict.fromkeys(("Damaged", "Entry"), ".entry"),
    "Cache": ".cache",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` at its first use."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)
