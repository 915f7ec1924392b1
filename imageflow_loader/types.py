"""The words of imageflow's JSON as literals, and the records that every room quotes."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Literal, NamedTuple, Protocol, TypeAlias, Union

EngineKind: TypeAlias = Literal["library", "tool"]
"""How a job runs: in process through the C ABI, or in a child."""

Edition: TypeAlias = Literal["official", "embedded"]
"""Whose engine runs it: upstream's, or the one that this package carries."""

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

Json: TypeAlias = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
"""What JSON can hold."""

Querystring: TypeAlias = str | Mapping[str, object]
"""An imageflow query string, as text or as keys and values."""


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


SourceLike: TypeAlias = (
    bytes | bytearray | memoryview | str | PathLike[str] | SupportsRead
)
"""An encoded picture: its bytes, a path (never a URL), or a binary stream, which is
read from where it stands and never closed."""

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


class VersionInfo(NamedTuple):
    """What an engine says of itself, as `v1/get_version_info` has it."""

    long_version_string: str
    last_git_commit: str
    dirty_working_tree: bool
    build_date: str
    git_tag: str | None
    git_describe_always: str
