"""One entry of the cache: its files, and the marker that says what each must be."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..types import EngineKind

_MARKER: Final = "entry.json"
_SCHEMA: Final = 1
_LONGEST_MARKER: Final = 64 * 1024
_DIGEST_IN_NAME: Final = 16
_PLAIN: Final = re.compile(r"\w[\w.-]{0,63}", re.ASCII)
_BLOCK: Final = 1024 * 1024


class DamagedError(Exception):
    """An entry is not what its marker says; the text is the end of a sentence."""


class CachedFile(NamedTuple):
    """What one file of an entry must be."""

    kind: EngineKind
    size: int
    sha256: str
    mtime_ns: int


class Provenance(NamedTuple):
    """Where an entry came from."""

    release: str
    suffix: str
    archive: str
    """File name of the archive."""
    url: str
    """Where it was read, without passwords."""
    sha256: str
    """Of the archive."""
    compared_with: str
    """Who said that this is the right SHA-256."""
    fetched: str
    """When, as ISO 8601 in UTC."""

    @property
    def place(self) -> Path:
        """Where its entry is, below the cache folder."""
        return Path(self.release, self.suffix, self.sha256[:_DIGEST_IN_NAME])


class Entry(NamedTuple):
    """A whole entry of the cache."""

    folder: Path
    provenance: Provenance
    files: Mapping[str, CachedFile]

    def path(self, kind: EngineKind) -> Path | None:
        """Return the file of this *kind*, None if the archive had none."""
        names = (name for name, file in self.files.items() if file.kind == kind)
        return next((self.folder / name for name in names), None)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        return tuple(self.folder / name for name in self.files)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())


class Damaged(NamedTuple):
    """What is left of an entry, and must not be used."""

    folder: Path
    reason: str
    removed: bool
    """Whether it is gone by now."""

    def __str__(self) -> str:
        """Return the sentence that says so."""
        if self.removed:
            return f"{self.folder} was damaged ({self.reason}) and has been removed"
        return f"{self.folder} is damaged ({self.reason}) and cannot be removed"


def is_entry_name(name: str) -> bool:
    """Return whether a folder of this *name* is an entry."""
    return len(name) == _DIGEST_IN_NAME and set(name) <= set("0123456789abcdef")


def seal(folder: Path, provenance: Provenance, kinds: Mapping[str, EngineKind]) -> None:
    """Make an entry of the files in *folder*: modes, marker, all flushed to the disk.

    Modes are set outright, whatever the umask was: a library need not be executable.
    """
    files = {}
    for name, kind in kinds.items():
        path = folder / name
        set_mode(path, 0o755 if kind == "tool" else 0o644)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        status = path.stat()
        files[name] = CachedFile(
            kind, status.st_size, sha256_of(path), status.st_mtime_ns
        )
    _write_marker(folder, provenance, files)
    set_mode(folder, 0o755)
    flush_folder(folder)


def read_entry(folder: Path, place: Path, *, thorough: bool = False) -> Entry:
    """Return the entry in *folder*, which belongs at *place* below the cache.

    A file whose size and time fit the marker is taken at its word. Otherwise, as in a
    cache that was copied, its SHA-256 is taken again and the marker's times are set
    right, where it can be written.

    Args:
        folder: Where it is.
        place: Where its marker must say that it is.
        thorough: Take every SHA-256 again.

    Raises:
        DamagedError: It is not what its marker says.
        OSError: It cannot be read.
    """
    try:
        provenance, files = _read_marker(folder)
        if provenance.place != place:
            raise DamagedError(f"its marker belongs to {provenance.place}")
        found = {
            name: file._replace(mtime_ns=_checked_time(folder / name, file, thorough))
            for name, file in files.items()
        }
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DamagedError(f"{Path(error.filename).name} is missing") from error
    if found != files:
        # A cache that cannot be written is hashed at each start, and serves all the
        # same.
        with contextlib.suppress(OSError):
            _write_marker(folder, provenance, found)
    return Entry(folder, provenance, found)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    import hashlib  # most starts take no hash

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def written_beside(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of *path* in the end, whole or not at all."""
    import tempfile  # with all that it imports, only where something is written

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        set_mode(Path(name), 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def set_mode(path: Path, mode: int) -> None:
    """Set the mode of *path* where the file system knows modes."""
    with contextlib.suppress(PermissionError, NotImplementedError):
        path.chmod(mode)


def flush_folder(folder: Path) -> None:
    """Wait until the names in *folder* are on the disk, where that can be asked."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some mounts refuse
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _checked_time(path: Path, file: CachedFile, thorough: bool) -> int:
    """Return the time of a file that is what it must be."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DamagedError(f"{path.name} is not a file")
    if status.st_size != file.size:
        raise DamagedError(
            f"{path.name} has {status.st_size} bytes instead of {file.size}"
        )
    if (thorough or status.st_mtime_ns != file.mtime_ns) and (
        sha256_of(path) != file.sha256
    ):
        raise DamagedError(f"{path.name} has another SHA-256 than when it was fetched")
    return status.st_mtime_ns


def _write_marker(
    folder: Path, provenance: Provenance, files: Mapping[str, CachedFile]
) -> None:
    document = {
        "schema": _SCHEMA,
        **provenance._asdict(),
        "files": {name: file._asdict() for name, file in files.items()},
    }
    with written_beside(folder / _MARKER) as file:
        file.write(json.dumps(document, indent=1).encode() + b"\n")


def _read_marker(folder: Path) -> tuple[Provenance, dict[str, CachedFile]]:
    with (folder / _MARKER).open("rb") as file:
        raw = file.read(_LONGEST_MARKER)
    try:
        document: Any = json.loads(raw)
        if document["schema"] != _SCHEMA:
            raise DamagedError(f"its marker is of schema {document['schema']!r}")
        came = Provenance(*(str(document[name]) for name in Provenance._fields))
        files = {name: CachedFile(**row) for name, row in document["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError("its marker cannot be understood") from error
    if not files:
        raise DamagedError("its marker names no file")
    if not all(map(_PLAIN.fullmatch, files)):
        raise DamagedError("its marker names what no archive holds")
    return came, files
