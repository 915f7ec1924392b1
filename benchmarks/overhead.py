"""What a job costs beyond the engine: our backends beside a bare loop over each.

    python benchmarks/overhead.py [--photo FILE.jpg] [--runs 200] [--check]

The same job on the same bytes by two ways that take turns in being first, so that
neither finds the machine warmer than the other. A budget holds for the median over the
pairs; beside it stands the difference of the fastest tenths, which has less in it of
what the machine does meanwhile, such as cores that fall asleep. In process the other
way is the C ABI called with nothing around it: no hand-over, no JSON read, no error
looked at; on the thread that runs our jobs, for on another one the engine is some per
cent slower or faster, by how its memory lies. In a child it is `subprocess.run` of the
tool on files that exist already.

`IMAGEFLOW_LIBRARY` and `IMAGEFLOW_TOOL` measure another engine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from statistics import mean, median
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import drawn

import imageflow_loader
from imageflow_loader._backend._abi import ffi

if TYPE_CHECKING:
    from collections.abc import Callable

    from imageflow_loader import Engine
    from imageflow_loader._backend.library import LibraryBackend

Timed: TypeAlias = tuple[float, bytes]
"""Microseconds, and what was made meanwhile."""
Way: TypeAlias = "Callable[[], Timed]"

SMALL_SIZE = (64, 48)
OUTLIVES_CONTEXT = 1


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a job may cost beyond the engine; None promises nothing."""

    microseconds: float
    percent: float | None = None


IN_PROCESS_SMALL = Budget(200)
IN_PROCESS_PHOTO = Budget(float("inf"), percent=2)
IN_A_CHILD = Budget(6000)


def job(w: int, preset: Any) -> dict[str, Any]:
    """Return the message of a job: shrink to *w*, encode."""
    steps = [
        {"decode": {"io_id": 0}},
        {"constrain": {"mode": "within", "w": w}},
        {"encode": {"io_id": 1, "preset": preset}},
    ]
    return {"framewise": {"steps": steps}}


def bare_library(lib: Any, picture: bytes, message: bytes) -> bytes:
    """Run a job through the C ABI as if nothing could go wrong."""
    context = lib.imageflow_context_create(3, 0)
    lent = ffi.from_buffer("uint8_t[]", picture)
    lib.imageflow_context_add_input_buffer(
        context, 0, lent, len(lent), OUTLIVES_CONTEXT
    )
    lib.imageflow_context_add_output_buffer(context, 1)
    lib.imageflow_context_send_json(context, b"v1/execute", message, len(message))
    data, size = ffi.new("uint8_t **"), ffi.new("size_t *")
    lib.imageflow_context_take_output_buffer(context, 1, data, size)
    lib.imageflow_context_destroy(context)
    copy = bytes(ffi.buffer(data[0], size[0]))
    lib.imageflow_buffer_free(data[0], size[0])
    return copy


def bare_tool(tool: Path, recipe: Path, output: Path) -> bytes:
    """Run a job in a child, on files that are there."""
    subprocess.run([tool, "v1/build", "--quiet", "--json", recipe], check=True)
    return output.read_bytes()


def ours(engine: Engine, picture: bytes, message: dict[str, Any]) -> bytes:
    """Run a job as a user's program does."""
    answer = engine.send_json(
        "v1/execute", message, inputs={0: picture}, outputs=[1], timeout=60
    )
    return answer.outputs[1]


class Cost(NamedTuple):
    """What a job takes, and what it takes beyond that with us; in microseconds."""

    bare: float
    """The median."""
    ours: float
    """The median over the pairs."""
    fastest: float
    """The mean of the fastest tenth, less that of the bare ones."""


def in_pairs(bare: Way, full: Way, runs: int) -> Cost:
    """Let *bare* and *full* take turns in being first."""
    if bare()[1] != full()[1]:
        raise SystemExit("the two ways do not do the same job")
    pairs = []
    for run in range(runs):
        ways = (bare, full) if run % 2 else (full, bare)
        took = {way: way()[0] for way in ways}
        pairs.append((took[bare], took[full]))
    tenth = max(1, runs // 10)
    fastest = [mean(sorted(times)[:tenth]) for times in zip(*pairs, strict=True)]
    return Cost(
        median(bare_us for bare_us, _ in pairs),
        median(full_us - bare_us for bare_us, full_us in pairs),
        fastest[1] - fastest[0],
    )


def timed(job: Callable[[], bytes]) -> Timed:
    """Return how many microseconds *job* takes now, and what it makes."""
    start = time.perf_counter_ns()
    made = job()
    return (time.perf_counter_ns() - start) / 1000, made


def timed_by(engine: Engine, job: Callable[[], bytes]) -> Timed:
    """Return the same, on the thread that the engine's next job would have."""
    found: SimpleQueue[Timed] = SimpleQueue()
    workers = cast("LibraryBackend", engine._backend)._workers
    workers.submit(lambda: found.put(timed(job)), lambda: None)
    return found.get()


def report(what: str, cost: Cost, budget: Budget) -> bool:
    """Print one line, and return whether the budget is kept."""
    percent = 100 * cost.ours / cost.bare
    kept = cost.ours <= budget.microseconds
    promise = f"{budget.microseconds:g} µs"
    if budget.percent is not None:
        kept &= percent <= budget.percent
        promise = f"{budget.percent:g} %"
    print(
        f"{what:22} bare {cost.bare:6.0f} µs   ours {cost.ours:+6.0f} µs "
        f"{percent:+7.2f} %   fastest {cost.fastest:+6.0f} µs   "
        f"budget {promise}{'' if kept else '   OVER'}"
    )
    return kept


def measure_library(small: bytes, photo: bytes, runs: int) -> bool:
    """Measure the library beside a bare loop."""
    kept = True
    with imageflow_loader.load_engine("library") as engine:
        lib = ffi.dlopen(str(engine.info.path), ffi.RTLD_NOW | ffi.RTLD_LOCAL)
        for what, picture, message, budget in (
            ("library, 64 × 48", small, job(8, {"libpng": {}}), IN_PROCESS_SMALL),
            (
                "library, photo to 720",
                photo,
                job(720, {"mozjpeg": {}}),
                IN_PROCESS_PHOTO,
            ),
        ):
            text = json.dumps(message).encode()
            cost = in_pairs(
                partial(timed_by, engine, partial(bare_library, lib, picture, text)),
                partial(timed, partial(ours, engine, picture, message)),
                runs,
            )
            kept &= report(what, cost, budget)
    return kept


def measure_tool(small: bytes, photo: bytes, runs: int) -> bool:
    """Measure the tool beside a bare child."""
    kept = True
    with (
        imageflow_loader.load_engine("tool") as engine,
        tempfile.TemporaryDirectory() as folder,
    ):
        for what, picture, message in (
            ("tool, 64 × 48", small, job(8, {"libpng": {}})),
            ("tool, photo to 720", photo, job(720, {"mozjpeg": {}})),
        ):
            recipe, source, output = (
                Path(folder, name) for name in ("json", "in", "out")
            )
            source.write_bytes(picture)
            io = [
                {"io_id": 0, "direction": "in", "io": {"file": str(source)}},
                {"io_id": 1, "direction": "out", "io": {"file": str(output)}},
            ]
            recipe.write_text(json.dumps({**message, "io": io}))
            cost = in_pairs(
                partial(timed, partial(bare_tool, engine.info.path, recipe, output)),
                partial(timed, partial(ours, engine, picture, message)),
                runs,
            )
            kept &= report(what, cost, IN_A_CHILD)
    return kept


def main() -> int:
    """Measure, print, compare with the budgets."""
    parser = argparse.ArgumentParser(
        description="Measure what a job costs beside the engine."
    )
    parser.add_argument("--photo", type=Path, help="a JPEG instead of the drawn one")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--check", action="store_true", help="fail over budget")
    options = parser.parse_args()

    photo = options.photo.read_bytes() if options.photo else drawn.photo()
    small = drawn.photo(SMALL_SIZE)
    kept = measure_library(small, photo, options.runs)
    kept &= measure_tool(small, photo, options.runs)
    return 0 if kept or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
