"""Draws small ELF files: a header, one loaded segment, and what a loader reads.

No compiler is needed, so libraries for machines and libcs that are not here can be had
too. `python elf_heads.py FOLDER` writes the set that people ask for.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

MACHINES = {"x86_64": 62, "aarch64": 183, "x86": 3, "s390x": 22, "arm": 40}
NARROW = {"x86", "arm"}
BIG = {"s390x"}

EXEC, SHARED, RELOCATABLE = 2, 3, 1


@dataclass(frozen=True)
class ElfFile:
    """An ELF file to be; `bytes()` draws it."""

    arch: str = "x86_64"
    type: int = SHARED
    interpreter: str | None = None
    interpreter_at: int | None = None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    runpath: str | None = None
    versions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()
    static_tls: bool = False
    text_relocations: bool = False
    is_program: bool = False
    dynamic: bool = True
    executable_stack: bool | None = None
    entry: int = 0
    sections: bool = True

    def __bytes__(self) -> bytes:
        return _Drawing(self).bytes()


class _Drawing:
    def __init__(self, elf: ElfFile) -> None:
        self.elf = elf
        self.wide = elf.arch not in NARROW
        self.order = ">" if elf.arch in BIG else "<"
        self.strings = bytearray(b"\0")
        self.symbol_tables = [(0, 0), (0, 0)]  # place and size; then those of the names

    def bytes(self) -> bytes:
        elf = self.elf
        header_size = 64 if self.wide else 52
        row = 56 if self.wide else 32
        rows = 1 + elf.dynamic + (elf.interpreter is not None)
        rows += elf.executable_stack is not None
        body_at = header_size + row * rows
        body, dynamic_at, dynamic_size = self._body(body_at)
        interp = (elf.interpreter or "").encode() + b"\0"
        interp_at = elf.interpreter_at or body_at + len(body)
        content = body.ljust(interp_at - body_at, b"\0")
        if elf.interpreter is not None:
            content += interp
        sections_at = body_at + len(content)
        sections = self._sections() if elf.sections else b""

        segments = [self._segment(1, 5, 0, sections_at)]
        if elf.dynamic:
            segments.append(self._segment(2, 6, dynamic_at, dynamic_size))
        if elf.interpreter is not None:
            segments.append(self._segment(3, 4, interp_at, len(interp)))
        if elf.executable_stack is not None:
            segments.append(
                self._segment(0x6474E551, 7 if elf.executable_stack else 6, 0, 0)
            )
        head = self._header(header_size, row, rows, sections_at)
        return head + b"".join(segments) + content + sections

    def pack(self, layout: str, *values: int) -> bytes:
        return struct.pack(self.order + layout, *values)

    def _header(self, size: int, row: int, rows: int, sections_at: int) -> bytes:
        elf = self.elf
        ident = b"\x7fELF" + bytes([2 if self.wide else 1, 2 if elf.arch in BIG else 1])
        word = "Q" if self.wide else "I"
        return ident.ljust(16, b"\0") + self.pack(
            f"HHI{word * 3}IHHHHHH",
            elf.type,
            MACHINES[elf.arch],
            1,
            elf.entry,
            size,
            sections_at if elf.sections else 0,
            0,
            size,
            row,
            rows,
            64 if self.wide else 40,
            3 if elf.sections else 0,
            0,
        )

    def _segment(self, type_: int, flags: int, at: int, size: int) -> bytes:
        if self.wide:
            return self.pack("IIQQQQQQ", type_, flags, at, at, at, size, size, 8)
        return self.pack("IIIIIIII", type_, at, at, at, size, size, flags, 4)

    def _sections(self) -> bytes:
        """Return the table: nothing, the symbols, and their names."""
        layout = "IIQQQQIIQQ" if self.wide else "IIIIIIIIII"
        (symbols_at, symbols_size), (names_at, names_size) = self.symbol_tables
        return b"".join(
            self.pack(layout, 0, kind, 0, 0, at, size, link, 0, 0, 0)
            for kind, at, size, link in (
                (0, 0, 0, 0),
                (11, symbols_at, symbols_size, 2),
                (3, names_at, names_size, 0),
            )
        )

    def _string(self, text: str) -> int:
        at = len(self.strings)
        self.strings += text.encode() + b"\0"
        return at

    def _body(self, at: int) -> tuple[bytes, int, int]:
        """Return strings, tables and the dynamic section, to be placed at *at*."""
        elf = self.elf
        if not elf.dynamic:
            return b"", 0, 0
        entries: list[tuple[int, int]] = [(1, self._string(n)) for n in elf.needed]
        if elf.soname is not None:
            entries.append((14, self._string(elf.soname)))
        if elf.runpath is not None:
            entries.append((29, self._string(elf.runpath)))
        if flags := 0x10 * elf.static_tls | 0x4 * elf.text_relocations:
            entries.append((30, flags))
        if elf.is_program:
            entries.append((0x6FFFFFFB, 0x08000000))
        symbols = self._symbols()
        versions = self._versions()
        parts = [(6, symbols)]
        if versions:
            parts.append((0x6FFFFFFE, versions))
            entries.append((0x6FFFFFFF, len(elf.versions)))
        parts.append((5, bytes(self.strings)))
        body = b""
        for tag, part in parts:
            entries.append((tag, at + len(body)))
            body += part + bytes(-len(part) % 8)
        names_at = dict(entries)[5]
        self.symbol_tables = [(at, len(symbols)), (names_at, len(self.strings))]
        entries += [(10, len(self.strings)), (0, 0)]
        layout = "qQ" if self.wide else "iI"
        dynamic = b"".join(self.pack(layout, *entry) for entry in entries)
        return body + dynamic, at + len(body), len(dynamic)

    def _symbol(self, name: int, section: int) -> bytes:
        if self.wide:
            return self.pack("IBBHQQ", name, 0x12, 0, section, 0x1000, 1)
        return self.pack("IIIBBH", name, 0x1000, 1, 0x12, 0, section)

    def _symbols(self) -> bytes:
        names = [(name, 0) for name in self.elf.undefined]
        names += [(name, 7) for name in self.elf.symbols]
        rows = [self._symbol(self._string(name), place) for name, place in names]
        return self._symbol(0, 0) + b"".join(rows)

    def _versions(self) -> bytes:
        table = b""
        for number, (library, names) in enumerate(self.elf.versions.items(), 1):
            last = number == len(self.elf.versions)
            step = 0 if last else 16 * (1 + len(names))
            file = self._string(library)
            table += self.pack("HHIII", 1, len(names), file, 16, step)
            for index, name in enumerate(names, 1):
                skip = 0 if index == len(names) else 16
                table += self.pack("IHHII", 0, 0, 2, self._string(name), skip)
        return table


IMAGEFLOW = ("imageflow_abi_version_major", "imageflow_context_create")

GLIBC_LIBRARY = ElfFile(
    needed=("libc.so.6",),
    versions={"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.17")},
    symbols=IMAGEFLOW,
)
MUSL_LIBRARY = ElfFile(needed=("libc.so",), symbols=IMAGEFLOW)

PEOPLE_ASK_FOR = {
    "libimageflow-glibc.so": GLIBC_LIBRARY,
    "libimageflow-musl.so": MUSL_LIBRARY,
    "libimageflow-aarch64.so": ElfFile(arch="aarch64", symbols=IMAGEFLOW),
    "imageflow_tool-static": ElfFile(type=EXEC, dynamic=False, entry=0x1000),
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, elf in PEOPLE_ASK_FOR.items():
        (folder / name).write_bytes(bytes(elf))
