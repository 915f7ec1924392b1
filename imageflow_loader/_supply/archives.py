"""Take named files out of a `.tar.gz` or `.zip`, and nothing else.

A member is taken when its whole name is on the list; its bytes go into a file that we
make ourselves. So paths, links, devices, modes and owners that an archive may hold
never reach the disk. What is unpacked and passed over is counted as it comes: no
archive costs much more memory or time than that of an engine.
"""

from __future__ import annotations

import errno
import gzip
import struct
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from ..errors import EngineDownloadError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_BLOCK: Final = 256 * 1024
_MIB: Final = 1024 * 1024
LARGEST_MEMBER: Final = 256 * _MIB
"""Bytes of one file; the official library has about 20 million."""
_LEAST_LIMIT: Final = 64 * _MIB  # of all that a tar unpacks to
_HIGHEST_RATIO: Final = 20  # unpacked to packed: binaries have about 3, a bomb 1,000
_MOST_MEMBERS: Final = 10_000

# What the readers raise on bytes that are no archive, or a damaged one.
_DAMAGE: Final = (
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def extract(archive: Path, wanted: Collection[str], folder: Path) -> None:
    """Write the *wanted* members of *archive* into *folder*, under their own names.

    Args:
        archive: A file whose name ends in `.zip` or `.tar.gz`.
        wanted: Exact names of members at the top of the archive.
        folder: An existing folder without files of these names.

    Raises:
        EngineDownloadError: A member is missing, is there twice or too large, or this
            is no such archive.
        OSError: A file cannot be written.
    """
    missing = set(wanted)
    try:
        members = _in_zip if archive.suffix == ".zip" else _in_tar
        for name, content in members(archive, wanted):
            if name not in missing:
                raise ValueError(f"it holds {name} twice")
            missing.discard(name)
            with (folder / name).open("xb") as file:
                while block := content.read(_BLOCK):
                    if file.tell() + len(block) > LARGEST_MEMBER:
                        raise ValueError(f"its {name} has more than 256 MiB")
                    file.write(block)
        if missing:
            raise ValueError(f"it holds no {' and no '.join(sorted(missing))}")
    except _DAMAGE as error:
        # The disk's faults have numbers, the archive's none; but for an offset in it
        # that lies before its beginning.
        if getattr(error, "errno", None) not in {None, errno.EINVAL}:
            raise
        raise EngineDownloadError(
            f"{archive.name} is not used: it is damaged, or not what it should be "
            f"({error})."
        ) from error


def _in_tar(archive: Path, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    # As a stream tarfile asks for nothing but reads.
    with archive.open("rb") as file, gzip.GzipFile(fileobj=file) as unpacked:
        limit = max(_LEAST_LIMIT, _HIGHEST_RATIO * archive.stat().st_size)
        content: Any = _Limited(unpacked, limit)
        with tarfile.open(fileobj=content, mode="r|") as tar:
            for count, member in enumerate(tar):
                if count == _MOST_MEMBERS:
                    raise ValueError(f"it holds more than {_MOST_MEMBERS} members")
                name = member.name.removeprefix("./")
                if name in wanted and member.isreg():
                    yield name, tar.extractfile(member)  # type: ignore[misc]  # a file


class _Limited:
    """The unpacked bytes of an archive, up to a limit."""

    def __init__(self, content: IO[bytes] | gzip.GzipFile, limit: int) -> None:
        self._content, self._left = content, limit

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ValueError("it unpacks to far more than an engine")
        return self._content.read(size)


def _in_zip(archive: Path, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            name = member.filename.removeprefix("./")
            if name not in wanted:
                continue
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"its {name} is packed in an unusual way")
            yield name, packed.open(member)
