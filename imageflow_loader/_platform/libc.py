"""Which C library is mapped into this process, on what evidence?

Three questions that fail independently: the family, the version (glibc alone), and
whether this process can load a shared object at all. They are asked of the process and
never of the file system: one machine may have both families installed.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from .._settings import preloads
from .elf import ElfError, ElfHeader, read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Family: TypeAlias = Literal["glibc", "musl", "bionic", "uclibc", "unknown"]

MUSL_SYMBOLS: Final = frozenset({"_dlstart", "__dls3", "__optreset"})
"""musl 1.2 exports these, glibc has none of them."""
GLIBC_SYMBOL: Final = "gnu_get_libc_version"
"""Not a proof by itself: compatibility shims on musl export it too."""
BIONIC_SYMBOL: Final = "__system_property_get"
PROBED_SYMBOLS: Final = (*sorted(MUSL_SYMBOLS), GLIBC_SYMBOL, BIONIC_SYMBOL)


class Libc(NamedTuple):
    """A C library, and how we know."""

    family: Family
    version: tuple[int, int] | None
    """None when it is not known; it is asked for glibc alone."""
    evidence: tuple[str, ...] = ()
    """Each fact that was used, conflicts among them."""

    def __str__(self) -> str:
        """Return the family, with the version if there is one: "glibc 2.36"."""
        if self.version is None:
            return "an unknown libc" if self.family == "unknown" else self.family
        return f"{self.family} {self.version[0]}.{self.version[1]}"


class Evidence(NamedTuple):
    """Where the facts come from; tests bring their own."""

    system: str
    """`sys.platform`."""
    confstr: Callable[[], str | None]
    """The text of `CS_GNU_LIBC_VERSION`; raises where there is no such thing."""
    program: Callable[[], ElfHeader]
    """The header of the running program; OSError or ElfError."""
    symbols: Callable[[], frozenset[str]]
    """Which of PROBED_SYMBOLS this process has; ImportError without ctypes, OSError
    when dlopen is refused."""
    mapped: Callable[[], frozenset[str]]
    """The files mapped into this process; OSError."""
    machine: Callable[[], str]
    """Names the architecture where the program's header does not."""
    pointer_bits: int = struct.calcsize("P") * 8
    preloaded: bool = False
    """Whether LD_PRELOAD may have put a stranger before libc."""

    @classmethod
    def of_this_process(cls) -> Evidence:
        """Return the evidence about the running interpreter."""
        return cls(
            # Termux calls itself Linux, and its Python knows better.
            system="android" if hasattr(sys, "getandroidapilevel") else sys.platform,
            confstr=lambda: os.confstr("CS_GNU_LIBC_VERSION"),
            program=_running_program,
            symbols=_process_symbols,
            mapped=mapped_files,
            machine=_machine,
            preloaded=preloads(),
        )


class Finding(NamedTuple):
    """What `detect` found out."""

    libc: Libc | None
    """None where the question does not arise: off Linux."""
    can_dlopen: bool
    program: ElfHeader | None
    """The header of the running program, None when it could not be read."""


def detect(evidence: Evidence) -> Finding:
    """Return the libc of the process that *evidence* speaks of.

    No process is started, no folder is searched, `sys.executable` is not trusted.
    """
    if evidence.system == "android":
        fact = "this is Android's Python"
        return Finding(Libc("bionic", None, (fact,)), can_dlopen=True, program=None)
    if evidence.system != "linux":
        loads_libraries = evidence.system in ("darwin", "win32", "cygwin")
        return Finding(None, can_dlopen=loads_libraries, program=None)
    return _Detection(evidence).finding()


def family_of(path: str) -> Family | None:
    """Return the family whose libc or loader *path* names, None if it is not known.

    Only the base name counts: a folder may be called anything.
    """
    name = PurePosixPath(path).name
    for family, pattern in _NAMES.items():
        if re.fullmatch(pattern, name):
            return family
    return None


def musl_version() -> str | None:
    """Return the version of the musl that is mapped here, None if there is none.

    It is read out of the file, which costs a millisecond: for reports alone.

    Raises:
        OSError: There is no `/proc`.
    """
    for path in sorted(mapped_files()):
        if PurePosixPath(path).name == SOME_LIBC or family_of(path) == "musl":
            match = _MUSL_VERSION.search(Path(path).read_bytes())
            if match:
                return match[1].decode()
    return None


# Beside its name in the text that musl prints when it is started as a program.
_MUSL_VERSION: Final = re.compile(rb"\0(1\.\d+\.\d+)(?:[-_][^\0]{0,40})?\0")
_NAMES: Final[dict[Family, str]] = {
    "musl": r"ld-musl-.*|libc\.musl-.*",
    "uclibc": r"ld(64)?-uClibc.*|libuClibc.*|libc\.so\.[01]",
    "bionic": r"linker(64)?",
    # s390x and ppc64le say ld64.so, mips and others ld.so.1; older files ld-2.31.so.
    "glibc": r"ld-linux.*|ld64\.so\.\d|ld\.so\.1|ld-2\..*"
    r"|libc\.so\.6(\.\d)?|libc-2\..*",
}
SOME_LIBC: Final = "libc.so"
"""musl as upstream installs it, and bionic: a libc all the same, but whose?"""


class _Detection:
    """One run of the algorithm, with the facts it has gathered."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.facts: list[str] = []
        self.version = self._glibc_version()
        self.program: ElfHeader | None = None
        self.interpreter: Family | None = None
        try:
            self.program = evidence.program()
        except (OSError, ElfError) as error:
            self.facts.append(f"program: {getattr(error, 'strerror', None) or error}")
        else:
            path = self.program.interpreter
            self.facts.append(f"interpreter: {path or 'none'}")
            self.interpreter = family_of(path or "")

    def finding(self) -> Finding:
        family, can_dlopen = self._decide()
        if self.version and family not in ("glibc", "unknown"):
            self.facts.append(f"conflict: confstr says glibc, the process {family}")
        if family != "glibc" and self.interpreter == "glibc":
            self.facts.append("conflict: the interpreter is named as glibc's loader")
        version = self.version if family == "glibc" else None
        libc = Libc(family, version, tuple(self.facts))
        return Finding(libc, can_dlopen=can_dlopen, program=self.program)

    def _decide(self) -> tuple[Family, bool]:
        # Two witnesses that do not know of each other, and nobody who could have
        # bribed them both: no need to load ctypes.
        if self.version and self.interpreter == "glibc" and not self.evidence.preloaded:
            return "glibc", True
        try:
            symbols = self.evidence.symbols()
        except ImportError:
            self.facts.append("symbols: this Python has no ctypes")
            return self._by_mapped_files()
        except (OSError, TypeError, AttributeError) as error:
            self.facts.append(f"symbols: dlopen is refused: {error}")
            return self._by_mapped_files()[0], False
        self.facts.append(f"symbols: {', '.join(sorted(symbols)) or 'none we know'}")
        # musl first: shims on musl claim to be glibc, and never the reverse.
        if symbols & MUSL_SYMBOLS:
            return "musl", True
        if BIONIC_SYMBOL in symbols:
            return "bionic", True
        if GLIBC_SYMBOL in symbols and (self.version or self.interpreter == "glibc"):
            return "glibc", True
        return self._by_mapped_files()

    def _by_mapped_files(self) -> tuple[Family, bool]:
        """Judge by what is mapped; without any libc or loader this Python is static."""
        try:
            names = sorted(base_names(self.evidence.mapped()))
        except OSError as error:
            self.facts.append(f"maps: {error.strerror or error}")
            return self._by_files(None), self.interpreter is not None
        known = {name: family for name in names if (family := family_of(name))}
        found = [*known, *(name for name in names if name == SOME_LIBC)]
        self.facts.append(f"maps: {', '.join(found) or 'no libc, no loader'}")
        return self._by_files(next(iter(known.values()), None)), bool(found)

    def _by_files(self, mapped: Family | None) -> Family:
        """Return what every witness says that says anything, if it is one thing."""
        confstr: Family | None = "glibc" if self.version else None
        said = {family for family in (confstr, self.interpreter, mapped) if family}
        return said.pop() if len(said) == 1 else "unknown"

    def _glibc_version(self) -> tuple[int, int] | None:
        try:
            text = self.evidence.confstr()
        except (ValueError, OSError, AttributeError) as error:
            self.facts.append(f"confstr: {error}")
            return None
        self.facts.append(f"confstr: {text}")
        match = re.match(r"glibc (\d+)\.(\d+)", text or "")
        return (int(match[1]), int(match[2])) if match else None


def _machine() -> str:
    if sys.platform == "win32":
        # platform.machine() names the host there, this names the process.
        import sysconfig

        return sysconfig.get_platform()
    return os.uname().machine


def _running_program() -> ElfHeader:
    # Opening the link works even when the file was deleted or replaced since.
    with Path("/proc/self/exe").open("rb", buffering=0) as file:
        return read_header(file)


def _process_symbols() -> frozenset[str]:
    import ctypes  # costs 1.6 ms, and most processes never come here

    process = ctypes.CDLL(None)
    return frozenset(name for name in PROBED_SYMBOLS if hasattr(process, name))


def mapped_files() -> frozenset[str]:
    """Return the files that are mapped into this process.

    Raises:
        OSError: There is no `/proc`.
    """
    lines = Path("/proc/self/maps").read_bytes().splitlines()
    paths = {os.fsdecode(line.partition(b"/")[2]) for line in lines if b"/" in line}
    return frozenset("/" + path.removesuffix(" (deleted)") for path in paths)


def base_names(paths: Iterable[str]) -> frozenset[str]:
    """Return what files are called in whichever folder they lie."""
    return frozenset(PurePosixPath(path).name for path in paths)
