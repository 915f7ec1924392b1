"""Arrays and Pillow images as sources, and pictures as arrays and Pillow images."""

from __future__ import annotations

import io
import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import imageflow_loader as imf
from imageflow_loader._io import read_source
from tests import pictures

if TYPE_CHECKING:
    from pathlib import Path


def opened(source: imf.Source) -> Any:
    return np.asarray(Image.open(io.BytesIO(bytes(read_source(source)))))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (1, 900, 3)])
def test_an_array_is_a_picture_of_just_these_pixels(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)

    assert np.array_equal(opened(imf.Source.from_array(array)), array)


def test_an_array_that_is_a_view_has_the_pixels_that_are_seen() -> None:
    array = pictures.scene(20, 10)[::2, ::-1]

    assert np.array_equal(opened(imf.Source.from_array(array)), array)


def test_what_is_done_to_an_array_later_does_not_change_the_source() -> None:
    array = np.zeros((2, 2), np.uint8)
    source = imf.Source.from_array(array)

    array[:] = 255

    assert opened(source).max() == 0


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.zeros((2, 2), np.float32), TypeError),
        (np.zeros(4, np.uint8), ValueError),
        (np.zeros((2, 2, 2), np.uint8), ValueError),
        (np.zeros((0, 2, 3), np.uint8), ValueError),
        (np.zeros((1, 2, 2, 3), np.uint8), ValueError),
        ([[0, 0], [0, 0]], TypeError),
    ],
    ids=[
        "floats",
        "one dimension",
        "two channels",
        "no pixels",
        "four dimensions",
        "a list",
    ],
)
def test_an_array_that_is_no_picture_is_refused(array: Any, error: Any) -> None:
    with pytest.raises(error, match="pixels"):
        imf.Source.from_array(array)


def test_a_path_is_no_image_of_pillows() -> None:
    with pytest.raises(TypeError, match=r"Pillow's, not 'photo.jpg'"):
        imf.Source.from_pil("photo.jpg")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("L", None), ("RGB", 3), ("RGBA", 4), ("P", 3), ("LA", 4), ("CMYK", 3), ("1", 3)],
)
def test_a_pillow_image_of_any_mode_is_a_picture(
    mode: str, channels: int | None
) -> None:
    image = Image.fromarray(pictures.scene(9, 6)).convert(mode)

    pixels = opened(imf.Source.from_pil(image))

    assert pixels.shape == ((6, 9) if channels is None else (6, 9, channels))
    expected = image.convert({None: "L", 3: "RGB", 4: "RGBA"}[channels])
    assert np.array_equal(pixels, np.asarray(expected))


def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    image = Image.new("P", (2, 1))
    image.putdata([0, 1])
    image.info["transparency"] = 0

    assert opened(imf.Source.from_pil(image))[0, :, 3].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("mode", "clear", "other"),
    [("1", 255, 0), ("L", 7, 9), ("RGB", (7, 8, 9), (9, 8, 7))],
)
def test_a_colour_that_is_transparent_stays_so(
    mode: str, clear: Any, other: Any
) -> None:
    image = Image.new(mode, (2, 1), clear)
    image.putpixel((1, 0), other)
    image.info["transparency"] = clear

    assert opened(imf.Source.from_pil(image))[0, :, 3].tolist() == [0, 255]


def test_a_palette_of_colours_with_alpha_keeps_it() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 4, 5, 6, 7, 8], "RGBA")
    image.putdata([0, 1])

    assert opened(imf.Source.from_pil(image))[0].tolist() == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
    ]


def test_grey_that_is_multiplied_by_its_alpha_is_divided_by_it() -> None:
    image = Image.new("LA", (1, 1), (200, 51)).convert("La")

    assert opened(imf.Source.from_pil(image)).tolist() == [[[200, 200, 200, 51]]]


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B"])
def test_grey_of_16_bits_is_scaled_as_that_of_a_file_is(
    mode: str, engine: imf.Engine
) -> None:
    image = Image.new(mode, (4, 1))
    for x, grey in enumerate([0, 20000, 40000, 65535]):
        image.putpixel((x, 0), grey)

    made = imf.decode(imf.Source.from_pil(image)).encode(imf.LibPng())

    pixels = made.run(engine=engine).to_numpy()
    assert pixels[0, :, 0].tolist() == [0, 78, 156, 255]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_whose_range_nobody_knows_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=f"mode '{mode}' .* convert the image first"):
        imf.Source.from_pil(Image.new(mode, (1, 1)))


def test_a_source_of_pixels_is_a_value() -> None:
    array = pictures.scene(4, 4)
    source = imf.Source.from_array(array)

    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own bytes

    assert copy == source == imf.Source.from_array(array.copy())
    assert hash(copy) == hash(source)
    assert imf.decode(copy) == imf.decode(source)


def test_a_stream_is_read_from_its_beginning_when_that_is_asked_for() -> None:
    stream = io.BytesIO(b"abc")
    stream.seek(2)

    assert read_source(imf.Source.from_file(stream, rewind=True)) == b"abc"
    assert read_source(imf.Source.from_file(stream, rewind=True)) == b"abc"
    assert read_source(imf.Source.from_bytes(bytearray(b"x"))) == b"x"


def test_a_stream_that_cannot_be_rewound_is_a_source_error(
    engine: imf.Engine, tmp_path: Path
) -> None:
    read, write = os.pipe()
    closed = (tmp_path / "in.jpg").open("wb+")
    closed.close()

    with os.fdopen(write, "wb"), os.fdopen(read, "rb") as pipe:
        for stream, says in (
            (pipe, "the input cannot be rewound: it is not open for seeking."),
            (closed, f"{tmp_path}/in.jpg cannot be rewound: it is closed."),
        ):
            source = imf.Source.from_file(stream, rewind=True)
            with pytest.raises(imf.SourceError) as caught:
                imf.decode(source).encode("png").run(engine=engine)
            assert str(caught.value) == says


@pytest.mark.parametrize("value", ["photo.jpg", b"bytes", 3])
def test_what_is_no_stream_that_can_seek_cannot_be_rewound(value: Any) -> None:
    with pytest.raises(TypeError, match="rewind=True is for streams that can seek"):
        read_source(imf.Source(value, rewind=True))


def test_users_may_write_their_own_source(engine: imf.Engine) -> None:
    class Drawn:
        def opened(self) -> bytes:
            return pictures.png(8, 6)

    assert imf.process(Drawn(), "w=4&mode=max", engine=engine).size == (4, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_pixels_come_back_as_they_went_in(engine: imf.Engine, mode: Any) -> None:
    picture = pictures.png(12, 8, mode=mode)

    made = imf.decode(picture).encode(imf.LibPng()).run(engine=engine)

    expected = pictures.pixels(picture, "RGBA" if mode == "RGBA" else "RGB")
    array = made.to_numpy()
    assert array.dtype == np.uint8
    assert np.array_equal(array[..., :3], expected[..., :3])
    assert made.to_pil().size == (12, 8)


@pytest.mark.parametrize("shades", [2, 4, 16, 256])
@pytest.mark.parametrize("clear", [0, 1, -1])
def test_a_shade_of_grey_that_is_transparent_comes_back_so(
    engine: imf.Engine, shades: int, clear: int
) -> None:
    greys = (np.arange(31 * 33) % shades * (255 // (shades - 1))).astype(np.uint8)
    alpha = np.where(greys == np.unique(greys)[clear], 0, 255).astype(np.uint8)
    pixels = np.stack([greys, greys, greys, alpha], axis=-1).reshape(31, 33, 4)

    made = imf.decode(imf.Source.from_array(pixels)).encode("png").run(engine=engine)

    assert np.array_equal(made.to_numpy()[..., 3], pixels[..., 3])


def test_an_array_goes_through_an_engine_and_back(engine: imf.Engine) -> None:
    pixels = pictures.scene(20, 10)

    made = imf.decode(imf.Source.from_array(255 - pixels)).color_filter_srgb("invert")

    assert np.array_equal(
        made.encode(imf.LibPng()).run(engine=engine).to_numpy(), pixels
    )
