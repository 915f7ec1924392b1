"""A process that gets no more memory: each encoder must say so, and go on afterwards.

Usage: little_memory.py LIBRARY
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any, Final

from imageflow_loader._backend import open_backend
from imageflow_loader._platform import current_platform
from imageflow_loader.errors import EngineMemoryError
from tests.backend.jobs import JPEG, PNG, WEBP, encode, request, steps

# The picture fits (64 MB), what its encoder needs does not. Both are so large that no
# allocator keeps them for later.
SIDE: Final = 4000
SPARE: Final = 80 * 2**20
PRESETS: Final[dict[str, Any]] = {
    "mozjpeg": JPEG,
    "libpng": PNG,
    "lodepng": {"lodepng": {}},
    "pngquant": {"pngquant": {"quality": 80}},
    "webplossy": WEBP,
    "webplossless": "webplossless",
    "gif": "gif",
}


def canvas(side: int, preset: Any) -> Any:
    """Return a request for a red square."""
    red = {"format": "bgra_32", "w": side, "h": side, "color": {"srgb": {"hex": "F00"}}}
    return request(steps({"create_canvas": red}, encode(preset)))


def main(library: Path) -> None:
    """Encode without and with memory, by each encoder."""
    backend = open_backend("library", library, platform=current_platform())
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    for name, preset in PRESETS.items():
        backend.execute(canvas(10, preset))  # its thread has what it needs for itself
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + SPARE
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        try:
            backend.execute(canvas(SIDE, preset))
        except EngineMemoryError as error:
            sys.stdout.write(f"{name} {error.category} {error.exit_code}\n")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        backend.execute(canvas(10, preset))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
