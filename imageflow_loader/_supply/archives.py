"""Take named files out of a `.tar.gz` or `.zip`, and nothing else.

A member is taken when its whole name is on the list and it is a plain file; its bytes
go into a file that we make ourselves. So paths, links, devices, modes and owners that
an archive may hold never reach the disk. Sizes are counted as they arrive, since those
that an archive states may lie.
"""

from __future__ import annotations

import stat
from typing import IO, TYPE_CHECKING, Final, cast

from ..errors import EngineDownloadError

if TYPE_CHECKING:
    import tarfile
    import zipfile
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
        while block := _read(content, _BLOCK):
            size += len(block)
            if size > LARGEST_MEMBER:
                raise _ArchiveError(
                    f"its {target.name} has more than {LARGEST_MEMBER // _MIB} MiB"
                )
            file.write(block)
    if not size:
        raise _ArchiveError(f"its {target.name} is empty")


def _read(content: IO[bytes], size: int) -> bytes:
    """Return the next bytes; what the archive readers raise becomes one error."""
    import tarfile
    import zipfile
    import zlib

    damage = (EOFError, OSError, ValueError, tarfile.TarError, zlib.error)
    try:
        return content.read(size)
    except (*damage, zipfile.BadZipFile) as error:
        raise _ArchiveError(f"it is damaged ({error})") from error


def _plain(name: str) -> str:
    return name.removeprefix("./")


# tar


def _in_tar(file: BinaryIO, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    import gzip
    import struct
    import tarfile
    import zlib

    # What gzip and tarfile raise on bytes that are no archive.
    damage = (EOFError, OSError, ValueError, struct.error, tarfile.TarError, zlib.error)
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
                if _plain(member.name) in wanted:
                    yield _plain(member.name), _tar_content(tar, member)
        while content.read(_BLOCK):  # to the check sum at the end
            pass
    except damage as error:
        raise _ArchiveError(f"it is no tar.gz archive, or damaged ({error})") from error


def _tar_content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or member.issparse():
        raise _ArchiveError(f"its {member.name} is not a plain file")
    return content


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


# zip


def _in_zip(file: BinaryIO, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    import zipfile

    damage = (EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if _plain(member.filename) in wanted:
                    yield _plain(member.filename), _zip_content(archive, member)
    except (*damage, zipfile.BadZipFile) as error:
        raise _ArchiveError(f"it is no zip archive, or damaged ({error})") from error


def _zip_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    import zipfile

    mode = member.external_attr >> 16  # zero where the archive was made on Windows
    if member.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise _ArchiveError(f"its {member.filename} is not a plain file")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _ArchiveError(f"its {member.filename} is packed in an unusual way")
    return archive.open(member)
