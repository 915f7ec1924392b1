"""What does an ELF file export? Looked up by hash, as a loader does it.

Source: the hash table of the System V ABI, and the GNU hash section as glibc's
`dl-lookup.c` walks it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, Final

from .elf import ElfDynamic, ElfError, ElfHeader, FileReader, Words, offset_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH = 4, 5, 6, 0x6FFFFEF5

# Damaged files must not cost minutes: no linker makes chains that come near this.
_LONGEST_CHAIN: Final = 1 << 14


def defined_symbols(
    file: BinaryIO, header: ElfHeader, dynamic: ElfDynamic, names: Iterable[str]
) -> frozenset[str]:
    """Return those of *names* that *file* exports, looked up as a loader does.

    Raises:
        ElfError: Its tables are damaged.
        OSError: It cannot be read.
    """
    tables = dict(dynamic.tables)
    source = FileReader(file)
    lookup: _Lookup
    if _DT_GNU_HASH in tables:
        lookup = _GnuHash(source, header, tables)
    elif _DT_HASH in tables:
        lookup = _SysvHash(source, header, tables)
    else:
        return frozenset()
    return frozenset(name for name in names if lookup.defines(name))


class _Lookup:
    """A symbol table and the names in it."""

    def __init__(
        self, source: FileReader, header: ElfHeader, tables: dict[int, int]
    ) -> None:
        self.source = source
        self.header = header
        self.words = Words(header.bits, header.byte_order)
        self.symbols = offset_of(header, tables.get(_DT_SYMTAB, 0))
        self.strings = offset_of(header, tables.get(_DT_STRTAB, 0))

    def defines(self, name: str) -> bool:
        """Return whether the file exports *name*."""
        return any(self.is_definition(index, name) for index in self.indices(name))

    def indices(self, name: str) -> Iterator[int]:
        """Yield the symbols that may be *name*."""
        raise NotImplementedError

    def is_definition(self, index: int, name: str) -> bool:
        size = self.words.symbol.size
        fields = self.words.symbol.unpack(
            self.source.read(self.symbols + index * size, size)
        )
        section = fields[3] if self.header.bits == 64 else fields[5]
        return bool(section) and self.source.text(self.strings + fields[0]) == name

    def numbers(self, offset: int, count: int, size: str = "I") -> tuple[int, ...]:
        layout = struct.Struct(f"{self.words.order}{count}{size}")
        return layout.unpack(self.source.read(offset, layout.size))


class _GnuHash(_Lookup):
    def __init__(
        self, source: FileReader, header: ElfHeader, tables: dict[int, int]
    ) -> None:
        super().__init__(source, header, tables)
        at = offset_of(header, tables[_DT_GNU_HASH])
        self.bucket_count, self.first, filter_words, _ = self.numbers(at, 4)
        self.buckets = at + 16 + filter_words * (header.bits // 8)
        self.chains = self.buckets + 4 * self.bucket_count

    def indices(self, name: str) -> Iterator[int]:
        if not self.bucket_count:
            return
        wanted = _gnu_hash(name)
        (start,) = self.numbers(self.buckets + 4 * (wanted % self.bucket_count), 1)
        if start < self.first:
            return
        for index in range(start, start + _LONGEST_CHAIN):
            (found,) = self.numbers(self.chains + 4 * (index - self.first), 1)
            if found | 1 == wanted | 1:
                yield index
            if found & 1:
                return
        raise ElfError("its symbol table has no end")


class _SysvHash(_Lookup):
    def __init__(
        self, source: FileReader, header: ElfHeader, tables: dict[int, int]
    ) -> None:
        super().__init__(source, header, tables)
        self.at = offset_of(header, tables[_DT_HASH])
        self.bucket_count, _ = self.numbers(self.at, 2)

    def indices(self, name: str) -> Iterator[int]:
        if not self.bucket_count:
            return
        bucket = _sysv_hash(name) % self.bucket_count
        (index,) = self.numbers(self.at + 8 + 4 * bucket, 1)
        for _ in range(_LONGEST_CHAIN):
            if not index:
                return
            yield index
            (index,) = self.numbers(self.at + 8 + 4 * (self.bucket_count + index), 1)
        raise ElfError("its symbol table has no end")


def _gnu_hash(name: str) -> int:
    value = 5381
    for byte in name.encode():
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def _sysv_hash(name: str) -> int:
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high
    return value & 0xFFFFFFFF
