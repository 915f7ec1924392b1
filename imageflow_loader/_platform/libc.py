"""Which C library is mapped into this process, on what evidence?

Three questions that fail independently: the family, the version (glibc alone), and
whether this process can load a shared object at all. They are asked of the process and
never of the file system: one machine may have both families installed.
"""

from __future__ import annotations

import os
import re
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
    """The base names of the files mapped into this process; OSError."""
    preloaded: bool = False
    """Whether LD_PRELOAD may have put a stranger before libc."""
    android: bool = False

    @classmethod
    def of_this_process(cls) -> Evidence:
        """Return the evidence about the running interpreter."""
        return cls(
            system=sys.platform,
            confstr=_confstr,
            program=_running_program,
            symbols=_process_symbols,
            mapped=mapped_files,
            preloaded=preloads(),
            android=hasattr(sys, "getandroidapilevel"),
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
    if evidence.android or evidence.system == "android":
        fact = "this is Android's Python"
        return Finding(Libc("bionic", None, (fact,)), can_dlopen=True, program=None)
    if not evidence.system.startswith("linux"):
        return Finding(None, can_dlopen=_loads_libraries(evidence.system), program=None)
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


def musl_version(files: Iterable[str] | None = None) -> str | None:
    """Return the version of the musl that is mapped here, None if there is none.

    It is read out of the file, which costs a millisecond: for reports alone.

    Args:
        files: The paths to look at; None for those mapped into this process.

    Raises:
        OSError: There is no `/proc`.
    """
    for path in sorted(_mapped_paths() if files is None else files):
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
        self.program = self._program()
        self.interpreter = self._interpreter()

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
        return self._by_symbols(symbols)

    def _by_symbols(self, symbols: frozenset[str]) -> tuple[Family, bool]:
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
            names = self.evidence.mapped()
        except OSError as error:
            self.facts.append(f"maps: {error.strerror or error}")
            return self._by_files(None), self.interpreter is not None
        families = {name: family_of(name) for name in sorted(names)}
        known = [name for name, family in families.items() if family]
        found = [*known, *(names & {SOME_LIBC})]
        self.facts.append(f"maps: {', '.join(found) or 'no libc, no loader'}")
        family = families[known[0]] if known else None
        return self._by_files(family), bool(found)

    def _by_files(self, mapped: Family | None) -> Family:
        if self.version and self.interpreter in (None, "glibc"):
            return "glibc"
        if self.version:
            return "unknown"
        if mapped and self.interpreter and mapped != self.interpreter:
            return "unknown"
        return mapped or self.interpreter or "unknown"

    def _glibc_version(self) -> tuple[int, int] | None:
        try:
            text = self.evidence.confstr()
        except (ValueError, OSError, AttributeError) as error:
            self.facts.append(f"confstr: {error}")
            return None
        self.facts.append(f"confstr: {text}")
        match = re.match(r"glibc (\d+)\.(\d+)", text or "")
        return (int(match[1]), int(match[2])) if match else None

    def _program(self) -> ElfHeader | None:
        try:
            return self.evidence.program()
        except OSError as error:
            self.facts.append(f"program: {error.strerror or error}")
        except ElfError as error:
            self.facts.append(f"program: {error}")
        return None

    def _interpreter(self) -> Family | None:
        if self.program is None:
            return None
        path = self.program.interpreter
        self.facts.append(f"interpreter: {path or 'none'}")
        return family_of(path) if path else None


def _loads_libraries(system: str) -> bool:
    return system in ("darwin", "win32", "cygwin")


def _confstr() -> str | None:
    return os.confstr("CS_GNU_LIBC_VERSION")


def _running_program() -> ElfHeader:
    # Opening the link works even when the file was deleted or replaced since.
    with Path("/proc/self/exe").open("rb", buffering=0) as file:
        return read_header(file)


def _process_symbols() -> frozenset[str]:
    import ctypes  # costs 1.6 ms, and most processes never come here

    process = ctypes.CDLL(None)
    return frozenset(name for name in PROBED_SYMBOLS if hasattr(process, name))


def mapped_files() -> frozenset[str]:
    """Return the base names of the files that are mapped into this process.

    Raises:
        OSError: There is no `/proc`.
    """
    return frozenset(PurePosixPath(path).name for path in _mapped_paths())


def _mapped_paths() -> frozenset[str]:
    fields = (
        line.split(None, 5)
        for line in Path("/proc/self/maps").read_bytes().splitlines()
    )
    paths = (os.fsdecode(row[5]) for row in fields if len(row) == 6)
    return frozenset(
        path.removesuffix(" (deleted)") for path in paths if path.startswith("/")
    )
