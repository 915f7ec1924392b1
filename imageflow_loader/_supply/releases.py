"""The official release that this package fetches, as a table.

A file name holds the commit, so no URL can be worked out from a version. Facts:
upstream's release workflow and packing script at v2.3.1-rc01; the one known SHA-256
comes from a third party's Nix package. Archives without one are pinned when a
maintainer has fetched them once (CONTRIBUTING.md, "For maintainers").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._platform import Platform
    from ..types import EngineKind

RELEASE: Final = "v2.3.1-rc01"
"""Upstream's tag, of commit 0635e386."""

RELEASE_API: Final = (
    f"https://api.github.com/repos/imazen/imageflow/releases/tags/{RELEASE}"
)
"""Answers with a digest for each file of the release; asked where there is no pin."""

_FILES: Final = f"https://github.com/imazen/imageflow/releases/download/{RELEASE}"
_NAME: Final = f"{RELEASE}-0635e386"

# Archive → SHA-256.
_PINS: Final = {
    f"imageflow-{_NAME}-linux-x64.tar.gz": (
        "882910c6c9602e42365dcf1c2c412cb5d0ced4703bf861217e5ef242a615bbb3"
    ),
}


class Artifact(NamedTuple):
    """One archive of the official release."""

    suffix: str
    """Upstream's name for the platform."""
    os: str
    arch: str
    min_glibc: tuple[int, int] | None
    """The oldest glibc that it runs on; None where it brings what it needs."""
    url: str
    library: str | None
    """The library's exact name in the archive; None where it holds none."""
    tool: str
    """The tool's exact name in the archive."""
    sha256: str | None = None
    """Of the archive; None where nobody has pinned it yet."""

    @property
    def name(self) -> str:
        """The archive's file name, upstream and in every mirror."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def members(self) -> tuple[str, ...]:
        """The engines that it holds."""
        return (self.tool,) if self.library is None else (self.library, self.tool)

    def holds(self, kind: EngineKind) -> bool:
        """Return whether there is an engine of this *kind* in it."""
        return kind == "tool" or self.library is not None

    def serves(self, platform: Platform, kind: EngineKind) -> bool:
        """Return whether *platform* can use the *kind* that is in this archive."""
        if (platform.os, platform.arch) != (self.os, self.arch) or not self.holds(kind):
            return False
        if kind == "library" and not platform.can_dlopen:
            return False
        if self.min_glibc is None:
            return True
        libc = platform.loading_libc if kind == "library" else platform.libc
        return (
            libc is not None
            and libc.family == "glibc"
            and (libc.version is None or libc.version >= self.min_glibc)
        )


# Suffix, system, architecture, oldest glibc, library. The musl builds are static tools,
# which run on any Linux of their architecture; the x86-64 build for macOS needs a
# Haswell; nothing is published for other processors and systems.
_BUILDS: Final = (
    ("linux-x64", "linux", "x86_64", (2, 17), "libimageflow.so"),
    ("linux-arm64", "linux", "aarch64", (2, 34), "libimageflow.so"),
    ("linux-musl-x64", "linux", "x86_64", None, None),
    ("linux-musl-arm64", "linux", "aarch64", None, None),
    ("osx-x86_64", "macos", "x86_64", None, "libimageflow.dylib"),
    ("osx-arm64", "macos", "aarch64", None, "libimageflow.dylib"),
    ("win-x86_64", "windows", "x86_64", None, "imageflow.dll"),
    ("win-x86", "windows", "x86", None, "imageflow.dll"),
    ("win-arm64", "windows", "aarch64", None, "imageflow.dll"),
)

SUFFIXES: Final = tuple(build[0] for build in _BUILDS)
"""Upstream's names for the platforms that it builds for."""


def _artifacts() -> Iterable[Artifact]:
    """Yield both archives of each platform: with all there is, with the tool alone."""
    for suffix, system, arch, min_glibc, library in _BUILDS:
        tool = "imageflow_tool.exe" if system == "windows" else "imageflow_tool"
        packed = "zip" if system == "windows" else "tar.gz"
        for name, held in (
            (f"imageflow-{_NAME}-{suffix}.{packed}", library),
            (f"tool-{_NAME}-{suffix}.{tool}.{packed}", None),
        ):
            url, pin = f"{_FILES}/{name}", _PINS.get(name)
            yield Artifact(suffix, system, arch, min_glibc, url, held, tool, pin)


ARTIFACTS: Final = tuple(_artifacts())
"""Every archive that can be fetched."""


def for_platform(
    platform: Platform, kind: EngineKind | None = None
) -> tuple[Artifact, ...]:
    """Return the archives that serve *platform*, the one to take first."""
    return _ranked(kind, lambda row, of: row.serves(platform, of))


def for_suffix(suffix: str, kind: EngineKind | None = None) -> tuple[Artifact, ...]:
    """Return the archives of upstream's platform *suffix*, the one to take first."""
    return _ranked(kind, lambda row, of: row.suffix == suffix and row.holds(of))


def by_name(name: str, kind: EngineKind | None = None) -> Artifact | None:
    """Return the row whose archive has this file *name*, and what is wanted of it."""
    rows = (row for row in ARTIFACTS if kind is None or row.holds(kind))
    return next((row for row in rows if row.name == name), None)


def _ranked(
    kind: EngineKind | None, serves: Callable[[Artifact, EngineKind], bool]
) -> tuple[Artifact, ...]:
    """Return each row that has what is wanted once, the one to take first.

    A library goes before a tool, and what is pinned before what is not. For a tool, the
    static one goes first, and the smaller archive.
    """
    kinds: tuple[EngineKind, ...] = ("library", "tool") if kind is None else (kind,)
    rows = sorted(
        ARTIFACTS,
        key=lambda row: (
            row.sha256 is None,
            row.min_glibc is not None,
            not row.name.startswith("tool-"),
        ),
    )
    return tuple(dict.fromkeys(row for of in kinds for row in rows if serves(row, of)))
