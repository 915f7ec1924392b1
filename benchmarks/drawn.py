"""Pictures to measure with, drawn: the same on every machine, and nobody else's."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHOTO_SIZE = (2725, 2225)  # that of the picture in sharp's own benchmark
ALPHA_SIZE = (2048, 1536)


def photo(size: tuple[int, int] = PHOTO_SIZE) -> bytes:
    """Return a JPEG that is about as hard as a photograph of its size."""
    return _saved(_scene(size), "JPEG", quality=85)


def with_alpha(size: tuple[int, int] = ALPHA_SIZE) -> bytes:
    """Return a PNG with clear, soft and opaque parts."""
    w, h = size
    y, x = np.mgrid[0:h, 0:w]
    distance = np.hypot((x - w / 2) / w, (y - h / 2) / h)
    picture = _scene(size)
    alpha = (255 * (1.6 - 3 * distance)).clip(0, 255).astype(np.uint8)
    picture.putalpha(Image.fromarray(alpha))
    return _saved(picture, "PNG")


def _saved(picture: Image.Image, form: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _scene(size: tuple[int, int]) -> Image.Image:
    """Draw land and sky: noise that falls off as in nature, edges, thin lines."""
    h = size[1]
    random = np.random.RandomState(7)  # its sequence is fixed for good
    y = np.linspace(0, 1, h)[:, None, None]
    light = _noise(size, random, finest=32)[..., None]
    grain = _noise(size, random, finest=1)[..., None]
    sky = np.array([70, 120, 190]) + np.array([160, 90, 10]) * y + 70 * light
    land = np.array([60, 74, 38]) + 150 * grain + 50 * light
    horizon = 0.45 + 0.2 * light[h // 2]
    picture = np.where(y > horizon, land, sky)
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    _draw_things(ImageDraw.Draw(image), size, random)
    return image


def _noise(
    size: tuple[int, int], random: np.random.RandomState, finest: int
) -> NDArray[np.float64]:
    """Return noise of zero mean, each octave down to *finest* pixels 0.72 as strong."""
    w, h = size
    total = np.zeros((h, w))
    cell, strength = 512, 0.5
    while cell >= finest:
        grid = random.random_sample((h // cell + 2, w // cell + 2)) - 0.5
        soft = Image.fromarray(grid.astype(np.float32)).resize(
            (w, h), Image.Resampling.BICUBIC, box=(0, 0, w / cell, h / cell)
        )
        total += strength * np.asarray(soft)
        cell, strength = cell // 2, strength * 0.72
    return total


def _draw_things(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], random: np.random.RandomState
) -> None:
    w, h = size
    for _ in range(60):
        left, top = random.randint(w), random.randint(h // 3, h)
        side = random.randint(w // 200, w // 20)
        colour = tuple(int(c) for c in random.randint(0, 256, 3))
        draw.rectangle([left, top, left + side, top + side // 2], fill=colour)
    for line in range(12):
        draw.line([0, h * line // 30, w, h * line // 24], fill=(30, 30, 36), width=2)
