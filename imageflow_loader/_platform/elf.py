"""What an ELF file says of itself: any bytes give a header or a clear error.

Only what a loader would look at is read, by seeking, never by mapping: a mapped file
that is cut off kills the process that reads beyond its end.

Source of all layouts and numbers: the System V ABI and `elf(5)`.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAGIC: Final = b"\x7fELF"
EXECUTABLE: Final = 2  # ET_EXEC
SHARED: Final = 3  # ET_DYN: a library, or a program that may lie anywhere

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_GNU_STACK = 1, 2, 3, 0x6474E551
_DT_NEEDED, _DT_STRTAB = 1, 5
_DT_SONAME, _DT_RPATH, _DT_RUNPATH, _DT_FLAGS = 14, 15, 29, 30
_DT_FLAGS_1 = 0x6FFFFFFB
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_DF_STATIC_TLS, _DF_1_PIE = 0x10, 0x0800_0000

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
    """The file ends before what it says it holds.

    Attributes:
        needed: The least size that a whole file has, in bytes.
        size: The size that it has.
    """

    def __init__(self, needed: int, size: int) -> None:
        """Say how many bytes are missing."""
        super().__init__(f"needs {needed} bytes, has {size}")
        self.needed = needed
        self.size = size


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
    flags: int
    """`e_flags`: variants of a machine."""
    interpreter: str | None
    """The loader that a program asks for; None for a library or a static program."""
    segments: tuple[Segment, ...]
    end: int
    """The least size of a whole file, in bytes."""
    size: int
    """The size of this one."""

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
        return any(
            segment.type == _PT_GNU_STACK and segment.flags & 1
            for segment in self.segments
        )

    @property
    def is_cut_off(self) -> bool:
        """Whether the file ends before its last segment or its section table."""
        return self.size < self.end


class ElfDynamic(NamedTuple):
    """What an ELF file tells the loader."""

    needed: tuple[str, ...]
    """The libraries that must be there, in order."""
    soname: str | None
    """The name that it gives itself; None when it has none."""
    search_path: tuple[str, ...]
    """`DT_RUNPATH`, else `DT_RPATH`: folders to look in, with `$ORIGIN` in them."""
    versions: tuple[tuple[str, tuple[str, ...]], ...]
    """Library → the symbol versions that it must have, such as `GLIBC_2.17`."""
    static_tls: bool
    """`DF_STATIC_TLS`: its thread-locals must lie beside the program's own."""
    is_program: bool
    """`DF_1_PIE`: a program, although its type is that of a library."""
    tables: tuple[tuple[int, int], ...]
    """The other entries as (tag, value), for `defined_symbols`."""

    def version_names(self) -> Iterator[str]:
        """Yield every symbol version that is needed, from whichever library."""
        for _, names in self.versions:
            yield from names


class Words:
    """The layouts of one class and byte order."""

    __slots__ = ("address", "dynamic", "order", "segment", "symbol")

    def __init__(self, bits: int, byte_order: str) -> None:
        order = "<" if byte_order == "little" else ">"
        wide = bits == 64
        self.order = order
        self.segment = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
        self.dynamic = struct.Struct(order + ("qQ" if wide else "iI"))
        self.symbol = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
        self.address = "Q" if wide else "I"


class FileReader:
    """Checked reads of a file."""

    __slots__ = ("_file", "size")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly *size* bytes from *offset*.

        Raises:
            ElfCutOffError: The file ends before that.
        """
        if offset + size > self.size:
            raise ElfCutOffError(offset + size, self.size)
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) < size:  # somebody is cutting it right now
            raise ElfCutOffError(offset + size, offset + len(data))
        return data

    def text(self, offset: int) -> str:
        """Return the zero-ended text at *offset*."""
        size = 64
        while True:
            size = min(size, self.size - offset)
            if size <= 0:
                raise ElfError("a name lies beyond the end of the file")
            head, zero, _ = self.read(offset, size).partition(b"\0")
            if zero:
                return os.fsdecode(head)
            if size >= _LONGEST_STRING or offset + size == self.size:
                raise ElfError("a name has no end")
            size *= 8


def read_header(file: BinaryIO) -> ElfHeader:
    """Return the header of *file*, which may be any file.

    A file that is cut off after its program headers still has a header;
    `ElfHeader.is_cut_off` tells.

    Raises:
        ElfError: It is no ELF file, or one whose header is damaged.
        OSError: It cannot be read.
    """
    source = FileReader(file)
    if source.size < len(MAGIC) or source.read(0, len(MAGIC)) != MAGIC:
        raise ElfError("it does not begin as an ELF file")
    ident = source.read(4, 2)
    if ident[0] not in (1, 2) or ident[1] not in (1, 2):
        raise ElfError(f"its class is {ident[0]} and its byte order {ident[1]}")
    bits: Literal[32, 64] = 64 if ident[0] == 2 else 32
    byte_order: Literal["little", "big"] = "little" if ident[1] == 1 else "big"
    words = Words(bits, byte_order)

    head = struct.Struct(words.order + f"HHI{words.address * 3}IHHHHHH")
    fields = head.unpack(source.read(16, head.size))
    type_, machine, _, entry, segments_at, sections_at, flags = fields[:7]
    row, rows, section_size, section_count = fields[8:12]
    if rows and row != words.segment.size:
        raise ElfError(f"its program headers have {row} bytes each")
    table = source.read(segments_at, row * rows)
    segments = tuple(
        _segment(numbers, bits) for numbers in words.segment.iter_unpack(table)
    )
    ends = [s.offset + s.size for s in segments if s.type == _PT_LOAD]
    if section_count:
        ends.append(sections_at + section_size * section_count)
    return ElfHeader(
        bits=bits,
        byte_order=byte_order,
        machine=machine,
        type=type_,
        entry=entry,
        flags=flags,
        interpreter=_interpreter(source, segments),
        segments=segments,
        end=max(ends, default=segments_at + row * rows),
        size=source.size,
    )


def read_dynamic(file: BinaryIO, header: ElfHeader) -> ElfDynamic | None:
    """Return what *file* tells the loader, None when it is static.

    Raises:
        ElfError: Its tables are damaged.
        OSError: It cannot be read.
    """
    place = next((s for s in header.segments if s.type == _PT_DYNAMIC), None)
    if place is None:
        return None
    source = FileReader(file)
    words = Words(header.bits, header.byte_order)
    entries = list(_dynamic_entries(source, words, place))
    tables = {tag: value for tag, value in reversed(entries) if tag != _DT_NEEDED}

    def text(index: int) -> str:
        return source.text(offset_of(header, tables.get(_DT_STRTAB, 0)) + index)

    search = tables.get(_DT_RUNPATH, tables.get(_DT_RPATH))
    return ElfDynamic(
        needed=tuple(text(value) for tag, value in entries if tag == _DT_NEEDED),
        soname=text(tables[_DT_SONAME]) if _DT_SONAME in tables else None,
        search_path=tuple(text(search).split(":")) if search is not None else (),
        versions=tuple(_versions(source, words, header, tables)),
        static_tls=bool(tables.get(_DT_FLAGS, 0) & _DF_STATIC_TLS),
        is_program=bool(tables.get(_DT_FLAGS_1, 0) & _DF_1_PIE),
        tables=tuple(tables.items()),
    )


def _segment(fields: Sequence[int], bits: int) -> Segment:
    if bits == 64:
        type_, flags, offset, address, _, size, _, _ = fields
    else:
        type_, offset, address, _, size, _, flags, _ = fields
    return Segment(type_, flags, offset, address, size)


def _interpreter(source: FileReader, segments: Iterable[Segment]) -> str | None:
    for segment in segments:
        if segment.type == _PT_INTERP:
            text = source.read(segment.offset, min(segment.size, _LONGEST_STRING))
            return os.fsdecode(text.partition(b"\0")[0])
    return None


def offset_of(header: ElfHeader, address: int) -> int:
    """Return where in the file lies what is loaded at *address*.

    Raises:
        ElfError: Nothing of it is loaded there.
    """
    for segment in header.segments:
        if (
            segment.type == _PT_LOAD
            and segment.address <= address < segment.address + segment.size
        ):
            return segment.offset + address - segment.address
    raise ElfError(f"nothing of the file lies at the address {address:#x}")


def _dynamic_entries(
    source: FileReader, words: Words, place: Segment
) -> Iterator[tuple[int, int]]:
    size = min(place.size, _LONGEST_DYNAMIC)
    table = source.read(place.offset, size - size % words.dynamic.size)
    for tag, value in words.dynamic.iter_unpack(table):
        if tag == 0:
            return
        yield tag, value


def _versions(
    source: FileReader, words: Words, header: ElfHeader, tables: dict[int, int]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if _DT_VERNEED not in tables:
        return
    strings = offset_of(header, tables.get(_DT_STRTAB, 0))
    library = struct.Struct(words.order + "HHIII")
    version = struct.Struct(words.order + "IHHII")
    at = offset_of(header, tables[_DT_VERNEED])
    budget = _MOST_VERSIONS
    for _ in range(min(tables.get(_DT_VERNEEDNUM, 0), _MOST_VERSIONS)):
        _, count, file, first, step = library.unpack(source.read(at, library.size))
        names = []
        inner = at + first
        for _ in range(count):
            budget -= 1
            if budget < 0:
                raise ElfError(f"it needs more than {_MOST_VERSIONS} symbol versions")
            _, _, _, name, skip = version.unpack(source.read(inner, version.size))
            names.append(source.text(strings + name))
            inner += skip
        yield source.text(strings + file), tuple(names)
        if not step:
            return
        at += step
