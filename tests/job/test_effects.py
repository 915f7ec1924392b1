"""Each operation does to the pixels what its docstring says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

import imageflow_loader as imf
from imageflow_loader.types import ConstraintMode
from tests import pictures

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[Any], Any]

SCENE = pictures.scene(24, 16, seed=5)
RED, WHITE = (255, 0, 0), (255, 255, 255)


def filled(array: Any, box: tuple[slice, slice], color: Any) -> Any:
    copy = array.copy()
    copy[box] = color
    return copy


def padded(array: Any, left: int, top: int, right: int, bottom: int) -> Any:
    sides = ((top, bottom), (left, right))
    channels = [np.pad(array[..., i], sides, constant_values=RED[i]) for i in range(3)]
    return np.stack(channels, axis=-1)


def swapped(array: Any) -> Any:
    return array[..., ::-1]


SEPIA = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]
SWAP = np.eye(5)[[2, 1, 0, 3, 4]].tolist()
LOGO = np.full((4, 6, 3), WHITE, np.uint8)

# id: (the operation, the same in numpy, by how much a channel may differ)
CASES: dict[str, tuple[Callable[[imf.Image], imf.Image], Change, int]] = {
    "flip_v": (lambda i: i.flip_v(), np.flipud, 0),
    "flip_h": (lambda i: i.flip_h(), np.fliplr, 0),
    "transpose": (lambda i: i.transpose(), lambda a: a.swapaxes(0, 1), 0),
    "rotate_90": (lambda i: i.rotate_90(), lambda a: np.rot90(a, -1), 0),
    "rotate_180": (lambda i: i.rotate_180(), lambda a: np.rot90(a, 2), 0),
    "rotate_270": (lambda i: i.rotate_270(), np.rot90, 0),
    "apply_orientation": (
        lambda i: i.apply_orientation(6),
        lambda a: np.rot90(a, -1),
        0,
    ),
    "crop": (lambda i: i.crop(3, 2, 20, 9), lambda a: a[2:9, 3:20], 0),
    "region": (
        lambda i: i.region(-2, 3, 24, 16, background_color="red"),
        lambda a: padded(a, 2, 0, 0, 0)[3:],
        0,
    ),
    "region_percent": (
        lambda i: i.region_percent(25, 0, 100, 50),
        lambda a: a[:8, 6:],
        0,
    ),
    "expand_canvas": (
        lambda i: i.expand_canvas(1, 2, 3, 4, color="red"),
        lambda a: padded(a, 1, 2, 3, 4),
        0,
    ),
    "fill_rect": (
        lambda i: i.fill_rect(3, 2, 9, 6, "red"),
        lambda a: filled(a, np.s_[2:6, 3:9], RED),
        0,
    ),
    "crop_whitespace": (
        lambda i: i.expand_canvas(9, 9, 9, 9, color="red").crop_whitespace(80, 0),
        lambda a: a,
        0,
    ),
    "color_filter_srgb, invert": (
        lambda i: i.color_filter_srgb("invert"),
        lambda a: 255 - a,
        1,
    ),
    "color_filter_srgb, flat": (
        lambda i: i.color_filter_srgb("grayscale_flat"),
        lambda a: np.repeat((a.sum(-1, keepdims=True) / 2).clip(0, 255), 3, axis=-1),
        2,
    ),
    "adjust, no saturation": (
        lambda i: i.adjust(saturation=-1),
        lambda a: np.repeat((a @ [0.3086, 0.6094, 0.0820])[..., None], 3, axis=-1),
        3,
    ),
    "adjust, brightness": (
        lambda i: i.adjust(brightness=0.2),
        lambda a: (a.astype(float) + 51).clip(0, 255),
        2,
    ),
    "adjust, contrast": (
        lambda i: i.adjust(contrast=0.5),
        lambda a: (a.astype(float) * 1.5 - 0.25 * 255).clip(0, 255),
        2,
    ),
    "color_filter_srgb, sepia": (
        lambda i: i.color_filter_srgb("sepia"),
        lambda a: (a @ np.transpose(SEPIA)).clip(0, 255),
        2,
    ),
    "color_filter_srgb, bt709": (
        lambda i: i.color_filter_srgb("grayscale_bt709"),
        lambda a: np.repeat((a @ [0.2125, 0.7154, 0.0721])[..., None], 3, axis=-1),
        2,
    ),
    "color_filter_srgb, ntsc": (
        lambda i: i.color_filter_srgb("grayscale_ntsc"),
        lambda a: np.repeat((a @ [0.229, 0.587, 0.114])[..., None], 3, axis=-1),
        2,
    ),
    "color_filter_srgb, ry": (
        lambda i: i.color_filter_srgb("grayscale_ry"),
        lambda a: np.repeat((a @ [0.5, 0.419, 0.081])[..., None], 3, axis=-1),
        2,
    ),
    "color_matrix_srgb": (lambda i: i.color_matrix_srgb(SWAP), swapped, 1),
    "draw_image_exact": (
        lambda i: i.draw_image_exact(imf.canvas(2, 2, "red"), 3, 2, 6, 4),
        lambda a: filled(a, np.s_[2:6, 3:9], RED),
        0,
    ),
    "copy_rect_to_canvas": (
        lambda i: i.copy_rect_to_canvas(i, 0, 0, 6, 4, 12, 8),
        lambda a: filled(a, np.s_[8:12, 12:18], a[:4, :6]),
        0,
    ),
    "watermark": (
        lambda i: i.watermark(
            imf.Watermark(
                imf.Source.from_array(LOGO),
                gravity="bottom_right",
                fit_box=imf.Margins.all(1),
            )
        ),
        lambda a: filled(a, np.s_[-5:-1, -7:-1], WHITE),
        1,
    ),
    "command_string": (lambda i: i.command_string("flip=h"), np.fliplr, 0),
    "node": (lambda i: i.node("flip_h"), np.fliplr, 0),
    "resize": (
        lambda i: i.resize(48, 32, hints=imf.Hints(up_filter="box")),
        lambda a: a.repeat(2, axis=0).repeat(2, axis=1),
        1,
    ),
    "resize, to the same": (lambda i: i.resize(24, 16), lambda a: a, 0),
    "constrain": (
        lambda i: i.constrain(24, 8, mode="aspect_crop", gravity="top"),
        lambda a: a[:8],
        0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_pixels_are_what_they_are_said_to_be(engine: imf.Engine, case: str) -> None:
    operation, expected, tolerance = CASES[case]
    image = imf.decode(imf.Source.from_array(SCENE))

    made = operation(image).encode(imf.LibPng()).run(engine=engine).to_numpy()

    difference = abs(made[..., :3].astype(float) - expected(SCENE))
    assert difference.max() <= tolerance


def test_round_corners_are_clear_and_the_middle_stays(engine: imf.Engine) -> None:
    image = imf.decode(imf.Source.from_array(SCENE)).round_image_corners("circle")

    made = image.encode(imf.LibPng(depth="png_32")).run(engine=engine).to_numpy()

    assert made[0, 0, 3] == made[-1, -1, 3] == made[8, 0, 3] == 0
    assert (made[8, 12] == [*SCENE[8, 12], 255]).all()


def test_white_balance_stretches_each_channel(engine: imf.Engine) -> None:
    faint = SCENE // 2 + 60
    image = imf.decode(imf.Source.from_array(faint)).white_balance_srgb()

    made = image.encode(imf.LibPng()).run(engine=engine).to_numpy()

    assert all(np.ptp(made[..., i]) > np.ptp(faint[..., i]) for i in range(3))


def test_alpha_multiplies_the_opacity(engine: imf.Engine) -> None:
    image = imf.canvas(4, 4, (1, 2, 3, 200)).adjust(alpha=0.5)

    made = image.encode(imf.LibPng(depth="png_32")).run(engine=engine).to_numpy()

    assert abs(int(made[1, 1, 3]) - 100) <= 1


def test_every_operation_is_among_them() -> None:
    shown = {case.partition(",")[0] for case in CASES}
    elsewhere = {"round_image_corners", "white_balance_srgb"}
    operations = {
        name
        for name, method in vars(imf.Image).items()
        if "Source: the" in (method.__doc__ or "")
    }

    assert operations == (shown | elsewhere) - {"node"}


# mode: the size of 120 × 90 in boxes of 60 × 60, 240 × 240 and 60 × 240
BOXES = ((60, 60), (240, 240), (60, 240))
SIZES: dict[ConstraintMode, tuple[tuple[int, int], ...]] = {
    "distort": BOXES,
    "within": ((60, 45), (120, 90), (60, 45)),
    "fit": ((60, 45), (240, 180), (60, 45)),
    "larger_than": ((120, 90), (240, 180), (120, 90)),
    "within_crop": ((60, 60), (120, 90), (60, 90)),
    "fit_crop": BOXES,
    "aspect_crop": ((90, 90), (90, 90), (23, 90)),
    "within_pad": ((60, 60), (120, 90), (60, 240)),
    "fit_pad": BOXES,
}


@pytest.mark.parametrize("mode", SIZES)
def test_each_mode_of_constrain_gives_its_size(
    engine: imf.Engine, mode: ConstraintMode
) -> None:
    image = imf.canvas(120, 90, "red")

    for (w, h), size in zip(BOXES, SIZES[mode], strict=True):
        output = image.constrain(w, h, mode=mode).encode(imf.LibPng())
        assert output.run(engine=engine).size == size
    assert SIZES.keys() == {*get_args(ConstraintMode)}


def test_a_pad_has_its_colour_and_leaves_the_picture_where_it_is_told(
    engine: imf.Engine,
) -> None:
    image = imf.decode(imf.Source.from_array(SCENE)).constrain(
        24, 20, mode="fit_pad", canvas_color="red", gravity="bottom"
    )

    made = image.encode(imf.LibPng()).run(engine=engine).to_numpy()

    assert (made == padded(SCENE, 0, 4, 0, 0)).all()


def test_corners_are_rounded_one_by_one(engine: imf.Engine) -> None:
    image = imf.canvas(20, 20, "red").round_image_corners((9, 0, 0, 0))

    made = image.encode(imf.LibPng(depth="png_32")).run(engine=engine).to_numpy()

    opacity = made[[0, 0, -1, -1], [0, -1, -1, 0], 3]
    assert opacity.tolist() == [0, 255, 255, 255]


@pytest.mark.parametrize(
    ("blend", "seen"),
    [("compose", (127, 128, 0, 255)), ("overwrite", (0, 255, 0, 128))],
)
def test_drawing_blends_or_takes_the_place(
    engine: imf.Engine, blend: Any, seen: tuple[int, ...]
) -> None:
    image = imf.canvas(4, 4, "red").draw_image_exact(
        imf.canvas(4, 4, (0, 255, 0, 128)),
        *(0, 0, 4, 4),
        blend=blend,
        hints=imf.Hints(scaling_colorspace="srgb"),
    )

    made = image.encode(imf.LibPng(depth="png_32")).run(engine=engine).to_numpy()

    assert abs(made[2, 2].astype(int) - seen).max() <= 2


def test_a_faint_watermark_lets_the_picture_through(engine: imf.Engine) -> None:
    logo = imf.Source.from_array(LOGO)

    def brightness(opacity: float) -> float:
        mark = imf.Watermark(logo, opacity=opacity, fit_mode="distort")
        image = imf.canvas(20, 10, "black", format="bgr_32").watermark(mark)
        return float(image.encode(imf.LibPng()).run(engine=engine).to_numpy().mean())

    assert brightness(0) == 0 < brightness(0.3) < brightness(0.8) < brightness(1) == 255


def test_hints_sharpen(engine: imf.Engine) -> None:
    def slope(sharpen: float) -> int:
        hints = imf.Hints(sharpen_percent=sharpen)
        half = filled(np.zeros((16, 24, 3), np.uint8), np.s_[:, 12:], (180, 180, 180))
        image = imf.decode(imf.Source.from_array(half)).resize(12, 8, hints=hints)
        row = image.encode(imf.LibPng()).run(engine=engine).to_numpy()[4, :, 0]
        return int(np.ptp(row))

    assert slope(80) > slope(0)


def test_a_canvas_is_of_one_colour(engine: imf.Engine) -> None:
    made = imf.canvas(3, 2, (1, 2, 3, 4)).encode(imf.LibPng(depth="png_32"))

    assert (made.run(engine=engine).to_numpy() == (1, 2, 3, 4)).all()
