"""Can this process load or start this file? Read from its header, before it is tried.

Trying is no way to find out: a library of another libc may load and hang, one that is
cut off kills the process with SIGBUS, a named pipe never answers.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from .._platform import (
    EXECUTABLE,
    SHARED,
    ElfCutOffError,
    ElfError,
    FileType,
    exported_names,
    identify,
    read_dynamic,
    read_header,
)
from .linkage import Linkage, linkage_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .._platform import FileKind, Libc, Platform
    from ..types import EngineKind

SECONDS_TO_LOAD: Final = 10.0
SHORTAGE: Final = "shortage"
"""The code that tells of this process and of no file."""

_AGAIN: Final = "Download or copy it again."
_STATIC_TOOL: Final = (
    "Use the static imageflow_tool instead: load_engine('tool') or IMAGEFLOW_TOOL."
)
_STATIC_BUILD: Final = "Use the static tool, the linux-musl build."
_NOUNS: Final = {"library": "a shared library", "tool": "a program"}
_NAMES: Final = {"library": "libimageflow", "tool": "imageflow_tool"}
_FORMATS: Final = {"linux": "elf", "macos": "macho", "windows": "pe"}
_FORMAT_NAMES: Final = {"elf": "Linux", "macho": "macOS", "pe": "Windows"}
_SPECIAL: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)
_ENTRY_POINT: Final = "imageflow_context_create"  # by which a library is known
_SHORTAGES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_STRICT_STACKS: Final = (2, 41)  # since this glibc, dlopen makes no stack executable


class Verdict(NamedTuple):
    """Whether a file can be tried, and what is to be said about it."""

    ok: bool
    """Whether it can be tried."""
    code: str
    """One stable word for the situation; "ok" when there is nothing to say."""
    sentence: str | None = None
    """What is the matter, beginning with the path; a doubt when `ok`."""
    remedy: str | None = None
    """What to do about it."""


OK: Final = Verdict(ok=True, code="ok")


class Objection(Exception):  # noqa: N818  # never seen outside
    """What is to be said of a file: raised when it will not do, else yielded."""

    def __init__(self, code: str, what: str, remedy: str | None = None) -> None:
        """Keep all three; *what* is as it follows the path in a sentence."""
        super().__init__(what)
        self.code, self.what, self.remedy = code, what, remedy

    def verdict(self, path: Path, *, ok: bool) -> Verdict:
        """Return it as it is said."""
        return Verdict(ok, self.code, f"{path} {self.what}.", self.remedy)


def preflight(path: Path, kind: EngineKind, platform: Platform) -> Verdict:
    """Return whether *path* can be loaded or started on *platform*.

    Never loads, starts or waits for anything.
    """
    return _verdicts(path, kind, platform)[0]


def _verdicts(path: Path, kind: EngineKind, platform: Platform) -> list[Verdict]:
    """Return the one refusal, or all doubts and that it is fine."""
    try:
        doubts = [no.verdict(path, ok=True) for no in _check(path, kind, platform)]
    except Objection as no:
        return [no.verdict(path, ok=False)]
    return [*doubts, OK]


def kind_of(path: Path) -> EngineKind:
    """Return what *path* is meant to be: a library if it is one of imageflow's.

    What else it may be is judged by its name.
    """
    with contextlib.suppress(Objection, ElfError, OSError), _open(path) as file:
        type_ = identify(file)
        exports = type_.kind == "elf" and exported_names(file, read_header(file))
        if type_.is_library or (exports and _ENTRY_POINT in exports):
            return "library"
    named_so = re.search(r"\.(so|dylib|dll)(\.[\d.]+)?$", path.name, re.IGNORECASE)
    return "library" if named_so else "tool"


def examine(
    path: Path, platform: Platform
) -> tuple[EngineKind, Linkage | None, Verdict]:
    """Return what *path* is, what it needs, and whether it would run on *platform*.

    Unlike for `preflight`, a library that is needed and not found is a refusal: this
    is for those who ask beforehand. What it needs is None where it cannot be read, or
    is not of Linux.
    """
    kind, linkage = kind_of(path), None
    with contextlib.suppress(Objection, ElfError, OSError), _open(path) as file:
        header = read_header(file)
        dynamic = read_dynamic(file, header)
        linkage = linkage_of(path, file, header, dynamic, platform)
    verdicts = _verdicts(path, kind, platform)
    missing = (v._replace(ok=False) for v in verdicts if v.code == "missing_dependency")
    return kind, linkage, next(missing, verdicts[0])


def _check(path: Path, kind: EngineKind, platform: Platform) -> Iterator[Objection]:
    """Yield doubts; raise when the file is of no use."""
    if kind == "library" and not platform.can_dlopen:
        what = "cannot be loaded: this Python is static and loads no libraries"
        raise Objection("no_dlopen", what, _STATIC_TOOL)
    try:
        with _open(path) as file:
            yield from _check_content(path, file, kind, platform)
        _check_mount(path)
        if kind == "tool" and not os.access(path, os.X_OK):
            what, remedy = "is not executable for this user", f"Run: chmod +x {path}"
            raise Objection("not_executable", what, remedy)
        yield from _doubt_owner(path)
    except ElfCutOffError as error:
        raise Objection("cut_off", f"is cut off: it {error}", _AGAIN) from None
    except ElfError as error:
        raise Objection("damaged", f"is damaged: {error}", _AGAIN) from None
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        code = SHORTAGE if error.errno in _SHORTAGES else "unreadable"
        raise Objection(code, what) from None


def _open(path: Path) -> BinaryIO:
    """Open a regular file; nothing else is even opened, since a pipe would wait."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            what = f"is a link to {path.readlink()}, which does not exist"
            raise Objection("dangling_link", what) from None
        raise Objection("not_found", "does not exist") from None
    except PermissionError:
        what = "lies in a folder that this user may not enter"
        raise Objection("unreadable", what) from None
    if not stat.S_ISREG(mode):
        name = next((name for test, name in _SPECIAL if test(mode)), "a device")
        code = "directory" if stat.S_ISDIR(mode) else "not_a_file"
        raise Objection(code, f"is {name}", "Name the file itself.")
    try:
        return io.FileIO(path, opener=_without_waiting)
    except PermissionError:
        raise Objection("unreadable", "may not be read by this user") from None


def _without_waiting(path: str, flags: int) -> int:
    # A pipe may have taken the file's place since we looked.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_content(
    path: Path, file: BinaryIO, kind: EngineKind, platform: Platform
) -> Iterator[Objection]:
    type_ = identify(file)
    if type_.kind == "script" and kind == "tool" and platform.os != "windows":
        _check_script(file)
    elif type_.kind != _FORMATS.get(platform.os, "elf"):
        size = os.fstat(file.fileno()).st_size
        raise _other_format(type_, kind, platform, size)
    elif type_.kind == "elf":
        yield from _check_elf(path, file, kind, platform)
    elif type_.architectures and platform.arch not in type_.architectures:
        raise _wrong_arch(" or ".join(type_.architectures), platform)
    elif type_.is_library not in {None, kind == "library"}:
        raise _wrong_kind(kind)


def _wrong_arch(found: str, platform: Platform) -> Objection:
    what = f"is built for {found}, but this process is {platform.arch}"
    return Objection("wrong_arch", what, f"Get the build for {platform.name}.")


def _wrong_kind(wanted: EngineKind) -> Objection:
    other = "tool" if wanted == "library" else "library"
    return Objection(
        "not_a_library" if wanted == "library" else "not_a_program",
        f"is {_NOUNS[other]}, not {_NOUNS[wanted]}",
        f"Name it in IMAGEFLOW_{other.upper()} if it is {_NAMES[other]}.",
    )


# What is no binary of any system: code, what it is, and what to do.
_NO_BINARY: Final[dict[FileKind, tuple[str, str, str]]] = {
    "empty": ("empty", "is empty", _AGAIN),
    "ar": (
        "static_archive",
        "is a static archive, which can be linked but not loaded",
        "Get the shared library, or the tool.",
    ),
    "gzip": ("archive", "is a gzip archive, not {noun}", "Unpack it first."),
    "zip": ("archive", "is a zip archive, not {noun}", "Unpack it first."),
    "html": ("html", "is an HTML page, not {noun}: a download went wrong", _AGAIN),
    "script": ("text", "is a text file, not {noun}", "Name the {name} file itself."),
    "text": ("text", "is a text file, not {noun}", "Name the {name} file itself."),
    "data": (
        "not_a_binary",
        "holds {size} bytes of something that is not {noun}",
        "Name the {name} file itself.",
    ),
}


def _other_format(
    type_: FileType, kind: EngineKind, platform: Platform, size: int
) -> Objection:
    if type_.kind in _FORMAT_NAMES:
        built_for = f"{_FORMAT_NAMES[type_.kind]} {' or '.join(type_.architectures)}"
        what = f"is built for {built_for.rstrip()}, but this is {platform.name}"
        return Objection("wrong_os", what, f"Get the build for {platform.name}.")
    code, what, remedy = _NO_BINARY[type_.kind]
    what = what.format(noun=_NOUNS[kind], size=size)
    return Objection(code, what, remedy.format(name=_NAMES[kind]))


def _check_script(file: BinaryIO) -> None:
    file.seek(0)
    words = file.read(256).split(b"\n")[0][2:].split()
    interpreter = os.fsdecode(words[0]) if words else ""
    if not Path(interpreter).is_file():
        what = f"is a script for {interpreter or 'nothing'}, which does not exist"
        raise Objection("missing_interpreter", what)


def _check_elf(
    path: Path, file: BinaryIO, kind: EngineKind, platform: Platform
) -> Iterator[Objection]:
    header = read_header(file)
    other_file = f"Name the {_NAMES[kind]} file itself."
    if header.arch != platform.arch:
        raise _wrong_arch(header.arch, platform)
    if header.type not in (EXECUTABLE, SHARED):
        what = f"is an object file or a core dump, not {_NOUNS[kind]}"
        raise Objection("not_linked", what, other_file)
    dynamic = read_dynamic(file, header)
    linkage = linkage_of(path, file, header, dynamic, platform)
    libc = platform.loading_libc
    is_program = header.type == EXECUTABLE or dynamic.is_program
    if kind == "tool":
        # Old linkers do not mark static programs that may lie anywhere.
        looks_loadable = dynamic.soname is not None or not header.entry
        if linkage.interpreter is not None:
            yield from _check_program(linkage, linkage.interpreter, platform)
        elif looks_loadable and not is_program:
            raise _wrong_kind("tool")
        return
    if is_program:
        raise _wrong_kind("library")
    if libc is None or libc.family == "unknown":
        what = "cannot be judged: this process runs on a libc that we do not know"
        raise Objection("unknown_libc", what, _STATIC_TOOL)
    if linkage.libc not in {None, libc.family}:
        raise Objection(
            "wrong_libc",
            f"is built for {linkage.libc}, but this process runs on {libc}",
            f"Install the wheel for {libc.family}, or use the static imageflow_tool:"
            " load_engine('tool') or IMAGEFLOW_TOOL.",
        )
    _check_glibc_version(linkage, libc, _STATIC_TOOL)
    if header.has_sections and _ENTRY_POINT not in linkage.exports:
        what = f"is a library, but not imageflow's: it has no {_ENTRY_POINT}"
        raise Objection("not_imageflow", what, other_file)
    yield from _check_library(linkage, libc)
    yield from _doubt_dependencies(linkage, platform)


def _check_glibc_version(linkage: Linkage, libc: Libc, remedy: str) -> None:
    needed = linkage.min_glibc
    if needed and libc.version and needed > libc.version:
        what = f"needs glibc {needed[0]}.{needed[1]}, but this process runs on {libc}"
        raise Objection("old_glibc", what, remedy)


def _check_library(linkage: Linkage, libc: Libc) -> Iterator[Objection]:
    if linkage.tls == "static" and libc.family == "musl":
        raise Objection(
            "static_tls",
            "has static thread-local storage (DF_STATIC_TLS), which musl cannot load at"
            " run time",
            _STATIC_TOOL,
        )
    if linkage.executable_stack:
        code, remedy = "executable_stack", "Link it again with -z noexecstack."
        what = "asks for an executable stack, which"
        if libc.version and libc.version >= _STRICT_STACKS:
            raise Objection(code, f"{what} {libc} refuses", remedy)
        yield Objection(code, f"{what} SELinux and glibc 2.41 refuse", remedy)


def _check_program(
    linkage: Linkage, interpreter: str, platform: Platform
) -> Iterator[Objection]:
    libc = platform.loading_libc
    if not Path(interpreter).exists():
        built_for = f" ({linkage.libc})" if linkage.libc else ""
        raise Objection(
            "missing_interpreter",
            f"needs the loader {interpreter}{built_for}, which is not on this machine"
            f" ({platform})",
            _STATIC_BUILD,
        )
    if libc and libc.family == linkage.libc:
        _check_glibc_version(linkage, libc, _STATIC_BUILD)
        yield from _doubt_dependencies(linkage, platform)


def _doubt_dependencies(linkage: Linkage, platform: Platform) -> Iterator[Objection]:
    """Yield a doubt if a needed library is not to be seen.

    No more than a doubt: where the loader looks is the loader's affair.
    """
    if missing := [name for name, place in linkage.needed if place is None]:
        yield Objection(
            "missing_dependency",
            f"needs {' and '.join(missing)}, which cannot be found on this machine"
            f" ({platform})",
            "Install it: `apk add libgcc` or `apt-get install libgcc-s1`."
            if "libgcc_s.so.1" in missing
            else "Install it, or use the static imageflow_tool.",
        )


def _check_mount(path: Path) -> None:
    forbidden = getattr(os, "ST_NOEXEC", 0)
    if forbidden and os.statvfs(path).f_flag & forbidden:
        remedy = "Put it elsewhere; IMAGEFLOW_CACHE_DIR moves what is fetched."
        raise Objection("noexec", "is on a file system that is mounted noexec", remedy)


def _doubt_owner(path: Path) -> Iterator[Objection]:
    """Yield a doubt if somebody else could have put other code there."""
    if not hasattr(os, "geteuid"):
        return
    for place, where in ((path, ""), (path.parent, f"lies in {path.parent}, which ")):
        status = place.stat()
        in_turn = place is not path and status.st_mode & stat.S_ISVTX
        if status.st_mode & stat.S_IWOTH and not in_turn:
            who = "can be changed by every user of this machine"
        elif status.st_uid not in (0, os.geteuid()):
            who = f"belongs to another user (uid {status.st_uid})"
        else:
            continue
        remedy = "Make it yours and writable for you alone."
        yield Objection("others_can_write", where + who, remedy)


# What happens to a process that loads it? A header does not tell what a constructor
# does. It costs a Python's start, so it is for reports on libraries of the user's own.

# Whatever it prints, it has survived; what it found is for the real attempt to say.
_CHILD: Final = """
import ctypes, os, sys
try:
    ctypes.CDLL(sys.argv[1], getattr(os, "RTLD_NOW", 0) | getattr(os, "RTLD_LOCAL", 0))
except OSError:
    pass
print("survived")
"""


def probe_library(path: Path) -> Verdict:
    """Return whether a child survives loading a library that has passed `preflight`."""
    import subprocess  # nobody but a report needs it
    from signal import Signals

    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHILD, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS_TO_LOAD,
            check=False,
        )
    except subprocess.TimeoutExpired:
        code = "hangs_on_load"
        what = f"is not loaded within {SECONDS_TO_LOAD:g} seconds: it hangs"
    except OSError:
        return OK  # an embedded Python has no child: the report goes without
    else:
        status = ended.returncode
        if status < 0:
            name = next((s.name for s in Signals if s == -status), f"signal {-status}")
            code, what = "crashes_on_load", f"kills a process that loads it ({name})"
        elif b"survived" not in ended.stdout:
            code = "exits_on_load"
            what = f"ends a process that loads it (exit status {status})"
        else:
            return OK
    return Objection(code, what, _STATIC_TOOL).verdict(path, ok=False)
