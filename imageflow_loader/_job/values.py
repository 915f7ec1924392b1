"""The values that jobs are made of: what each member may be, then boxes and limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

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
    from dataclasses import KW_ONLY

    from .._colors import ColorLike
    from ..types import Capability, Gravity, Json, SourceLike

    Check = Callable[..., Any]


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
            said = _MEMBERS[name](**{name: value})
            json |= {} if name in _UNSAID else said
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


def _allowed(allowed_inputs: frozenset[str]) -> None:
    for name in allowed_inputs:
        one_of(InputFormat, allowed_inputs=name)


# A name means the same in every value.
_LARGE: Final = 2**63 - 1
_CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    # Boxes and places
    ("w h", partial(whole, 1, INT32)),
    ("x1 y1 x2 y2", partial(number, 0, 100)),
    ("left top right bottom min_canvas_width min_canvas_height", whole),
    ("relative_to", partial(one_of, Literal["image", "canvas"])),
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
    ("max_total_file_pixels max_threads max_input_bytes", partial(whole, 1, _LARGE)),
    ("allowed_inputs", _allowed),
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
    # Values in values
    ("allow fit_box hints max_decode_size max_frame_size max_encode_size", parts),
    ("source", check_source),
)
_MEMBERS: Final = {n: check for names, check in _CHECKS for n in names.split()}
_UNSAID: Final = ("relative_to", "max_input_bytes", "allowed_inputs", "source")
"""What only this package knows."""

_MIB = 2**20
FRAME_LIMITS: Final = ("max_decode_size", "max_frame_size", "max_encode_size")
# The engine has no word for "not limited"; it takes these.
UNLIMITED: Final[Mapping[str, float]] = {"w": INT32, "h": INT32, "megapixels": 3.4e38}


class Hints(Part):
    """How a picture is resampled; what is None is left to the engine.

    Source: `ResampleHints` in imageflow_types/src/lib.rs (v2.3).
    """

    _: KW_ONLY
    sharpen_percent: float | None = None
    """0 to 100."""
    down_filter: Filter | None = None
    """Used when neither side grows; robidoux unless given."""
    up_filter: Filter | None = None
    """Used when a side grows; ginseng unless given."""
    scaling_colorspace: Literal["linear", "srgb"] | None = None
    """The light in which pixels are averaged; linear unless given."""
    background_color: ColorLike | None = None
    """What shows through a transparent picture."""
    resample_when: ResampleWhen | None = None
    sharpen_when: SharpenWhen | None = None


class Constraint(Part):
    """How a picture is fitted to a box.

    Raises:
        ValueError: Neither side is given, or one is not 1 to 2147483647.

    Source: `Constraint` in imageflow_types/src/lib.rs (v2.3).
    """

    w: int | None = None
    """Width of the box in pixels; None: free."""
    h: int | None = None
    """Height of the box in pixels; None: free."""
    _: KW_ONLY
    mode: ConstraintMode = "within"
    """"within" never enlarges."""
    gravity: Gravity | None = None
    """What a crop keeps, where a pad puts the picture; the centre unless given."""
    canvas_color: ColorLike | None = None
    """Colour of the padding; transparent unless given."""
    hints: Hints | None = None

    def _check(self) -> None:
        if self.w is None and self.h is None:
            raise ValueError("a constraint needs w or h, or both")
        super()._check()


class FitBox(Part):
    """A box in percent of the picture, or of the canvas with its padding.

    From the left and upper to the right and lower edge, each 0 to 100.

    Raises:
        ValueError: A number is out of range.
    """

    x1: float = 0
    y1: float = 0
    x2: float = 100
    y2: float = 100
    relative_to: Literal["image", "canvas"] = "image"

    def to_json(self) -> Json:
        """Return it as the engine's JSON has it."""
        return {f"{self.relative_to}_percentage": self._members_json()}


class Margins(Part):
    """A box in pixels inward from the edges of the picture, or of the canvas.

    Raises:
        ValueError: A number is below 0.
    """

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    relative_to: Literal["image", "canvas"] = "image"

    @classmethod
    def all(
        cls, pixels: int, relative_to: Literal["image", "canvas"] = "image"
    ) -> Margins:
        """Return margins of so many *pixels* on all four sides."""
        return cls(pixels, pixels, pixels, pixels, relative_to)

    def to_json(self) -> Json:
        """Return it as the engine's JSON has it."""
        return {f"{self.relative_to}_margins": self._members_json()}


class Watermark(Part):
    """A picture that is drawn on another.

    It is left out in silence where its box is smaller than a pixel, or the picture no
    larger than `min_canvas_width` and `min_canvas_height`.

    Source: `Watermark` in imageflow_types/src/lib.rs (v2.3).
    """

    source: SourceLike
    _: KW_ONLY
    gravity: Gravity | None = None
    """Its place inside the box; the centre unless given."""
    fit_box: FitBox | Margins | None = None
    """Where it may be; the whole picture unless given."""
    fit_mode: WatermarkMode | None = None
    """How it meets that box; "within" unless given."""
    opacity: float | None = None
    """0 to 1; 1 unless given."""
    min_canvas_width: int | None = None
    """Drawn only on pictures wider than this."""
    min_canvas_height: int | None = None
    """Drawn only on pictures higher than this."""
    hints: Hints | None = None
    """The official engine takes these and does nothing with them."""


class FrameLimit(Part):
    """The largest frame allowed; what is None is not limited."""

    _: KW_ONLY
    w: int | None = None
    """In pixels."""
    h: int | None = None
    """In pixels."""
    megapixels: float | None = None
    """Width × height, in millions."""

    def to_json(self) -> Json:
        """Return it as the engine's JSON has it, where all three are obligatory."""
        return {**UNLIMITED, **self._members_json()}


class Security(Part):
    """What a job may cost. A limit that the engine cannot keep is refused, not dropped.

    A frame limit that is None leaves the engine's own in force: 12000 × 12000 and 100
    megapixels to decode, 10000 × 10000 and 100 megapixels for any frame.
    """

    _: KW_ONLY
    max_decode_size: FrameLimit | None = None
    """On what a decoder delivers."""
    max_frame_size: FrameLimit | None = None
    """On every frame in between."""
    max_encode_size: FrameLimit | None = None
    """On what an encoder is given."""
    max_total_file_pixels: int | None = None
    """On all frames of an input together; ours can, the official one cannot."""
    max_threads: int | None = None
    """For one job; 1 unless given. Ours decodes on a second; the official cannot."""
    max_input_bytes: int | None = 256 * _MIB
    """Of each input; None for no limit. Kept by this package."""
    allowed_inputs: frozenset[InputFormat] | None = None
    """The formats that decoders may see, by the first bytes. Kept by this package."""

    @classmethod
    def untrusted(
        cls, *, megapixels: float = 40, max_input_bytes: int = 32 * _MIB
    ) -> Security:
        """Return limits for pictures that strangers send.

        No frame has more than so many *megapixels*, no file more *max_input_bytes*.
        """
        limit = FrameLimit(w=12000, h=12000, megapixels=megapixels)
        return cls()._replace(
            **dict.fromkeys(FRAME_LIMITS, limit),
            max_input_bytes=max_input_bytes,
            allowed_inputs=frozenset(get_args(InputFormat)),
        )

    @classmethod
    def unlimited(cls) -> Security:
        """Return no limits but the engine's hard ones."""
        return cls()._replace(
            **dict.fromkeys(FRAME_LIMITS, FrameLimit()), max_input_bytes=None
        )

    @property
    def requires(self) -> frozenset[Capability]:
        """What an engine must be able to do to keep these limits."""
        asked: dict[Capability, int | None] = {
            "limit_total_pixels": self.max_total_file_pixels,
            "limit_threads": self.max_threads,
        }
        return frozenset(need for need, limit in asked.items() if limit is not None)
