"""The official release that this package fetches, as a table.

Every row is data: a file name holds the commit, so no URL can be worked out from a
version. Facts: upstream's release workflow and packing script at v2.3.1-rc01; the one
known SHA-256 comes from a third party's Nix package. The rows without one are pinned
when a maintainer has fetched them once (CONTRIBUTING.md, "Moving to a new release").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._platform import Platform
    from ..types import EngineKind

RELEASE: Final = "v2.3.1-rc01"
"""Upstream's tag, of commit 0635e386."""

RELEASE_API: Final = (
    "https://api.github.com/repos/imazen/imageflow/releases/tags/v2.3.1-rc01"
)
"""Answers with a digest for each file of the release; asked where there is no pin."""

_FILES: Final = "https://github.com/imazen/imageflow/releases/download/v2.3.1-rc01"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One archive of the official release."""

    suffix: str
    """Upstream's name for the platform."""
    os: Literal["linux", "macos", "windows"]
    arch: str
    libc: Literal["glibc"] | None
    """The libc family that its binaries need; None where they bring what they need."""
    min_glibc: tuple[int, int] | None
    """The oldest glibc that they run on; None where they need none."""
    url: str
    library: str | None
    """The library's exact name in the archive; None where it holds none."""
    tool: str | None
    """The tool's exact name in the archive; None where it holds none."""
    sha256: str | None = None
    """Of the archive; None where nobody has pinned it yet."""
    size: int | None = None
    """Bytes of the archive; None where it is not known."""

    @property
    def name(self) -> str:
        """The archive's file name, upstream and in every mirror."""
        return self.url.rsplit("/", 1)[-1]

    def member(self, kind: EngineKind) -> str | None:
        """Return the name that *kind* has in this archive, None if it is not there."""
        return self.library if kind == "library" else self.tool

    def serves(self, platform: Platform, kind: EngineKind) -> bool:
        """Return whether *platform* can use the *kind* that is in this archive."""
        if self.member(kind) is None or (platform.os, platform.arch) != (
            self.os,
            self.arch,
        ):
            return False
        if kind == "library" and not platform.can_dlopen:
            return False
        libc = platform.loading_libc if kind == "library" else platform.libc
        if self.libc is None:
            return True
        if libc is None or libc.family != self.libc:
            return False
        return (
            self.min_glibc is None
            or libc.version is None
            or libc.version >= self.min_glibc
        )


# In the order of preference for a platform that several rows serve. The x86-64 build
# for macOS needs a Haswell; nothing is published for other processors and systems.
ARTIFACTS: Final[tuple[Artifact, ...]] = (
    # The library, and the tool beside it.
    Artifact(
        suffix="linux-x64",
        os="linux",
        arch="x86_64",
        libc="glibc",
        min_glibc=(2, 17),
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-linux-x64.tar.gz",
        library="libimageflow.so",
        tool="imageflow_tool",
        sha256="882910c6c9602e42365dcf1c2c412cb5d0ced4703bf861217e5ef242a615bbb3",
    ),
    Artifact(
        suffix="linux-arm64",
        os="linux",
        arch="aarch64",
        libc="glibc",
        min_glibc=(2, 34),
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-linux-arm64.tar.gz",
        library="libimageflow.so",
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="osx-x86_64",
        os="macos",
        arch="x86_64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-osx-x86_64.tar.gz",
        library="libimageflow.dylib",
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="osx-arm64",
        os="macos",
        arch="aarch64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-osx-arm64.tar.gz",
        library="libimageflow.dylib",
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="win-x86_64",
        os="windows",
        arch="x86_64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-win-x86_64.zip",
        library="imageflow.dll",
        tool="imageflow_tool.exe",
    ),
    Artifact(
        suffix="win-x86",
        os="windows",
        arch="x86",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-win-x86.zip",
        library="imageflow.dll",
        tool="imageflow_tool.exe",
    ),
    Artifact(
        suffix="win-arm64",
        os="windows",
        arch="aarch64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-win-arm64.zip",
        library="imageflow.dll",
        tool="imageflow_tool.exe",
    ),
    # The static tool, which runs on any Linux of its architecture.
    Artifact(
        suffix="linux-musl-x64",
        os="linux",
        arch="x86_64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-linux-musl-x64.imageflow_tool.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="linux-musl-arm64",
        os="linux",
        arch="aarch64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-linux-musl-arm64.imageflow_tool.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    # The tool alone.
    Artifact(
        suffix="linux-x64",
        os="linux",
        arch="x86_64",
        libc="glibc",
        min_glibc=(2, 17),
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-linux-x64.imageflow_tool.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="linux-arm64",
        os="linux",
        arch="aarch64",
        libc="glibc",
        min_glibc=(2, 34),
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-linux-arm64.imageflow_tool.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="osx-x86_64",
        os="macos",
        arch="x86_64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-osx-x86_64.imageflow_tool.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="osx-arm64",
        os="macos",
        arch="aarch64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-osx-arm64.imageflow_tool.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="win-x86_64",
        os="windows",
        arch="x86_64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-win-x86_64.imageflow_tool.exe.zip",
        library=None,
        tool="imageflow_tool.exe",
    ),
    Artifact(
        suffix="win-x86",
        os="windows",
        arch="x86",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-win-x86.imageflow_tool.exe.zip",
        library=None,
        tool="imageflow_tool.exe",
    ),
    Artifact(
        suffix="win-arm64",
        os="windows",
        arch="aarch64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/tool-v2.3.1-rc01-0635e386-win-arm64.imageflow_tool.exe.zip",
        library=None,
        tool="imageflow_tool.exe",
    ),
    # The static tool again, beside headers and an install script.
    Artifact(
        suffix="linux-musl-x64",
        os="linux",
        arch="x86_64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-linux-musl-x64.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
    Artifact(
        suffix="linux-musl-arm64",
        os="linux",
        arch="aarch64",
        libc=None,
        min_glibc=None,
        url=f"{_FILES}/imageflow-v2.3.1-rc01-0635e386-linux-musl-arm64.tar.gz",
        library=None,
        tool="imageflow_tool",
    ),
)
"""Every archive that can be fetched."""

SUFFIXES: Final = tuple(dict.fromkeys(artifact.suffix for artifact in ARTIFACTS))
"""Upstream's names for the platforms that it builds for."""


def for_platform(
    platform: Platform,
    kind: EngineKind | None = None,
    artifacts: Iterable[Artifact] = ARTIFACTS,
) -> tuple[Artifact, ...]:
    """Return the archives that serve *platform*, the one to take first.

    A library goes before a tool, and what is pinned before what is not. For a tool, an
    archive without a library goes first: it is the smaller one.

    Args:
        platform: The machine that is to use it.
        kind: What is wanted of the archive; None for either.
        artifacts: The rows to choose from.
    """
    kinds: tuple[EngineKind, ...] = ("library", "tool") if kind is None else (kind,)
    return _ranked(kinds, lambda row, of: row.serves(platform, of), artifacts)


def for_suffix(
    suffix: str,
    kind: EngineKind | None = None,
    artifacts: Iterable[Artifact] = ARTIFACTS,
) -> tuple[Artifact, ...]:
    """Return the archives of upstream's platform *suffix*, the one to take first."""
    rows = tuple(row for row in artifacts if row.suffix == suffix)
    kinds: tuple[EngineKind, ...] = ("library", "tool") if kind is None else (kind,)
    return _ranked(kinds, lambda row, of: row.member(of) is not None, rows)


def by_name(name: str, artifacts: Iterable[Artifact] = ARTIFACTS) -> Artifact | None:
    """Return the row whose archive has this file *name*, None if there is none."""
    return next((row for row in artifacts if row.name == name), None)


def _ranked(
    kinds: Iterable[EngineKind],
    fits: Callable[[Artifact, EngineKind], bool],
    artifacts: Iterable[Artifact],
) -> tuple[Artifact, ...]:
    rows = tuple(artifacts)
    ranked = (
        row
        for kind in kinds
        for row in sorted(rows, key=lambda row: _rank(row, kind))
        if fits(row, kind)
    )
    return tuple(dict.fromkeys(ranked))


def _rank(row: Artifact, kind: EngineKind) -> tuple[bool, bool]:
    """Return what sorts the better row first; equals keep the order of the table."""
    return row.sha256 is None, kind == "tool" and row.library is not None
