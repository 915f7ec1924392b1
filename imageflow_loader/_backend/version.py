"""What an engine says of itself, and what it can therefore do.

Source: the shapes of `long_version_string`, imageflow_types/src/version.rs and build.rs
(v2.3.1-rc01).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..types import VersionInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..types import Capability, Edition, EngineKind

_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_COMMIT = re.compile(r"\(([0-9a-f]{7,40})\*? (\d{4}-\d\d-\d\d)\)")
_STAR = re.compile(r"\w\*")  # behind a commit or a tag: the tree had changes

_CANCELS_FROM: Final = (2, 3, 0)
"""2.2.0 has the symbol, but a running job asks another flag (fcd49bac)."""


def from_json(version: Mapping[str, Any]) -> VersionInfo:
    """Return the record for the `version_info` of `v1/get_version_info`."""
    tag = version.get("git_tag")
    return VersionInfo(
        long_version_string=str(version.get("long_version_string", "")),
        last_git_commit=str(version.get("last_git_commit", "")),
        dirty_working_tree=bool(version.get("dirty_working_tree", False)),
        build_date=str(version.get("build_date", "")),
        git_tag=None if tag is None else str(tag),
        git_describe_always=str(version.get("git_describe_always", "")),
    )


def from_tool(long_version: str, compilation_info: str) -> VersionInfo:
    """Return the same record from what a tool prints.

    Args:
        long_version: The line of `--version` without the name in front.
        compilation_info: What `diagnose --show-compilation-info` printed, "" if the
            tool does not know that. Values that run over several lines come last there.
    """
    lines = (line.partition("=") for line in compilation_info.splitlines()[1:])
    facts = {key: value for key, equals, value in lines if equals}
    head = _COMMIT.search(long_version)
    commit, date = head.groups() if head else ("", "")
    changes = compilation_info.partition("GIT_STATUS=")[2]
    release = _RELEASE.search(long_version)
    tag = facts.get("GIT_OPTIONAL_TAG") or _tag(long_version)
    return VersionInfo(
        long_version_string=long_version,
        last_git_commit=facts.get("GIT_COMMIT", commit),
        dirty_working_tree="modified:" in changes or bool(_STAR.search(long_version)),
        build_date=facts.get("GENERATED_DATETIME_UTC", date),
        git_tag=tag,
        git_describe_always=facts.get(
            "GIT_DESCRIBE_ALWAYS", tag or (release[0] if release else commit)
        ),
    )


def _tag(long_version: str) -> str | None:
    """Return the tag that a tagged build names first."""
    words = long_version.split()
    if words[:1] == ["release"] and len(words) > 1:
        return f"v{words[1]}"
    return None


def edition(version: VersionInfo) -> Edition | None:
    """Return whose engine it is; None when it does not say so in a known way."""
    if version.long_version_string.startswith("embedded "):
        return "embedded"
    if version.long_version_string.startswith(("release ", "nightly ", "built ")):
        return "official"
    return None


def release(version: VersionInfo) -> tuple[int, int, int] | None:
    """Return the number of the release it is or was built from, None if unknown."""
    for text in (version.git_tag, version.git_describe_always):
        if text and (found := _RELEASE.search(text)):
            return int(found[1]), int(found[2]), int(found[3])
    found = _RELEASE.search(version.long_version_string)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def capabilities(
    kind: EngineKind, version: VersionInfo, abi: tuple[int, int] | None
) -> frozenset[Capability]:
    """Return what an engine can do; what we cannot know of it counts as missing.

    Args:
        kind: How it runs: a child is cancelled by ending it, whatever it knows.
        version: What it says of itself.
        abi: The C ABI's version, None for a tool.
    """
    embedded = edition(version) == "embedded"
    number = release(version)
    modern = embedded or (number is not None and number >= _CANCELS_FROM)
    can: dict[Capability, bool] = {
        "auto_format": True,
        "validate_querystring": True,
        "image_info": kind == "library",
        "cancel": kind == "tool" or modern,
        "select_frame": modern,
        "take_output": abi is not None and abi >= (3, 2),
        "percent_profile": embedded,
        "limit_threads": embedded,
        "limit_total_pixels": embedded,
        "watermark_red_dot": embedded,  # others hang at 3 pixels, for good
    }
    return frozenset(capability for capability, able in can.items() if able)
