"""What kind of file do these bytes begin? For the sentence that says what is wrong."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias

from .elf import MAGIC as ELF_MAGIC

FileKind: TypeAlias = Literal[
    "empty", "elf", "macho", "pe", "ar", "gzip", "zip", "html", "script", "text", "data"
]

_HEAD_SIZE: Final = 4096

_MACHO_CPUS: Final = {
    0x0100_0007: "x86_64",
    0x0100_000C: "aarch64",
    0x0000_0007: "x86",
    0x0000_000C: "arm",
}
_PE_MACHINES: Final = {0x8664: "x86_64", 0xAA64: "aarch64", 0x14C: "x86"}
_PE_IS_DLL: Final = 0x2000
_MACHO_IS_DYLIB: Final = 6
_TEXT: Final = bytes(range(32, 127)) + b"\t\n\r\f\x1b"


class FileType(NamedTuple):
    """What the beginning of a file gives away."""

    kind: FileKind
    architectures: tuple[str, ...] = ()
    """Of Mach-O and PE files; an ELF header tells more by itself."""
    is_library: bool | None = None
    """Of Mach-O and PE files; None when it is not known."""


def identify(file: BinaryIO) -> FileType:
    """Return what kind of file *file* is, by how it begins."""
    file.seek(0)
    head = file.read(_HEAD_SIZE)
    if not head:
        return FileType("empty")
    if head.startswith(ELF_MAGIC):
        return FileType("elf")
    if found := _macho(head) or _pe(head):
        return found
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return FileType(kind)
    return FileType(_words(head))


_MAGICS: Final[tuple[tuple[bytes, FileKind], ...]] = (
    (b"!<arch>\n", "ar"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"#!", "script"),
)


def _macho(head: bytes) -> FileType | None:
    magic = head[:4]
    if magic in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe") and len(head) >= 16:
        cpu, _, type_ = struct.unpack_from("<III", head, 4)
        arch = _MACHO_CPUS.get(cpu, f"cpu-{cpu:#x}")
        return FileType("macho", (arch,), type_ == _MACHO_IS_DYLIB)
    # A universal file shares its magic with Java classes, whose next number is large.
    if magic == b"\xca\xfe\xba\xbe" and len(head) >= 8:
        (count,) = struct.unpack_from(">I", head, 4)
        if 0 < count < 20 and len(head) >= 8 + 20 * count:
            cpus = [struct.unpack_from(">I", head, 8 + 20 * i)[0] for i in range(count)]
            names = tuple(_MACHO_CPUS.get(cpu, f"cpu-{cpu:#x}") for cpu in cpus)
            return FileType("macho", names)
    return None


def _pe(head: bytes) -> FileType | None:
    if not head.startswith(b"MZ"):
        return None
    if len(head) >= 64:
        (at,) = struct.unpack_from("<I", head, 60)
        if head[at : at + 4] == b"PE\0\0" and len(head) >= at + 24:
            (machine,) = struct.unpack_from("<H", head, at + 4)
            (flags,) = struct.unpack_from("<H", head, at + 22)
            arch = _PE_MACHINES.get(machine, f"machine-{machine:#x}")
            return FileType("pe", (arch,), bool(flags & _PE_IS_DLL))
    return FileType("pe")


def _words(head: bytes) -> FileKind:
    start = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return "html"
    controls = head.translate(None, _TEXT + bytes(range(128, 256)))
    return "data" if controls else "text"
