"""Does an ELF file fit this process: its machine, its libc, what else it needs?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, NamedTuple, TypeAlias

from .._platform import (
    EXECUTABLE,
    SHARED,
    ElfCutOffError,
    ElfDynamic,
    defined_symbols,
    family_of_interpreter,
    mapped_files,
    read_dynamic,
    read_header,
)
from .._settings import library_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._platform import ElfHeader, Family, Platform
    from ..types import EngineKind

ABI: Final = (
    "imageflow_abi_compatible",
    "imageflow_abi_version_major",
    "imageflow_abi_version_minor",
    "imageflow_buffer_free",
    "imageflow_context_add_input_buffer",
    "imageflow_context_add_output_buffer",
    "imageflow_context_begin_terminate",
    "imageflow_context_create",
    "imageflow_context_destroy",
    "imageflow_context_error_as_exit_code",
    "imageflow_context_error_as_http_code",
    "imageflow_context_error_code",
    "imageflow_context_error_recoverable",
    "imageflow_context_error_try_clear",
    "imageflow_context_error_write_to_buffer",
    "imageflow_context_get_output_buffer_by_id",
    "imageflow_context_has_error",
    "imageflow_context_memory_allocate",
    "imageflow_context_memory_free",
    "imageflow_context_request_cancellation",
    "imageflow_context_send_json",
    "imageflow_context_take_output_buffer",
    "imageflow_json_response_destroy",
    "imageflow_json_response_read",
)
"""The functions that a library of ABI 3.2 exports; build_ffi.py has what they take."""

STATIC_TOOL: Final = (
    "Use the static imageflow_tool instead: load_engine('tool') or IMAGEFLOW_TOOL."
)
NOUNS: Final = {"library": "a shared library", "tool": "a program"}
OTHER_FILE: Final = {
    "library": "Name the libimageflow file itself.",
    "tool": "Name the imageflow_tool file itself.",
}
_ENTRY_POINT: Final = "imageflow_context_create"  # by which a library is known
_STATIC_BUILD: Final = "Use the static tool, the linux-musl build."
_PT_TLS: Final = 7  # a segment of thread-locals
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


class RefusedError(Exception):
    """A file will not do; caught by `preflight`, and never seen outside."""

    def __init__(self, code: str, what: str, remedy: str | None = None) -> None:
        """Keep all three; *what* is as it follows the path in a sentence."""
        super().__init__(what)
        self.code, self.what, self.remedy = code, what, remedy


def refused_arch(found: str, platform: Platform) -> RefusedError:
    """Return the refusal of a file that is built for *found*."""
    what = f"is built for {found}, but this process is {platform.arch}"
    return RefusedError("wrong_arch", what, f"Get the build for {platform.name}.")


def refused_kind(wanted: EngineKind) -> RefusedError:
    """Return the refusal of a file that is of the other kind than *wanted*."""
    if wanted == "library":
        remedy = "Name it in IMAGEFLOW_TOOL if it is imageflow_tool."
        what = "is a program, not a shared library"
        return RefusedError("not_a_library", what, remedy)
    remedy = "Name it in IMAGEFLOW_LIBRARY if it is libimageflow."
    what = "is a shared library, not a program"
    return RefusedError("not_a_program", what, remedy)


def elf_kind(file: BinaryIO) -> EngineKind | None:
    """Return what an ELF *file* is; None where it could be somebody else's library.

    Raises:
        ElfError: It is damaged.
    """
    header = read_header(file)
    dynamic = read_dynamic(file, header)
    if dynamic and defined_symbols(file, header, dynamic, [_ENTRY_POINT]):
        return "library"
    return "tool" if _is_program(header, dynamic) else None


def check_elf(
    path: Path, file: BinaryIO, kind: EngineKind, platform: Platform
) -> Iterator[Verdict]:
    """Yield what is doubtful about *file*.

    Raises:
        RefusedError: It cannot be loaded or started here.
        ElfError: It is cut off or damaged.
    """
    header = read_header(file)
    if header.arch != platform.arch:
        raise refused_arch(header.arch, platform)
    if header.is_cut_off:
        raise ElfCutOffError(header.end, header.size)
    if header.type not in (EXECUTABLE, SHARED):
        what = f"is an object file or a core dump, not {NOUNS[kind]}"
        raise RefusedError("not_linked", what, OTHER_FILE[kind])
    dynamic = read_dynamic(file, header)
    if kind == "tool":
        return _check_program(path, header, dynamic, platform)
    if dynamic is None or _is_program(header, dynamic):
        raise refused_kind("library")
    _check_libc(dynamic, platform)
    if not defined_symbols(file, header, dynamic, [_ENTRY_POINT]):
        what = f"is a library, but not imageflow's: it has no {_ENTRY_POINT}"
        raise RefusedError("not_imageflow", what, OTHER_FILE["library"])
    return _check_library(path, header, dynamic, platform)


def _is_program(header: ElfHeader, dynamic: ElfDynamic | None) -> bool:
    return header.type == EXECUTABLE or dynamic is None or dynamic.is_program


def _check_libc(dynamic: ElfDynamic, platform: Platform) -> None:
    running = platform.loading_libc
    if running is None or running.family == "unknown":
        what = "cannot be judged: this process runs on a libc that we do not know"
        raise RefusedError("unknown_libc", what, STATIC_TOOL)
    family = libc_family(dynamic)
    if family is not None and family != running.family:
        raise RefusedError(
            "wrong_libc",
            f"is built for {family}, but this process runs on {running}",
            f"Install the wheel for {running.family}, or use the static imageflow_tool:"
            " load_engine('tool') or IMAGEFLOW_TOOL.",
        )
    _check_glibc_version(dynamic, platform, STATIC_TOOL)


def _check_glibc_version(dynamic: ElfDynamic, platform: Platform, remedy: str) -> None:
    running, needed = platform.loading_libc, _min_glibc(dynamic)
    if needed and running and running.version and needed > running.version:
        what = (
            f"needs glibc {needed[0]}.{needed[1]}, but this process runs on {running}"
        )
        raise RefusedError("old_glibc", what, remedy)


def _check_library(
    path: Path, header: ElfHeader, dynamic: ElfDynamic, platform: Platform
) -> Iterator[Verdict]:
    libc = platform.loading_libc
    if dynamic.static_tls and libc and libc.family == "musl":
        raise RefusedError(
            "static_tls",
            "has static thread-local storage (DF_STATIC_TLS), which musl cannot load at"
            " run time",
            STATIC_TOOL,
        )
    if header.executable_stack:
        code, remedy = "executable_stack", "Link it again with -z noexecstack."
        what = "asks for an executable stack, which"
        if libc and libc.version and libc.version >= _STRICT_STACKS:
            raise RefusedError(code, f"{what} {libc} refuses", remedy)
        sentence = f"{path} {what} SELinux and glibc 2.41 refuse."
        yield Verdict(ok=True, code=code, sentence=sentence, remedy=remedy)
    yield from _doubt_dependencies(path, dynamic, platform)


def _check_program(
    path: Path, header: ElfHeader, dynamic: ElfDynamic | None, platform: Platform
) -> Iterator[Verdict]:
    interpreter = header.interpreter
    if dynamic is None:
        return
    if interpreter is None:
        # Old linkers do not mark static programs that may lie anywhere.
        looks_loadable = dynamic.soname is not None or not header.entry
        if not _is_program(header, dynamic) and looks_loadable:
            raise refused_kind("tool")
        return
    family = family_of_interpreter(interpreter)
    if not Path(interpreter).exists():
        built_for = f" ({family})" if family else ""
        raise RefusedError(
            "missing_interpreter",
            f"needs the loader {interpreter}{built_for}, which is not on this machine"
            f" ({platform})",
            _STATIC_BUILD,
        )
    running = platform.loading_libc
    if running and running.family == family:
        _check_glibc_version(dynamic, platform, _STATIC_BUILD)
        yield from _doubt_dependencies(path, dynamic, platform)


def _doubt_dependencies(
    path: Path, dynamic: ElfDynamic, platform: Platform
) -> Iterator[Verdict]:
    """Yield a doubt if a needed library is not to be seen.

    No more than a doubt: where the loader looks is the loader's affair.
    """
    found = _whereabouts(path, dynamic, platform)
    missing = [name for name, place in found if place is None]
    if missing:
        yield Verdict(
            ok=True,
            code="missing_dependency",
            sentence=f"{path} needs {' and '.join(missing)}, which cannot be found on"
            f" this machine ({platform}).",
            remedy="Install it: `apk add libgcc` or `apt-get install libgcc-s1`."
            if "libgcc_s.so.1" in missing
            else "Install it, or use the static imageflow_tool.",
        )


# What it needs, beside any verdict.

Tls: TypeAlias = Literal["none", "dynamic", "static"]


class Linkage(NamedTuple):
    """What a binary needs of the machine that loads or starts it."""

    arch: str
    interpreter: str | None
    """The loader that starts it; None for a library or a static program."""
    libc: Family | None
    """The family that it was built for; None when it brings its own, or needs none."""
    min_glibc: tuple[int, int] | None
    """The oldest glibc with every symbol version that it asks for."""
    needed: tuple[tuple[str, str | None], ...]
    """Libraries that must be there, and where each is; None when it is not found."""
    tls: Tls
    """Its thread-locals: "static" ones (initial-exec) cannot be loaded on musl."""
    executable_stack: bool
    exports: tuple[str, ...]
    """Which functions of `ABI` it has."""


def linkage_of(path: Path, file: BinaryIO, platform: Platform) -> Linkage:
    """Return what the ELF *file* at *path* needs, looked for on this machine.

    Raises:
        ElfError: It is damaged.
    """
    header = read_header(file)
    dynamic = read_dynamic(file, header)
    libc = family_of_interpreter(header.interpreter) if header.interpreter else None
    tls: Tls = "none"
    if any(segment.type == _PT_TLS for segment in header.segments):
        tls = "static" if dynamic is None or dynamic.static_tls else "dynamic"
    stack = header.executable_stack
    if dynamic is None:
        return Linkage(header.arch, header.interpreter, libc, None, (), tls, stack, ())
    return Linkage(
        arch=header.arch,
        interpreter=header.interpreter,
        libc=libc or libc_family(dynamic),
        min_glibc=_min_glibc(dynamic),
        needed=_whereabouts(path, dynamic, platform),
        tls=tls,
        executable_stack=stack,
        exports=tuple(sorted(defined_symbols(file, header, dynamic, ABI))),
    )


_LIBC_NAMES: Final[dict[Family, str]] = {
    "uclibc": r"libc\.so\.[01]|ld(64)?-uClibc.*",
    "glibc": r"libc\.so\.6(\.\d)?|ld-linux.*|ld64\.so.*",
    "musl": r"libc\.so|libc\.musl-.*|ld-musl-.*",
}


def libc_family(dynamic: ElfDynamic) -> Family | None:
    """Return the libc family that a library was built for; None when it needs none."""
    versions = list(dynamic.version_names())
    if any(name.startswith("GLIBC_") for name in versions):
        return "glibc"
    # Android's linker knows the versions LIBC, LIBC_N, LIBC_O …
    if any(re.fullmatch(r"LIBC(_[A-Z])?", name) for name in versions):
        return "bionic"
    for family, pattern in _LIBC_NAMES.items():
        if any(re.fullmatch(pattern, name) for name in dynamic.needed):
            return family
    return None


def _min_glibc(dynamic: ElfDynamic) -> tuple[int, int] | None:
    found = (re.match(r"GLIBC_(\d+)\.(\d+)", name) for name in dynamic.version_names())
    return max(((int(v[1]), int(v[2])) for v in found if v), default=None)


# musl is one file, whichever part of it is asked for.
_MUSL_PARTS: Final = re.compile(
    r"lib(c|m|pthread|rt|dl|util|xnet|crypt|resolv)\.so|libc\.musl-|ld-musl-"
)
_FOLDERS: Final = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_LOADER_LIST: Final = Path("/etc/ld.so.cache")  # glibc's; names lie in it as they are


def _whereabouts(
    path: Path, dynamic: ElfDynamic, platform: Platform
) -> tuple[tuple[str, str | None], ...]:
    """Return each library that is needed, and where it is found, if it is."""
    libc = platform.loading_libc
    on_musl = bool(libc and libc.family == "musl")
    told = [
        re.sub(r"\$(ORIGIN|\{ORIGIN\})", str(path.parent), folder)
        for folder in (*dynamic.search_path, *library_path())
        if folder
    ]
    try:
        mapped = mapped_files()
    except OSError:
        mapped = frozenset()
    try:
        listed = _LOADER_LIST.read_bytes()
    except OSError:
        listed = b""

    def place(name: str) -> str | None:
        if name in mapped:
            return "loaded in this process"
        if on_musl and _MUSL_PARTS.match(name):
            return "a part of musl"
        files = (Path(folder, name) for folder in (*told, *_FOLDERS))
        if file := next((file for file in files if file.exists()), None):
            return str(file)
        return str(_LOADER_LIST) if name.encode() + b"\0" in listed else None

    return tuple((name, place(name)) for name in dynamic.needed)
