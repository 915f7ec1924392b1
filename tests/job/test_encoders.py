"""Each encoder has exactly this JSON, and an engine writes the format it says."""

from __future__ import annotations

from typing import Any

import pytest

import imageflow_loader as imf
from tests import pictures

WHITE = {"srgb": {"hex": "ffffff"}}

CASES: dict[str, tuple[Any, Any, str]] = {
    "mozjpeg": (imf.MozJpeg(), {"mozjpeg": {}}, "jpg"),
    "mozjpeg, everything": (
        imf.MozJpeg(85, progressive=False, matte="white"),
        {"mozjpeg": {"quality": 85, "progressive": False, "matte": WHITE}},
        "jpg",
    ),
    "libjpegturbo": (
        imf.LibjpegTurbo(
            50, progressive=True, optimize_huffman_coding=True, matte="white"
        ),
        {
            "libjpegturbo": {
                "quality": 50,
                "progressive": True,
                "optimize_huffman_coding": True,
                "matte": WHITE,
            }
        },
        "jpg",
    ),
    "lodepng": (
        imf.LodePng(maximum_deflate=True),
        {"lodepng": {"maximum_deflate": True}},
        "png",
    ),
    "pngquant": (
        imf.PngQuant(80, 10, speed=9, maximum_deflate=False),
        {
            "pngquant": {
                "quality": 80,
                "minimum_quality": 10,
                "speed": 9,
                "maximum_deflate": False,
            }
        },
        "png",
    ),
    "libpng": (
        imf.LibPng(depth="png_24", zlib_compression=0, matte="white"),
        {"libpng": {"depth": "png_24", "zlib_compression": 0, "matte": WHITE}},
        "png",
    ),
    "webplossy": (imf.WebPLossy(), {"webplossy": {"quality": 80}}, "webp"),
    "webplossless": (imf.WebPLossless(), "webplossless", "webp"),
    "gif": (imf.Gif(), "gif", "gif"),
    "auto": (
        imf.Auto(
            "high",
            quality_profile_dpr=1,
            lossless="keep",
            allow=imf.Allow(jpeg=True, webp=True),
            matte="white",
        ),
        {
            "auto": {
                "quality_profile": "high",
                "quality_profile_dpr": 1,
                "lossless": "keep",
                "allow": {"jpeg": True, "webp": True},
                "matte": WHITE,
            }
        },
        "webp",
    ),
    "auto, a number": (
        imf.Auto(73, lossless=False),
        {"auto": {"quality_profile": {"percent": 73}, "lossless": "false"}},
        "jpg",
    ),
    "format": (
        imf.Format(
            "webp",
            quality_profile="good",
            lossless=True,
            encoder_hints={"webp": {"quality": 50}},
        ),
        {
            "format": {
                "format": "webp",
                "quality_profile": "good",
                "lossless": "true",
                "encoder_hints": {"webp": {"quality": 50}},
            }
        },
        "webp",
    ),
    "by name: jpeg": ("jpeg", {"mozjpeg": {}}, "jpg"),
    "by name: jpg": ("jpg", {"mozjpeg": {}}, "jpg"),
    "by name: png": ("png", {"lodepng": {}}, "png"),
    "by name: webp": ("webp", {"webplossy": {"quality": 80}}, "webp"),
    "by name: gif": ("gif", "gif", "gif"),
    "by name: keep": ("keep", {"format": {"format": "keep"}}, "jpg"),
    "by name: avif": ("avif", {"format": {"format": "avif"}}, "jpg"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_encoder_has_this_json_and_an_engine_writes_its_format(
    engine: imf.Engine, case: str
) -> None:
    encoder, preset, extension = CASES[case]
    output = imf.decode(pictures.jpeg(40, 30)).encode(encoder)

    made = output.run(engine=engine)

    assert output.preset == preset
    assert made.extension == extension
    assert pictures.size(made.data) == (40, 30)


@pytest.mark.parametrize(
    "make",
    [
        lambda: imf.MozJpeg(101),
        lambda: imf.LibjpegTurbo(300),
        lambda: imf.MozJpeg(matte="no colour"),
        lambda: imf.MozJpeg(matte=[255, 0, 0]),  # type: ignore[arg-type]  # on purpose
        lambda: imf.PngQuant(50, 60),
        lambda: imf.PngQuant(speed=11),
        lambda: imf.LibPng(zlib_compression=10),
        lambda: imf.LibPng(depth="png_16"),  # type: ignore[arg-type]
        lambda: imf.WebPLossy(100.1),
        lambda: imf.Auto("best"),  # type: ignore[arg-type]
        lambda: imf.Auto(101),
        lambda: imf.Format("bmp"),  # type: ignore[arg-type]
    ],
)
def test_a_setting_that_is_out_of_range_is_a_value_error(make: Any) -> None:
    with pytest.raises(ValueError, match=r"is|no colour"):
        make()


def test_a_percentage_that_would_break_the_official_engine_is_a_capability() -> None:
    def needs(encoder: imf.Encoder) -> frozenset[str]:
        return imf.Job(imf.canvas(1, 1).encode(encoder)).requires

    assert needs(imf.MozJpeg(80)) == frozenset()
    assert needs(imf.Auto()) == {"auto_format"}
    assert needs(imf.Auto(73)) == {"auto_format"}
    assert needs(imf.Auto(80)) == {"auto_format", "percent_profile"}
    assert needs(imf.Auto(0)) == {"auto_format", "percent_profile"}
    assert needs(imf.Auto("good", quality_profile_dpr=2.5)) == {
        "auto_format",
        "percent_profile",
    }
    assert needs(imf.Format("webp")) == {"auto_format"}
    assert needs(imf.Format("webp", quality_profile=80)) == {
        "auto_format",
        "percent_profile",
    }


@pytest.mark.parametrize(
    ("header", "webp", "avif"),
    [
        (None, None, None),
        ("", None, None),
        ("image/webp,*/*", True, None),
        ("text/html, image/avif;q=0.9 , image/webp ; q=0.8", True, True),
        ("image/webp;q=0, image/*", None, None),
        ("image/webp;q=0.000", None, None),
        ("image/webpx", None, None),
    ],
)
def test_the_accept_header_says_which_formats_a_browser_takes(
    header: str | None, webp: bool | None, avif: bool | None
) -> None:
    assert imf.Allow.from_accept(header) == imf.Allow(
        web_safe=True, webp=webp, avif=avif
    )


def test_users_may_write_their_own_encoder(engine: imf.Engine) -> None:
    class Small:
        def to_json(self) -> Any:
            return {"webplossy": {"quality": 5}}

    made = imf.canvas(4, 3).encode(Small()).run(engine=engine)

    assert made.extension == "webp"


def test_what_is_no_encoder_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="an encoder or the name of a format, not 80"):
        imf.canvas(1, 1).encode(80)  # type: ignore[arg-type]  # on purpose
