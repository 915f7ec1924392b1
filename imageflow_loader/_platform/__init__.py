"""Which machine is this? Told by the running process, not by the file system."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple, cast

from .elf import (
    EXECUTABLE,
    SHARED,
    ElfCutOffError,
    ElfDynamic,
    ElfError,
    ElfHeader,
    exported_names,
    read_dynamic,
    read_header,
)
from .filetype import FileKind, FileType, identify
from .libc import (
    SOME_LIBC,
    Evidence,
    Family,
    Finding,
    Libc,
    base_names,
    detect,
    family_of,
    mapped_files,
    musl_version,
)

__all__ = [
    "EXECUTABLE",
    "SHARED",
    "SOME_LIBC",
    "ElfCutOffError",
    "ElfDynamic",
    "ElfError",
    "ElfHeader",
    "Family",
    "FileKind",
    "FileType",
    "Libc",
    "Platform",
    "base_names",
    "current_platform",
    "exported_names",
    "family_of",
    "identify",
    "mapped_files",
    "musl_version",
    "read_dynamic",
    "read_header",
]

_SYSTEMS: Final = {"darwin": "macos", "win32": "windows", "android": "linux"}
_ARCHITECTURES: Final = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "win-amd64": "x86_64",
    "win-arm64": "aarch64",
    "win32": "x86",
    "i386": "x86",
    "i486": "x86",
    "i586": "x86",
    "i686": "x86",
    "armv6l": "arm",
    "armv7l": "arm",
    "armv8l": "arm",
}
# A 64-bit kernel names itself to a 32-bit process.
_NARROW: Final = {"x86_64": "x86", "aarch64": "arm"}


class Platform(NamedTuple):
    """The machine as this process sees it."""

    os: str
    """ "linux", "macos", "windows", else what `sys.platform` says."""
    arch: str
    """The architecture of the process, not of the kernel: "x86_64", "aarch64" …"""
    libc: Libc | None
    """The libc to choose engines for; None off Linux."""
    can_dlopen: bool
    """Whether a library can be loaded at all: a static Python cannot."""
    running_libc: Libc | None = None
    """The libc of the process, where `IMAGEFLOW_LIBC` chose another; else None."""

    @property
    def loading_libc(self) -> Libc | None:
        """The libc that a library must fit, whatever was chosen."""
        return self.running_libc or self.libc

    @property
    def name(self) -> str:
        """The system and architecture, such as "linux-x86_64"."""
        return f"{self.os}-{self.arch}"

    def __str__(self) -> str:
        """Return the platform for a sentence: "linux-x86_64, glibc 2.36"."""
        return self.name if self.libc is None else f"{self.name}, {self.libc}"


@functools.cache
def current_platform(libc_override: str | None = None) -> Platform:
    """Return the platform of this process, found once.

    A fork keeps it; `current_platform.cache_clear()` makes the next call look again.

    Args:
        libc_override: A libc family to choose engines for instead of the running one.
            A library that does not fit the running one is still refused.
    """
    return detect_platform(Evidence.of_this_process(), libc_override)


def detect_platform(evidence: Evidence, libc_override: str | None = None) -> Platform:
    """Return the platform that *evidence* speaks of; the rest as `current_platform`."""
    finding = detect(evidence)
    libc, running = finding.libc, None
    if libc is not None and libc_override not in (None, libc.family):
        facts = (*libc.evidence, f"IMAGEFLOW_LIBC: {libc_override}")
        # What could not be found out must be believed.
        running = None if libc.family == "unknown" else libc
        libc = Libc(cast("Family", libc_override), None, facts)
    return Platform(
        os=_SYSTEMS.get(evidence.system, evidence.system),
        arch=_architecture(finding, evidence),
        libc=libc,
        can_dlopen=finding.can_dlopen,
        running_libc=running,
    )


def _architecture(finding: Finding, evidence: Evidence) -> str:
    if finding.program is not None:
        return finding.program.arch
    name = evidence.machine().lower()
    name = _ARCHITECTURES.get(name, name)
    return _NARROW.get(name, name) if evidence.pointer_bits == 32 else name
