#!/usr/bin/env python3
"""Draw every file of inputs/ from nothing: no picture of anyone else is used.

    python make_inputs.py [FOLDER]      (default: the folder inputs beside this file)

The stored files were made with Python 3.11, numpy 2.4.6 and Pillow 13.0.0; these
versions give the same bytes again. Others draw the same pictures but may encode them
otherwise.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

Array = np.ndarray
Colour = tuple[int, ...]

# ----- drawing


def value_noise(w: int, h: int, cell: int, rng: np.random.RandomState) -> Array:
    """Random values on a grid of `cell` pixels, interpolated: 0..1, shape (h, w)."""
    grid = rng.random_sample((h // cell + 2, w // cell + 2))
    y, x = np.mgrid[0:h, 0:w] / cell
    iy, ix = y.astype(int), x.astype(int)
    fy, fx = y - iy, x - ix
    fy, fx = fy * fy * (3 - 2 * fy), fx * fx * (3 - 2 * fx)
    top = grid[iy, ix] * (1 - fx) + grid[iy, ix + 1] * fx
    low = grid[iy + 1, ix] * (1 - fx) + grid[iy + 1, ix + 1] * fx
    return top * (1 - fy) + low * fy


def octaves(
    w: int,
    h: int,
    cells: tuple[int, ...],
    rng: np.random.RandomState,
    fall: float = 0.5,
) -> Array:
    """Sizes of noise added up, each weighing `fall` times the one before: 0..1."""
    weights = [fall**i for i in range(len(cells))]
    layers = [
        k * value_noise(w, h, c, rng) for k, c in zip(weights, cells, strict=True)
    ]
    return sum(layers) / sum(weights)


def blend(low: Colour, high: Colour, t: Array) -> Array:
    """From colour `low` at t = 0 to colour `high` at t = 1."""
    return (
        np.array(low, float)
        + (np.array(high, float) - np.array(low, float)) * t[..., None]
    )


def to_image(a: Array) -> Image.Image:
    return Image.fromarray(np.floor(a.clip(0, 255) + 0.5).astype(np.uint8))


def landscape(w: int, h: int, rng: np.random.RandomState) -> Array:
    """Sky with clouds and a sun, hills, and textured ground."""
    y, x = np.mgrid[0:h, 0:w]
    sky = blend((58, 108, 178), (247, 214, 170), y / 270)
    sky += 26 * np.clip(octaves(w, h, (160, 80, 40), rng) * 3 - 1.4, 0, 1)[..., None]
    sky[(x - 470) ** 2 + (y - 120) ** 2 < 40**2] = (255, 246, 200)
    hills = 210 + 70 * value_noise(w, 1, 120, rng)[0]
    far = blend((72, 92, 110), (120, 132, 120), (y - 200) / 120)
    texture = octaves(w, h, (64, 16, 6, 2, 1), rng, fall=0.75) * 1.8 - 0.4
    ground = blend((44, 70, 30), (196, 168, 96), texture)
    ground *= (0.65 + 0.35 * (y / h))[..., None]
    picture = np.where((y > hills)[..., None], far, sky)
    return np.where((y > 268 + x / 16)[..., None], ground, picture)


def photo() -> Image.Image:
    """A 640x480 landscape with hard edges, thin lines and strokes like text."""
    rng = np.random.RandomState(20)
    im = to_image(landscape(640, 480, rng))
    d = ImageDraw.Draw(im)
    d.polygon([(60, 220), (130, 160), (200, 220)], fill=(150, 40, 34))
    d.rectangle([70, 220, 190, 330], fill=(232, 226, 208), outline=(40, 30, 30))
    for left in (84, 148):
        d.rectangle(
            [left, 240, left + 28, 272], fill=(20, 30, 60), outline=(255, 255, 255)
        )
    d.rectangle([116, 282, 142, 330], fill=(20, 120, 200))
    for i in range(5):  # wires
        d.line([0, 60 + 9 * i, 640, 20 + 30 * i], fill=(30, 30, 34))
    for px in range(300, 640, 12):  # a fence, one pixel thin
        d.line([px, 350, px, 384], fill=(250, 250, 250))
    d.line([300, 358, 639, 362], fill=(250, 250, 250))
    d.rectangle([250, 396, 620, 468], fill=(250, 248, 240), outline=(0, 0, 0), width=2)
    for row in range(4):  # lines of made-up letters
        for cx in range(260, 606, 9):
            if rng.randint(6):
                top = 402 + 16 * row
                points = [
                    (cx + 3 * rng.randint(3), top + 3 * rng.randint(5))
                    for _ in range(4)
                ]
                d.line(points, fill=(20, 20, 90) if row % 2 else (150, 0, 0))
    return im


def scene(w: int = 132, h: int = 88) -> Image.Image:
    """A small picture with gradients and hard edges, different in all four corners."""
    y, x = np.mgrid[0:h, 0:w]
    u, v = x / (w - 1), y / (h - 1)
    im = to_image(
        np.stack([40 + 180 * u, 60 + 150 * v * u + 30 * (1 - v), 230 - 190 * v], 2)
    )
    d = ImageDraw.Draw(im)
    d.rectangle([3, 3, w // 4, h // 4], fill=(220, 30, 40))
    d.ellipse([w * 5 // 8, 5, w * 5 // 8 + h // 3, 5 + h // 3], fill=(250, 220, 40))
    d.polygon([(w - 4, h - 4), (w * 2 // 3, h - 4), (w - 4, h // 2)], fill=(12, 70, 60))
    d.rectangle([6, h - 26, 40, h - 6], fill=(255, 255, 255))
    for i in range(4):
        d.line([9, h - 23 + 5 * i, 9 + 7 * (i + 1), h - 23 + 5 * i], fill=(0, 0, 0))
    d.line([0, h // 2, w, h // 2 + 9], fill=(255, 0, 255))
    return im


def scene_alpha() -> Image.Image:
    """The scene mirrored, with clear, soft and opaque parts."""
    im = scene().transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("RGBA")
    w, h = im.size
    y, x = np.mgrid[0:h, 0:w]
    alpha = 255 * (x + y) // (w + h - 2)
    alpha[h // 2 - 6 : h // 2 + 6] = 0
    alpha[:20, :30] = 255
    im.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return im


def logo() -> Image.Image:
    im = Image.new("RGBA", (48, 32))
    d = ImageDraw.Draw(im)
    d.rounded_rectangle([1, 1, 46, 30], 7, fill=(20, 160, 90, 255))
    d.polygon([(8, 25), (18, 6), (28, 25)], fill=(255, 255, 255, 160))
    d.rectangle([31, 9, 41, 22], fill=(90, 0, 120, 220))
    return im


def arrow() -> Image.Image:
    im = Image.new("RGB", (60, 40), (240, 236, 220))
    d = ImageDraw.Draw(im)
    outline = [(20, 4), (34, 18), (25, 18), (25, 36), (15, 36), (15, 18), (6, 18)]
    d.polygon(outline, fill=(200, 40, 30))
    d.rectangle([42, 6, 55, 12], fill=(30, 60, 200))
    d.ellipse([44, 24, 56, 36], fill=(30, 150, 60))
    return im


def border(mode: str, colour: Colour) -> Image.Image:
    """A small scene off the middle of a plain border, to be trimmed."""
    im = Image.new(mode, (110, 90), colour)
    im.paste(scene(52, 40), (33, 18))
    return im


def walk(n: int, size: tuple[int, int], clear: bool) -> list[Image.Image]:
    """Frames of a ball before a still background: encoders store what changes."""
    frames = []
    w, h = size
    for i in range(n):
        im = Image.new("P", size, 0)
        im.putpalette(
            [18, 30, 60, 250, 210, 60, 40, 190, 120, 245, 245, 245, 210, 40, 70]
        )
        d = ImageDraw.Draw(im)
        if not clear:
            d.rectangle([0, h * 2 // 3, w, h], fill=2)
            d.line([0, 4, w, 12], fill=3)
        at = 3 + i * (w - 22) // (n - 1)
        d.ellipse([at, h // 3, at + 15, h // 3 + 15], fill=1)
        d.rectangle([w - 9, 3 + 4 * i, w - 5, 7 + 4 * i], fill=4)
        frames.append(im)
    return frames


# ----- file formats


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + checksum


def png(w: int, h: int, depth: int, data: bytes, interlace: int = 0) -> bytes:
    """An RGB PNG; `data` are the rows, each with its filter byte."""
    head = struct.pack(">IIBBBBB", w, h, depth, 2, 0, 0, interlace)
    body = (
        chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def rows(a: Array) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in a)


def png16(w: int, h: int) -> bytes:
    """A ramp of 16 bits a channel."""
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack(
        [x * 65535 // (w - 1), y * 65535 // (h - 1), (x + y) * 65535 // (w + h - 2)], 2
    )
    return png(w, h, 16, rows(a.astype(">u2")))


def png_adam7(im: Image.Image) -> bytes:
    """An interlaced PNG; a pass is first column, first row, step across, step down."""
    a = np.asarray(im)
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    data = b"".join(rows(a[y::down, x::across]) for x, y, across, down in passes)
    return png(im.width, im.height, 8, data, interlace=1)


def wide_gamut_profile() -> bytes:
    """An ICC matrix profile (version 2): primaries of Display P3, gamma 2.2."""

    def xyz(*v: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(c * 65536) for c in v))

    text = b"Wide gamut for tests\0"
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)),
        (b"cprt", b"text\0\0\0\0No copyright\0"),
        (b"wtpt", xyz(0.9642, 1.0, 0.8249)),
        (b"rXYZ", xyz(0.51512, 0.24120, -0.00105)),
        (b"gXYZ", xyz(0.29198, 0.69225, 0.04189)),
        (b"bXYZ", xyz(0.15710, 0.06657, 0.78407)),
        (b"rTRC", curve),
        (b"gTRC", curve),
        (b"bTRC", curve),
    ]
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += xyz(0.9642, 1.0, 0.8249)[8:]  # the illuminant D50
    return head.ljust(128, b"\0") + table + body


# What turns an upright picture into the one to store, for each EXIF orientation flag.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

# ----- the files


def photos(folder: Path) -> None:
    im = photo()
    im.save(folder / "photo-420.jpg", quality=90, subsampling="4:2:0")
    im.save(folder / "photo-444.jpg", quality=90, subsampling="4:4:4")
    im.save(folder / "photo.png", optimize=True)
    im.crop((40, 130, 360, 370)).save(folder / "photo.webp", quality=85)


def inks() -> Image.Image:
    """Squares of one choice of the four inks each, every second without black."""
    numbers = range(17 * 11)
    steps = ((75, 0), (107, 0), (165, 0), (0, 29))
    chosen = [(i * a + i * i * b * (i % 2)) % 256 for i in numbers for a, b in steps]
    im = Image.frombytes("CMYK", (17, 11), bytes(chosen))
    return im.resize((136, 88), Image.Resampling.NEAREST)


def scenes(folder: Path) -> None:
    """The small pictures, one for each kind of pixels and file."""
    im, soft, icc = scene(), scene_alpha(), wide_gamut_profile()
    im.save(folder / "scene.png", optimize=True)
    soft.save(folder / "scene-alpha.png", optimize=True)
    soft.save(folder / "scene-alpha.webp", lossless=True)
    im.convert("L").save(folder / "grey.png", optimize=True)
    soft.convert("LA").save(folder / "grey-alpha.png", optimize=True)
    im.quantize(24).save(folder / "palette.png")
    im.quantize(9).save(folder / "palette-clear.png", transparency=2)
    im.quantize(48).save(folder / "still.gif")
    im.save(folder / "progressive.jpg", quality=82, progressive=True)
    im.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    inks().save(folder / "inks.jpg", quality=100)
    im.save(folder / "wide-gamut.png", optimize=True, icc_profile=icc)
    im.save(folder / "wide-gamut.jpg", quality=92, subsampling="4:4:4", icc_profile=icc)
    (folder / "interlaced.png").write_bytes(png_adam7(im.crop((0, 0, 67, 45))))
    (folder / "rgb16.png").write_bytes(png16(44, 36))
    border("RGB", (255, 255, 255)).save(folder / "white-border.png", optimize=True)
    border("RGBA", (0, 0, 0, 0)).save(folder / "clear-border.png", optimize=True)
    logo().save(folder / "logo.png", optimize=True)


def arrows(folder: Path) -> None:
    """Pictures that look the same once their EXIF orientation flag is applied."""
    for flag in range(1, 9):
        im = arrow().transpose(STORED[flag]) if flag in STORED else arrow()
        exif = Image.Exif()
        exif[0x0112] = flag
        im.save(
            folder / f"arrow-{flag}.jpg", quality=92, subsampling="4:4:4", exif=exif
        )


def animations(folder: Path) -> None:
    first, *rest = walk(6, (58, 42), clear=False)
    first.save(
        folder / "walk.gif", save_all=True, append_images=rest, duration=90, loop=0
    )
    first, *rest = (frame.convert("RGB") for frame in (first, *rest))
    first.save(folder / "walk.webp", save_all=True, append_images=rest, duration=90)
    first, *rest = walk(4, (50, 40), clear=True)
    first.save(
        folder / "walk-clear.gif",
        save_all=True,
        append_images=rest,
        duration=[40, 80, 120, 160],
        loop=3,
        transparency=0,
        disposal=2,
    )


def unreadable(folder: Path) -> None:
    """No pictures, one in a format the engine does not read, and damaged ones."""
    (folder / "empty.bin").write_bytes(b"")
    logo().save(folder / "logo.avif", quality=50)
    (folder / "words.txt").write_bytes(b"These are words and no picture.\n")
    for name, percent, cut in (
        ("scene.png", 50, "cut.png"),
        ("scene-alpha.webp", 50, "cut.webp"),
        ("arrow-1.jpg", 70, "cut.jpg"),
        ("progressive.jpg", 22, "cut-progressive.jpg"),  # in the second scan of ten
    ):
        data = (folder / name).read_bytes()
        (folder / cut).write_bytes(data[: len(data) * percent // 100])
    damaged = bytearray((folder / "scene.png").read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (folder / "flipped-bits.png").write_bytes(damaged)
    huge = bytearray((folder / "arrow-1.jpg").read_bytes())
    frame_header = huge.index(b"\xff\xc0")
    huge[frame_header + 5 : frame_header + 9] = struct.pack(">HH", 30000, 30000)
    (folder / "huge.jpg").write_bytes(huge)
    (folder / "huge.png").write_bytes(png(70000, 50000, 8, bytes(16)))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (photos, scenes, arrows, animations, unreadable):
        draw(folder)


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here / "inputs")
