"""What the lossy presets cost and keep at each quality, beside another engine's table.

    python benchmarks/quality.py [--reference TABLE.csv --pictures DIR] [--check]

The table has the columns picture, preset, quality, bytes and ssim_y: what another
engine wrote for the same pictures. A picture is a file of DIR with that name and any
suffix; `NAME @1/2` is the same at half its size. Each is given as PNG and encoded as it
is. SSIM is that of `similarity.py`, on the brightness alone. Without a table two
pictures are drawn, and bytes and SSIM stand alone. `IMAGEFLOW_LIBRARY` measures another
engine.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import drawn
from PIL import Image
from similarity import luma, ssim

import imageflow_loader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PRESETS = ("mozjpeg", "libjpegturbo", "webplossy")
QUALITIES = (30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
DRAWN_SIZES = ((640, 480), (1600, 1200))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the means over all pictures may be from the table's."""

    most_bytes: float
    least_bytes: float = 0.0
    ssim: float = 1.0


BOUNDS = {
    "mozjpeg": Bounds(most_bytes=1.03, ssim=0.004),
    "libjpegturbo": Bounds(most_bytes=1.05, least_bytes=0.95),
    "webplossy": Bounds(most_bytes=1.05, least_bytes=0.95),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """What became of one picture."""

    size_bytes: int
    ssim: float


Table = dict[tuple[str, str, int], Figure]
"""Figures by picture, preset and quality."""


def read_table(path: Path) -> Table:
    """Return the figures of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["picture"], row["preset"], int(row["quality"])): Figure(
                int(row["bytes"]), float(row["ssim_y"])
            )
            for row in csv.DictReader(file)
        }


def find_pictures(names: Sequence[str], folder: Path) -> dict[str, bytes]:
    """Return the pictures of a table as PNG."""
    return {name: _png(_find(name, folder)) for name in names}


def _find(name: str, folder: Path) -> Image.Image:
    stem, _, share = name.partition(" @1/")
    files = (path for path in folder.iterdir() if stem in (path.name, path.stem))
    path = next(files, None)
    if path is None:
        raise SystemExit(f"{folder} has no picture {stem!r}")
    with Image.open(path) as picture:
        return picture.convert("RGB").reduce(int(share or 1))


def draw_pictures() -> dict[str, bytes]:
    """Return two drawn pictures as PNG."""
    return {
        f"{w}×{h}": _png(Image.open(io.BytesIO(drawn.photo((w, h)))))
        for w, h in DRAWN_SIZES
    }


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def measure(pictures: Mapping[str, bytes], keys: Iterator[tuple[str, int]]) -> Table:
    """Encode each picture by each preset and quality."""
    engine = imageflow_loader.get_engine()
    brightness = {name: luma(png) for name, png in pictures.items()}
    figures = {}
    for preset, quality in keys:
        encode = {"io_id": 1, "preset": {preset: {"quality": quality}}}
        steps = [{"decode": {"io_id": 0}}, {"encode": encode}]
        for name, png in pictures.items():
            message = {"framewise": {"steps": steps}}
            done = engine.send_json("v1/execute", message, inputs={0: png}, outputs=[1])
            data = done.outputs[1]
            similarity = ssim(luma(data), brightness[name])
            figures[name, preset, quality] = Figure(len(data), similarity)
    return figures


def report(figures: Table, reference: Table) -> list[str]:
    """Print a line for each preset and quality; return which bounds are broken."""
    broken = []
    for preset, quality in dict.fromkeys(key[1:] for key in figures):
        keys = [key for key in figures if key[1:] == (preset, quality)]
        ours = [figures[key] for key in keys]
        line = f"{preset:12} {quality:3}"
        if not reference:
            sizes = "".join(f"{one.size_bytes:9} {one.ssim:.4f}" for one in ours)
            print(line + sizes)
            continue
        theirs = [reference[key] for key in keys]
        pairs = list(zip(ours, theirs, strict=True))
        ratio = fmean(one.size_bytes / other.size_bytes for one, other in pairs)
        gain = fmean(one.ssim - other.ssim for one, other in pairs)
        bounds = BOUNDS[preset]
        held = bounds.least_bytes <= ratio <= bounds.most_bytes
        line += f"  bytes × {ratio:.3f}  SSIM {gain:+.4f}"
        if held and abs(gain) <= bounds.ssim:
            print(line)
        else:
            print(line + "  OUT OF BOUNDS")
            broken.append(line)
    return broken


def main() -> int:
    """Measure, print, compare with the bounds."""
    parser = argparse.ArgumentParser(description="Measure the lossy presets.")
    parser.add_argument("--reference", type=Path, help="another engine's table, CSV")
    parser.add_argument("--pictures", type=Path, help="the folder of its pictures")
    parser.add_argument("--preset", choices=PRESETS, action="append")
    parser.add_argument("--check", action="store_true", help="fail out of bounds")
    options = parser.parse_args()
    if (options.reference is None) != (options.pictures is None):
        parser.error("--reference and --pictures go together")
    presets = options.preset or PRESETS
    reference: Table = {}
    if options.reference:
        reference = read_table(options.reference)
        names = sorted({picture for picture, _, _ in reference})
        pictures = find_pictures(names, options.pictures)
        keys = dict.fromkeys(key[1:] for key in reference if key[1] in presets)
    else:
        pictures = draw_pictures()
        keys = dict.fromkeys((p, q) for p in presets for q in QUALITIES)
    info = imageflow_loader.get_engine().info
    print(f"engine: {info.version.long_version_string}; {', '.join(pictures)}")
    broken = report(measure(pictures, iter(keys)), reference)
    return 1 if broken and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
