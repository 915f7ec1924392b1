"""Each operation has exactly this JSON, and an engine takes it and does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import imageflow_loader as imf
from imageflow_loader import Image
from tests import pictures

PHOTO = pictures.png(60, 40)
LOGO = pictures.png(8, 8, mode="RGBA", seed=3)

WHITE = {"srgb": {"hex": "ffffff"}}
CORNERS = {"top_left": 1.0, "top_right": 2.0, "bottom_right": 3.0, "bottom_left": 4.0}
IDENTITY = [[float(row == column) for column in range(5)] for row in range(5)]


def photo() -> Image:
    return imf.decode(PHOTO)


# id: (image, its last node, the size that comes out)
CASES: dict[str, tuple[Image, Any, tuple[int, int]]] = {
    "constrain": (
        photo().constrain(30, 30),
        {"constrain": {"mode": "within", "w": 30, "h": 30}},
        (30, 20),
    ),
    "constrain, everything": (
        photo().constrain(
            30,
            30,
            mode="fit_pad",
            gravity="top_left",
            canvas_color="white",
            hints=imf.Hints(
                sharpen_percent=10,
                down_filter="lanczos",
                up_filter="cubic",
                scaling_colorspace="srgb",
                background_color="#fff",
                resample_when="always",
                sharpen_when="downscaling",
            ),
        ),
        {
            "constrain": {
                "mode": "fit_pad",
                "w": 30,
                "h": 30,
                "gravity": {"percentage": {"x": 0.0, "y": 0.0}},
                "canvas_color": WHITE,
                "hints": {
                    "sharpen_percent": 10,
                    "down_filter": "lanczos",
                    "up_filter": "cubic",
                    "scaling_colorspace": "srgb",
                    "background_color": WHITE,
                    "resample_when": "always",
                    "sharpen_when": "downscaling",
                },
            }
        },
        (30, 30),
    ),
    "constrain, a value": (
        photo().constrain(imf.Constraint(h=20, mode="fit")),
        {"constrain": {"mode": "fit", "h": 20}},
        (30, 20),
    ),
    "resize": (
        photo().resize(10, 50, hints=imf.Hints(down_filter="box")),
        {"resample_2d": {"w": 10, "h": 50, "hints": {"down_filter": "box"}}},
        (10, 50),
    ),
    "crop": (
        photo().crop(1, 2, 31, 22),
        {"crop": {"x1": 1, "y1": 2, "x2": 31, "y2": 22}},
        (30, 20),
    ),
    "crop_whitespace": (
        imf.canvas(60, 40, "white")
        .fill_rect(20, 10, 40, 30, "black")
        .crop_whitespace(),
        {"crop_whitespace": {"threshold": 80, "percent_padding": 0.5}},
        (22, 22),
    ),
    "region": (
        photo().region(-5, -5, 15, 25, background_color="white"),
        {"region": {"x1": -5, "y1": -5, "x2": 15, "y2": 25, "background_color": WHITE}},
        (20, 30),
    ),
    "region_percent": (
        photo().region_percent(0, 50, 50, 150),
        {
            "region_percent": {
                "x1": 0,
                "y1": 50,
                "x2": 50,
                "y2": 150,
                "background_color": "transparent",
            }
        },
        (30, 40),
    ),
    "expand_canvas": (
        photo().expand_canvas(1, 2, 3, 4, color="white"),
        {
            "expand_canvas": {
                "left": 1,
                "top": 2,
                "right": 3,
                "bottom": 4,
                "color": WHITE,
            }
        },
        (64, 46),
    ),
    "fill_rect": (
        photo().fill_rect(0, 0, 5, 5, (1, 2, 3)),
        {
            "fill_rect": {
                "x1": 0,
                "y1": 0,
                "x2": 5,
                "y2": 5,
                "color": {"srgb": {"hex": "010203"}},
            }
        },
        (60, 40),
    ),
    "round_image_corners, pixels": (
        photo().round_image_corners(10),
        {
            "round_image_corners": {
                "radius": {"pixels": 10.0},
                "background_color": "transparent",
            }
        },
        (60, 40),
    ),
    "round_image_corners, percent": (
        photo().round_image_corners(50, unit="percentage", background_color="white"),
        {
            "round_image_corners": {
                "radius": {"percentage": 50.0},
                "background_color": WHITE,
            }
        },
        (60, 40),
    ),
    "round_image_corners, circle": (
        photo().round_image_corners("circle"),
        {
            "round_image_corners": {
                "radius": "circle",
                "background_color": "transparent",
            }
        },
        (60, 40),
    ),
    "round_image_corners, four": (
        photo().round_image_corners((1, 2, 3, 4)),
        {
            "round_image_corners": {
                "radius": {"pixels_custom": CORNERS},
                "background_color": "transparent",
            }
        },
        (60, 40),
    ),
    "round_image_corners, four percent": (
        photo().round_image_corners((1, 2, 3, 4), unit="percentage"),
        {
            "round_image_corners": {
                "radius": {"percentage_custom": CORNERS},
                "background_color": "transparent",
            }
        },
        (60, 40),
    ),
    "flip_v": (photo().flip_v(), "flip_v", (60, 40)),
    "flip_h": (photo().flip_h(), "flip_h", (60, 40)),
    "transpose": (photo().transpose(), "transpose", (40, 60)),
    "rotate_90": (photo().rotate_90(), "rotate_90", (40, 60)),
    "rotate_180": (photo().rotate_180(), "rotate_180", (60, 40)),
    "rotate_270": (photo().rotate_270(), "rotate_270", (40, 60)),
    "apply_orientation": (
        photo().apply_orientation(6),
        {"apply_orientation": {"flag": 6}},
        (40, 60),
    ),
    "color_filter_srgb": (
        photo().color_filter_srgb("sepia"),
        {"color_filter_srgb": "sepia"},
        (60, 40),
    ),
    "adjust": (
        photo().adjust(alpha=0.5),
        {"color_filter_srgb": {"alpha": 0.5}},
        (60, 40),
    ),
    "color_matrix_srgb": (
        photo().color_matrix_srgb(np.eye(5).tolist()),
        {"color_matrix_srgb": {"matrix": IDENTITY}},
        (60, 40),
    ),
    "white_balance_srgb": (
        photo().white_balance_srgb(),
        {"white_balance_histogram_area_threshold_srgb": {}},
        (60, 40),
    ),
    "white_balance_srgb, threshold": (
        photo().white_balance_srgb(0.01),
        {"white_balance_histogram_area_threshold_srgb": {"threshold": 0.01}},
        (60, 40),
    ),
    "watermark": (
        photo().watermark(
            imf.Watermark(
                LOGO,
                gravity=(100, 50),
                fit_box=imf.Margins.all(2),
                fit_mode="within",
                opacity=0.5,
                min_canvas_width=5,
                min_canvas_height=6,
                hints=imf.Hints(down_filter="box"),
            )
        ),
        {
            "watermark": {
                "io_id": 1,
                "gravity": {"percentage": {"x": 100, "y": 50}},
                "fit_box": {
                    "image_margins": {"left": 2, "top": 2, "right": 2, "bottom": 2}
                },
                "fit_mode": "within",
                "opacity": 0.5,
                "min_canvas_width": 5,
                "min_canvas_height": 6,
                "hints": {"down_filter": "box"},
            }
        },
        (60, 40),
    ),
    "watermark, percent": (
        photo().watermark(imf.Watermark(LOGO, fit_box=imf.FitBox(50, 50, 90, 90))),
        {
            "watermark": {
                "io_id": 1,
                "fit_box": {
                    "image_percentage": {"x1": 50, "y1": 50, "x2": 90, "y2": 90}
                },
            }
        },
        (60, 40),
    ),
    "draw_image_exact": (
        photo().draw_image_exact(
            imf.decode(LOGO),
            1,
            2,
            30,
            20,
            blend="overwrite",
            hints=imf.Hints(up_filter="box"),
        ),
        {
            "draw_image_exact": {
                "x": 1,
                "y": 2,
                "w": 30,
                "h": 20,
                "blend": "overwrite",
                "hints": {"up_filter": "box"},
            }
        },
        (60, 40),
    ),
    "copy_rect_to_canvas": (
        imf.canvas(60, 40, "white").copy_rect_to_canvas(photo(), 1, 2, 10, 12, 20, 22),
        {
            "copy_rect_to_canvas": {
                "from_x": 1,
                "from_y": 2,
                "w": 10,
                "h": 12,
                "x": 20,
                "y": 22,
            }
        },
        (60, 40),
    ),
    "command_string": (
        photo().command_string({"w": 30, "mode": "max"}),
        {"command_string": {"kind": "ir4", "value": "w=30&mode=max"}},
        (30, 20),
    ),
    "node": (
        photo().node({"resample_2d": {"w": 3, "h": 4}}),
        {"resample_2d": {"w": 3, "h": 4}},
        (3, 4),
    ),
    "canvas": (
        imf.canvas(3, 4, "white", format="bgr_32"),
        {"create_canvas": {"w": 3, "h": 4, "color": WHITE, "format": "bgr_32"}},
        (3, 4),
    ),
    "decode": (photo(), {"decode": {"io_id": 0}}, (60, 40)),
    "decode, everything": (
        imf.decode(
            pictures.jpeg(160, 120),
            shrink=(40, 30),
            shrink_quality="spatial",
            discard_color_profile=True,
            ignore_color_profile_errors=True,
            select_frame=0,
        ),
        {
            "decode": {
                "io_id": 0,
                "commands": [
                    {
                        "jpeg_downscale_hints": {
                            "width": 40,
                            "height": 30,
                            "scale_luma_spatially": True,
                            "gamma_correct_for_srgb_during_spatial_luma_scaling": False,
                        }
                    },
                    {"webp_decoder_hints": {"width": 40, "height": 30}},
                    "discard_color_profile",
                    "ignore_color_profile_errors",
                    {"select_frame": 0},
                ],
            }
        },
        (40, 30),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_operation_has_this_json(case: str) -> None:
    image, node, _ = CASES[case]

    message: Any = imf.Job(image.encode("png")).to_json("execute")

    *_, last, encode = message["framewise"]["graph"]["nodes"].values()
    assert last == node
    assert "encode" in encode


@pytest.mark.parametrize("case", CASES)
def test_an_engine_takes_the_operation_and_does_it(
    engine: imf.Engine, case: str
) -> None:
    image, _, size = CASES[case]

    made = image.encode(imf.LibPng()).run(engine=engine)

    assert made.size == size == pictures.size(made.data)


def test_every_method_that_makes_an_image_has_a_case() -> None:
    methods = {
        name
        for name in dir(Image)
        if not name.startswith("_") and name not in {"encode", "save", "pipe"}
    }

    assert {case.partition(",")[0] for case in CASES} == methods | {"decode", "canvas"}


def pixel(engine: imf.Engine, image: Image, x: int, y: int) -> list[int]:
    made = image.encode(imf.LibPng(depth="png_32")).run(engine=engine)
    return [int(value) for value in pictures.pixels(made.data)[y, x]]


def test_what_is_drawn_lies_on_what_it_is_drawn_on(engine: imf.Engine) -> None:
    base = imf.canvas(10, 10, "white")
    red = imf.canvas(4, 4, "red")

    drawn = base.draw_image_exact(red, 2, 2, 4, 4)

    assert pixel(engine, drawn, 3, 3) == [255, 0, 0, 255]
    assert pixel(engine, drawn, 8, 8) == [255, 255, 255, 255]


def test_turning_is_clockwise(engine: imf.Engine) -> None:
    corner = imf.canvas(10, 10, "white").fill_rect(0, 0, 5, 5, "red")  # top left

    assert pixel(engine, corner.rotate_90(), 8, 2) == [255, 0, 0, 255]  # top right
    assert pixel(engine, corner.rotate_270(), 2, 8) == [255, 0, 0, 255]  # bottom left


def test_adjustments_come_in_the_order_of_the_arguments() -> None:
    image = imf.canvas(1, 1).adjust(
        alpha=0.5, saturation=-1, contrast=0.1, brightness=0.2
    )

    message: Any = imf.Job(image.encode("png")).to_json("execute")

    nodes = list(message["framewise"]["graph"]["nodes"].values())[1:-1]
    assert [list(node["color_filter_srgb"]) for node in nodes] == [
        ["brightness"],
        ["contrast"],
        ["saturation"],
        ["alpha"],
    ]


IMAGE = imf.canvas(10, 10)
WRONG: dict[str, Any] = {
    "no box": lambda: IMAGE.constrain(),
    "a box of no pixels": lambda: IMAGE.constrain(0),
    "a side that is too long": lambda: IMAGE.resize(2**31, 1),
    "a misspelt mode": lambda: IMAGE.constrain(1, mode="fitcrop"),  # type: ignore[call-overload]
    "a misspelt gravity": lambda: IMAGE.constrain(1, gravity="middle"),  # type: ignore[call-overload]
    "a gravity outside": lambda: IMAGE.constrain(1, gravity=(0, 101)),
    "no colour": lambda: IMAGE.expand_canvas(1, color="grren"),
    "an empty crop": lambda: IMAGE.crop(5, 0, 5, 10),
    "a crop outside": lambda: IMAGE.crop(-1, 0, 5, 10),
    "an empty region": lambda: IMAGE.region(5, 0, 5, 10),
    "an empty share": lambda: IMAGE.region_percent(5, 0, 5, 10),
    "a share that is no number": lambda: IMAGE.region_percent(0, 0, float("nan"), 1),
    "an empty rectangle": lambda: IMAGE.fill_rect(0, 0, 0, 0, "red"),
    "a threshold too high": lambda: IMAGE.crop_whitespace(256),
    "three radii": lambda: IMAGE.round_image_corners((1, 2, 3)),  # type: ignore[arg-type]
    "no shape": lambda: IMAGE.round_image_corners("square"),  # type: ignore[arg-type]
    "a radius below 0": lambda: IMAGE.round_image_corners(-1),
    "no flag": lambda: IMAGE.apply_orientation(9),
    "no filter": lambda: IMAGE.color_filter_srgb("gray"),  # type: ignore[arg-type]
    "too bright": lambda: IMAGE.adjust(brightness=1.5),
    "a matrix of four": lambda: IMAGE.color_matrix_srgb([[1] * 4] * 5),
    "no balance": lambda: IMAGE.white_balance_srgb(2),
    "drawn nowhere": lambda: IMAGE.draw_image_exact(IMAGE, 0, 0, 0, 1),
    "drawn left of it": lambda: IMAGE.draw_image_exact(IMAGE, -1, 0, 1, 1),
    "drawn sometimes": lambda: IMAGE.draw_image_exact(
        IMAGE, 0, 0, 1, 1, hints=imf.Hints(resample_when="size_differs")
    ),
    "copied from left of it": lambda: IMAGE.copy_rect_to_canvas(
        IMAGE, -1, 0, 1, 1, 0, 0
    ),
    "two nodes as one": lambda: IMAGE.node({"flip_v": None, "flip_h": None}),
    "a canvas of nothing": lambda: imf.canvas(0, 1),
    "a canvas of grey": lambda: imf.canvas(1, 1, format="gray_8"),  # type: ignore[arg-type]
    "a frame before the first": lambda: imf.decode(b"x", select_frame=-1),
    "a name for what is there": lambda: imf.decode(b"x", name="photo"),
    "no way to shrink": lambda: imf.decode(b"x", shrink="on"),  # type: ignore[arg-type]
    "no such encoder": lambda: IMAGE.encode("jpgg"),  # type: ignore[arg-type]
    "a name for no format": lambda: IMAGE.save("out.dat"),
    "a format that is not written": lambda: IMAGE.save("out.jxl"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_fails_where_it_is_written(case: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        WRONG[case]()


@pytest.mark.parametrize(
    ("call", "suggestion"),
    [
        (lambda: IMAGE.constrain(1, mode="fitcrop"), "'fit_crop'"),  # type: ignore[call-overload]
        (lambda: IMAGE.constrain(1, gravity="top left"), "'top_left'"),  # type: ignore[call-overload]
        (lambda: IMAGE.encode("WEBP"), "'webp'"),  # type: ignore[arg-type]
        (lambda: imf.Hints(down_filter="lanczos3"), "'lanczos_2'|'lanczos'"),  # type: ignore[arg-type]
    ],
)
def test_a_misspelt_word_is_told_what_was_meant(call: Any, suggestion: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean ({suggestion})"):
        call()


def test_a_side_that_is_no_whole_number_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"w is a whole number, not 1\.5"):
        IMAGE.constrain(1.5)  # type: ignore[call-overload]  # on purpose


def test_pipe_hands_the_image_to_a_function() -> None:
    def framed(image: Image, pixels: int, *, color: str) -> Image:
        return image.expand_canvas(pixels, pixels, pixels, pixels, color=color)

    assert IMAGE.pipe(framed, 3, color="red") == IMAGE.expand_canvas(
        3, 3, 3, 3, color="red"
    )


def test_the_representation_is_the_chain() -> None:
    image = imf.decode("photo.jpg").constrain(800, mode="fit_crop", h=600).flip_h()

    assert (
        repr(image)
        == "decode('photo.jpg').constrain(w=800, h=600, mode='fit_crop').flip_h()"
    )
    assert repr(imf.decode(name="logo")) == "decode(Placeholder(name='logo'))"
