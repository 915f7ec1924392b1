"""The folder in which every example of the documentation runs: drawn pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from tests import pictures

if TYPE_CHECKING:
    from pathlib import Path


def draw_into(folder: Path) -> None:
    """Draw what the examples name into *folder*, which is made."""
    for each in ("photos", "originals", "web", "static"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    files = {
        "photo.jpg": pictures.jpeg(1200, 900),
        "holiday.jpg": pictures.jpeg(1600, 1200, seed=1),
        "original.jpg": framed(),
        "stranger.jpg": pictures.jpeg(1200, 900, seed=2),
        "upload.bin": pictures.jpeg(640, 480, orientation=6),
        "originals/cat.jpg": pictures.jpeg(1200, 900, seed=3),
        "scan.png": pictures.png(900, 600),
        "logo.png": logo(),
        "moving.gif": pictures.gif(120, 90, frames=4),
        "damaged.jpg": pictures.cut(pictures.jpeg(400, 300), 0.02),
    }
    for number in range(1, 6):
        files[f"photos/{number}.jpg"] = pictures.jpeg(400, 300, seed=number)
    files["photos/4.jpg"] = pictures.cut(files["photos/4.jpg"], 0.02)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def framed() -> bytes:
    """Return a photograph on white paper."""
    paper = Image.new("RGB", (1400, 1000), "white")
    paper.paste(Image.fromarray(pictures.scene(1200, 800, seed=4)), (100, 100))
    return pictures.encoded(paper, "jpeg", quality=92)


def logo() -> bytes:
    """Return a ring with soft edges on nothing."""
    large = Image.new("RGBA", (800, 800), (255, 255, 255, 0))
    pen = ImageDraw.Draw(large)
    pen.ellipse((20, 20, 780, 780), outline=(255, 255, 255, 255), width=110)
    pen.ellipse((290, 290, 510, 510), fill=(255, 255, 255, 255))
    return pictures.encoded(large.resize((200, 200)), "png")
