"""What an ELF file says of itself, and that any bytes at all give a clear answer."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from imageflow_loader._platform import (
    ElfCutOffError,
    ElfDynamic,
    ElfError,
    ElfHeader,
    exported_names,
    read_dynamic,
    read_header,
)
from tests.data.elf_heads import EXEC, GLIBC_LIBRARY, MACHINES, ElfFile


def header_of(elf: ElfFile | bytes) -> ElfHeader:
    return read_header(io.BytesIO(bytes(elf)))


def dynamic_of(elf: ElfFile | bytes) -> ElfDynamic:
    file = io.BytesIO(bytes(elf))
    return read_dynamic(file, read_header(file))


def exports_of(elf: ElfFile | bytes) -> frozenset[str]:
    file = io.BytesIO(bytes(elf))
    return exported_names(file, read_header(file))


@pytest.mark.parametrize("arch", MACHINES)
def test_class_and_byte_order_and_machine_give_the_architecture(arch: str) -> None:
    assert header_of(ElfFile(arch=arch)).arch == arch


@pytest.mark.parametrize(
    ("data", "arch"),
    [
        (b"\x02\x01" + struct.pack("<H", 21), "ppc64le"),
        (b"\x02\x02" + struct.pack(">H", 21), "ppc64"),
        (b"\x01\x01" + struct.pack("<H", 62), "x32"),
        (b"\x02\x01" + struct.pack("<H", 999), "machine-999-64"),
    ],
    ids=["ppc64le", "ppc64", "x32", "unknown"],
)
def test_variants_of_a_machine_have_names_of_their_own(data: bytes, arch: str) -> None:
    file = b"\x7fELF" + data[:2] + bytes(10) + struct.pack("H", 3) + data[2:]

    assert header_of(file.ljust(64, b"\0")).arch == arch


@pytest.mark.parametrize("arch", MACHINES)
def test_the_interpreter_is_read_wherever_it_lies(arch: str) -> None:
    elf = ElfFile(arch=arch, interpreter="/lib/ld.so.1", interpreter_at=0x5198)

    assert header_of(elf).interpreter == "/lib/ld.so.1"


def test_a_library_and_a_static_program_have_no_interpreter() -> None:
    assert header_of(ElfFile()).interpreter is None
    assert header_of(ElfFile(type=EXEC, dynamic=False)).interpreter is None


@pytest.mark.parametrize("arch", MACHINES)
def test_everything_that_the_loader_is_told_is_read(arch: str) -> None:
    elf = ElfFile(
        arch=arch,
        needed=("libc.so.6", "libm.so.6"),
        soname="libimageflow.so",
        runpath="$ORIGIN:/opt/lib",
        versions={
            "libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.17"),
            "libm.so.6": ("GLIBC_2.29",),
        },
        static_tls=True,
    )

    dynamic = dynamic_of(elf)

    assert dynamic.needed == ("libc.so.6", "libm.so.6")
    assert dynamic.soname == "libimageflow.so"
    assert dynamic.search_path == ("$ORIGIN", "/opt/lib")
    assert dynamic.versions == ("GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.29")
    assert dynamic.static_tls
    assert not dynamic.is_program


def test_what_is_not_said_is_empty() -> None:
    dynamic = dynamic_of(ElfFile())

    assert dynamic.needed == dynamic.search_path == dynamic.versions == ()
    assert dynamic.soname is None
    assert not dynamic.static_tls


def test_a_position_independent_program_is_told_from_a_library() -> None:
    assert dynamic_of(ElfFile(is_program=True)).is_program


def test_a_static_program_tells_the_loader_nothing() -> None:
    dynamic = dynamic_of(ElfFile(type=EXEC, dynamic=False))

    assert dynamic.is_program
    assert dynamic.needed == dynamic.versions == ()
    assert dynamic.tables == {}


@pytest.mark.parametrize("arch", MACHINES)
def test_what_a_library_defines_is_told_from_what_it_needs(arch: str) -> None:
    elf = ElfFile(arch=arch, symbols=("first", "second"), undefined=("malloc",))

    assert exports_of(elf) == {"first", "second"}


def test_a_library_without_exports_defines_nothing() -> None:
    assert exports_of(ElfFile()) == frozenset()


def test_without_a_section_table_nobody_knows_what_is_defined() -> None:
    elf = ElfFile(symbols=("first",), sections=False)

    assert not header_of(elf).has_sections
    assert exports_of(elf) == frozenset()


@pytest.mark.parametrize(
    ("asked", "answer"), [(True, True), (False, False), (None, False)]
)
def test_an_executable_stack_is_noticed(asked: bool | None, answer: bool) -> None:
    assert header_of(ElfFile(executable_stack=asked)).executable_stack is answer


def test_a_file_without_a_section_table_may_end_with_its_last_segment() -> None:
    assert header_of(ElfFile(sections=False)).interpreter is None


@pytest.mark.parametrize("missing", [1, 100, 192])
def test_a_file_that_ends_early_says_how_much_is_missing(missing: int) -> None:
    whole = bytes(GLIBC_LIBRARY)

    with pytest.raises(ElfCutOffError) as caught:
        header_of(whole[:-missing])

    assert str(caught.value) == f"needs {len(whole)} bytes, has {len(whole) - missing}"


def test_a_file_cut_in_its_program_headers_is_an_error_with_both_sizes() -> None:
    with pytest.raises(ElfCutOffError) as caught:
        header_of(bytes(GLIBC_LIBRARY)[:100])

    assert str(caught.value) == "needs 176 bytes, has 100"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF",
        b"MZ" + bytes(62),
        b"<html>" * 20,
        b"\x7fELF\x03\x01" + bytes(60),
    ],
    ids=["nothing", "the magic alone", "PE", "HTML", "class 3"],
)
def test_what_is_no_elf_file_is_refused(data: bytes) -> None:
    with pytest.raises(ElfError):
        header_of(data)


def read_or_refuse(data: bytes) -> str:
    """Return "read", or the text of the error; any other error is a failure."""
    try:
        read_everything(data)
    except ElfError as error:
        return str(error)
    return "read"


def read_everything(data: bytes) -> None:
    file = io.BytesIO(data)
    header = read_header(file)
    read_dynamic(file, header)
    exported_names(file, header)


@given(st.binary(max_size=2048))
def test_any_bytes_give_a_header_or_a_clear_error(data: bytes) -> None:
    assert read_or_refuse(data)


@given(st.binary(max_size=1024), st.sampled_from([b"\x01", b"\x02"]), st.booleans())
def test_any_bytes_after_the_magic_give_a_header_or_a_clear_error(
    data: bytes, bits: bytes, little: bool
) -> None:
    order = b"\x01" if little else b"\x02"

    assert read_or_refuse(b"\x7fELF" + bits + order + data)


@given(
    st.sampled_from(["x86_64", "s390x", "arm"]),
    st.lists(st.tuples(st.integers(0, 1023), st.integers(0, 255)), max_size=8),
    st.integers(0, 1024),
)
def test_any_damage_to_a_good_file_gives_an_answer_or_a_clear_error(
    arch: str, changes: list[tuple[int, int]], size: int
) -> None:
    elf = ElfFile(
        arch=arch,
        interpreter="/lib/ld.so.1",
        needed=("libc.so.6",),
        versions={"libc.so.6": ("GLIBC_2.17",)},
        symbols=("imageflow_context_create", "b"),
        runpath="$ORIGIN",
    )
    data = bytearray(bytes(elf))
    for at, value in changes:
        if at < len(data):
            data[at] = value

    assert read_or_refuse(bytes(data[: len(data) - size % 64]))


def test_a_real_program_is_read() -> None:
    program = Path("/proc/self/exe")
    if not program.exists():
        pytest.skip("no /proc here")
    with program.open("rb") as file:
        header = read_header(file)
        dynamic = read_dynamic(file, header)

    assert dynamic.needed or not dynamic.tables
