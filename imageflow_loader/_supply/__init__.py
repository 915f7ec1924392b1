"""Which binary fits, and where is it?"""

from __future__ import annotations

from .candidates import Candidate, bundled_folder, candidates, file_name
from .preflight import kind_of, preflight
from .report import nothing_usable, why_this_one
from .verdict import Verdict

__all__ = [
    "Candidate",
    "Verdict",
    "bundled_folder",
    "candidates",
    "file_name",
    "kind_of",
    "nothing_usable",
    "preflight",
    "why_this_one",
]
