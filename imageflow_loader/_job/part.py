"""The values that jobs are made of: what each member of them may be, in one table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from .._checks import INT32, colors, given, number, one_of, parts, place, switch, whole
from .._io import check_source
from .._value import Value
from ..types import (
    ConstraintMode,
    Filter,
    FormatName,
    InputFormat,
    QualityProfile,
    ResampleWhen,
    SharpenWhen,
    WatermarkMode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..types import Json

    Check = Callable[..., Mapping[str, Any]]


class Part(Value):
    """A value that the engine's JSON has as well; it checks itself when it is made."""

    def _check(self) -> None:
        self._members_json()

    def to_json(self) -> Json:
        """Return it as the engine's JSON has it."""
        return self._members_json()

    def _members_json(self) -> dict[str, Json]:
        json: dict[str, Json] = {}
        for name, value in given(**vars(self)).items():
            json |= _MEMBERS[name](**{name: value})
        return json


def _profile(quality_profile: Any) -> Mapping[str, Json]:
    if isinstance(quality_profile, str):
        return one_of(QualityProfile, quality_profile=quality_profile)
    number(0, 100, quality_profile=quality_profile)
    return {"quality_profile": {"percent": quality_profile}}


def _lossless(lossless: object) -> Mapping[str, Json]:
    if isinstance(lossless, str):
        return one_of(Literal["keep"], lossless=lossless)
    switch(lossless=lossless)
    return {"lossless": str(lossless).lower()}


def _unsaid(check: Callable[..., object]) -> Check:
    """Return a check of what only this package knows."""

    def checked(**member: Any) -> Mapping[str, Json]:
        check(**member)
        return {}

    return checked


def _allowed(allowed_inputs: frozenset[str]) -> None:
    for name in allowed_inputs:
        one_of(InputFormat, allowed_inputs=name)


def _table(*rows: tuple[str, Check]) -> Mapping[str, Check]:
    return {name: check for names, check in rows for name in names.split()}


# A name means the same in every value.
_LARGE: Final = 2**63 - 1
_MEMBERS: Final = _table(
    # Boxes and places
    ("w h", partial(whole, 1, INT32)),
    ("x1 y1 x2 y2", partial(number, 0, 100)),
    ("left top right bottom min_canvas_width min_canvas_height", whole),
    ("relative_to", _unsaid(partial(one_of, Literal["image", "canvas"]))),
    ("mode", partial(one_of, ConstraintMode)),
    ("fit_mode", partial(one_of, WatermarkMode)),
    ("gravity", place),
    # Resampling and colour
    ("down_filter up_filter", partial(one_of, Filter)),
    ("scaling_colorspace", partial(one_of, Literal["linear", "srgb"])),
    ("sharpen_percent", partial(number, 0, 100)),
    ("resample_when", partial(one_of, ResampleWhen)),
    ("sharpen_when", partial(one_of, SharpenWhen)),
    ("background_color canvas_color matte", colors),
    ("opacity", partial(number, 0, 1)),
    # Limits
    ("megapixels", partial(number, 0)),
    ("max_total_file_pixels max_threads", partial(whole, 1, _LARGE)),
    ("max_input_bytes", _unsaid(partial(whole, 1, _LARGE))),
    ("allowed_inputs", _unsaid(_allowed)),
    # Encoders
    ("quality minimum_quality", partial(whole, 0, 100)),
    ("speed", partial(whole, 1, 10)),
    ("zlib_compression", partial(whole, 0, 9)),
    ("depth", partial(one_of, Literal["png_32", "png_24"])),
    ("progressive optimize_huffman_coding maximum_deflate", switch),
    ("format", partial(one_of, FormatName)),
    ("quality_profile", _profile),
    ("quality_profile_dpr", partial(number, 0.01, 100)),
    ("lossless", _lossless),
    ("encoder_hints", dict),  # whatever it is
    ("jpeg png gif webp avif jxl jpeg_progressive color_profiles", switch),
    ("web_safe modern_web_safe all", switch),
    # Values in values, and what is not in the JSON
    ("allow fit_box hints max_decode_size max_frame_size max_encode_size", parts),
    ("source", _unsaid(check_source)),
)
