"""Pictures that the tests draw themselves: the same arguments give the same bytes.

Nothing here is taken from anybody. Numpy makes the pixels, Pillow the files.
"""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

Format = Literal["jpeg", "png", "gif", "webp"]


def scene(w: int, h: int, *, seed: int = 0, alpha: bool = False) -> NDArray[np.uint8]:
    """Draw something like a photograph: slopes of light, discs with edges, a grain.

    Returns:
        h × w × 3 of sRGB, or h × w × 4 with an *alpha* that falls from left to right.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    x, y = x / max(w - 1, 1), y / max(h - 1, 1)
    rgb = np.stack([200 * x + 20, 180 * y + 40, 120 * (1 - x) + 90 * y], axis=-1)
    for _ in range(9):
        cx, cy, radius = random.uniform(0, 1, 3) * (1, 1, 0.25)
        colour = random.uniform(0, 255, 3)
        inside = (x - cx) ** 2 + ((y - cy) * h / w) ** 2 < radius**2
        rgb[inside] = 0.25 * rgb[inside] + 0.75 * colour
    rgb += random.normal(0, 3, (h, w, 1))
    channels = [rgb, (255 * (1 - x))[..., None]] if alpha else [rgb]
    return np.concatenate(channels, axis=-1).clip(0, 255).astype(np.uint8)


def encoded(picture: Image.Image, format: Format, **options: Any) -> bytes:  # noqa: A002  # Pillow's own name for it
    """Return *picture* as a file in memory."""
    file = io.BytesIO()
    picture.save(file, format.upper(), **options)
    return file.getvalue()


@functools.lru_cache(maxsize=64)
def jpeg(
    w: int = 64,
    h: int = 48,
    *,
    quality: int = 90,
    orientation: int | None = None,
    mode: Literal["RGB", "L", "CMYK"] = "RGB",
    progressive: bool = False,
    seed: int = 0,
) -> bytes:
    """Return a JPEG of w × h stored pixels, with an EXIF *orientation* if given."""
    picture = Image.fromarray(scene(w, h, seed=seed)).convert(mode)
    options: dict[str, Any] = {"quality": quality, "progressive": progressive}
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    return encoded(picture, "jpeg", **options)


@functools.lru_cache(maxsize=64)
def png(
    w: int = 64,
    h: int = 48,
    *,
    mode: Literal["RGB", "RGBA", "L", "LA", "P"] = "RGB",
    seed: int = 0,
) -> bytes:
    """Return a PNG; RGBA and LA fade out from left to right."""
    picture = Image.fromarray(scene(w, h, seed=seed, alpha=mode in ("RGBA", "LA")))
    return encoded(picture.convert(mode), "png")


@functools.lru_cache(maxsize=64)
def webp(
    w: int = 64,
    h: int = 48,
    *,
    lossless: bool = False,
    alpha: bool = False,
    frames: int = 1,
    seed: int = 0,
) -> bytes:
    """Return a WebP, animated when it has more than one frame."""
    first, *rest = (
        Image.fromarray(scene(w, h, seed=seed + i, alpha=alpha)) for i in range(frames)
    )
    animation: dict[str, Any] = {"save_all": True, "append_images": rest}
    return encoded(first, "webp", lossless=lossless, **(animation if rest else {}))


@functools.lru_cache(maxsize=64)
def gif(
    w: int = 64,
    h: int = 48,
    *,
    frames: int = 1,
    durations_ms: tuple[int, ...] | int = 100,
    loop: int | None = 0,
    seed: int = 0,
) -> bytes:
    """Return a GIF; each frame is another scene. *loop* None writes no loop count."""
    first, *rest = (
        Image.fromarray(scene(w, h, seed=seed + i)).quantize(64) for i in range(frames)
    )
    if not rest:
        return encoded(first, "gif")
    options: dict[str, Any] = {} if loop is None else {"loop": loop}
    return encoded(
        first,
        "gif",
        save_all=True,
        append_images=rest,
        duration=durations_ms,
        **options,
    )


def cut(picture: bytes, share: float = 0.5) -> bytes:
    """Return the first part of a file, as a broken download leaves it."""
    return picture[: int(len(picture) * share)]


def pixels(data: bytes, mode: str = "RGBA") -> NDArray[np.uint8]:
    """Return what Pillow, as an independent reader, sees in a file."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert(mode))


def size(data: bytes) -> tuple[int, int]:
    """Return width and height as Pillow reads them."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size
