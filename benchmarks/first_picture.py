"""Time a command from its start to its end, and weigh what it takes on disk.

    python first_picture.py [--times N] [--weigh PATH ...] -- COMMAND ...

Needs nothing but a Python, so that it runs in an image of any kind; the figures in
docs/deploy are its medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from pathlib import Path


def main() -> None:
    """Print the median, the shortest and the longest run, and the sizes."""
    parser = argparse.ArgumentParser(description="Time a command from start to end.")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--weigh", type=Path, nargs="*", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    for path in options.weigh:
        print(f"{path}: {size(path) / 1e6:.1f} MB")
    took = [milliseconds(options.command) for _ in range(options.times)]
    print(
        f"{' '.join(options.command)}: {statistics.median(took):.0f} ms "
        f"({min(took):.0f} to {max(took):.0f})"
    )


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def milliseconds(command: list[str]) -> float:
    """Run *command*, which must succeed, and return how long that took."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
