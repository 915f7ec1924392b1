"""Of an archive, the members on the list reach the disk, as plain files; no others."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from imageflow_loader._supply import archives
from imageflow_loader._supply.archives import extract
from imageflow_loader.errors import EngineDownloadError
from tests.supply.upstream import tarred, tarred_infos, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOOL = "imageflow_tool"
GOOD = b"\x7fELF tool"
MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder to extract into, deep enough to climb out of."""
    folder = tmp_path / "a" / "b" / "out"
    folder.mkdir(parents=True)
    return folder


def files_in(tmp_path: Path) -> dict[str, bytes]:
    """Return every file below *tmp_path*, with its content."""
    return {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() or path.is_symlink()
    }


def member(
    name: str = TOOL, data: bytes = GOOD, **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member whose header says what *fields* say."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def link(
    name: str, goal: str, kind: bytes = tarfile.SYMTYPE
) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=goal)


def lying_tar_size(size: bytes) -> bytes:
    """Return an archive whose header states another size than there is data."""
    info, _ = member()
    head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    head[124:136] = size
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    return gzip.compress(bytes(head) + GOOD.ljust(512, b"\0"))


def zip_twice() -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as file:
        warnings.simplefilter("ignore", UserWarning)
        file.writestr(TOOL, GOOD)
        file.writestr(TOOL, b"evil")
    return out.getvalue()


def encrypted_zip() -> bytes:
    data = bytearray(zipped({TOOL: GOOD}))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def lying_zip_size() -> bytes:
    """Return a zip that states nine bytes and unpacks to 300 MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(300)) + packer.flush()
    crc = zlib.crc32(bytes(9))
    name = TOOL.encode()
    fields = struct.pack("<HHHIIIHH", 0, 8, 0, crc, len(packed), 9, len(name), 0)
    local = b"PK\3\4\x14\0" + fields + name + packed
    central = (
        b"PK\1\2\x14\3\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    )
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def bomb(name: str) -> bytes:
    """Return a few hundred kilobytes that unpack to 300 MiB."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        info, _ = member(name)
        info.size = 300 * MIB
        tar.addfile(info, _Zeros(info.size))
    return out.getvalue()


def long_name() -> bytes:
    """Return a member whose name has 300 MiB."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        info, _ = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME)
        info.size = 300 * MIB
        tar.addfile(info, _Zeros(info.size))
        tar.addfile(*member()[:1], io.BytesIO(GOOD))
    return out.getvalue()


def packed_zip(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr(TOOL, GOOD)
    return out.getvalue()


class _Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        self._left -= size
        return bytes(size)


REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a symbolic link in its place": (
        lambda: tarred_infos([link(TOOL, "/bin/sh")]),
        "gz",
        "holds no imageflow_tool",
    ),
    "a hard link in its place": (
        lambda: tarred_infos([link(TOOL, "/etc/passwd", tarfile.LNKTYPE)]),
        "gz",
        "holds no imageflow_tool",
    ),
    "a hard link to another member": (
        lambda: tarred_infos([member("x"), link(TOOL, "x", tarfile.LNKTYPE)]),
        "gz",
        "holds no imageflow_tool",
    ),
    "a folder in its place": (
        lambda: tarred_infos([member(data=b"", type=tarfile.DIRTYPE)]),
        "gz",
        "holds no imageflow_tool",
    ),
    "a character device": (
        lambda: tarred_infos(
            [member(data=b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5)]
        ),
        "gz",
        "holds no imageflow_tool",
    ),
    "a block device": (
        lambda: tarred_infos([member(data=b"", type=tarfile.BLKTYPE)]),
        "gz",
        "holds no imageflow_tool",
    ),
    "a pipe": (
        lambda: tarred_infos([member(data=b"", type=tarfile.FIFOTYPE)]),
        "gz",
        "holds no imageflow_tool",
    ),
    "the same name twice": (
        lambda: tarred_infos([member(), member(data=b"evil")]),
        "gz",
        "holds imageflow_tool twice",
    ),
    "the same name twice, once with a dot": (
        lambda: tarred_infos([member(), member(f"./{TOOL}", b"evil")]),
        "gz",
        "twice",
    ),
    "another name": (
        lambda: tarred({"imageflow_tool.exe": GOOD}),
        "gz",
        "holds no imageflow_tool",
    ),
    "the name in a folder": (
        lambda: tarred({f"bin/{TOOL}": GOOD}),
        "gz",
        "holds no imageflow_tool",
    ),
    "the name below a parent": (
        lambda: tarred({f"../{TOOL}": GOOD}),
        "gz",
        "holds no imageflow_tool",
    ),
    "the name from the root": (
        lambda: tarred({f"/{TOOL}": GOOD}),
        "gz",
        "holds no imageflow_tool",
    ),
    "the name in capitals": (
        lambda: tarred({TOOL.upper(): GOOD}),
        "gz",
        "holds no imageflow_tool",
    ),
    "a bomb in its place": (lambda: bomb(TOOL), "gz", "far more than an engine"),
    "a bomb beside it": (lambda: bomb("zeros"), "gz", "far more than an engine"),
    "a name that is a bomb": (long_name, "gz", "far more than an engine"),
    "ten thousand files and one": (
        lambda: tarred_infos(member(f"f{number}", b"") for number in range(10_001)),
        "gz",
        "more than 10000 members",
    ),
    "more bytes promised than there are": (
        lambda: lying_tar_size(b"00000007777\0"),
        "gz",
        "damaged",
    ),
    "cut off": (lambda: tarred({TOOL: bytes(range(256)) * 99})[:-200], "gz", "damaged"),
    "nothing at all": (lambda: b"", "gz", "damaged"),
    "no archive": (lambda: b"<html>", "gz", "damaged"),
    "a gzip without a tar": (
        lambda: gzip.compress(b"<html>" * 200),
        "gz",
        "damaged",
    ),
    "a bzip2": (lambda: bz2.compress(GOOD), "gz", "damaged"),
    "a zip with another suffix": (
        lambda: zipped({TOOL: GOOD}),
        "gz",
        "damaged",
    ),
    "zip: a folder": (lambda: zipped({f"{TOOL}/": b""}), "zip", "holds no"),
    "zip: the same name twice": (zip_twice, "zip", "twice"),
    "zip: a parent": (lambda: zipped({f"../{TOOL}": GOOD}), "zip", "holds no"),
    "zip: a password": (encrypted_zip, "zip", "damaged.*encrypted"),
    "zip: bzip2 inside": (lambda: packed_zip(zipfile.ZIP_BZIP2), "zip", "unusual way"),
    "zip: lzma inside": (lambda: packed_zip(zipfile.ZIP_LZMA), "zip", "unusual way"),
    "zip: a size that lies": (lying_zip_size, "zip", "damaged"),
    "zip: cut off": (lambda: zipped({TOOL: GOOD})[:-9], "zip", "damaged"),
    "zip: a tar with another suffix": (
        lambda: tarred({TOOL: GOOD}),
        "zip",
        "damaged",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_archive_is_refused_and_leaves_nothing_outside(
    name: str, folder: Path, tmp_path: Path
) -> None:
    make, suffix, says = REFUSED[name]
    archive = tmp_path / f"archive.{suffix}"
    archive.write_bytes(make())

    with pytest.raises(EngineDownloadError, match=says):
        extract(archive, [TOOL], folder)

    assert set(files_in(tmp_path)) <= {archive.name, f"a/b/out/{TOOL}"}
    assert folder.joinpath(TOOL).is_symlink() is False
    assert sum(map(len, files_in(folder).values())) <= archives.LARGEST_MEMBER


HARMLESS: dict[str, list[tuple[tarfile.TarInfo, bytes]]] = {
    "a path that climbs out": [member("../../evil"), member()],
    "a path from the root": [member("/tmp/imageflow-evil"), member()],  # noqa: S108  # never written
    "a link, and a file through it": [link("x", "../.."), member("x/evil"), member()],
    "a device": [member("null", b"", type=tarfile.CHRTYPE), member()],
    "setuid and writable for all": [member(mode=0o6777, uid=0, gid=0)],
    "no right to anything": [member(mode=0)],
    "somebody else's": [member(uid=12345, gid=12345, uname="mallory")],
    "a time before time": [member(mtime=-1)],
    "a dot before the name": [member(f"./{TOOL}")],
    "a name that is not text": [member("\udcff\n"), member()],
    "a very long name": [member("x" * 5000), member()],
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_not_asked_for_in_an_archive_does_no_harm(
    name: str, folder: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive.gz"
    archive.write_bytes(tarred_infos(HARMLESS[name]))

    extract(archive, [TOOL], folder)

    assert files_in(tmp_path).keys() == {archive.name, f"a/b/out/{TOOL}"}
    assert folder.joinpath(TOOL).read_bytes() == GOOD
    assert folder.joinpath(TOOL).stat().st_mode & 0o7111 == 0


def test_all_that_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive.gz"
    archive.write_bytes(tarred({"README": b"hello"}))

    with pytest.raises(EngineDownloadError, match=r"holds no a and no b\)\.$"):
        extract(archive, ["b", "a"], folder)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    zipped_up=st.booleans(),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 3000),
)
def test_any_damage_gives_the_file_or_one_error(
    zipped_up: bool,
    edits: list[tuple[int, int]],
    length: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = {TOOL: GOOD * 60, "imageflow.h": b"#pragma once\n"}
    plain = bytearray(
        zipped(content) if zipped_up else gzip.decompress(tarred(content))
    )
    for place, value in edits:
        plain[place % len(plain)] = value
    data = bytes(plain) if zipped_up else gzip.compress(bytes(plain), 1)
    folder = tmp_path_factory.mktemp("out")
    archive = folder / ("archive.zip" if zipped_up else "archive.gz")
    archive.write_bytes(data[: max(length, len(data) - 40)] if length % 3 else data)

    try:
        extract(archive, [TOOL], folder)
    except EngineDownloadError as error:
        assert error.message.startswith(archive.name)  # noqa: PT017  # either will do
    else:
        assert folder.joinpath(TOOL).is_file()
