"""One entry of the cache: its files, and the marker that says what each must be."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..types import EngineKind

_MARKER: Final = "entry.json"
_DIGEST_IN_NAME: Final = 16
_BLOCK: Final = 1024 * 1024

ENTRY_NAME: Final = "[0-9a-f]" * _DIGEST_IN_NAME
"""What an entry's folder is called, as a pattern of glob()."""


class CachedFile(NamedTuple):
    """What one file of an entry must be."""

    size: int
    sha256: str
    mtime_ns: int


class Provenance(NamedTuple):
    """Where an entry came from."""

    release: str
    suffix: str
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
        return next((path for path in self.paths if _kind(path) == kind), None)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        return tuple(self.folder / name for name in self.files)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())


class Damaged(NamedTuple):
    """An entry that must not be used, and is removed where that is possible."""

    folder: Path
    reason: str
    removed: bool = False

    def __str__(self) -> str:
        """Return the sentence that says so."""
        if self.removed:
            return f"{self.folder} was damaged ({self.reason}) and has been removed"
        return f"{self.folder} is damaged ({self.reason}) and cannot be removed"


def _kind(path: Path) -> EngineKind:
    return "tool" if path.stem == "imageflow_tool" else "library"


def seal(folder: Path, provenance: Provenance) -> None:
    """Make an entry of the files in *folder*: marker, modes, all flushed to the disk.

    Modes are set outright, whatever the umask was: a library need not be executable.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        status = path.stat()
        file = CachedFile(status.st_size, sha256_of(path), status.st_mtime_ns)
        files[path.name] = file._asdict()
    document = {**provenance._asdict(), "files": files}
    (folder / _MARKER).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    for path in folder.iterdir():
        set_mode(path, 0o755 if _kind(path) == "tool" else 0o644)
        with path.open("rb+") as opened:
            os.fsync(opened.fileno())
    set_mode(folder, 0o755)
    flush_folder(folder)


def read_entry(folder: Path, place: Path, *, thorough: bool = False) -> Entry | Damaged:
    """Return the entry in *folder*, which belongs at *place* below the cache.

    A file whose size and time fit the marker is taken at its word. Otherwise, as in a
    cache that was copied, its SHA-256 is taken again; if *thorough*, always.

    Raises:
        OSError: It cannot be read.
    """
    try:
        document: Any = json.loads((folder / _MARKER).read_bytes())
        came = Provenance(*(str(document[name]) for name in Provenance._fields))
        if came.place != place:
            return Damaged(folder, f"its marker belongs to {came.place}")
        files = {name: CachedFile(**row) for name, row in document["files"].items()}
        for name, file in files.items():
            if why := _damage(folder / name, file, thorough):
                return Damaged(folder, why)
    except (FileNotFoundError, NotADirectoryError) as error:
        return Damaged(folder, f"{Path(error.filename).name} is missing")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Damaged(folder, "its marker cannot be understood")
    return Entry(folder, came, files)


def _damage(path: Path, file: CachedFile, thorough: bool) -> str | None:
    """Return what is wrong with a file, None if it is what it must be."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return f"{path.name} is not a file"
    if status.st_size != file.size:
        return f"{path.name} has {status.st_size} bytes instead of {file.size}"
    as_it_was = status.st_mtime_ns == file.mtime_ns
    if (thorough or not as_it_was) and sha256_of(path) != file.sha256:
        return f"{path.name} has another SHA-256 than when it was fetched"
    # What a copy has lost; where that cannot be written, it is hashed at each start.
    with contextlib.suppress(OSError):
        if not as_it_was:
            os.utime(path, ns=(status.st_atime_ns, file.mtime_ns))
        if _kind(path) == "tool" and not status.st_mode & stat.S_IXUSR:
            set_mode(path, stat.S_IMODE(status.st_mode) | 0o111)
    return None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    import hashlib  # most starts take no hash

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


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
