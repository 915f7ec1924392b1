"""Where fetched engines live: an entry is there whole, or it is not there.

The layout, below the folder that `IMAGEFLOW_CACHE_DIR` or the system names::

    CACHEDIR.TAG                               backups pass it by
    v2.3.1-rc01/linux-x64/882910c6c9602e42/    release, platform, SHA-256 of the archive
        libimageflow.so  imageflow_tool
        entry.json                             what each file must be, and who said so
    imageflow-lock                             to save work; nothing depends on it
    imageflow-tmp/                             being filled; swept when an hour old

An entry is filled under `imageflow-tmp`, flushed to the disk and renamed into place;
its files are never written again. So readers need no lock, and a cache that cannot be
written, or that was filled elsewhere and copied, serves like any other.

The folder may be anything, `/` and `$HOME` too. So what is removed has a name that
nobody else gives, and the tag is left out where there is something else.

What is loaded runs with the user's rights, so the cache is believed only where its
folders and files belong to this user or to root and nobody else may write them. On
Windows a folder's rights come from its parent, and there is nothing to ask.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import EngineDownloadError, EngineError, EngineLoadError
from .entry import (
    ENTRY_NAME,
    Damaged,
    Entry,
    flush_folder,
    read_entry,
    seal,
    set_mode,
)
from .releases import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._cancel import Deadline
    from .entry import Provenance

Found: TypeAlias = Entry | Damaged
"""What lies at an entry's place."""

_RELEASES: Final = "v[0-9]*"
_SCRATCH: Final = "imageflow-tmp"
_LOCK: Final = "imageflow-lock"
_STALE_S: Final = 3600  # longer than a fetch may take
_LOCK_PAUSE_S: Final = 0.05  # between two looks at a lock that somebody else holds
_TAG: Final = b"""\
Signature: 8a477f597d28d172789f06886806bc55
# Engines that can be fetched again: imageflow-loader fetch
# What this file is for: https://bford.info/cachedir/
"""


class Cache:
    """The folder of fetched engines."""

    def __init__(self, folder: Path | None) -> None:
        """Use *folder*, which need not exist, or the user's own when that is None.

        Raises:
            EngineDownloadError: There is no home directory to keep it in.
        """
        # What is named may be shared; else nobody else has any business there.
        self._mode = 0o700 if folder is None else 0o755
        folder = _user_cache() if folder is None else folder
        self.root = Path(os.path.realpath(folder))  # what a link leads to is judged

    # Reading takes no lock, and writes only where an entry is damaged or was copied.

    def survey(
        self, release: str = _RELEASES, suffix: str = "*", *, thorough: bool = False
    ) -> list[Found]:
        """Return what is there of a release for a platform, the newest first.

        If *thorough*, every SHA-256 is taken again, whatever sizes and times say.

        Raises:
            EngineLoadError: It cannot be read, or somebody else could change it.
        """
        try:
            folders = self._folders(release, suffix)
            found = [self._read(folder, thorough=thorough) for folder in folders]
        except OSError as error:
            raise _refusal(
                f"The cache folder {self.root} cannot be read "
                f"({error.strerror or error}).",
                "Set IMAGEFLOW_CACHE_DIR to a folder that this user can read.",
                "unreadable",
            ) from error
        return sorted(found, key=_when, reverse=True)

    def _folders(self, release: str = _RELEASES, suffix: str = "*") -> list[Path]:
        """Return every folder that is an entry's by its name and place."""
        return [
            folder
            for above in _in(self.root, release)
            for platform in _in(above, suffix)
            if platform.name in SUFFIXES
            for folder in _in(platform, ENTRY_NAME)
        ]

    def _read(self, folder: Path, *, thorough: bool = False) -> Found:
        _require_trusted(self.root, folder.parents[1], folder.parent, folder)
        place = folder.relative_to(self.root)
        found = read_entry(folder, place, thorough=thorough)
        if isinstance(found, Damaged):
            return found._replace(removed=self._discard(folder, place))
        _require_trusted(self.root, *found.paths)
        return found

    def _discard(self, folder: Path, place: Path) -> bool:
        """Take a damaged entry away; return whether it is gone.

        Another process may just have replaced it. So it is moved aside first, and back
        should it turn out to be whole.
        """
        aside = self.root / _SCRATCH / f"{folder.name}-{os.getpid()}-{time.time_ns()}"
        # A folder from a lower layer of a container image cannot be moved, nor on
        # Windows one with a library that is loaded.
        with contextlib.suppress(OSError, EngineError):
            self._make(aside.parent)
            folder.rename(aside)
            with contextlib.suppress(OSError):
                if isinstance(read_entry(aside, place, thorough=True), Entry):
                    aside.rename(folder)
            _removed(aside)
            return True
        return _removed(folder)

    # Writing.

    @contextlib.contextmanager
    def lock(self, deadline: Deadline, say: Callable[[str], object]) -> Iterator[None]:
        """Let one process at a time fill the cache, as `locked` does."""
        with contextlib.suppress(OSError, EngineError):  # staging() says what is wrong
            self._make(self.root)
        with locked(self.root / _LOCK, deadline, say):
            yield

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield a new folder on the cache's file system; in the end it is gone.

        Raises:
            EngineDownloadError: The cache cannot be written, or what it holds cannot
                be run from there.
            EngineLoadError: Somebody else could change what it holds.
        """
        import tempfile  # with all that it imports, only where something is written

        scratch, tag = self.root / _SCRATCH, self.root / "CACHEDIR.TAG"
        try:
            self._make(scratch)
            _require_executable(self.root)
            _require_trusted(self.root, scratch)
            others = (p for p in self.root.iterdir() if not p.match(_RELEASES))
            ours = {_SCRATCH, _LOCK}
            if not tag.exists() and ours.issuperset(path.name for path in others):
                tag.write_bytes(_TAG)
                set_mode(tag, 0o644)
            _sweep(scratch, older_than_s=_STALE_S)
            with tempfile.TemporaryDirectory(
                dir=scratch, ignore_cleanup_errors=True
            ) as folder:
                yield Path(folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def publish(self, staged: Path, provenance: Provenance) -> Entry:
        """Put the files of *staged* in their place, all of them at once.

        Where another process was faster, its files are taken and these are not.
        *staged* is a folder below `staging`, of engines alone.
        """
        seal(staged, provenance)
        final = self.root / provenance.place
        for _ in range(2):  # a damaged entry at its place is removed in between
            self._make(final.parent)
            try:
                staged.rename(final)
                flush_folder(final.parent)
            except OSError:
                if not final.is_dir():
                    raise
            found = self._read(final)
            if isinstance(found, Entry):
                return found
        raise EngineDownloadError(f"{found}. Remove it by hand.")

    def _unwritable(self, error: OSError) -> EngineDownloadError:
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
        folders: list[Path] = []
        with contextlib.suppress(PermissionError):  # what cannot be read is not ours
            folders = self._folders()
        freed = sum(file.lstat().st_size for each in folders for file in each.glob("*"))
        for folder in folders:
            if not _removed(folder):
                raise EngineLoadError(
                    f"{folder} cannot be removed: it is in use, or this user may not "
                    "write there."
                )
            for parent in folder.parents[:2]:
                with contextlib.suppress(OSError):  # another entry is in it
                    parent.rmdir()
        _sweep(self.root / _SCRATCH, older_than_s=0)
        return len(folders), freed

    def _make(self, folder: Path) -> None:
        """Make *folder*, the root or one below it.

        Folders above the root are never open to others, even where the umask would
        have it so: what lies below them would not be believed.
        """
        _require_own_place(self.root)
        for path in (*reversed(folder.parents), folder):
            if not path.is_dir():
                path.mkdir(0o755, exist_ok=True)
                if self.root in (path, *path.parents):
                    set_mode(path, self._mode)


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


def _in(folder: Path, pattern: str) -> list[Path]:
    """Return what is in *folder*; glob() would be silent about a closed one."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return [path for path in folder.iterdir() if path.match(pattern)]
    return []


def _removed(folder: Path) -> bool:
    """Remove *folder* as far as that is possible; return whether it is gone."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _when(found: Found) -> tuple[str, str]:
    fetched = found.provenance.fetched if isinstance(found, Entry) else ""
    return fetched, found.folder.name


def _sweep(scratch: Path, *, older_than_s: float) -> None:
    """Remove what a killed process left behind."""
    limit = time.time() - older_than_s
    for folder in scratch.glob("*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime <= limit:
                _removed(folder)


@contextlib.contextmanager
def locked(
    path: Path, deadline: Deadline, say: Callable[[str], object] = lambda _: None
) -> Iterator[None]:
    """Hold the lock on *path*, a folder or a file, or go on without it.

    A lock saves work, and no engine depends on it: on Lustre, GPFS and some NFS
    mounts `flock` is refused or, worse, succeeds and does nothing. Past the *deadline*
    it goes on without; *say* is told of a wait.
    """
    # Windows opens no folder: there it is a file in it, which stays.
    held = path if hasattr(os, "O_DIRECTORY") or not path.is_dir() else path / _LOCK
    try:
        descriptor = os.open(
            held, os.O_RDONLY if held.is_dir() else os.O_RDWR | os.O_CREAT, 0o644
        )
    except OSError:
        yield
        return
    try:
        if not _taken(descriptor):
            say("waiting for another process to fetch")
            while not (deadline.expired or _taken(descriptor)):
                time.sleep(_LOCK_PAUSE_S)
        yield
    finally:
        os.close(descriptor)  # lets go of the lock as well


def _taken(descriptor: int) -> bool:
    """Return whether the lock is ours, or never can be."""
    try:
        fcntl: Any = import_module("fcntl")
    except ImportError:
        return _taken_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        return True
    return True


def _taken_on_windows(descriptor: int) -> bool:
    msvcrt: Any = import_module("msvcrt")
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        return error.errno != errno.EACCES  # what it says of a lock that is held
    return True


# Whose is it? Could somebody else put a file there, or change one before it is loaded?


def _require_executable(folder: Path) -> None:
    forbidden = getattr(os, "ST_NOEXEC", 0)
    if forbidden and os.statvfs(folder).f_flag & forbidden:
        raise EngineDownloadError(
            f"The cache folder {folder} is on a file system mounted noexec, from which "
            "no engine can be loaded. Set IMAGEFLOW_CACHE_DIR to another folder."
        )


def _require_trusted(root: Path, *paths: Path) -> None:
    """Refuse what somebody else could change.

    Args:
        root: The cache folder. The folders above it need only be closed to strangers:
            whoever named the folder has chosen whom they belong to.
        paths: What is in it, folders and files.

    Raises:
        EngineLoadError: One of them is somebody else's, or writable for others.
        OSError: One of them cannot be looked at.
    """
    if not hasattr(os, "geteuid"):
        return
    if os.getuid() != os.geteuid():
        raise _refusal(
            "The cache is not used by a process that runs setuid, since its caller "
            "could have named the folder.",
            "Run it without that right.",
        )
    for parent in root.parents:
        if _open_to(stat.S_IWOTH, parent.stat()):
            raise _refusal(
                f"The cache folder {root} is not used: everybody may write {parent}.",
                f"Run chmod o-w {parent}, or set IMAGEFLOW_CACHE_DIR.",
            )
    for path in (root, *paths):
        status = path.stat()
        if status.st_uid not in {0, os.geteuid()}:
            raise _refusal(
                f"{path} is not used: it belongs to another user (uid "
                f"{status.st_uid}), who could change what it holds.",
                "Set IMAGEFLOW_CACHE_DIR to a folder of your own.",
            )
        # A group of one's own is how many systems set up their users, with umask 002.
        group = 0 if status.st_gid == os.getegid() else stat.S_IWGRP
        if _open_to(stat.S_IWOTH | group, status):
            raise _refusal(
                f"{path} is not used: others may write it.", f"Run chmod go-w {path}."
            )


def _require_own_place(root: Path) -> None:
    """Refuse to make the cache of root in the folder of another user.

    `sudo` may keep HOME, and what root leaves there the user cannot remove.

    Raises:
        EngineLoadError: It would be made in somebody else's folder.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    nearest = next(path for path in (root, *root.parents) if path.exists())
    if owner := nearest.stat().st_uid:
        raise _refusal(
            f"{nearest} belongs to another user (uid {owner}), so root keeps no "
            "engines there.",
            "Run this as that user, or set IMAGEFLOW_CACHE_DIR.",
        )


def _open_to(who: int, status: os.stat_result) -> bool:
    """Return whether they may change a file, or rename what is in a folder.

    In a sticky one (/tmp) everybody may add to it, but take away only what is theirs.
    """
    return bool(status.st_mode & who) and not status.st_mode & stat.S_ISVTX


def _refusal(
    sentence: str, remedy: str, reason: str = "not_trusted"
) -> EngineLoadError:
    return EngineLoadError(f"{sentence} {remedy}", reason=reason, hint=remedy)
