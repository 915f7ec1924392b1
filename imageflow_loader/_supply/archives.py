"""Take named files out of a `.tar.gz` or `.zip`, and nothing else.

A member is taken when its whole name is on the list and it is a plain file; its bytes
go into a file that we make ourselves. So paths, links, devices, modes and owners that
an archive may hold never reach the disk. Sizes are counted as they arrive, since those
that an archive states may lie.
"""

from __future__ import annotations

import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final, cast

from ..errors import EngineDownloadError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from ..types import SupportsRead

_BLOCK: Final = 256 * 1024
_MIB: Final = 1024 * 1024
LARGEST_MEMBER: Final = 256 * _MIB
"""Bytes of one file; the official library has about 20 million."""
_LARGEST_CONTENT: Final = 1024 * _MIB  # all members of a tar, debug symbols too
_LEAST_CONTENT: Final = 64 * _MIB
_HIGHEST_RATIO: Final = 20  # unpacked to packed; binaries have about 3, a bomb 1,000
_MOST_MEMBERS: Final = 10_000

# What the readers raise on bytes that are no archive, or a damaged one.
_DAMAGE: Final = (
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class _ArchiveError(Exception):
    """What is wrong with an archive, as the end of a sentence."""


def extract(archive: Path, wanted: Collection[str], folder: Path) -> None:
    """Write the *wanted* members of *archive* into *folder*, under their own names.

    Args:
        archive: A file whose name ends in `.zip` or `.tar.gz`.
        wanted: Exact names of members at the top of the archive.
        folder: An existing folder without files of these names.

    Raises:
        EngineDownloadError: A member is missing, is not a plain file, is there twice
            or too large, or this is no such archive.
        OSError: A file cannot be written.
    """
    zipped = archive.name.endswith(".zip")
    found: set[str] = set()
    try:
        with archive.open("rb") as file:
            for name, content in (_in_zip if zipped else _in_tar)(file, wanted):
                if name in found:
                    raise _ArchiveError(f"it holds {name} twice")
                found.add(name)
                _copy(content, folder / name)
        if missing := sorted(set(wanted) - found):
            raise _ArchiveError(f"it holds no {' and no '.join(missing)}")
    except _ArchiveError as error:
        raise EngineDownloadError(f"{archive.name} is not used: {error}.") from error


def _copy(content: IO[bytes], target: Path) -> None:
    size = 0
    with target.open("xb") as file:
        while block := _read(content):
            size += len(block)
            if size > LARGEST_MEMBER:
                raise _ArchiveError(
                    f"its {target.name} has more than {LARGEST_MEMBER // _MIB} MiB"
                )
            file.write(block)
    if not size:
        raise _ArchiveError(f"its {target.name} is empty")


def _read(content: IO[bytes]) -> bytes:
    try:
        return content.read(_BLOCK)
    except _DAMAGE as error:  # what write() raises is none of it
        raise _ArchiveError(f"it is damaged ({error})") from error


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _in_tar(file: BinaryIO, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    packed_size = file.seek(0, 2)
    file.seek(0)
    limit = min(_LARGEST_CONTENT, max(_LEAST_CONTENT, _HIGHEST_RATIO * packed_size))
    # As a stream, tarfile asks for nothing but reads.
    content = cast("IO[bytes]", _Limited(gzip.GzipFile(fileobj=file), limit))
    try:
        with tarfile.open(fileobj=content, mode="r|") as tar:
            count = 0
            while member := tar.next():
                count += 1
                if count > _MOST_MEMBERS:
                    raise _ArchiveError(f"it holds more than {_MOST_MEMBERS} members")
                if (name := _plain(member.name)) in wanted:
                    data = tar.extractfile(member) if member.isreg() else None
                    if data is None or member.issparse():
                        raise _ArchiveError(f"its {name} is not a plain file")
                    yield name, data
        while content.read(_BLOCK):  # to the check sum at the end
            pass
    except _DAMAGE as error:
        raise _ArchiveError(f"it is no tar.gz archive, or damaged ({error})") from error


class _Limited:
    """The unpacked bytes of an archive, up to a limit."""

    def __init__(self, content: SupportsRead, limit: int) -> None:
        self._content = content
        self._left = limit

    def read(self, size: int) -> bytes:
        if size > self._left:
            raise _ArchiveError("it unpacks to far more than an engine")
        data = self._content.read(size)
        self._left -= len(data)
        return data


def _in_zip(file: BinaryIO, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if (name := _plain(member.filename)) not in wanted:
                    continue
                # The mode is zero where the archive was made on Windows.
                kind = stat.S_IFMT(member.external_attr >> 16)
                if member.is_dir() or kind not in {0, stat.S_IFREG}:
                    raise _ArchiveError(f"its {name} is not a plain file")
                if member.compress_type not in {0, zipfile.ZIP_DEFLATED}:  # 0: stored
                    raise _ArchiveError(f"its {name} is packed in an unusual way")
                yield name, archive.open(member)
    except _DAMAGE as error:
        raise _ArchiveError(f"it is no zip archive, or damaged ({error})") from error
