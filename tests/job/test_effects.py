"""Each operation does to the pixels what its docstring says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import imageflow_loader as imf
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
    "resize": (lambda i: i.resize(24, 16), lambda a: a, 0),
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
