"""What the package adds to the life of a Python process, over a bare interpreter.

    python benchmarks/import.py [--runs 40] [--check]

Each figure is the difference of two minima; the programs take turns, so that a busy
machine slows both. `--check` ends with 1 when a budget is not kept.
"""

from __future__ import annotations

import argparse
import base64
import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

# One grey pixel: what a first job costs beyond its picture.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
TOUCH = "import imageflow_loader as m; [getattr(m, name) for name in m.__all__]"
JOB = f"{TOUCH}; m.process({PNG!r}, 'w=1&format=png')"

# Users run compiled modules: the first round compiles them.
COMPILING = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


class Measure(NamedTuple):
    """A program, and how much longer than another it may take."""

    what: str
    program: str
    over: str
    budget_ms: float


MEASURES = [
    Measure("import imageflow_loader", "import imageflow_loader", "pass", 25),
    Measure("every public name", TOUCH, "pass", 80),
    Measure("first small job", JOB, TOUCH, 60),
]


def once(program: str, folder: str) -> float:
    """Return the milliseconds that a new interpreter needs to run *program*."""
    command = [sys.executable, "-c", program]
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, env=COMPILING)
    return (time.perf_counter() - start) * 1000


def shortest(programs: list[str], runs: int) -> dict[str, float]:
    """Return each program's shortest time of *runs*, the programs taking turns."""
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # so that the installed one is measured
        best = {program: once(program, folder) for program in programs}
        for _ in range(runs):
            for program in programs:
                best[program] = min(best[program], once(program, folder))
    return best


def main() -> int:
    """Measure, print, compare with the budgets."""
    parser = argparse.ArgumentParser(description="Measure what an import costs.")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--check", action="store_true", help="fail over budget")
    options = parser.parse_args()

    programs = {m.program for m in MEASURES} | {m.over for m in MEASURES}
    best = shortest(sorted(programs), options.runs)

    print(f"bare interpreter          {best['pass']:6.1f} ms")
    kept = True
    for measure in MEASURES:
        cost = best[measure.program] - best[measure.over]
        kept &= cost <= measure.budget_ms
        print(f"{measure.what:25} {cost:+6.1f} ms  (budget {measure.budget_ms:g})")
    return 0 if kept or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
