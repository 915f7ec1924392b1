"""The page of query strings against what checks them and what engines do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import imageflow_loader as imf
from imageflow_loader.types import QUERYSTRING_KEYS
from tests import pictures

from .pages import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (DOCS / "querystrings.md").read_text(encoding="utf-8")
TABLES, WITHOUT_EFFECT = PAGE.split("## Without effect\n")
SILENT, TOLD = WITHOUT_EFFECT.split("The checks do tell")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLES.splitlines()
    if line.startswith("| `")
]
CODE = re.compile(r"(?<!})`([^`]+)`")
INPUTS = Path(__file__).parents[1] / "conformance" / "inputs"


def keys(text: str) -> set[str]:
    """Return what stands as code in *text* and is a key."""
    return set(CODE.findall(text)) & QUERYSTRING_KEYS.keys()


# What a row has in its last cell as "the same" is a key as well.
ALIASES = {key for row in ROWS if " same" in row[3] for key in keys(row[3])}
OBEYED = {key for row in ROWS for key in CODE.findall(row[0])} | ALIASES
UNLESS_GIVEN = {
    key: value
    for row in ROWS
    for key in CODE.findall(row[0])
    for value in CODE.findall(row[2])
}
# Where a key shows: a picture, what else is asked for, a value that changes the result.
SHOWS = {
    "width": ("photo-444.jpg", "mode=max", "30"),
    "w": ("photo-444.jpg", "mode=max", "30"),
    "height": ("photo-444.jpg", "mode=max", "30"),
    "h": ("photo-444.jpg", "mode=max", "30"),
    "maxwidth": ("photo-444.jpg", "", "30"),
    "maxheight": ("photo-444.jpg", "", "30"),
    "mode": ("photo-444.jpg", "w=40&h=40", "crop"),
    "stretch": ("photo-444.jpg", "w=40&h=40", "fill"),
    "scale": ("photo-444.jpg", "w=900&h=900&format=png", "both"),
    "anchor": ("photo-444.jpg", "w=40&h=40&mode=crop", "topleft"),
    "c.gravity": ("photo-444.jpg", "w=40&h=40&mode=crop&anchor=topleft", "90,90"),
    "zoom": ("photo-444.jpg", "w=30", "2"),
    "dpr": ("photo-444.jpg", "w=30", "2"),
    "dppx": ("photo-444.jpg", "w=30", "2"),
    "decoder.min_precise_scaling_ratio": ("progressive.jpg", "w=30", "8"),
    "crop": ("photo-444.jpg", "", "5,5,-5,0"),
    "cropxunits": ("photo-444.jpg", "crop=10,10,50,50", "100"),
    "cropyunits": ("photo-444.jpg", "crop=10,10,50,50", "100"),
    "c": ("photo-444.jpg", "crop=1,1,9,9", "10,10,50,50"),
    "srotate": ("photo-444.jpg", "", "90"),
    "rotate": ("photo-444.jpg", "", "90"),
    "sflip": ("photo-444.jpg", "", "x"),
    "flip": ("photo-444.jpg", "", "x"),
    "trim.threshold": ("white-border.png", "", "80"),
    "trim.percentpadding": ("white-border.png", "trim.threshold=80", "5"),
    "frame": ("walk.gif", "format=png", "1"),
    "page": ("walk.gif", "format=png", "1"),
    "down.filter": ("photo-444.jpg", "w=30&format=png", "box"),
    "up.filter": ("photo-444.jpg", "w=900&scale=both&format=png", "box"),
    "down.colorspace": ("photo-444.jpg", "w=30&format=png", "srgb"),
    "up.colorspace": ("photo-444.jpg", "w=900&scale=both&format=png", "srgb"),
    "f.sharpen": ("photo-444.jpg", "w=30", "50"),
    "f.sharpen_when": ("photo-444.jpg", "w=900&scale=both&f.sharpen=50", "downscaling"),
    "ignoreicc": ("wide-gamut.jpg", "w=30", "true"),
    "bgcolor": ("scene.png", "w=40&h=40&format=png", "red"),
    "s.roundcorners": ("scene.png", "", "20"),
    "s.grayscale": ("scene.png", "", "flat"),
    "s.sepia": ("scene.png", "", "true"),
    "s.brightness": ("scene.png", "", "0.5"),
    "s.contrast": ("scene.png", "", "0.5"),
    "s.saturation": ("scene.png", "", "0.5"),
    "s.alpha": ("scene.png", "", "0.5"),
    "a.balancewhite": ("photo.png", "", "true"),
    "watermark_red_dot": ("scene.png", "", "true"),
    "format": ("scene.png", "", "gif"),
    "thumbnail": ("scene.png", "", "gif"),
    "quality": ("scene.png", "format=jpeg", "30"),
    "jpeg.quality": ("scene.png", "format=jpeg", "30"),
    "jpeg.progressive": ("scene.png", "format=jpeg", "false"),
    "jpeg.turbo": ("scene.png", "format=jpeg", "true"),
    "webp.quality": ("scene.png", "format=webp", "30"),
    "webp.lossless": ("scene.png", "format=webp", "true"),
    "png.lossless": ("scene.png", "format=png&png.quality=80", "true"),
    "lossless": ("photo-444.jpg", "format=webp&qp=good", "true"),
    "png.quality": ("scene.png", "", "30"),
    "png.min_quality": ("photo.png", "png.quality=100", "100"),
    "png.quantization_speed": ("photo.png", "png.quality=80", "10"),
    "png.libpng": ("scene.png", "", "true"),
    "png.max_deflate": ("photo.png", "", "true"),
    "qp": ("photo-444.jpg", "", "lowest"),
    "qp.dpr": ("photo-444.jpg", "qp=good", "1"),
    "qp.dppx": ("photo-444.jpg", "qp=good", "1"),
    "accept.webp": ("photo-444.jpg", "format=auto", "true"),
    "srcset": ("photo-444.jpg", "", "webp-80,30w"),
    "short": ("photo-444.jpg", "", "webp-80,30w"),
}
SHOWS_OTHERWISE = {"ignore_icc_errors"}
NOT_OFFICIAL = {"jpeg.progressive", "watermark_red_dot"}  # as the page says


def made(source: str | bytes, query: str, key: str = "", value: str = "") -> bytes:
    given = f"{query}&{key}={value}" if key else query
    picture = INPUTS / source if isinstance(source, str) else source
    return imf.process(picture, given).data


@pytest.fixture(autouse=True)
def on_each_kind(engine: imf.Engine) -> Iterator[None]:
    with imf.use_engine(engine):
        yield


def test_every_key_that_is_known_is_on_the_page_and_no_other() -> None:
    told = OBEYED | keys(SILENT) | keys(TOLD)

    assert told == QUERYSTRING_KEYS.keys()
    assert not OBEYED & (keys(SILENT) | keys(TOLD))


def test_the_checks_know_which_keys_do_nothing() -> None:
    for key in QUERYSTRING_KEYS:
        kinds = {issue.kind for issue in imf.check_querystring(f"{key}=")}
        assert ("ignored_key" in kinds) == (key in keys(TOLD))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_checks_take_the_values_of_a_row(row: list[str]) -> None:
    words = [v for v in CODE.findall(row[1] + row[2]) if not re.match("[xy]", v)]
    for key in CODE.findall(row[0]):
        for value in words:
            issues = imf.check_querystring(f"{key}={value}")
            assert [each for each in issues if each.kind != "ignored_key"] == []


def test_each_key_that_is_obeyed_is_shown_to_be() -> None:
    assert SHOWS.keys() | SHOWS_OTHERWISE == OBEYED


@pytest.mark.parametrize("key", SHOWS)
def test_a_key_changes_the_picture_and_what_holds_unless_given_does_not(
    key: str, engine: imf.Engine
) -> None:
    if key in NOT_OFFICIAL and engine.info.edition == "official":
        pytest.skip("the official engine has none of this")
    source, context, other = SHOWS[key]
    plain = made(source, context)

    assert made(source, context, key, other) != plain
    if key in UNLESS_GIVEN:
        assert made(source, context, key, UNLESS_GIVEN[key]) == plain


@pytest.mark.parametrize("key", sorted(keys(SILENT) | keys(TOLD)))
def test_a_key_without_effect_has_none(key: str) -> None:
    for source, query in (
        ("arrow-6.jpg", "w=9"),
        ("scene.png", "format=jpeg"),
        ("scene.png", "format=auto"),
    ):
        plain = made(source, query)
        for value in ("true", "false", "1", "5", "444"):
            assert made(source, query, key, value) == plain


def test_a_profile_that_cannot_be_used_is_an_error_unless_errors_are_ignored() -> None:
    spoilt = pictures.jpeg(30, 20)
    segment = b"ICC_PROFILE\0\1\1" + b"no profile" * 20
    length = (len(segment) + 2).to_bytes(2, "big")
    spoilt = spoilt[:2] + b"\xff\xe2" + length + segment + spoilt[2:]

    with pytest.raises(imf.ImageflowError):
        made(spoilt, "w=9", "ignore_icc_errors", UNLESS_GIVEN["ignore_icc_errors"])
    assert made(spoilt, "w=9", "ignore_icc_errors", "true")
