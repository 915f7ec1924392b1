"""Take named files out of a `.tar.gz` or `.zip`, and nothing else.

A member is taken when its whole name is on the list; its bytes go into a file that we
make ourselves. So paths, links, devices, modes and owners that an archive may hold
never reach the disk. It has been compared with a SHA-256 before: whoever could make an
archive hostile could put a hostile engine into it.
"""

from __future__ import annotations

import errno
import struct
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final

from ..errors import EngineDownloadError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_BLOCK: Final = 256 * 1024
LARGEST_MEMBER: Final = 256 * 1024 * 1024
"""Bytes of one file; the official library has about 20 million."""

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
        for name, content in (_in_zip if archive.suffix == ".zip" else _in_tar)(
            archive
        ):
            if name not in wanted:
                continue
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


def _in_tar(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if member.isreg() and (content := tar.extractfile(member)) is not None:
                yield member.name.removeprefix("./"), content


def _in_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            yield member.filename.removeprefix("./"), packed.open(member)
