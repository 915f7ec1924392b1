"""The words of imageflow's JSON as literals, and the records that every room quotes."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import (
    TYPE_CHECKING,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    Union,
    runtime_checkable,
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
    "auto_format",
    "cancel",
    "image_info",
    "limit_threads",
    "limit_total_pixels",
    "memory_budget",
    "percent_profile",
    "select_frame",
    "take_output",
    "validate_querystring",
    "watermark_red_dot",
]
"""What an engine may or may not be able to do."""

ErrorCategory: TypeAlias = Literal[
    "out_of_memory",
    "argument_invalid",
    "invalid_json",
    "image_malformed",
    "image_type_not_supported",
    "node_argument_invalid",
    "graph_invalid",
    "action_not_supported",
    "action_forbidden",
    "authorization_required",
    "license_error",
    "primary_resource_not_found",
    "secondary_resource_not_found",
    "upstream_timeout",
    "upstream_error",
    "io_error",
    "no_solution_found",
    "internal_error",
    "unknown",
    "custom",
    "operation_cancelled",
]
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
    "distort",
    "within",
    "fit",
    "larger_than",
    "within_crop",
    "fit_crop",
    "aspect_crop",
    "within_pad",
    "fit_pad",
]
"""How a picture and a box are reconciled."""

WatermarkMode: TypeAlias = Literal[
    "distort", "within", "fit", "within_crop", "fit_crop"
]
"""How a watermark meets its box."""

Filter: TypeAlias = Literal[
    "robidoux_fast",
    "robidoux",
    "robidoux_sharp",
    "ginseng",
    "ginseng_sharp",
    "lanczos",
    "lanczos_sharp",
    "lanczos_2",
    "lanczos_2_sharp",
    "cubic",
    "cubic_sharp",
    "catmull_rom",
    "mitchell",
    "cubic_b_spline",
    "hermite",
    "jinc",
    "triangle",
    "linear",
    "box",
    "fastest",
    "n_cubic",
    "n_cubic_sharp",
]
"""The resampling filters."""

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
    "top_left",
    "top",
    "top_right",
    "left",
    "center",
    "right",
    "bottom_left",
    "bottom",
    "bottom_right",
]
"""A place inside a box."""

Gravity: TypeAlias = Anchor | tuple[float, float]
"""A place inside a box: by name, or as percent of the free width and height."""

Json: TypeAlias = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
"""What JSON can hold."""

Querystring: TypeAlias = str | Mapping[str, object]
"""An imageflow query string, as text or as keys and values."""

QuerystringKind: TypeAlias = Literal[
    "ignored",
    "srcset",
    "integer",
    "byte",
    "number",
    "quarter_turn",
    "scale",
    "profile_dpr",
    "switch",
    "switch_or_keep",
    "colour",
    "anchor",
    "crop",
    "four_numbers",
    "two_numbers",
    "corners",
    "profile",
    "mode",
    "fit",
    "stretch",
    "flip",
    "format",
    "filter",
    "colorspace",
    "sharpen_when",
    "grayscale",
    "white_balance",
    "subsampling",
]
"""What a query string's value may look like; `_querystring.py` knows each."""

QUERYSTRING_KEYS: Final[Mapping[str, QuerystringKind]] = {
    # Size and fit
    "width": "integer",
    "w": "integer",
    "height": "integer",
    "h": "integer",
    "maxwidth": "integer",
    "maxheight": "integer",
    "zoom": "scale",
    "dpr": "scale",
    "dppx": "scale",
    "mode": "mode",
    "stretch": "stretch",
    "scale": "fit",
    "anchor": "anchor",
    "c.gravity": "two_numbers",
    "decoder.min_precise_scaling_ratio": "number",
    # What part of the source, which way up
    "crop": "crop",
    "cropxunits": "number",
    "cropyunits": "number",
    "c": "four_numbers",
    "srotate": "quarter_turn",
    "rotate": "quarter_turn",
    "sflip": "flip",
    "flip": "flip",
    "autorotate": "switch",
    "trim.threshold": "integer",
    "trim.percentpadding": "number",
    "frame": "integer",
    "page": "integer",
    # How it is resampled
    "down.filter": "filter",
    "up.filter": "filter",
    "down.colorspace": "colorspace",
    "up.colorspace": "colorspace",
    "f.sharpen": "number",
    "f.sharpen_when": "sharpen_when",
    "ignoreicc": "switch",
    "ignore_icc_errors": "switch",
    # Effects
    "bgcolor": "colour",
    "s.roundcorners": "corners",
    "s.grayscale": "grayscale",
    "s.sepia": "switch",
    "s.alpha": "number",
    "s.brightness": "number",
    "s.contrast": "number",
    "s.saturation": "number",
    "a.balancewhite": "white_balance",
    "watermark_red_dot": "switch",
    # Format and quality
    "format": "format",
    "thumbnail": "format",
    "quality": "integer",
    "jpeg.quality": "integer",
    "jpeg.progressive": "switch",
    "jpeg.turbo": "switch",
    "jpeg.li": "switch",
    "webp.quality": "number",
    "webp.lossless": "switch_or_keep",
    "png.quality": "byte",
    "png.min_quality": "byte",
    "png.quantization_speed": "byte",
    "png.libpng": "switch",
    "png.max_deflate": "switch",
    "png.lossless": "switch_or_keep",
    "lossless": "switch_or_keep",
    "qp": "profile",
    "qp.dpr": "profile_dpr",
    "qp.dppx": "profile_dpr",
    "accept.webp": "switch",
    "accept.avif": "switch",
    "accept.jxl": "switch",
    "accept.color_profiles": "switch",
    "avif.quality": "number",
    "avif.speed": "byte",
    "jxl.quality": "number",
    "jxl.distance": "number",
    "jxl.effort": "byte",
    "jxl.lossless": "switch_or_keep",
    "subsampling": "subsampling",
    "srcset": "srcset",
    "short": "srcset",
    # Names that ImageResizer had; they do nothing
    "404": "ignored",
    "a.blur": "ignored",
    "a.removenoise": "ignored",
    "a.sharpen": "ignored",
    "bordercolor": "ignored",
    "borderwidth": "ignored",
    "builder": "ignored",
    "cache": "ignored",
    "colors": "ignored",
    "decoder": "ignored",
    "dither": "ignored",
    "encoder": "ignored",
    "floatspace": "ignored",
    "jpeg_idct_downscale_linear": "ignored",
    "margin": "ignored",
    "paddingcolor": "ignored",
    "paddingheight": "ignored",
    "paddingwidth": "ignored",
    "preset": "ignored",
    "process": "ignored",
    "s.invert": "ignored",
    "watermark": "ignored",
}
"""The 100 keys of a query string that engines know, and what their values look like.

Source: imageflow_riapi/src/ir4/parsing.rs, v2.3.1-rc01, as its `list_keys` answers.
"""


class SupportsRead(Protocol):
    """A binary stream to read from; it is never closed by this package."""

    def read(self, size: int = ..., /) -> bytes:
        """Return at most *size* bytes, or all of them."""
        ...


class SupportsWrite(Protocol):
    """A binary stream to write to; it is never closed by this package."""

    def write(self, data: bytes, /) -> object:
        """Take *data*."""
        ...


@runtime_checkable
class SupportsOpened(Protocol):
    """Something that knows where an encoded picture is; asked when the job runs."""

    def opened(self) -> bytes | str | PathLike[str] | SupportsRead:
        """Return bytes, a path or a binary stream."""
        ...


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
