"""What does an ELF file need of the machine that loads or starts it?"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from .._platform import (
    SOME_LIBC,
    base_names,
    exported_names,
    family_of,
    mapped_files,
)
from .._settings import library_path

if TYPE_CHECKING:
    from typing import BinaryIO

    from .._platform import ElfDynamic, ElfHeader, Family, Platform

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


def linkage_of(
    path: Path,
    file: BinaryIO,
    header: ElfHeader,
    dynamic: ElfDynamic,
    platform: Platform,
) -> Linkage:
    """Return what the ELF *file* at *path* needs, looked for on this machine.

    Raises:
        ElfError: It is damaged.
    """
    exported = exported_names(file, header)
    tls: Tls = "dynamic" if header.has_thread_locals else "none"
    return Linkage(
        arch=header.arch,
        interpreter=header.interpreter,
        libc=family_of(header.interpreter or "") or libc_family(dynamic),
        min_glibc=_min_glibc(dynamic),
        needed=_whereabouts(path, dynamic, platform),
        tls="static" if dynamic.static_tls else tls,
        executable_stack=header.executable_stack,
        exports=tuple(name for name in ABI if name in exported),
    )


def libc_family(dynamic: ElfDynamic) -> Family | None:
    """Return the libc family that a library was built for; None when it needs none."""
    if any(name.startswith("GLIBC_") for name in dynamic.versions):
        return "glibc"
    # Android's linker knows the versions LIBC, LIBC_N, LIBC_O …
    if any(re.fullmatch(r"LIBC(_[A-Z])?", name) for name in dynamic.versions):
        return "bionic"
    musl: Family | None = "musl" if SOME_LIBC in dynamic.needed else None
    return next(filter(None, map(family_of, dynamic.needed)), musl)


def _min_glibc(dynamic: ElfDynamic) -> tuple[int, int] | None:
    found = (re.match(r"GLIBC_(\d+)\.(\d+)", name) for name in dynamic.versions)
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
    if not dynamic.needed:  # a static tool
        return ()
    libc = platform.loading_libc
    on_musl = bool(libc and libc.family == "musl")
    told = [
        re.sub(r"\$(ORIGIN|\{ORIGIN\})", str(path.parent), folder)
        for folder in (*dynamic.search_path, *library_path())
        if folder
    ]
    mapped = frozenset[str]()
    with contextlib.suppress(OSError):
        mapped = base_names(mapped_files())

    def is_listed(name: str) -> bool:
        with contextlib.suppress(OSError):
            return name.encode() + b"\0" in _LOADER_LIST.read_bytes()
        return False

    def place(name: str) -> str | None:
        if name in mapped:
            return "loaded in this process"
        if on_musl and _MUSL_PARTS.match(name):
            return "a part of musl"
        files = (Path(folder, name) for folder in (*told, *_FOLDERS))
        if file := next((file for file in files if file.exists()), None):
            return str(file)
        return str(_LOADER_LIST) if is_listed(name) else None

    return tuple((name, place(name)) for name in dynamic.needed)
