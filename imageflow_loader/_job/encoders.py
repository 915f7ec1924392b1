"""Encoders: one frozen class each, and names for the usual ones."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol, TypeAlias

from ..types import FormatName, QualityProfile
from .checks import given, number, one_of, whole
from .values import color_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._colors import ColorLike
    from ..types import Capability, Json

_Depth = Literal["png_32", "png_24"]
_SAFE_PERCENT = frozenset({15, 20, 34, *range(55, 74), 91, 96, 100})
_SAFE_DPR = frozenset({0.5, 1, 3})


class Encoder(Protocol):
    """What can be given to `Image.encode`; users may write their own."""

    @property
    def extension(self) -> str | None:
        """The suffix of what comes out, without a dot; None: known only then."""
        ...

    def to_json(self) -> Json:
        """Return the encoder preset as the engine's JSON has it."""
        ...


EncoderLike: TypeAlias = Encoder | FormatName
"""An encoder, or the name of a format for its usual encoder."""


def needs_percent_profile(percent: float) -> bool:
    """Whether the official engine would panic at a quality profile of this number.

    Source: engine runs over 0–100; all tags from v2.1.1-rc01 on.
    """
    return percent not in _SAFE_PERCENT


def _quality(value: float | None, name: str = "quality") -> None:
    if value is not None:
        whole(name, value, 0, 100)


@dataclass(frozen=True, slots=True)
class MozJpeg:
    """A JPEG, small for its quality (`mozjpeg`).

    The official engine makes it progressive whatever `progressive` says.
    """

    extension: ClassVar[str] = "jpg"

    quality: int | None = None
    """0 to 100; 75 unless given."""
    progressive: bool | None = field(default=None, kw_only=True)
    matte: ColorLike | None = field(default=None, kw_only=True)
    """What shows through transparency; white unless given."""

    def __post_init__(self) -> None:
        """Check the members."""
        _quality(self.quality)
        color_json(self.matte)

    def to_json(self) -> Json:
        """Return the preset."""
        return {
            "mozjpeg": given(
                quality=self.quality,
                progressive=self.progressive,
                matte=color_json(self.matte),
            )
        }


@dataclass(frozen=True, slots=True)
class LibjpegTurbo:
    """A JPEG made fast, baseline unless asked otherwise (`libjpegturbo`)."""

    extension: ClassVar[str] = "jpg"

    quality: int | None = None
    """0 to 100; 75 unless given."""
    progressive: bool | None = field(default=None, kw_only=True)
    optimize_huffman_coding: bool | None = field(default=None, kw_only=True)
    matte: ColorLike | None = field(default=None, kw_only=True)
    """What shows through transparency; white unless given."""

    def __post_init__(self) -> None:
        """Check the members; the engine would take 300 for 44."""
        _quality(self.quality)
        color_json(self.matte)

    def to_json(self) -> Json:
        """Return the preset."""
        return {
            "libjpegturbo": given(
                quality=self.quality,
                progressive=self.progressive,
                optimize_huffman_coding=self.optimize_huffman_coding,
                matte=color_json(self.matte),
            )
        }


@dataclass(frozen=True, slots=True)
class LodePng:
    """A lossless PNG (`lodepng`)."""

    extension: ClassVar[str] = "png"

    maximum_deflate: bool | None = field(default=None, kw_only=True)
    """Smaller and slower."""

    def to_json(self) -> Json:
        """Return the preset."""
        return {"lodepng": given(maximum_deflate=self.maximum_deflate)}


@dataclass(frozen=True, slots=True)
class PngQuant:
    """A PNG of at most 256 colours (`pngquant`)."""

    extension: ClassVar[str] = "png"

    quality: int | None = None
    """0 to 100; 100 unless given."""
    minimum_quality: int | None = None
    """Below it the PNG is lossless instead; 0 unless given."""
    speed: int | None = field(default=None, kw_only=True)
    """1 to 10, the fastest; 4 unless given."""
    maximum_deflate: bool | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the members."""
        _quality(self.quality)
        _quality(self.minimum_quality, "minimum_quality")
        if (self.minimum_quality or 0) > (
            100 if self.quality is None else self.quality
        ):
            raise ValueError("minimum_quality is at most quality")
        if self.speed is not None:
            whole("speed", self.speed, 1, 10)

    def to_json(self) -> Json:
        """Return the preset."""
        return {
            "pngquant": given(
                quality=self.quality,
                minimum_quality=self.minimum_quality,
                speed=self.speed,
                maximum_deflate=self.maximum_deflate,
            )
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LibPng:
    """A lossless PNG with a choice of depth (`libpng`)."""

    extension: ClassVar[str] = "png"

    depth: Literal["png_32", "png_24"] | None = None
    """By the picture's alpha unless given; "png_24" drops it."""
    zlib_compression: int | None = None
    """0 to 9; 6 unless given."""
    matte: ColorLike | None = None

    def __post_init__(self) -> None:
        """Check the members."""
        if self.depth is not None:
            one_of("depth", self.depth, _Depth)
        if self.zlib_compression is not None:
            whole("zlib_compression", self.zlib_compression, 0, 9)
        color_json(self.matte)

    def to_json(self) -> Json:
        """Return the preset."""
        return {
            "libpng": given(
                depth=self.depth,
                zlib_compression=self.zlib_compression,
                matte=color_json(self.matte),
            )
        }


@dataclass(frozen=True, slots=True)
class WebPLossy:
    """A lossy WebP (`webplossy`)."""

    extension: ClassVar[str] = "webp"

    quality: float = 80
    """0 to 100."""

    def __post_init__(self) -> None:
        """Check the members."""
        number("quality", self.quality, 0, 100)

    def to_json(self) -> Json:
        """Return the preset."""
        return {"webplossy": {"quality": self.quality}}


@dataclass(frozen=True, slots=True)
class WebPLossless:
    """A lossless WebP (`webplossless`)."""

    extension: ClassVar[str] = "webp"

    def to_json(self) -> Json:
        """Return the preset."""
        return "webplossless"


@dataclass(frozen=True, slots=True)
class Gif:
    """A GIF; an animation stays one (`gif`)."""

    extension: ClassVar[str] = "gif"

    def to_json(self) -> Json:
        """Return the preset."""
        return "gif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """The formats that the engine may choose from. What is None is not allowed.

    Where a set (`web_safe`, `modern_web_safe`, `all`) is given, its members cannot be
    switched off. Neither engine writes AVIF or JXL yet.
    """

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

    @classmethod
    def from_accept(cls, header: str | None) -> Allow:
        """Return the formats that a browser takes, by its `Accept` header.

        JPEG, PNG and GIF are taken by all. A type with `q=0` is refused by name.
        """
        refused: set[str] = set()
        taken: set[str] = set()
        for part in (header or "").lower().split(","):
            media_type, *parameters = (word.strip() for word in part.split(";"))
            zero = any(_is_zero_quality(parameter) for parameter in parameters)
            (refused if zero else taken).add(media_type)
        wanted = taken - refused
        return cls(
            web_safe=True,
            webp="image/webp" in wanted or None,
            avif="image/avif" in wanted or None,
            jxl="image/jxl" in wanted or None,
        )

    def to_json(self) -> dict[str, Json]:
        """Return it as the engine's JSON has it."""
        return given(**{each.name: getattr(self, each.name) for each in fields(self)})


def _is_zero_quality(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().strip("0") in ("", ".")


def _profile_json(profile: QualityProfile | float | None) -> Json:
    if profile is None or isinstance(profile, str):
        return profile
    return {"percent": profile}


def _check_profile(profile: QualityProfile | float | None, dpr: float | None) -> None:
    if isinstance(profile, str):
        one_of("quality_profile", profile, QualityProfile)
    elif profile is not None:
        number("quality_profile", profile, 0, 100)
    if dpr is not None:
        number("quality_profile_dpr", dpr, 0.01, 100)


def _lossless_json(lossless: bool | Literal["keep"] | None) -> Json:
    return None if lossless is None else str(lossless).lower()


def _auto_requires(
    profile: QualityProfile | float | None, dpr: float | None
) -> frozenset[Capability]:
    percent = profile if isinstance(profile, int | float) else 100
    panics = needs_percent_profile(percent) or (dpr or 1) not in _SAFE_DPR
    return frozenset(("auto_format", "percent_profile") if panics else ("auto_format",))


@dataclass(frozen=True, slots=True)
class Auto:
    """Whatever format suits this picture, at a quality by name.

    Numbers as `quality_profile`, and most of `quality_profile_dpr`, need the capability
    "percent_profile": the official engine panics at them.
    """

    extension: ClassVar[None] = None

    quality_profile: QualityProfile | float = "good"
    """By name, or 0 to 100."""
    quality_profile_dpr: float | None = field(default=None, kw_only=True)
    """3 changes nothing, less raises the quality."""
    lossless: bool | Literal["keep"] | None = field(default=None, kw_only=True)
    allow: Allow | None = field(default=None, kw_only=True)
    """The formats to choose from; JPEG, PNG and GIF unless given."""
    matte: ColorLike | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the members."""
        _check_profile(self.quality_profile, self.quality_profile_dpr)
        color_json(self.matte)

    @property
    def requires(self) -> frozenset[Capability]:
        """What an engine must be able to do."""
        return _auto_requires(self.quality_profile, self.quality_profile_dpr)

    def to_json(self) -> Json:
        """Return the preset."""
        return {
            "auto": given(
                quality_profile=_profile_json(self.quality_profile),
                quality_profile_dpr=self.quality_profile_dpr,
                matte=color_json(self.matte),
                lossless=_lossless_json(self.lossless),
                allow=None if self.allow is None else self.allow.to_json(),
            )
        }


@dataclass(frozen=True, slots=True)
class Format:
    """A format by name, "keep" for the source's, with the engine's own settings.

    AVIF and JXL become PNG or JPEG; the result's `extension` says what came out.
    """

    extension: ClassVar[None] = None

    format: FormatName
    quality_profile: QualityProfile | float | None = field(default=None, kw_only=True)
    quality_profile_dpr: float | None = field(default=None, kw_only=True)
    lossless: bool | Literal["keep"] | None = field(default=None, kw_only=True)
    allow: Allow | None = field(default=None, kw_only=True)
    matte: ColorLike | None = field(default=None, kw_only=True)
    encoder_hints: Mapping[str, Json] | None = field(
        default=None, kw_only=True, hash=False
    )
    """The engine's `encoder_hints`, unchecked: {"jpeg": {"quality": 85}, …}."""

    def __post_init__(self) -> None:
        """Check the members."""
        one_of("format", self.format, FormatName)
        _check_profile(self.quality_profile, self.quality_profile_dpr)
        color_json(self.matte)

    @property
    def requires(self) -> frozenset[Capability]:
        """What an engine must be able to do."""
        return _auto_requires(self.quality_profile, self.quality_profile_dpr)

    def to_json(self) -> Json:
        """Return the preset."""
        return {
            "format": given(
                format=self.format,
                quality_profile=_profile_json(self.quality_profile),
                quality_profile_dpr=self.quality_profile_dpr,
                matte=color_json(self.matte),
                lossless=_lossless_json(self.lossless),
                allow=None if self.allow is None else self.allow.to_json(),
                encoder_hints=(
                    None if self.encoder_hints is None else dict(self.encoder_hints)
                ),
            )
        }


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


def encoder_for(encoder: EncoderLike) -> Encoder:
    """Return the encoder that a name stands for, or *encoder* itself.

    Raises:
        ValueError: There is no format of that name.
        TypeError: It is no encoder.
    """
    if isinstance(encoder, str):
        one_of("encoder", encoder, FormatName)
        return _USUAL[encoder]
    if not hasattr(encoder, "to_json"):
        raise TypeError(f"an encoder or the name of a format, not {encoder!r}")
    return encoder
