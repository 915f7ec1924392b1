"""The programs in `wheels/`, which is no package: they import each other by name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

sys.path.insert(0, str(ROOT / "wheels"))
try:
    bundle = importlib.import_module("bundle")
    build = importlib.import_module("build")
    check = importlib.import_module("check")
    targets = importlib.import_module("targets")
finally:
    sys.path.remove(str(ROOT / "wheels"))
