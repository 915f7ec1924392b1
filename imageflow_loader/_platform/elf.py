"""What an ELF file says of itself: any bytes give a header or a clear error.

Only what a loader would look at is read, by seeking, never by mapping: a mapped file
that is cut off kills the process that reads beyond its end.

Source of all layouts and numbers: the System V ABI and `elf(5)`.
"""

from __future__ import annotations

import os
import struct
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC: Final = b"\x7fELF"
EXECUTABLE: Final = 2  # ET_EXEC
SHARED: Final = 3  # ET_DYN: a library, or a program that may lie anywhere

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_TLS, _PT_GNU_STACK = 1, 2, 3, 7, 0x6474E551
_DT_NEEDED, _DT_STRTAB = 1, 5
_DT_SONAME, _DT_RPATH, _DT_RUNPATH, _DT_FLAGS = 14, 15, 29, 30
_DT_FLAGS_1 = 0x6FFFFFFB
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_DF_STATIC_TLS, _DF_1_PIE = 0x10, 0x0800_0000
_SHT_DYNSYM = 11

# Damaged files must not cost minutes: no real file comes near these.
_LONGEST_STRING = 4096
_LONGEST_DYNAMIC = 1 << 20
_MOST_VERSIONS = 4096

_ARCHITECTURES: Final = {
    (3, 32): "x86",
    (62, 64): "x86_64",
    (62, 32): "x32",
    (40, 32): "arm",
    (183, 64): "aarch64",
    (243, 64): "riscv64",
    (243, 32): "riscv32",
    (22, 64): "s390x",
    (258, 64): "loongarch64",
    (20, 32): "ppc",
    (8, 32): "mips",
    (8, 64): "mips64",
}


class ElfError(ValueError):
    """The bytes are not an ELF file, or one that is damaged."""


class ElfCutOffError(ElfError):
    """The file ends before what it says it holds."""


class Segment(NamedTuple):
    """A row of the program header table."""

    type: int
    flags: int
    offset: int
    address: int
    size: int
    """Bytes in the file; it may be more in memory."""


class ElfHeader(NamedTuple):
    """The header of an ELF file and its segments."""

    bits: Literal[32, 64]
    byte_order: Literal["little", "big"]
    machine: int
    """`e_machine`, such as 62 for x86-64."""
    type: int
    """`e_type`: 2 an executable, 3 a library or a position-independent program."""
    entry: int
    """`e_entry`: where a program begins; most libraries have 0."""
    interpreter: str | None
    """The loader that a program asks for; None for a library or a static program."""
    segments: tuple[Segment, ...]
    sections: tuple[int, int]
    """Where the section table is and what it takes, in bytes; stripped files have
    none."""

    @property
    def arch(self) -> str:
        """The architecture's name, such as "x86_64"; "machine-N" when we know none."""
        if (self.machine, self.bits) == (21, 64):
            return "ppc64le" if self.byte_order == "little" else "ppc64"
        return _ARCHITECTURES.get(
            (self.machine, self.bits), f"machine-{self.machine}-{self.bits}"
        )

    @property
    def executable_stack(self) -> bool:
        """Whether it asks for a stack that may hold code."""
        return any(s.type == _PT_GNU_STACK and s.flags & 1 for s in self.segments)

    @property
    def has_thread_locals(self) -> bool:
        """Whether each thread gets data of its own."""
        return any(segment.type == _PT_TLS for segment in self.segments)

    @property
    def has_sections(self) -> bool:
        """Whether it has a section table, without which nobody knows its exports."""
        return self.sections[1] > 0


class ElfDynamic(NamedTuple):
    """What an ELF file tells the loader."""

    needed: tuple[str, ...]
    """The libraries that must be there, in order."""
    soname: str | None
    """The name that it gives itself; None when it has none."""
    search_path: tuple[str, ...]
    """`DT_RUNPATH`, else `DT_RPATH`: folders to look in, with `$ORIGIN` in them."""
    versions: tuple[str, ...]
    """The symbol versions that its libraries must have, such as `GLIBC_2.17`."""
    static_tls: bool
    """`DF_STATIC_TLS`: its thread-locals must lie beside the program's own."""
    is_program: bool
    """`DF_1_PIE`: a program, although its type is that of a library; or static."""
    tables: dict[int, int]
    """The entries but for what is needed, by their tags."""


class _Reader:
    """Checked reads of a file."""

    def __init__(self, file: BinaryIO, header: ElfHeader | None = None) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self.wide = header is None or header.bits == 64
        self.order = "<" if header is None or header.byte_order == "little" else ">"

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly *size* bytes from *offset*.

        Raises:
            ElfCutOffError: The file ends before that.
        """
        data = b""
        if offset + size <= self.size:
            self._file.seek(offset)
            data = self._file.read(size)
        if len(data) < size:
            raise ElfCutOffError(f"needs {offset + size} bytes, has {self.size}")
        return data

    def text(self, offset: int) -> str:
        """Return the zero-ended text at *offset*."""
        size = min(_LONGEST_STRING, max(0, self.size - offset))
        text, zero, _ = self.read(offset, size).partition(b"\0")
        if not zero:
            raise ElfError("a name has no end")
        return os.fsdecode(text)

    def struct(self, wide: str, narrow: str) -> struct.Struct:
        """Return the layout that 64-bit or 32-bit files have."""
        return struct.Struct(self.order + (wide if self.wide else narrow))

    def numbers(self, offset: int, layout: str) -> tuple[int, ...]:
        """Return what lies at *offset*, in a layout that both classes share."""
        parts = struct.Struct(self.order + layout)
        return parts.unpack(self.read(offset, parts.size))


def read_header(file: BinaryIO) -> ElfHeader:
    """Return the header of *file*, which may be any file.

    Raises:
        ElfCutOffError: It ends before its last segment or its section table.
        ElfError: It is no ELF file, or one whose header is damaged.
        OSError: It cannot be read.
    """
    source = _Reader(file)
    ident = source.read(0, 6)
    if not ident.startswith(MAGIC):
        raise ElfError("it does not begin as an ELF file")
    if not {1, 2}.issuperset(ident[4:]):
        raise ElfError(f"its class is {ident[4]} and its byte order {ident[5]}")
    source.wide, source.order = ident[4] == 2, "<" if ident[5] == 1 else ">"

    fields = source.numbers(16, "HHIQQQIHHHHHH" if source.wide else "HHIIIIIHHHHHH")
    type_, machine, _, entry, segments_at, sections_at = fields[:6]
    row, rows, section_size, section_count = fields[8:12]
    layout = source.struct("IIQQQQQQ", "IIIIIIII")
    if rows and row != layout.size:
        raise ElfError(f"its program headers have {row} bytes each")
    # Where a row has type, flags, offset, address and size.
    places = (0, 1, 2, 3, 5) if source.wide else (0, 6, 1, 2, 4)
    segments = tuple(
        Segment(*(numbers[place] for place in places))
        for numbers in layout.iter_unpack(source.read(segments_at, row * rows))
    )
    ends = [s.offset + s.size for s in segments if s.type == _PT_LOAD]
    if section_count:
        ends.append(sections_at + section_size * section_count)
    if max(ends, default=0) > source.size:
        raise ElfCutOffError(f"needs {max(ends)} bytes, has {source.size}")
    interpreter = next((s for s in segments if s.type == _PT_INTERP), None)
    return ElfHeader(
        bits=64 if source.wide else 32,
        byte_order="little" if source.order == "<" else "big",
        machine=machine,
        type=type_,
        entry=entry,
        interpreter=interpreter and source.text(interpreter.offset),
        segments=segments,
        sections=(sections_at, section_size * section_count),
    )


def read_dynamic(file: BinaryIO, header: ElfHeader) -> ElfDynamic:
    """Return what *file* tells the loader: nothing when it is static.

    Raises:
        ElfError: Its tables are damaged.
        OSError: It cannot be read.
    """
    place = next((s for s in header.segments if s.type == _PT_DYNAMIC), None)
    if place is None:
        return ElfDynamic((), None, (), (), header.has_thread_locals, True, {})
    source = _Reader(file, header)
    layout = source.struct("qQ", "iI")
    size = min(place.size, _LONGEST_DYNAMIC) // layout.size * layout.size
    entries: list[tuple[int, int]] = []
    for tag, value in layout.iter_unpack(source.read(place.offset, size)):
        if tag == 0:
            break
        entries.append((tag, value))
    tables = {tag: value for tag, value in reversed(entries) if tag != _DT_NEEDED}

    def text(index: int) -> str:
        return source.text(_offset_of(header, tables.get(_DT_STRTAB, 0)) + index)

    def versions() -> Iterator[str]:
        if _DT_VERNEED not in tables:
            return
        at = _offset_of(header, tables[_DT_VERNEED])
        for _ in range(min(tables.get(_DT_VERNEEDNUM, 0), _MOST_VERSIONS)):
            _, count, _, first, step = source.numbers(at, "HHIII")
            inner = at + first
            for _ in range(count):
                _, _, _, name, skip = source.numbers(inner, "IHHII")
                yield text(name)
                inner += skip
            if not step:
                return
            at += step

    search = tables.get(_DT_RUNPATH, tables.get(_DT_RPATH))
    return ElfDynamic(
        needed=tuple(text(value) for tag, value in entries if tag == _DT_NEEDED),
        soname=text(tables[_DT_SONAME]) if _DT_SONAME in tables else None,
        search_path=tuple(text(search).split(":")) if search is not None else (),
        versions=tuple(islice(versions(), _MOST_VERSIONS)),
        static_tls=bool(tables.get(_DT_FLAGS, 0) & _DF_STATIC_TLS),
        is_program=bool(tables.get(_DT_FLAGS_1, 0) & _DF_1_PIE),
        tables=tables,
    )


def exported_names(file: BinaryIO, header: ElfHeader) -> frozenset[str]:
    """Return what *file* defines for others, as far as its section table says.

    Raises:
        ElfError: Its tables are damaged.
        OSError: It cannot be read.
    """
    source = _Reader(file, header)
    section = source.struct("IIQQQQIIQQ", "IIIIIIIIII")
    symbol = source.struct("IBBHQQ", "IIIBBH")
    at, size = header.sections
    rows = list(section.iter_unpack(source.read(at, size - size % section.size)))
    for _, kind, _, _, at, size, strings, *_ in rows:
        if kind != _SHT_DYNSYM or strings >= len(rows):
            continue
        texts = source.read(*rows[strings][4:6])
        names = set()
        for fields in symbol.iter_unpack(source.read(at, size - size % symbol.size)):
            name = fields[0]
            info, _, where = fields[1:4] if source.wide else fields[3:6]
            if where and info >> 4:  # defined here, and not local
                names.add(os.fsdecode(texts[name : texts.find(b"\0", name)]))
        return frozenset(names)
    return frozenset()


def _offset_of(header: ElfHeader, address: int) -> int:
    """Return where in the file lies what is loaded at *address*."""
    for segment in header.segments:
        if (
            segment.type == _PT_LOAD
            and segment.address <= address < segment.address + segment.size
        ):
            return segment.offset + address - segment.address
    raise ElfError(f"nothing of the file lies at the address {address:#x}")
