"""Can this process load or start this file? Read from its header, before it is tried.

Trying is no way to find out: a library of another libc may load and hang, one that is
cut off kills the process with SIGBUS, a named pipe never answers.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._platform import (
    HEAD_SIZE,
    ElfCutOffError,
    ElfError,
    FileType,
    identify,
)
from .linkage import (
    NOUNS,
    OTHER_FILE,
    STATIC_TOOL,
    Linkage,
    RefusedError,
    Verdict,
    check_elf,
    elf_kind,
    linkage_of,
    refused_arch,
    refused_kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .._platform import Platform
    from ..types import EngineKind

OK: Final = Verdict(ok=True, code="ok")
SECONDS_TO_LOAD: Final = 10.0

_AGAIN: Final = "Download or copy it again."
_FORMATS: Final = {"linux": "elf", "macos": "macho", "windows": "pe"}
_FORMAT_NAMES: Final = {"elf": "Linux", "macho": "macOS", "pe": "Windows"}
_SPECIAL: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def preflight(path: Path, kind: EngineKind, platform: Platform) -> Verdict:
    """Return whether *path* can be loaded or started on *platform*.

    Never loads, starts or waits for anything.
    """
    return next(iter(_verdicts(path, kind, platform)), OK)


def _verdicts(path: Path, kind: EngineKind, platform: Platform) -> list[Verdict]:
    """Return the one refusal, or all doubts."""
    try:
        return list(_check(path, kind, platform))
    except RefusedError as no:
        sentence = f"{path} {no.what}."
        return [Verdict(ok=False, code=no.code, sentence=sentence, remedy=no.remedy)]


def kind_of(path: Path) -> EngineKind:
    """Return what *path* is meant to be: a library if it is one of imageflow's.

    What cannot be read or understood is judged by its name.
    """
    try:
        with _open(path) as file:
            type_ = identify(file.read(HEAD_SIZE))
            if type_.is_library:
                return "library"
            if type_.kind == "elf" and (kind := elf_kind(file)) is not None:
                return kind
    except (RefusedError, ElfError, OSError):
        pass
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
    verdicts = _verdicts(path, kind, platform)
    with contextlib.suppress(RefusedError, ElfError, OSError), _open(path) as file:
        if identify(file.read(HEAD_SIZE)).kind == "elf":
            linkage = linkage_of(path, file, platform)
    for verdict in verdicts:
        if verdict.code == "missing_dependency":
            return kind, linkage, verdict._replace(ok=False)
    return kind, linkage, next(iter(verdicts), OK)


def _check(path: Path, kind: EngineKind, platform: Platform) -> Iterator[Verdict]:
    """Yield doubts; raise when the file is of no use."""
    if kind == "library" and not platform.can_dlopen:
        raise RefusedError(
            "no_dlopen",
            "cannot be loaded: this Python is static and loads no libraries",
            STATIC_TOOL,
        )
    try:
        with _open(path) as file:
            yield from _check_content(path, file, kind, platform)
        _check_mount(path)
        if kind == "tool" and not os.access(path, os.X_OK):
            raise RefusedError(
                "not_executable",
                "is not executable for this user",
                f"Run: chmod +x {path}",
            )
        yield from _doubt_owner(path)
    except ElfCutOffError as error:
        raise RefusedError("cut_off", f"is cut off: it {error}", _AGAIN) from None
    except ElfError as error:
        raise RefusedError("damaged", f"is damaged: {error}", _AGAIN) from None
    except OSError as error:
        raise RefusedError(
            "unreadable", f"cannot be read: {error.strerror or error}"
        ) from None


def _open(path: Path) -> BinaryIO:
    """Open a regular file; nothing else is even opened, since a pipe would wait."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            what = f"is a link to {path.readlink()}, which does not exist"
            raise RefusedError("dangling_link", what) from None
        raise RefusedError("not_found", "does not exist") from None
    except PermissionError:
        what = "lies in a folder that this user may not enter"
        raise RefusedError("unreadable", what) from None
    if not stat.S_ISREG(mode):
        name = next((name for test, name in _SPECIAL if test(mode)), "a device")
        code = "directory" if stat.S_ISDIR(mode) else "not_a_file"
        raise RefusedError(code, f"is {name}", "Name the file itself.")
    try:
        return io.FileIO(path, opener=_without_waiting)
    except PermissionError:
        raise RefusedError("unreadable", "may not be read by this user") from None


def _without_waiting(path: str, flags: int) -> int:
    # A pipe may have taken the file's place since we looked.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_content(
    path: Path, file: BinaryIO, kind: EngineKind, platform: Platform
) -> Iterator[Verdict]:
    type_ = identify(file.read(HEAD_SIZE))
    if type_.kind == "script" and kind == "tool" and platform.os != "windows":
        _check_script(file)
    elif type_.kind != _FORMATS.get(platform.os, "elf"):
        _refuse_format(type_, kind, platform, os.fstat(file.fileno()).st_size)
    elif type_.kind == "elf":
        yield from check_elf(path, file, kind, platform)
    elif type_.architectures and platform.arch not in type_.architectures:
        raise refused_arch(" or ".join(type_.architectures), platform)
    elif type_.is_library not in {None, kind == "library"}:
        raise refused_kind(kind)


def _refuse_format(
    type_: FileType, kind: EngineKind, platform: Platform, size: int
) -> None:
    noun = NOUNS[kind]
    match type_.kind:
        case "elf" | "macho" | "pe":
            arch = " or ".join(type_.architectures)
            built_for = f"{_FORMAT_NAMES[type_.kind]} {arch}".rstrip()
            raise RefusedError(
                "wrong_os",
                f"is built for {built_for}, but this is {platform.name}",
                f"Get the build for {platform.name}.",
            )
        case "empty":
            raise RefusedError("empty", "is empty", _AGAIN)
        case "ar":
            raise RefusedError(
                "static_archive",
                "is a static archive, which can be linked but not loaded",
                "Get the shared library, or the tool.",
            )
        case "gzip" | "zip":
            what = f"is a {type_.kind} archive, not {noun}"
            raise RefusedError("archive", what, "Unpack it first.")
        case "html":
            what = f"is an HTML page, not {noun}: a download went wrong"
            raise RefusedError("html", what, _AGAIN)
        case "script" | "text":
            what = f"is a text file, not {noun}"
            raise RefusedError("text", what, OTHER_FILE[kind])
        case _:
            what = f"holds {size} bytes of something that is not {noun}"
            raise RefusedError("not_a_binary", what, OTHER_FILE[kind])


def _check_script(file: BinaryIO) -> None:
    file.seek(0)
    words = file.read(256).split(b"\n")[0][2:].split()
    interpreter = os.fsdecode(words[0]) if words else ""
    if not Path(interpreter).is_file():
        raise RefusedError(
            "missing_interpreter",
            f"is a script for {interpreter or 'nothing'}, which does not exist",
        )


def _check_mount(path: Path) -> None:
    if not hasattr(os, "statvfs"):
        return
    if os.statvfs(path).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise RefusedError(
            "noexec",
            "is on a file system that is mounted noexec",
            "Put it elsewhere; IMAGEFLOW_CACHE_DIR moves what is fetched.",
        )


def _doubt_owner(path: Path) -> Iterator[Verdict]:
    """Yield a doubt if somebody else could have put other code there."""
    if not hasattr(os, "geteuid"):
        return
    for place in (path, path.parent):
        status = place.stat()
        in_turn = place is not path and status.st_mode & stat.S_ISVTX
        if status.st_mode & stat.S_IWOTH and not in_turn:
            who = "can be changed by every user of this machine"
        elif status.st_uid not in (0, os.geteuid()):
            who = f"belongs to another user (uid {status.st_uid})"
        else:
            continue
        yield Verdict(
            ok=True,
            code="others_can_write",
            sentence=f"{place} {who}.",
            remedy="Make it yours and writable for you alone.",
        )


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


def probe_library(path: Path, *, python: str | None = sys.executable) -> Verdict:
    """Return whether a child survives loading a library that has passed `preflight`.

    Args:
        path: The library.
        python: The interpreter to try it in; None or "" if there is none to start.
    """
    import subprocess  # nobody but a report needs it
    from signal import Signals

    if not python:
        return OK
    try:
        ended = subprocess.run(
            [python, "-I", "-S", "-c", _CHILD, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS_TO_LOAD,
            check=False,
        )
    except subprocess.TimeoutExpired:
        code = "hangs_on_load"
        what = f"is not loaded within {SECONDS_TO_LOAD:g} seconds: it hangs"
    except OSError:
        return OK  # no child to be had: the report goes without
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
    return Verdict(ok=False, code=code, sentence=f"{path} {what}.", remedy=STATIC_TOOL)
