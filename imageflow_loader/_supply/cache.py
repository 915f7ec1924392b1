"""Where fetched engines live: an entry is there whole, or it is not there.

The layout, below the folder that `IMAGEFLOW_CACHE_DIR` or the system names::

    CACHEDIR.TAG                               backups pass it by
    v2.3.1-rc01/linux-x64/882910c6c9602e42/    release, platform, SHA-256 of the archive
        libimageflow.so  imageflow_tool
        entry.json                             what each file must be, and who said so
    locks/                                     see lock.py
    tmp/                                       being filled; swept when an hour old

An entry is filled under `tmp`, flushed to the disk and renamed into place; its files
are never written again. So readers need no lock, and a cache that cannot be written, or
that was filled elsewhere and copied, serves like any other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ..errors import EngineDownloadError, EngineError, EngineLoadError
from .entry import (
    Damaged,
    DamagedError,
    Entry,
    flush_folder,
    is_entry_name,
    read_entry,
    seal,
    set_mode,
)
from .lock import locked
from .ownership import require_own_place, require_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .._cancel import Deadline
    from ..types import EngineKind
    from .entry import Provenance

Found: TypeAlias = Entry | Damaged
"""What lies at an entry's place."""

_STALE_S: Final = 3600  # longer than a fetch may take
_CACHEDIR_TAG: Final = b"""\
Signature: 8a477f597d28d172789f06886806bc55
# Engines that can be fetched again: imageflow-loader fetch
# What this file is for: https://bford.info/cachedir/
"""


class Cache:
    """The folder of fetched engines."""

    def __init__(self, root: Path, *, shared: bool = True) -> None:
        """Use *root*, an absolute path that need not exist.

        Args:
            root: The folder.
            shared: Whether other users may read it, should it have to be made.
        """
        self.root = root
        self._shared = shared

    @classmethod
    def at(cls, folder: Path | None) -> Cache:
        """Return the cache in *folder*, or in the user's own when that is None.

        Raises:
            EngineDownloadError: There is no home directory to keep it in.
        """
        if folder is None:
            return cls(_user_cache(), shared=False)
        # Few shells expand a tilde in `VARIABLE=~/folder command`, and no Dockerfile.
        with contextlib.suppress(RuntimeError):
            folder = folder.expanduser()
        return cls(Path(os.path.abspath(folder)))  # noqa: PTH100  # resolves ".." too

    # Reading takes no lock, and writes only where an entry is damaged or was copied.

    def find(self, release: str, suffix: str) -> list[Found]:
        """Return what is there of a release for a platform, the newest first.

        Raises:
            EngineLoadError: It cannot be read, or somebody else could change it.
        """
        found = self._find(release, suffix, thorough=False)
        return sorted(found, key=_when, reverse=True)

    def survey(self, *, thorough: bool = False) -> Iterator[Found]:
        """Yield every entry, of whatever release and platform.

        Args:
            thorough: Take every SHA-256 again, whatever sizes and times say.

        Raises:
            EngineLoadError: It cannot be read, or somebody else could change it.
        """
        for release, suffix in sorted({place.parts[:2] for place in self._places()}):
            yield from self._find(release, suffix, thorough=thorough)

    def _find(self, release: str, suffix: str, *, thorough: bool) -> list[Found]:
        folder = self.root / release / suffix
        try:
            names = list(filter(is_entry_name, _names_in(folder)))
            if names:
                require_trusted(self.root, (folder.parent, folder))
            return [
                self._read(Path(release, suffix, name), thorough=thorough)
                for name in names
            ]
        except OSError as error:
            remedy = "Set IMAGEFLOW_CACHE_DIR to a folder that this user can read."
            raise EngineLoadError(
                f"The cache folder {self.root} cannot be read "
                f"({error.strerror or error}). {remedy}",
                reason="unreadable",
                hint=remedy,
            ) from error

    def _read(self, place: Path, *, thorough: bool = False) -> Found:
        folder = self.root / place
        try:
            entry = read_entry(folder, place, thorough=thorough)
        except DamagedError as error:
            return Damaged(folder, str(error), removed=self._discard(place))
        require_trusted(self.root, (folder, *entry.paths))
        return entry

    def _places(self) -> list[Path]:
        return sorted(
            Path(release, suffix, name)
            for release in _names_in(self.root)
            for suffix in _names_in(self.root / release)
            for name in _names_in(self.root / release / suffix)
            if is_entry_name(name)
        )

    # Writing.

    @contextlib.contextmanager
    def lock(
        self, name: str, deadline: Deadline, on_wait: Callable[[], object] | None = None
    ) -> Iterator[None]:
        """Let one process at a time do the work called *name*, where locks work."""
        folder = self.root / "locks"
        with contextlib.suppress(OSError, EngineError):  # staging() says what is wrong
            self._make_root()
            self._make(folder)
        with locked(folder / f"{name}.lock", deadline, on_wait):
            yield

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield a new folder on the cache's file system; in the end it is gone.

        Raises:
            EngineDownloadError: The cache cannot be written, or what it holds cannot
                be run from there.
            EngineLoadError: Somebody else could change what it holds.
        """
        try:
            self._prepare()
            folder = _new_folder(self.root / "tmp")
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            yield folder
        finally:
            _remove(folder)

    def publish(
        self, staged: Path, provenance: Provenance, kinds: Mapping[str, EngineKind]
    ) -> Entry:
        """Put the files of *staged* in their place, all of them at once.

        Where another process was faster, its files are taken and these are not.

        Args:
            staged: A folder below `staging`.
            provenance: Where its files came from.
            kinds: The name of each file in it, and what it is.
        """
        seal(staged, provenance, kinds)
        final = self.root / provenance.place
        found: Found | None = None
        for _ in range(3):  # a damaged entry at its place is removed in between
            self._make(final.parent)
            try:
                staged.rename(final)
                flush_folder(final.parent)
            except OSError:
                if not final.is_dir():
                    raise
            found = self._read(provenance.place)
            if isinstance(found, Entry):
                return found
        raise EngineDownloadError(f"{found}. Remove it by hand.")

    def unwritable(self, error: OSError) -> EngineDownloadError:
        """Return what *error* means to somebody who wants to fill this cache."""
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            said = f"is on a full disk ({error.strerror}). Make room there, or set"
        elif error.errno == errno.ENOENT and self.root.is_dir():
            said = "was cleared while it was being filled. Try again, or set"
        else:
            said = f"cannot be written ({error.strerror or error}). Set"
        return EngineDownloadError(
            f"The cache folder {self.root} {said} IMAGEFLOW_CACHE_DIR to a folder that "
            "this user can write."
        )

    def clear(self) -> tuple[int, int]:
        """Remove every entry, whole or not; return how many, and their bytes.

        Raises:
            EngineLoadError: Something could not be removed.
        """
        places = self._places()
        freed = sum(_bytes_in(self.root / place) for place in places)
        for place in places:
            if not self._discard(place, even_if_whole=True):
                raise EngineLoadError(
                    f"{self.root / place} cannot be removed: it is in use, or this "
                    "user may not write there."
                )
            for folder in (self.root / place).parents[:2]:
                with contextlib.suppress(OSError):  # another entry is in it
                    folder.rmdir()
        _sweep(self.root / "tmp", older_than_s=0)
        return len(places), freed

    def _prepare(self) -> None:
        self._make_root()
        _require_executable(self.root)
        scratch = self.root / "tmp"
        self._make(scratch)
        require_trusted(self.root, (scratch,))
        tag = self.root / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_bytes(_CACHEDIR_TAG)
        _sweep(scratch, older_than_s=_STALE_S)

    def _make_root(self) -> None:
        require_own_place(self.root)
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            set_mode(self.root, 0o755 if self._shared else 0o700)

    def _make(self, folder: Path) -> None:
        """Make *folder* below the root, readable for whoever may read the root."""
        for path in (*reversed(folder.parents), folder):
            if self.root in path.parents and not path.is_dir():
                path.mkdir(exist_ok=True)
                set_mode(path, 0o755)

    def _discard(self, place: Path, *, even_if_whole: bool = False) -> bool:
        """Take an entry away in one step; return whether it is gone.

        Another process may just have replaced a damaged one. So it is moved aside, and
        moved back should it turn out to be whole.
        """
        folder = self.root / place
        try:
            self._make(self.root / "tmp")
            aside = _new_folder(self.root / "tmp")
        except OSError:
            return not folder.exists()
        try:
            folder.rename(aside / "entry")
            if not even_if_whole:
                _put_back_if_whole(aside / "entry", folder, place)
        except OSError:
            # A folder from a lower layer of a container image cannot be renamed, and
            # on Windows one with a library that is loaded can be neither.
            _remove(folder)
            return not folder.exists()
        finally:
            _remove(aside)
        return True


def _put_back_if_whole(aside: Path, folder: Path, place: Path) -> None:
    with contextlib.suppress(DamagedError, OSError):
        read_entry(aside, place, thorough=True)
        aside.rename(folder)


def _user_cache() -> Path:
    import platformdirs

    # Without HOME and without a passwd entry, as under a random uid in a container,
    # newer releases raise RuntimeError and older ones answer with a literal "~".
    try:
        folder = Path(platformdirs.user_cache_dir("imageflow_loader", appauthor=False))
    except RuntimeError:
        folder = Path("~")
    if not folder.is_absolute():
        raise EngineDownloadError(
            "There is no home directory to keep fetched engines in. Set "
            "IMAGEFLOW_CACHE_DIR to a folder that this user can write."
        )
    return folder


def _new_folder(parent: Path) -> Path:
    import tempfile  # with all that it imports, only where something is written

    return Path(tempfile.mkdtemp(dir=parent))


def _remove(folder: Path) -> None:
    """Remove *folder* as far as that is possible."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  # names are what is needed
    except (FileNotFoundError, NotADirectoryError):
        return []


def _when(found: Found) -> tuple[str, str]:
    fetched = found.provenance.fetched if isinstance(found, Entry) else ""
    return fetched, found.folder.name


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _require_executable(folder: Path) -> None:
    forbidden = getattr(os, "ST_NOEXEC", 0)
    if forbidden and os.statvfs(folder).f_flag & forbidden:
        raise EngineDownloadError(
            f"The cache folder {folder} is on a file system mounted noexec, from which "
            "no engine can be loaded. Set IMAGEFLOW_CACHE_DIR to another folder."
        )


def _sweep(scratch: Path, *, older_than_s: float) -> None:
    """Remove what a killed process left behind."""
    limit = time.time() - older_than_s
    for name in _names_in(scratch):
        with contextlib.suppress(OSError):
            if (scratch / name).stat().st_mtime <= limit:
                _remove(scratch / name)
