"""How much faster two workers are than one, and whether memory stays where it is.

    python benchmarks/batch.py [--count 10000] [--photo FILE.jpg] [--check]

`batch` shrinks *count* pictures of 320 × 240, one in ten of which is none, with one
worker and with two, which take turns after each tenth of the way, so that a busy
machine slows both; the ratio is of the shortest tenths. The same for 6-megapixel
photographs, a hundredth as many. Memory is what this process and its workers hold, and
its growth that of the last tenth. Last, a tenth of the pictures on a Dask cluster of
two processes, one of which is killed on the way.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import drawn

import imageflow_loader as imf

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (320, 240)
RECIPE = imf.decode().constrain(160, 160).encode(imf.MozJpeg(80))
TENTHS = 10
LEAST_RATIO = 1.6
MOST_GROWTH_MIB = 2


class Lap(NamedTuple):
    """A tenth of the way."""

    seconds: float
    failed: int
    resident: float
    """MiB at its end."""


def pictures(folder: Path, picture: bytes) -> list[Path]:
    """Write ten files, one of which is no picture, and return their paths."""
    paths = [folder / f"{number}.jpg" for number in range(10)]
    for path in paths:
        path.write_bytes(picture)
    paths[0].write_bytes(b"this is no picture, only text")
    return paths


def resident_mib(processes: list[int]) -> float:
    """Return how much memory processes hold, this one among them."""
    pages = 0
    for process in [os.getpid(), *processes]:
        pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def laps(
    paths: list[Path], count: int, executor: Executor, workers: int
) -> Iterator[Lap]:
    """Yield each tenth of a batch as it is done; nothing runs in between."""
    sources = islice(cycle(paths), count)
    items = imf.batch(
        RECIPE, sources, workers=workers, executor=executor, on_error="yield"
    )
    while True:
        start, failed, done = time.perf_counter(), 0, 0
        for item in islice(items, count // TENTHS):
            done += 1
            failed += item.error is not None
        if not done:
            return
        processes = list(getattr(executor, "_processes", None) or ())
        seconds = time.perf_counter() - start
        yield Lap(seconds, failed, resident_mib(processes))


def measure(what: str, paths: list[Path], count: int, make: Any) -> bool:
    """Measure one worker beside two, print a line, and return whether all is kept."""
    with make(1) as one, make(2) as two:
        pairs = list(
            zip(laps(paths, count, one, 1), laps(paths, count, two, 2), strict=True)
        )
    single, double = (
        min(lap.seconds for lap in way) for way in zip(*pairs, strict=True)
    )
    memory = [lap.resident for _, lap in pairs]
    growth = memory[-1] - memory[-2]
    failed = sum(lap.failed for _, lap in pairs)
    ratio, each = single / double, count // TENTHS
    kept = ratio >= LEAST_RATIO and growth <= MOST_GROWTH_MIB and failed == each
    print(
        f"{what:18} one worker {each / single:7.1f}/s   two {each / double:7.1f}/s   "
        f"× {ratio:.2f}   {failed} of {count} failed   "
        f"memory {memory[0]:.0f} → {memory[-1]:.0f} MiB, last tenth {growth:+.1f}"
        f"{'' if kept else '   OVER'}",
        flush=True,
    )
    return kept


def measure_cluster(paths: list[Path], count: int) -> bool:
    """Kill one of two workers on the way, and count what comes all the same."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # None is port 8787, which may be taken
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        start = time.perf_counter()
        failed = done = 0
        for item in imf.batch(
            RECIPE,
            islice(cycle(paths), count),
            workers=4,
            executor=client.get_executor(),
            on_error="yield",
        ):
            done += 1
            failed += item.error is not None
            if done == count // 3:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        seconds = time.perf_counter() - start
    kept = (done, failed) == (count, count // 10)
    print(
        f"{'Dask, one killed':18} {done / seconds:7.1f}/s   {failed} of {done} failed"
        f"{'' if kept else '   LOST SOME'}"
    )
    return kept


def main() -> int:
    """Measure, print, compare with what is promised."""
    parser = argparse.ArgumentParser(description="Measure batches.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--photo", type=Path, help="a JPEG instead of the drawn one")
    parser.add_argument(
        "--check", action="store_true", help="fail when one is not kept"
    )
    options = parser.parse_args()

    def processes(workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn")
        )

    photo = options.photo.read_bytes() if options.photo else drawn.photo()
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other,
    ):
        small, large = (
            pictures(Path(folder), drawn.photo(SIZE)),
            pictures(Path(other), photo),
        )
        kept = measure("threads", small, options.count, ThreadPoolExecutor)
        kept &= measure("processes", small, options.count, processes)
        kept &= measure(
            "threads, photos", large, options.count // 100, ThreadPoolExecutor
        )
        kept &= measure_cluster(small, options.count // 10)
    return 0 if kept or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
