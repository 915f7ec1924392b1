"""The most memory that a process needs to shrink a picture of 100 megapixels.

    python benchmarks/memory.py [--photo FILE.jpg] [--check]

A baseline JPEG of 10,000 × 10,000 pixels becomes one 1,600 pixels wide, from file to
file, by each library in a new interpreter; the peak is that of the whole process. The
official engine by `IMAGEFLOW_LIBRARY`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_MIB = 120

DRAW = """
import io, sys
sys.path.insert(0, {here!r})
import drawn
from PIL import Image
tile = Image.open(io.BytesIO(drawn.photo((2500, 2500))))
whole = Image.new("RGB", (10000, 10000))
for x in range(0, 10000, 2500):
    for y in range(0, 10000, 2500):
        whole.paste(tile, (x, y))
whole.save(sys.argv[1], quality=85)
"""

PROGRAMS = {
    "bare interpreter": "",
    "imageflow": """
import imageflow_loader
imageflow_loader.process(source, "w=1600&quality=80", to=target)
""",
    "Pillow": """
from PIL import Image
with Image.open(source) as picture:
    picture.thumbnail((1600, 1600), Image.Resampling.LANCZOS, reducing_gap=None)
    picture.save(target, quality=80)
""",
    "pyvips": """
import os
os.environ["VIPS_CONCURRENCY"] = "1"
import pyvips
picture = pyvips.Image.thumbnail(source, 1600)
picture.write_to_file(target, Q=80)
""",
}

# VmHWM begins anew with exec; getrusage would also count what the parent had.
PROBE = """
import sys
source, target = sys.argv[1:3]
{program}
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def peak_mib(program: str, source: Path, target: Path) -> float | None:
    """Return the peak of *program*, None when its library is not here."""
    command = [sys.executable, "-c", PROBE.format(program=program)]
    done = subprocess.run(
        [*command, str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    return int(done.stdout.split()[-1]) / 1024


def main() -> int:
    """Draw, measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description="Measure the peak of memory.")
    parser.add_argument("--photo", type=Path, help="a large baseline JPEG")
    parser.add_argument("--check", action="store_true", help="fail over the limit")
    options = parser.parse_args()

    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = options.photo or Path(folder, "large.jpg")
        if not options.photo:
            code = DRAW.format(here=str(Path(__file__).parent))
            subprocess.run([sys.executable, "-c", code, str(source)], check=True)
        for name, program in PROGRAMS.items():
            peak = peak_mib(program, source, Path(folder, "small.jpg"))
            if peak is None:
                print(f"{name:18} not here")
            else:
                peaks[name] = peak
                print(f"{name:18} {peak:7.1f} MiB")
    return 1 if options.check and peaks["imageflow"] > LIMIT_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
