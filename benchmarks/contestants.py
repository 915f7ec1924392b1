"""Who is measured, and how each does a task: encoded bytes in, encoded bytes out."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
NODE_FOLDER = HERE.parent / ".build" / "bench"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that people do with an image library."""

    name: str
    source: Literal["photo", "alpha"]
    w: int
    h: int
    crop: bool
    """Fill the box and cut what hangs over, instead of staying within it."""
    format: Literal["jpeg", "webp", "png"]
    quality: int | None
    """None: lossless."""


class Contestant(Protocol):
    """A library that can do the tasks."""

    name: str

    def run(self, task: Task, source: bytes) -> tuple[float, bytes]:
        """Return the seconds it took and the encoded result."""
        ...


class Imageflow:
    """This package, by its one-line function, on a given engine."""

    def __init__(self, name: str, extra: str = "") -> None:
        """Use the engine that the package finds; *extra* goes into the query."""
        import imageflow_loader

        self.name = name
        self._package = imageflow_loader
        self.engine = imageflow_loader.get_engine()
        self._extra = extra

    def run(self, task: Task, source: bytes) -> tuple[float, bytes]:
        """Run the task as a query string."""
        mode = "crop" if task.crop else "max"
        query = f"w={task.w}&h={task.h}&mode={mode}&format={task.format}{self._extra}"
        if task.quality is not None:
            query += f"&quality={task.quality}"
        start = time.perf_counter()
        done = self._package.process(source, query, engine=self.engine)
        return time.perf_counter() - start, done.data


class Pillow:
    """Pillow at its fastest that looks right: a JPEG is decoded at reduced size."""

    name = "Pillow"

    def run(self, task: Task, source: bytes) -> tuple[float, bytes]:
        """Resize with Lanczos, save with Pillow's own defaults."""
        options = {} if task.quality is None else {"quality": task.quality}
        size, lanczos = (task.w, task.h), Image.Resampling.LANCZOS
        start = time.perf_counter()
        picture: Image.Image
        with Image.open(io.BytesIO(source)) as picture:
            if task.crop:
                picture.draft("RGB", size)
                picture = ImageOps.fit(picture, size, lanczos)  # as its manual has it
            else:
                gap = (
                    None if picture.format == "JPEG" else 2.0
                )  # None: draft mode alone
                picture.thumbnail(size, lanczos, reducing_gap=gap)
            file = io.BytesIO()
            picture.save(file, task.format.upper(), **options)
        return time.perf_counter() - start, file.getvalue()


class PyVips:
    """Pyvips, which is libvips without node around it."""

    name = "pyvips"

    def __init__(self) -> None:
        """Load libvips with one thread and no memory of earlier runs."""
        os.environ["VIPS_CONCURRENCY"] = "1"
        import pyvips

        pyvips.cache_set_max(0)
        self._thumbnail = pyvips.Image.thumbnail_buffer

    def run(self, task: Task, source: bytes) -> tuple[float, bytes]:
        """Use `thumbnail`, which shrinks while it decodes."""
        options: dict[str, object] = {"size": "down"}
        if task.crop:
            options["crop"] = "centre"
        saving: dict[str, object] = {}
        if task.quality is not None:
            saving["Q"] = task.quality
        if task.format == "jpeg":
            saving["optimize_coding"] = True  # as sharp has it by default
        start = time.perf_counter()
        picture = self._thumbnail(source, task.w, height=task.h, **options)
        data = picture.write_to_buffer(f".{task.format}", **saving)
        return time.perf_counter() - start, bytes(data)


class Sharp:
    """Npm's sharp with its own defaults, in a node that stays up; timed inside it."""

    def __init__(self, name: str, *, mozjpeg: bool = False) -> None:
        """Start node with one thread for pictures."""
        node = shutil.which("node")
        if node is None or not (NODE_FOLDER / "node_modules" / "sharp").is_dir():
            raise ModuleNotFoundError("npm install --prefix .build/bench sharp")
        self.name = name
        self._mozjpeg = mozjpeg
        self._child = subprocess.Popen(
            [node, str(HERE / "sharp.mjs"), str(NODE_FOLDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "UV_THREADPOOL_SIZE": "1", "VIPS_CONCURRENCY": "1"},
        )
        self._sent: bytes | None = None

    def run(self, task: Task, source: bytes) -> tuple[float, bytes]:
        """Send the task, and the picture if it is not the last one."""
        order = {
            "size": 0 if source is self._sent else len(source),
            "w": task.w,
            "h": task.h,
            "fit": "cover" if task.crop else "inside",
            "format": task.format,
            "quality": task.quality,
            "mozjpeg": self._mozjpeg,
        }
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None:  # for the type checker: both are pipes
            raise BrokenPipeError
        stdin.write(json.dumps(order).encode() + b"\n")
        if source is not self._sent:
            stdin.write(source)
        stdin.flush()
        self._sent = source
        answer = json.loads(stdout.readline())
        return answer["seconds"], stdout.read(answer["size"])

    def close(self) -> None:
        """End node."""
        self._child.communicate()


def present() -> Iterator[Contestant]:
    """Yield whoever can be started here, and say who cannot."""
    yield Imageflow("imageflow")
    yield Imageflow("imageflow turbo", "&jpeg.turbo=true")
    yield Pillow()
    starters: dict[str, Callable[[], Contestant]] = {
        "sharp": lambda: Sharp("sharp"),
        "sharp mozjpeg": lambda: Sharp("sharp mozjpeg", mozjpeg=True),
        "pyvips": PyVips,
    }
    for name, start in starters.items():
        try:
            yield start()
        except ImportError as error:  # noqa: PERF203  # three times in all
            print(f"{name} is not measured: {error}")
