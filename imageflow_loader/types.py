"""The words of imageflow's JSON as literals, and the records that every room quotes."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import (
    TYPE_CHECKING,
    Annotated,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypedDict,
    Union,
)

if TYPE_CHECKING:
    from pathlib import Path

EngineKind: TypeAlias = Literal["library", "tool"]
"""How a job runs: in process through the C ABI, or in a child."""

Edition: TypeAlias = Literal["official", "embedded"]
"""Whose engine runs it: upstream's, or the one that this package carries."""

FoundEdition: TypeAlias = Literal["official", "embedded", "unknown"]
"""Whose engine it is, by its own words."""

Origin: TypeAlias = Literal["argument", "environment", "cache", "wheel", "download"]
"""Where an engine was found."""

Capability: TypeAlias = Literal[
    "auto_format", "cancel", "image_info", "limit_threads", "limit_total_pixels",
    "memory_budget", "percent_profile", "select_frame", "take_output",
    "validate_querystring", "watermark_red_dot",
]  # fmt: skip
"""What an engine may or may not be able to do."""

ErrorCategory: TypeAlias = Literal[
    "out_of_memory", "argument_invalid", "invalid_json", "image_malformed",
    "image_type_not_supported", "node_argument_invalid", "graph_invalid",
    "action_not_supported", "action_forbidden", "authorization_required",
    "license_error", "primary_resource_not_found", "secondary_resource_not_found",
    "upstream_timeout", "upstream_error", "io_error", "no_solution_found",
    "internal_error", "unknown", "custom", "operation_cancelled",
]  # fmt: skip
"""Imageflow's error categories; `errors.CATEGORIES` has the numbers of each."""

PixelFormat: TypeAlias = Literal["bgra_32", "bgr_32", "bgr_24", "gray_8"]
"""Upstream's names of pixel layouts."""

FormatName: TypeAlias = Literal[
    "jpeg", "jpg", "png", "gif", "webp", "avif", "jxl", "keep"
]
"""A format by name; "keep" is that of the source. No engine writes AVIF or JXL yet:
what comes out is PNG or JPEG."""

InputFormat: TypeAlias = Literal["jpeg", "jpg", "png", "gif", "webp"]
"""A format that engines read."""

ConstraintMode: TypeAlias = Literal[
    "distort", "within", "fit", "larger_than", "within_crop", "fit_crop", "aspect_crop",
    "within_pad", "fit_pad",
]  # fmt: skip
"""How a picture and a box are reconciled."""

WatermarkMode: TypeAlias = Literal[
    "distort", "within", "fit", "within_crop", "fit_crop"
]
"""How a watermark meets its box."""

Filter: TypeAlias = Literal[
    "robidoux_fast", "robidoux", "robidoux_sharp", "ginseng", "ginseng_sharp",
    "lanczos", "lanczos_sharp", "lanczos_2", "lanczos_2_sharp", "cubic", "cubic_sharp",
    "catmull_rom", "mitchell", "cubic_b_spline", "hermite", "jinc", "triangle",
    "linear", "box", "fastest", "n_cubic", "n_cubic_sharp",
]  # fmt: skip
"""The resampling filters."""

ResampleWhen: TypeAlias = Literal[
    "size_differs", "size_differs_or_sharpening_requested", "always"
]
"""When pixels are resampled at all."""

SharpenWhen: TypeAlias = Literal["downscaling", "upscaling", "size_differs", "always"]
"""When what is resampled is sharpened, too."""

ColorFilter: TypeAlias = Literal[
    "grayscale_ntsc",
    "grayscale_flat",
    "grayscale_bt709",
    "grayscale_ry",
    "sepia",
    "invert",
]
"""The colour filters that have no number."""

QualityProfile: TypeAlias = Literal[
    "lowest", "low", "mediumlow", "medium", "good", "high", "highest", "lossless"
]
"""A quality by name, for whatever format comes out."""

Anchor: TypeAlias = Literal[
    "top_left", "top", "top_right",
    "left", "center", "right",
    "bottom_left", "bottom", "bottom_right",
]  # fmt: skip
"""A place inside a box."""

Gravity: TypeAlias = Anchor | tuple[float, float]
"""A place inside a box: by name, or as percent of the free width and height."""

Json: TypeAlias = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
"""What JSON can hold."""

Querystring: TypeAlias = Union[str, "QuerystringParams", Mapping[str, object]]
"""An imageflow query string, as text or as keys and values."""

# What a value of each kind may be in a mapping, for type checkers. What it may be in a
# text is in `_querystring.py`.
_Integer = Annotated[int, "integer"]
_Byte = Annotated[int, "byte"]
_Number = Annotated[float, "number"]
_QuarterTurn = Annotated[int, "quarter_turn"]
_Scale = Annotated[float | str, "scale"]
_ProfileDpr = Annotated[float | str, "profile_dpr"]
_Switch = Annotated[bool, "switch"]
_SwitchOrKeep = Annotated[bool | Literal["keep"], "switch_or_keep"]
_Srcset = Annotated[str, "srcset"]
_Corners = Annotated[float | str | tuple[float, float, float, float], "corners"]
_Mode = Annotated[
    Literal["max", "pad", "crop", "stretch", "aspectcrop", "none"], "mode"
]
_Flip = Annotated[Literal["none", "h", "x", "v", "y", "both", "xy"], "flip"]
_Format = Annotated[FormatName | Literal["auto"], "format"]
_Filter = Annotated[Filter, "filter"]
_Colorspace = Annotated[Literal["srgb", "linear"], "colorspace"]
_SharpenWhen = Annotated[
    Literal["downscaling", "sizediffers", "always"], "sharpen_when"
]
_Grayscale = Annotated[
    Literal["true", "y", "ntsc", "ry", "flat", "bt709"] | bool, "grayscale"
]

# Keys that mean one thing, or one kind of thing, stand in one line.
QuerystringParams = TypedDict(
    "QuerystringParams",
    {
        # Size and fit
        "width": _Integer, "w": _Integer, "height": _Integer, "h": _Integer,
        "maxwidth": _Integer, "maxheight": _Integer,
        "zoom": _Scale, "dpr": _Scale, "dppx": _Scale,
        "mode": _Mode,
        "stretch": Annotated[Literal["fill"], "stretch"],
        "scale": Annotated[Literal["down", "up", "both", "canvas"], "fit"],
        "anchor": Annotated[str, "anchor"],
        "c.gravity": Annotated[str | tuple[float, float], "two_numbers"],
        "decoder.min_precise_scaling_ratio": _Number,
        # What part of the source, which way up
        "crop": Annotated[str | tuple[float, float, float, float], "crop"],
        "cropxunits": _Number, "cropyunits": _Number,
        "c": Annotated[str | tuple[float, float, float, float], "four_numbers"],
        "srotate": _QuarterTurn, "rotate": _QuarterTurn, "sflip": _Flip, "flip": _Flip,
        "autorotate": _Switch,
        "trim.threshold": _Integer, "trim.percentpadding": _Number,
        "frame": _Integer, "page": _Integer,
        # How it is resampled
        "down.filter": _Filter, "up.filter": _Filter,
        "down.colorspace": _Colorspace, "up.colorspace": _Colorspace,
        "f.sharpen": _Number, "f.sharpen_when": _SharpenWhen,
        "ignoreicc": _Switch, "ignore_icc_errors": _Switch,
        # Effects
        "bgcolor": Annotated[str, "colour"],
        "s.roundcorners": _Corners,
        "s.grayscale": _Grayscale, "s.sepia": _Switch, "s.alpha": _Number,
        "s.brightness": _Number, "s.contrast": _Number, "s.saturation": _Number,
        "a.balancewhite": Annotated[Literal["true", "area"] | bool, "white_balance"],
        "watermark_red_dot": _Switch,
        # Format and quality
        "format": _Format, "thumbnail": _Format, "quality": _Integer,
        "jpeg.quality": _Integer, "jpeg.progressive": _Switch,
        "jpeg.turbo": _Switch, "jpeg.li": _Switch,
        "webp.quality": _Number, "webp.lossless": _SwitchOrKeep,
        "png.quality": _Byte, "png.min_quality": _Byte, "png.quantization_speed": _Byte,
        "png.libpng": _Switch, "png.max_deflate": _Switch,
        "png.lossless": _SwitchOrKeep, "lossless": _SwitchOrKeep,
        "qp": Annotated[QualityProfile | float, "profile"],
        "qp.dpr": _ProfileDpr, "qp.dppx": _ProfileDpr,
        "accept.webp": _Switch, "accept.avif": _Switch, "accept.jxl": _Switch,
        "accept.color_profiles": _Switch,
        "avif.quality": _Number, "avif.speed": _Byte,
        "jxl.quality": _Number, "jxl.distance": _Number, "jxl.effort": _Byte,
        "jxl.lossless": _SwitchOrKeep,
        "subsampling": Annotated[Literal["411", "420", "422", "444"], "subsampling"],
        "srcset": _Srcset, "short": _Srcset,
    },
    total=False,
)  # fmt: skip
"""The keys of a query string, for those who want to be told of a misspelt one:
`query: QuerystringParams = {"w": 800, "mode": "max"}`."""

# Names that ImageResizer had.
_IGNORED = """
    404 a.blur a.removenoise a.sharpen bordercolor borderwidth builder cache colors
    decoder dither encoder floatspace jpeg_idct_downscale_linear margin paddingcolor
    paddingheight paddingwidth preset process s.invert watermark
"""

QUERYSTRING_KEYS: Final[Mapping[str, str]] = {
    **{
        k: hint.__metadata__[0] for k, hint in QuerystringParams.__annotations__.items()
    },
    **dict.fromkeys(_IGNORED.split(), "ignored"),
}
"""The 100 keys of a query string that engines know, and what kind of value each takes:
"integer", "switch", "colour" …; "ignored" keys do nothing.

Source: imageflow_riapi/src/ir4/parsing.rs, v2.3.1-rc01, as its `list_keys` answers.
"""


class SupportsRead(Protocol):
    """A binary stream to read from; it is never closed by this package."""

    def read(self, size: int = ..., /) -> bytes:
        """Return at most *size* bytes, or all of them."""


class SupportsWrite(Protocol):
    """A binary stream to write to; it is never closed by this package."""

    def write(self, data: bytes, /) -> object:
        """Take *data*."""


class SupportsOpened(Protocol):
    """Something that knows where an encoded picture is; asked when the job runs."""

    def opened(self) -> bytes | str | PathLike[str] | SupportsRead:
        """Return bytes, a path or a binary stream."""


SourceLike: TypeAlias = (
    bytes | bytearray | memoryview | str | PathLike[str] | SupportsRead | SupportsOpened
)
"""An encoded picture: its bytes, a path (never a URL), a binary stream, which is read
from where it stands and never closed, or a `Source`."""

Destination: TypeAlias = str | PathLike[str] | SupportsWrite
"""Where encoded bytes go: a path, or a binary stream."""


class Attempt(NamedTuple):
    """One engine that was tried or passed over, and why."""

    kind: EngineKind | None
    """None when nothing of either kind was there."""
    edition: Edition | None
    """None when it is not known before the engine runs."""
    path: str | None
    """None when there is no file to name, as for an empty cache."""
    origin: Origin
    ok: bool
    error: str | None
    """One sentence; None when it was chosen."""
    hint: str | None
    """What to do about it; None when there is nothing to do."""


class FetchedEngine(NamedTuple):
    """What `fetch` has brought, and who says that it is the right thing."""

    platform: str
    """Upstream's name for it, such as "linux-musl-x64"."""
    library: Path | None
    """None where the archive holds none, or stayed packed."""
    tool: Path | None
    """None where the archive stayed packed."""
    archive: Path | None
    """The archive itself, where it was put into a folder; else None."""
    url: str
    """Where it was read, without passwords."""
    sha256: str
    """Of the archive."""
    compared_with: str
    """Whose word was taken for this SHA-256."""
    fresh: bool
    """False when it was there before."""


class VersionInfo(NamedTuple):
    """What an engine says of itself, as `v1/get_version_info` has it."""

    long_version_string: str
    last_git_commit: str
    dirty_working_tree: bool
    build_date: str
    git_tag: str | None
    git_describe_always: str


class EngineInfo(NamedTuple):
    """Which engine this is, where it came from and why it was chosen."""

    kind: EngineKind
    edition: FoundEdition
    """Whose engine it is, by its own words."""
    path: Path
    origin: Origin
    reason: str
    """One sentence: the machine, what was passed over, what was taken."""
    version: VersionInfo
    abi: tuple[int, int] | None
    """None for a tool."""
    libc: str | None
    """The libc of this process, such as "glibc 2.36"; None off Linux."""
    platform: str
    """The system and architecture of this process, such as "linux-x86_64"."""
    capabilities: frozenset[Capability]
    attempts: tuple[Attempt, ...]
    """What was tried or passed over, in order; this engine is among them."""
