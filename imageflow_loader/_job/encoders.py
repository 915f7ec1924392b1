"""Encoders: one value each, and names for the usual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol, TypeAlias

from .._checks import number, one_of
from ..types import FormatName, QualityProfile
from .values import Part

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import KW_ONLY

    from .._colors import ColorLike
    from ..types import Json


class Encoder(Protocol):
    """What can be given to `Image.encode`; users may write their own."""

    def to_json(self) -> Json:
        """Return the encoder preset as the engine's JSON has it."""


EncoderLike: TypeAlias = Encoder | FormatName
"""An encoder, or the name of a format for its usual encoder."""


class _Preset(Part):
    """A preset of the engine's: its name, and members that check themselves."""

    def __init_subclass__(cls, *, preset: str) -> None:
        super().__init_subclass__()
        cls._preset = preset

    _preset: ClassVar[str]
    """Its name in the engine's JSON."""

    def to_json(self) -> Json:
        """Return the preset as the engine's JSON has it."""
        return {self._preset: self._members_json()} if vars(self) else self._preset


class MozJpeg(_Preset, preset="mozjpeg"):
    """A JPEG, small for its quality (`mozjpeg`).

    The official engine makes it progressive whatever `progressive` says.

    Raises:
        ValueError: A number is out of range, or `matte` is no colour.

    Source: `EncoderPreset::Mozjpeg` in imageflow_types/src/lib.rs (v2.3).
    """

    quality: int | None = None
    """0 to 100; 75 unless given."""
    _: KW_ONLY
    progressive: bool | None = None
    """Coarse first, then finer; usually smaller as well."""
    matte: ColorLike | None = None
    """What shows through transparency; white unless given."""


class LibjpegTurbo(_Preset, preset="libjpegturbo"):
    """A JPEG made fast, baseline unless asked otherwise (`libjpegturbo`).

    Raises:
        ValueError: A number is out of range, or `matte` is no colour.

    Source: `EncoderPreset::LibjpegTurbo` in imageflow_types/src/lib.rs (v2.3).
    """

    quality: int | None = None
    """0 to 100; 75 unless given."""
    _: KW_ONLY
    progressive: bool | None = None
    """Coarse first, then finer; usually smaller as well."""
    optimize_huffman_coding: bool | None = None
    """Smaller and slower."""
    matte: ColorLike | None = None
    """What shows through transparency; white unless given."""


class LodePng(_Preset, preset="lodepng"):
    """A lossless PNG (`lodepng`).

    Source: `EncoderPreset::Lodepng` in imageflow_types/src/lib.rs (v2.3).
    """

    _: KW_ONLY
    maximum_deflate: bool | None = None
    """Smaller and slower."""


class PngQuant(_Preset, preset="pngquant"):
    """A PNG of at most 256 colours (`pngquant`).

    Raises:
        ValueError: A number is out of range, or `minimum_quality` above `quality`.

    Source: `EncoderPreset::Pngquant` in imageflow_types/src/lib.rs (v2.3).
    """

    quality: int | None = None
    """0 to 100; 100 unless given."""
    minimum_quality: int | None = None
    """Below it the PNG is lossless instead; 0 unless given."""
    _: KW_ONLY
    speed: int | None = None
    """1 to 10, the fastest; 4 unless given."""
    maximum_deflate: bool | None = None
    """Smaller and slower."""

    def _check(self) -> None:
        super()._check()
        if (self.minimum_quality or 0) > (
            100 if self.quality is None else self.quality
        ):
            raise ValueError("minimum_quality is at most quality")


class LibPng(_Preset, preset="libpng"):
    """A lossless PNG with a choice of depth (`libpng`).

    Raises:
        ValueError: A number is out of range, or `matte` is no colour.

    Source: `EncoderPreset::Libpng` in imageflow_types/src/lib.rs (v2.3).
    """

    _: KW_ONLY
    depth: Literal["png_32", "png_24"] | None = None
    """By the picture's alpha unless given; "png_24" drops it."""
    zlib_compression: int | None = None
    """0 to 9; 6 unless given."""
    matte: ColorLike | None = None
    """What shows through transparency that is dropped."""


class WebPLossy(_Preset, preset="webplossy"):
    """A lossy WebP (`webplossy`).

    Raises:
        ValueError: `quality` is not 0 to 100.

    Source: `EncoderPreset::WebPLossy` in imageflow_types/src/lib.rs (v2.3).
    """

    quality: float = 80
    """0 to 100."""

    def _members_json(self) -> dict[str, Json]:
        return number(0, 100, quality=self.quality)  # the others' are whole


class WebPLossless(_Preset, preset="webplossless"):
    """A lossless WebP (`webplossless`).

    Source: `EncoderPreset::WebPLossless` in imageflow_types/src/lib.rs (v2.3).
    """


class Gif(_Preset, preset="gif"):
    """A GIF; an animation stays one (`gif`).

    Source: `EncoderPreset::Gif` in imageflow_types/src/lib.rs (v2.3).
    """


class Allow(Part):
    """The formats that the engine may choose from. What is None is not allowed.

    Where a set (`web_safe`, `modern_web_safe`, `all`) is given, its members cannot be
    switched off. Neither engine writes AVIF or JXL yet.

    Raises:
        TypeError: A member is neither True, False nor None.

    Source: `AllowedFormats` in imageflow_types/src/lib.rs (v2.3).
    """

    _: KW_ONLY
    jpeg: bool | None = None
    png: bool | None = None
    gif: bool | None = None
    webp: bool | None = None
    avif: bool | None = None
    jxl: bool | None = None
    jpeg_progressive: bool | None = None
    color_profiles: bool | None = None
    web_safe: bool | None = None
    """JPEG, PNG and GIF."""
    modern_web_safe: bool | None = None
    """These, WebP, progressive JPEG and colour profiles."""
    all: bool | None = None
    """Every format that the engine writes."""

    @classmethod
    def from_accept(cls, header: str | None) -> Allow:
        """Return the formats that a browser takes.

        JPEG, PNG and GIF are taken by all. A type with `q=0` is refused by name.

        Args:
            header: The request's `Accept` header, None if it has none.

        Source: RFC 9110, section 12.5.1; wildcards promise nothing.
        """
        taken: dict[str, bool] = {}
        for each in (header or "").lower().split(","):
            media_type, *parameters = (word.strip() for word in each.split(";"))
            refused = any(map(_is_zero_quality, parameters))
            taken[media_type] = taken.get(media_type, True) and not refused
        new = {n: True for n in ("webp", "avif", "jxl") if taken.get(f"image/{n}")}
        return cls(web_safe=True, **new)


def _is_zero_quality(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().strip("0") in ("", ".")


class Auto(_Preset, preset="auto"):
    """Whatever format suits this picture, at a quality by name (`auto`).

    Numbers as `quality_profile`, and most of `quality_profile_dpr`, need the capability
    "percent_profile": the official engine panics at them.

    Raises:
        ValueError: There is no such profile, or a number is out of range.

    Source: `EncoderPreset::Auto` in imageflow_types/src/lib.rs (v2.3).
    """

    quality_profile: QualityProfile | float = "good"
    """By name, or 0 to 100."""
    _: KW_ONLY
    quality_profile_dpr: float | None = None
    """Pixels of the screen for each CSS pixel: 3 changes nothing, less raises the
    quality."""
    lossless: bool | Literal["keep"] | None = None
    """"keep" is as the source."""
    allow: Allow | None = None
    """The formats to choose from; JPEG, PNG and GIF unless given."""
    matte: ColorLike | None = None
    """What shows through transparency, where the format has none."""


class Format(_Preset, preset="format"):
    """A format by name, "keep" for the source's, with the engine's own settings.

    AVIF and JXL become PNG or JPEG; the result's `extension` says what came out.

    Raises:
        ValueError: There is no such format or profile, or a number is out of range.

    Source: `EncoderPreset::Format` in imageflow_types/src/lib.rs (v2.3).
    """

    format: FormatName
    """By name."""
    _: KW_ONLY
    quality_profile: QualityProfile | float | None = None
    """By name, or 0 to 100."""
    quality_profile_dpr: float | None = None
    """Pixels of the screen for each CSS pixel: 3 changes nothing, less raises the
    quality."""
    lossless: bool | Literal["keep"] | None = None
    """"keep" is as the source."""
    allow: Allow | None = None
    """The formats to choose from where "keep" cannot be kept."""
    matte: ColorLike | None = None
    """What shows through transparency, where the format has none."""
    encoder_hints: Mapping[str, Json] | None = None
    """The engine's `encoder_hints`, unchecked: {"jpeg": {"quality": 85}, …}."""

    def __hash__(self) -> int:
        return hash((self.format, self.quality_profile))


_USUAL: Final[Mapping[str, Encoder]] = {
    "jpeg": MozJpeg(),
    "jpg": MozJpeg(),
    "png": LodePng(),
    "webp": WebPLossy(80),
    "gif": Gif(),
    "keep": Format("keep"),
    "avif": Format("avif"),
    "jxl": Format("jxl"),
}


def encoder_for(encoder: EncoderLike | None) -> Encoder:
    """Return the encoder that a name stands for, or *encoder* itself.

    Raises:
        ValueError: There is no format of that name.
        TypeError: It is no encoder.
    """
    if isinstance(encoder, str):
        one_of(FormatName, encoder=encoder)
        return _USUAL[encoder]
    if isinstance(encoder, type):
        raise TypeError(f"an encoder, not its class: {encoder.__name__}()")
    if encoder is None or not hasattr(encoder, "to_json"):
        raise TypeError(f"an encoder or the name of a format, not {encoder!r:.80}")
    return encoder
