"""The values that jobs are made of; each checks itself when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, get_args

from .._io import check_source
from ..types import ConstraintMode, Filter, InputFormat, WatermarkMode
from .checks import INT32, given, members, number, one_of, value_json, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._colors import ColorLike
    from ..types import Capability, Gravity, Json, SourceLike

_Space = Literal["linear", "srgb"]
_ResampleWhen = Literal[
    "size_differs", "size_differs_or_sharpening_requested", "always"
]
_SharpenWhen = Literal["downscaling", "upscaling", "size_differs", "always"]
_RelativeTo = Literal["image", "canvas"]

_MIB = 2**20
# The engine has no word for "not limited"; it takes these.
UNLIMITED: Final[Mapping[str, float]] = {"w": INT32, "h": INT32, "megapixels": 3.4e38}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """How a picture is resampled; what is None is left to the engine.

    Source: `ResampleHints` in imageflow_types/src/lib.rs (v2.3).
    """

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
    resample_when: (
        Literal["size_differs", "size_differs_or_sharpening_requested", "always"] | None
    ) = None
    sharpen_when: (
        Literal["downscaling", "upscaling", "size_differs", "always"] | None
    ) = None

    def __post_init__(self) -> None:
        """Check the members."""
        if self.sharpen_percent is not None:
            number("sharpen_percent", self.sharpen_percent, 0, 100)
        for name, literal in (
            ("down_filter", Filter),
            ("up_filter", Filter),
            ("scaling_colorspace", _Space),
            ("resample_when", _ResampleWhen),
            ("sharpen_when", _SharpenWhen),
        ):
            if getattr(self, name) is not None:
                one_of(name, getattr(self, name), literal)
        self.to_json()

    def to_json(self) -> dict[str, Json]:
        """Return them as the engine's JSON has them."""
        return members(self)


@dataclass(frozen=True, slots=True)
class Constraint:
    """How a picture is fitted to a box.

    Raises:
        ValueError: Neither side is given, or one is not 1 to 2147483647.

    Source: `Constraint` in imageflow_types/src/lib.rs (v2.3).
    """

    w: int | None = None
    """Width of the box in pixels; None: free."""
    h: int | None = None
    """Height of the box in pixels; None: free."""
    mode: ConstraintMode = field(default="within", kw_only=True)
    """"within" never enlarges."""
    gravity: Gravity | None = field(default=None, kw_only=True)
    """What a crop keeps, where a pad puts the picture; the centre unless given."""
    canvas_color: ColorLike | None = field(default=None, kw_only=True)
    """Colour of the padding; transparent unless given."""
    hints: Hints | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the members."""
        if self.w is None and self.h is None:
            raise ValueError("a constraint needs w or h, or both")
        for name, value in (("w", self.w), ("h", self.h)):
            if value is not None:
                whole(name, value, 1, INT32)
        one_of("mode", self.mode, ConstraintMode)
        self.to_json()

    def to_json(self) -> dict[str, Json]:
        """Return it as the engine's JSON has it."""
        return members(self)


@dataclass(frozen=True, slots=True)
class FitBox:
    """A box in percent of the picture, or of the canvas with its padding."""

    x1: float = 0
    y1: float = 0
    x2: float = 100
    y2: float = 100
    relative_to: Literal["image", "canvas"] = "image"

    def __post_init__(self) -> None:
        """Check the members."""
        for name in ("x1", "y1", "x2", "y2"):
            number(name, getattr(self, name), 0, 100)
        one_of("relative_to", self.relative_to, _RelativeTo)

    def to_json(self) -> dict[str, Json]:
        """Return it as the engine's JSON has it."""
        return {f"{self.relative_to}_percentage": members(self, without="relative_to")}


@dataclass(frozen=True, slots=True)
class Margins:
    """A box in pixels inward from the edges of the picture, or of the canvas."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    relative_to: Literal["image", "canvas"] = "image"

    def __post_init__(self) -> None:
        """Check the members."""
        for name in ("left", "top", "right", "bottom"):
            whole(name, getattr(self, name))
        one_of("relative_to", self.relative_to, _RelativeTo)

    @classmethod
    def all(
        cls, pixels: int, relative_to: Literal["image", "canvas"] = "image"
    ) -> Margins:
        """Return equal margins on all four sides.

        Args:
            pixels: How wide they are.
            relative_to: The picture, or the canvas with its padding.
        """
        return cls(pixels, pixels, pixels, pixels, relative_to)

    def to_json(self) -> dict[str, Json]:
        """Return it as the engine's JSON has it."""
        return {f"{self.relative_to}_margins": members(self, without="relative_to")}


@dataclass(frozen=True, slots=True)
class Watermark:
    """A picture that is drawn on another.

    It is left out in silence where its box is smaller than a pixel, or the picture no
    larger than `min_canvas_width` and `min_canvas_height`.

    Source: `Watermark` in imageflow_types/src/lib.rs (v2.3).
    """

    source: SourceLike
    gravity: Gravity | None = field(default=None, kw_only=True)
    """Its place inside the box; the centre unless given."""
    fit_box: FitBox | Margins | None = field(default=None, kw_only=True)
    """Where it may be; the whole picture unless given."""
    fit_mode: WatermarkMode | None = field(default=None, kw_only=True)
    """How it meets that box; "within" unless given."""
    opacity: float | None = field(default=None, kw_only=True)
    """0 to 1; 1 unless given."""
    min_canvas_width: int | None = field(default=None, kw_only=True)
    """Drawn only on pictures wider than this."""
    min_canvas_height: int | None = field(default=None, kw_only=True)
    """Drawn only on pictures higher than this."""
    hints: Hints | None = field(default=None, kw_only=True)
    """The official engine takes these and does nothing with them."""

    def __post_init__(self) -> None:
        """Check the members."""
        check_source(self.source)
        if self.fit_mode is not None:
            one_of("fit_mode", self.fit_mode, WatermarkMode)
        if self.opacity is not None:
            number("opacity", self.opacity, 0, 1)
        for name in ("min_canvas_width", "min_canvas_height"):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name))
        self.to_json()

    def to_json(self) -> dict[str, Json]:
        """Return it as the engine's JSON has it, less the number of its input."""
        return members(self, without="source")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLimit:
    """The largest frame allowed; what is None is not limited."""

    w: int | None = None
    """In pixels."""
    h: int | None = None
    """In pixels."""
    megapixels: float | None = None
    """Width × height, in millions."""

    def __post_init__(self) -> None:
        """Check the members."""
        for name, side in (("w", self.w), ("h", self.h)):
            if side is not None:
                whole(name, side, 1, INT32)
        if self.megapixels is not None:
            number("megapixels", self.megapixels, 0)

    def to_json(self) -> dict[str, Json]:
        """Return it as the engine's JSON has it, where all three are obligatory."""
        return {**UNLIMITED, **members(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What a job may cost. A limit that the engine cannot keep is refused, not dropped.

    A frame limit that is None leaves the engine's own in force: 12000 × 12000 and 100
    megapixels to decode, 10000 × 10000 and 100 megapixels for any frame.
    """

    max_decode_size: FrameLimit | None = None
    """On what a decoder delivers."""
    max_frame_size: FrameLimit | None = None
    """On every frame in between."""
    max_encode_size: FrameLimit | None = None
    """On what an encoder is given."""
    max_total_file_pixels: int | None = None
    """On all frames of an input together; few engines can."""
    max_threads: int | None = None
    """For one job; 1 unless given. The official engine cannot."""
    max_input_bytes: int | None = 256 * _MIB
    """Of each input; None for no limit. Kept by this package."""
    allowed_inputs: frozenset[InputFormat] | None = None
    """The formats that decoders may see, by the first bytes. Kept by this package."""

    def __post_init__(self) -> None:
        """Check the members."""
        for name in ("max_total_file_pixels", "max_threads", "max_input_bytes"):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name), 1, 2**63 - 1)
        if self.allowed_inputs is not None:
            for name in self.allowed_inputs:
                one_of("allowed_inputs", name, InputFormat)
        self.to_json()

    @classmethod
    def untrusted(
        cls, *, megapixels: float = 40, max_input_bytes: int = 32 * _MIB
    ) -> Security:
        """Return limits for pictures that strangers send.

        Args:
            megapixels: The most of any frame.
            max_input_bytes: The most of any file.
        """
        limit = FrameLimit(w=12000, h=12000, megapixels=megapixels)
        return cls(
            max_decode_size=limit,
            max_frame_size=limit,
            max_encode_size=limit,
            max_input_bytes=max_input_bytes,
            allowed_inputs=frozenset(get_args(InputFormat)),
        )

    @classmethod
    def unlimited(cls) -> Security:
        """Return no limits but the engine's hard ones."""
        limit = FrameLimit()
        return cls(
            max_decode_size=limit,
            max_frame_size=limit,
            max_encode_size=limit,
            max_input_bytes=None,
        )

    @property
    def requires(self) -> frozenset[Capability]:
        """What an engine must be able to do to keep these limits."""
        needs: set[Capability] = set()
        if self.max_total_file_pixels is not None:
            needs.add("limit_total_pixels")
        if self.max_threads is not None:
            needs.add("limit_threads")
        return frozenset(needs)

    def to_json(self) -> dict[str, Json]:
        """Return the engine's part as its JSON has it."""
        return given(
            max_decode_size=value_json("max_decode_size", self.max_decode_size),
            max_frame_size=value_json("max_frame_size", self.max_frame_size),
            max_encode_size=value_json("max_encode_size", self.max_encode_size),
            max_total_file_pixels=self.max_total_file_pixels,
            max_threads=self.max_threads,
        )
