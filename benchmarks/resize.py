"""Resize beside Pillow, npm sharp and pyvips: time, bytes and similarity in one run.

    python benchmarks/resize.py [--photo FILE.jpg] [--alpha FILE.png] [--rounds 15]
                                [--task NAME] [--json FILE] [--check]

Everyone gets the same bytes in memory and gives bytes back, on one thread, taking
turns, so that a busy machine slows all alike. Times are minima; the median stands
beside them. SSIM compares a lossy result with the same contestant's own lossless result
of that task, so that it speaks of the encoder and not of the resampling filter. "=SSIM"
is our bytes over the other's bytes at our similarity, read off the other's curve over a
ladder of qualities.

Needs what `pip install -e '.[test]'` brings; for sharp, node and
`npm install --prefix .build/bench sharp`; for pyvips, `pip install 'pyvips[binary]'`.
`IMAGEFLOW_LIBRARY` measures another engine.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import drawn
import numpy as np
from contestants import Contestant, Sharp, Task, present
from similarity import luma, ssim

import imageflow_loader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TASKS = (
    Task("photo to 720", "photo", 720, 588, crop=False, format="jpeg", quality=80),
    Task("thumbnail", "photo", 160, 160, crop=True, format="jpeg", quality=80),
    Task("photo to WebP", "photo", 720, 588, crop=False, format="webp", quality=80),
    Task("alpha PNG", "alpha", 720, 540, crop=False, format="png", quality=None),
)
LADDER = (50, 60, 70, 75, 80, 85, 90, 95)

OURS = "imageflow"


@dataclass(frozen=True, slots=True)
class Limit:
    """What must hold: our time, or our bytes at equal similarity, over theirs."""

    task: str
    than: str
    time: float | None = None
    size: float | None = None


LIMITS = (
    Limit("photo to 720", "sharp", time=1.4, size=1.03),
    Limit("photo to 720", "Pillow", time=1.0),
    Limit("thumbnail", "sharp", time=1.8),
    Limit("photo to WebP", "Pillow", time=1.2),
    Limit("alpha PNG", "Pillow", time=1.0),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant did with one task."""

    task: str
    contestant: str
    best_ms: float
    median_ms: float
    size_bytes: int
    ssim: float | None
    """None for a lossless task."""
    curve: tuple[tuple[float, int], ...]
    """SSIM and bytes for each quality of the ladder; empty for a lossless task."""

    def bytes_at(self, similarity: float) -> float | None:
        """Return how many bytes this contestant needs for *similarity*.

        Between the rungs of the ladder the logarithm of the bytes is taken as linear;
        None beyond its ends.
        """
        points = sorted(self.curve)
        if not points or not points[0][0] <= similarity <= points[-1][0]:
            return None
        similarities, sizes = zip(*points, strict=True)
        return math.exp(float(np.interp(similarity, similarities, np.log(sizes))))


def measure(
    task: Task, source: bytes, contestants: Sequence[Contestant], rounds: int
) -> list[Result]:
    """Let everyone do *task* in turn, *rounds* times after two for warming up."""
    times: dict[str, list[float]] = {c.name: [] for c in contestants}
    encoded: dict[str, bytes] = {}
    for turn in range(rounds + 2):
        for contestant in contestants:
            seconds, encoded[contestant.name] = contestant.run(task, source)
            if turn >= 2:
                times[contestant.name].append(seconds * 1000)
    results = []
    for contestant in contestants:
        name, curve = contestant.name, _curve(contestant, task, source)
        best, median = min(times[name]), statistics.median(times[name])
        here = dict(zip(LADDER, curve, strict=False)).get(task.quality or 0)
        similarity = here[0] if here else None
        size = len(encoded[name])
        results.append(Result(task.name, name, best, median, size, similarity, curve))
    return results


def _curve(
    contestant: Contestant, task: Task, source: bytes
) -> tuple[tuple[float, int], ...]:
    if task.quality is None:
        return ()
    _, perfect = contestant.run(replace(task, format="png", quality=None), source)
    reference = luma(perfect)
    points = []
    for quality in LADDER:
        _, data = contestant.run(replace(task, quality=quality), source)
        points.append((ssim(luma(data), reference), len(data)))
    return tuple(points)


def report(results: Sequence[Result]) -> None:
    """Print one task's table."""
    by_name = {result.contestant: result for result in results}
    ours = by_name.get(OURS, results[0])
    print(f"\n{ours.task}")
    header = ("", "ms", "median", "x time", "bytes", "SSIM", "=SSIM")
    print("  {:22} {:>8} {:>8} {:>7} {:>9} {:>8} {:>7}".format(*header))
    for result in results:
        similarity = "-" if result.ssim is None else f"{result.ssim:.4f}"
        ratio = size_ratio(ours, result)
        print(
            f"  {result.contestant:22} {result.best_ms:8.2f} {result.median_ms:8.2f}"
            f" {ours.best_ms / result.best_ms:7.2f} {result.size_bytes:9}"
            f" {similarity:>8} {'-' if ratio is None else f'{ratio:.3f}':>7}"
        )


def size_ratio(ours: Result, other: Result) -> float | None:
    """Return our bytes over the other's at our similarity, None if it has none such."""
    theirs = None if ours.ssim is None else other.bytes_at(ours.ssim)
    return None if theirs is None else ours.size_bytes / theirs


def broken(results: Mapping[tuple[str, str], Result]) -> list[str]:
    """Return a sentence for each limit that does not hold."""
    found = []
    for limit in LIMITS:
        ours = results.get((limit.task, OURS))
        other = results.get((limit.task, limit.than))
        if ours is None or other is None:
            continue
        ratio = ours.best_ms / other.best_ms
        if limit.time is not None and ratio > limit.time:
            found.append(_sentence(limit, "time", ratio, limit.time))
        size = size_ratio(ours, other)
        if limit.size is not None and (size is None or size > limit.size):
            found.append(_sentence(limit, "bytes at equal SSIM", size, limit.size))
    return found


def _sentence(limit: Limit, what: str, value: float | None, most: float) -> str:
    shown = "unknown" if value is None else f"{value:.3f}"
    return f"{limit.task}: {what} {shown} x {limit.than}, at most {most} wanted"


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure resizing beside others.")
    parser.add_argument("--photo", type=Path, help="a JPEG; else one is drawn")
    parser.add_argument("--alpha", type=Path, help="a PNG; else one is drawn")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--task", choices=[task.name for task in TASKS], action="append"
    )
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--check", action="store_true", help="fail over a limit")
    return parser.parse_args()


def main() -> int:
    """Measure, print, compare with the limits."""
    options = arguments()
    sources = {
        "photo": options.photo.read_bytes() if options.photo else drawn.photo(),
        "alpha": options.alpha.read_bytes() if options.alpha else drawn.with_alpha(),
    }
    contestants = list(present())
    print(f"{platform.machine()}, Python {platform.python_version()}, one thread each")
    print(f"engine: {imageflow_loader.get_engine().info.version.long_version_string}")
    for name, data in sources.items():
        given = getattr(options, name)
        print(f"{name}: {given.name if given else 'drawn'}, {len(data)} bytes")
    results = []
    for task in TASKS:
        if not options.task or task.name in options.task:
            done = measure(task, sources[task.source], contestants, options.rounds)
            report(done)
            results += done
    for contestant in contestants:
        if isinstance(contestant, Sharp):
            contestant.close()
    if options.json:
        figures = [asdict(result) for result in results]
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    complaints = broken({(r.task, r.contestant): r for r in results})
    print("\n" + ("\n".join(complaints) or "Every limit that could be checked holds."))
    return 1 if complaints and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
