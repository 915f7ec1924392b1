"""Values check themselves, compare, hash and say themselves as the engine does."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st
from PIL import ImageColor

import imageflow_loader as imf
from imageflow_loader._colors import CSS_COLORS


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("#369", imf.Color(0x33, 0x66, 0x99)),
        ("369", imf.Color(0x33, 0x66, 0x99)),
        ("369c", imf.Color(0x33, 0x66, 0x99, 0xCC)),
        ("#336699", imf.Color(0x33, 0x66, 0x99)),
        ("33669980", imf.Color(0x33, 0x66, 0x99, 0x80)),
        ("RebeccaPurple", imf.Color(102, 51, 153)),
        ("transparent", imf.Color.TRANSPARENT),
        ((1, 2, 3), imf.Color(1, 2, 3)),
        ((1, 2, 3, 4), imf.Color(1, 2, 3, 4)),
        (imf.Color.WHITE, imf.Color(255, 255, 255)),
    ],
)
def test_a_colour_is_written_in_many_ways(written: Any, expected: imf.Color) -> None:
    assert imf.Color.parse(written) == expected


@pytest.mark.parametrize(
    "written", ["", "#", "12345", "+ff", "grren", (1, 2), (0, 0, 256), (0.5, 0, 0)]
)
def test_what_is_no_colour_is_a_value_error(written: Any) -> None:
    with pytest.raises(ValueError, match="colour"):
        imf.Color.parse(written)


def test_the_names_are_those_of_css() -> None:
    # Pillow keeps what it has looked up as numbers, so it is asked and not its table.
    assert CSS_COLORS.keys() == ImageColor.colormap.keys()
    for name, hex_ in CSS_COLORS.items():
        assert ImageColor.getrgb(name) == ImageColor.getrgb(f"#{hex_}"), name


@given(st.tuples(*[st.integers(0, 255)] * 4))
def test_a_colour_survives_its_own_hex(channels: tuple[int, int, int, int]) -> None:
    color = imf.Color(*channels)

    assert imf.Color.parse(color.hex()) == color


@pytest.mark.parametrize(
    ("color", "json"),
    [
        ("transparent", "transparent"),
        ("black", "black"),
        ("#000000", "black"),
        ("white", {"srgb": {"hex": "ffffff"}}),
        ("ffffff80", {"srgb": {"hex": "ffffff80"}}),
    ],
)
def test_a_colour_is_said_as_the_engine_says_it(color: str, json: Any) -> None:
    assert imf.Color.parse(color).to_json() == json


def test_a_limit_that_is_not_set_is_as_high_as_the_engine_can_say() -> None:
    assert imf.FrameLimit(w=8000).to_json() == {
        "w": 8000,
        "h": 2147483647,
        "megapixels": 3.4e38,
    }
    assert imf.Security().to_json() == {}
    assert imf.Security(
        max_encode_size=imf.FrameLimit(w=1, h=2, megapixels=3), max_threads=2
    ).to_json() == {
        "max_encode_size": {"w": 1, "h": 2, "megapixels": 3},
        "max_threads": 2,
    }


def test_limits_for_strangers_are_tight_and_no_limits_are_none() -> None:
    strict, free = imf.Security.untrusted(megapixels=5), imf.Security.unlimited()

    assert strict.max_decode_size == imf.FrameLimit(w=12000, h=12000, megapixels=5)
    assert strict.max_input_bytes == 32 * 2**20
    assert strict.allowed_inputs is not None
    assert free.max_input_bytes is None
    assert free.max_frame_size == imf.FrameLimit()


def test_a_limit_needs_the_capability_to_keep_it() -> None:
    assert imf.Security().requires == frozenset()
    assert imf.Security(max_threads=2, max_total_file_pixels=9).requires == {
        "limit_threads",
        "limit_total_pixels",
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: imf.Constraint(),
        lambda: imf.Constraint(w=0),
        lambda: imf.FrameLimit(w=0),
        lambda: imf.FrameLimit(h=2**31),
        lambda: imf.FrameLimit(megapixels=-1),
        lambda: imf.FrameLimit(megapixels=float("inf")),
        lambda: imf.Security(max_input_bytes=0),
        lambda: imf.Security(allowed_inputs=frozenset({"tiff"})),  # type: ignore[arg-type]
        lambda: imf.Hints(sharpen_percent=101),
        lambda: imf.Hints(sharpen_when="never"),  # type: ignore[arg-type]
        lambda: imf.FitBox(x2=101),
        lambda: imf.FitBox(relative_to="page"),  # type: ignore[arg-type]
        lambda: imf.Margins(left=-1),
        lambda: imf.Watermark(b"", opacity=1.1),
        lambda: imf.Watermark(b"", fit_mode="fit_pad"),  # type: ignore[arg-type]
        lambda: imf.Watermark(b"", min_canvas_width=-1),
    ],
)
def test_a_value_that_cannot_be_is_a_value_error(make: Any) -> None:
    with pytest.raises(ValueError, match=r" (is|needs) "):
        make()


@pytest.mark.parametrize(
    "value",
    [
        imf.Color(1, 2, 3),
        imf.Constraint(3, mode="fit", gravity="top"),
        imf.Hints(up_filter="box"),
        imf.Margins.all(3, "canvas"),
        imf.FitBox(1, 2, 3, 4),
        imf.Watermark("logo.png", gravity=(0, 100)),
        imf.Security.untrusted(),
        imf.MozJpeg(80, matte=(1, 2, 3)),
        imf.Auto(allow=imf.Allow(jpeg=True)),
        imf.canvas(3, 4).flip_h(),
        imf.decode("photo.jpg").constrain(3).encode("webp", "out.webp", name="small"),
        imf.Job(imf.decode().encode("png"), security=imf.Security.untrusted()),
        imf.CancelToken,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_survives_pickle_and_hashes_alike(value: object) -> None:
    copy = pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes

    assert copy == value
    assert hash(copy) == hash(value)


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match=r"Color\.r cannot be changed"):
        imf.Color.WHITE.r = 3  # type: ignore[misc]  # on purpose
    with pytest.raises(AttributeError, match=r"Color\.r cannot be changed"):
        del imf.Color.WHITE.r


def test_a_changed_copy_of_a_value_is_checked_as_well() -> None:
    encoder = imf.MozJpeg(80, progressive=True)

    assert encoder._replace(quality=9) == imf.MozJpeg(9, progressive=True)
    with pytest.raises(ValueError, match="quality is 0 to 100, not 101"):
        encoder._replace(quality=101)


def test_a_value_tells_what_it_takes_and_takes_nothing_else() -> None:
    signature = inspect.signature(imf.MozJpeg)

    assert list(signature.parameters) == ["quality", "progressive", "matte"]
    assert signature.parameters["matte"].kind is inspect.Parameter.KEYWORD_ONLY
    assert signature.parameters["quality"].annotation == "int | None"
    with pytest.raises(TypeError, match=r"MozJpeg\.__init__\(\) .*'qualty'"):
        imf.MozJpeg(qualty=80)  # type: ignore[call-arg]  # on purpose
    with pytest.raises(TypeError, match="positional"):
        imf.MozJpeg(80, True)  # type: ignore[misc]  # on purpose


def test_values_of_two_kinds_are_never_equal() -> None:
    assert imf.Gif() == imf.Gif()
    assert imf.Gif() != imf.WebPLossless()
    assert imf.Color(1, 2, 3) != (1, 2, 3, 255)


def test_a_value_shows_its_members_but_none_that_is_private() -> None:
    assert repr(imf.Color(1, 2, 3)) == "Color(r=1, g=2, b=3, a=255)"
    assert "_data" not in repr(imf.EncodedImage("", 1, 1, "", "", 1, None, b"x"))
