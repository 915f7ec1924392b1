"""Where fetched engines live: an entry is there whole, or it is not there.

The layout, below the folder that `IMAGEFLOW_CACHE_DIR` or the system names::

    CACHEDIR.TAG                               backups pass it by
    v2.3.1-rc01/linux-x64/882910c6c9602e42/    release, platform, SHA-256 of the archive
        libimageflow.so  imageflow_tool
        entry.json                             what each file must be, and who said so
    locks/                                     to save work; nothing depends on them
    tmp/                                       being filled; swept when an hour old

An entry is filled under `tmp`, flushed to the disk and renamed into place; its files
are never written again. So readers need no lock, and a cache that cannot be written, or
that was filled elsewhere and copied, serves like any other.

What is loaded runs with the user's rights, so the cache is believed only where its
folders and files belong to this user or to root and nobody else may write them. On
Windows a folder's rights come from its parent, and there is nothing to ask.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .._cancel import Deadline
    from ..types import EngineKind
    from .entry import Provenance

Found: TypeAlias = Entry | Damaged
"""What lies at an entry's place."""

_STALE_S: Final = 3600  # longer than a fetch may take
_LOCK_PAUSE_S: Final = 0.05  # between two looks at a lock that somebody else holds
_TELL_AFTER_S: Final = 2.0  # a shorter wait is not worth a word
_CACHEDIR_TAG: Final = b"""\
Signature: 8a477f597d28d172789f06886806bc55
# Engines that can be fetched again: imageflow-loader fetch
# What this file is for: https://bford.info/cachedir/
"""


class Cache:
    """The folder of fetched engines."""

    def __init__(self, root: Path, *, shared: bool = True) -> None:
        """Use *root*, an absolute path that need not exist.

        Other users may read it if it is *shared*, should it have to be made.
        """
        self.root = root
        self._mode = 0o755 if shared else 0o700

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

    def find(self, release: str, suffix: str, *, thorough: bool = False) -> list[Found]:
        """Return what is there of a release for a platform, the newest first.

        If *thorough*, every SHA-256 is taken again, whatever sizes and times say.

        Raises:
            EngineLoadError: It cannot be read, or somebody else could change it.
        """
        folder = self.root / release / suffix
        try:
            names = list(filter(is_entry_name, _names_in(folder)))
            if names:
                _require_trusted(self.root, (folder.parent, folder))
            places = (Path(release, suffix, name) for name in names)
            found = [self._read(place, thorough=thorough) for place in places]
        except OSError as error:
            why = error.strerror or error
            raise _refusal(
                f"The cache folder {self.root} cannot be read ({why}).",
                "Set IMAGEFLOW_CACHE_DIR to a folder that this user can read.",
                "unreadable",
            ) from error
        return sorted(found, key=_when, reverse=True)

    def survey(self, *, thorough: bool = False) -> Iterator[Found]:
        """Yield every entry, of whatever release and platform; else as `find`."""
        for release, suffix in sorted({place.parts[:2] for place in self._places()}):
            yield from self.find(release, suffix, thorough=thorough)

    def _read(self, place: Path, *, thorough: bool = False) -> Found:
        folder = self.root / place
        try:
            entry = read_entry(folder, place, thorough=thorough)
        except DamagedError as error:
            return Damaged(folder, str(error), removed=self._discard(place))
        _require_trusted(self.root, (folder, *entry.paths))
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
        scratch, tag = self.root / "tmp", self.root / "CACHEDIR.TAG"
        try:
            self._make(scratch)
            _require_executable(self.root)
            _require_trusted(self.root, (scratch,))
            if not tag.exists():
                tag.write_bytes(_CACHEDIR_TAG)
                set_mode(tag, 0o644)
            _sweep(scratch, older_than_s=_STALE_S)
            folder = _new_folder(scratch)
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
        *staged* is a folder below `staging`; *kinds* names each file in it.
        """
        seal(staged, provenance, kinds)
        final = self.root / provenance.place
        why = ""
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
                if found.provenance.sha256 == provenance.sha256:
                    return found
                why = f"{final} holds another archive"
                break
            why = str(found)
        raise EngineDownloadError(f"{why}. Remove it by hand.")

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

    def _make(self, folder: Path) -> None:
        """Make *folder* below the root, readable for whoever may read the root.

        Folders above the root are never open to others, even where the umask would
        have it so: what lies below them would not be believed.
        """
        _require_own_place(self.root)
        for path in (*reversed(folder.parents), folder):
            if not path.is_dir():
                path.mkdir(0o755, exist_ok=True)
                if path == self.root:
                    set_mode(path, self._mode)
                elif self.root in path.parents:
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
        except (OSError, EngineError):
            return not folder.exists()
        try:
            folder.rename(aside / "entry")
            if not even_if_whole:
                with contextlib.suppress(DamagedError, OSError):
                    read_entry(aside / "entry", place, thorough=True)
                    (aside / "entry").rename(folder)
        except OSError:
            # A folder from a lower layer of a container image cannot be renamed, and
            # on Windows one with a library that is loaded can be neither.
            _remove(folder)
            return not folder.exists()
        finally:
            _remove(aside)
        return True


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


def _sweep(scratch: Path, *, older_than_s: float) -> None:
    """Remove what a killed process left behind."""
    limit = time.time() - older_than_s
    for name in _names_in(scratch):
        with contextlib.suppress(OSError):
            if (scratch / name).stat().st_mtime <= limit:
                _remove(scratch / name)


# Whose is it? Could somebody else put a file there, or change one before it is loaded?


def _require_executable(folder: Path) -> None:
    forbidden = getattr(os, "ST_NOEXEC", 0)
    if forbidden and os.statvfs(folder).f_flag & forbidden:
        raise EngineDownloadError(
            f"The cache folder {folder} is on a file system mounted noexec, from which "
            "no engine can be loaded. Set IMAGEFLOW_CACHE_DIR to another folder."
        )


def _require_trusted(root: Path, paths: Iterable[Path]) -> None:
    """Refuse what somebody else could change.

    Args:
        root: The cache folder. The folders above it, and above what it may be a link
            to, need only be closed to strangers: whoever named the folder has chosen
            whom they belong to.
        paths: What is in it, folders and files.

    Raises:
        EngineLoadError: One of them is somebody else's, or writable for others.
        OSError: One of them cannot be looked at.
    """
    if not hasattr(os, "getuid"):
        return
    if os.getuid() != os.geteuid():
        raise _refusal(
            "The cache is not used by a process that runs setuid, since its caller "
            "could have named the folder.",
            "Run it without that right.",
        )
    for parent in dict.fromkeys((*root.parents, *root.resolve().parents)):
        if _open_to_strangers(parent.stat().st_mode):
            raise _refusal(
                f"The cache folder {root} is not used: everybody may write {parent}.",
                f"Run chmod o-w {parent}, or set IMAGEFLOW_CACHE_DIR.",
            )
    _require_ours(root, root.lstat())
    for path in (root, *paths):
        _require_ours(path, path.stat())


def _require_ours(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in {0, os.geteuid()}:
        raise _refusal(
            f"{path} is not used: it belongs to {_user(status.st_uid)}, who could "
            "change what it holds.",
            "Set IMAGEFLOW_CACHE_DIR to a folder of your own.",
        )
    if stat.S_ISLNK(status.st_mode):  # its rights are nothing to anybody
        return
    others = _open_to_strangers(status.st_mode)
    # A group of one's own is how many systems set up their users, with umask 002.
    group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
    if others or (group and not status.st_mode & stat.S_ISVTX):
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
    owner = nearest.stat().st_uid
    if owner != 0:
        raise _refusal(
            f"{nearest} belongs to {_user(owner)}, so root does not keep engines "
            "there.",
            "Run this as that user, or set IMAGEFLOW_CACHE_DIR.",
        )


def _open_to_strangers(mode: int) -> bool:
    """Return whether anybody may rename what is in the folder.

    In a sticky one (/tmp) everybody may add to it, but take away only what is theirs.
    """
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _user(uid: int) -> str:
    try:
        import pwd

        return f"user {pwd.getpwuid(uid).pw_name}"
    except (ImportError, KeyError):
        return f"user {uid}"


def _refusal(
    sentence: str, remedy: str, reason: str = "not_trusted"
) -> EngineLoadError:
    return EngineLoadError(f"{sentence} {remedy}", reason=reason, hint=remedy)


# Locks save work, and nothing depends on them: on Lustre, GPFS and some NFS mounts
# `flock` is refused or, worse, succeeds and does nothing.


@contextlib.contextmanager
def locked(
    path: Path, deadline: Deadline, on_wait: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hold the lock on *path*, or go on without it where that cannot be.

    The file stays: taking it away would let two processes lock two files of one name.

    The *path* is a file, made when missing, or a folder. Past the *deadline* it goes on
    without; *on_wait* is called once when the wait becomes noticeable.
    """
    try:
        access = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, access | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError:  # a read-only folder, or one that is not ours
        yield
        return
    tell_at = time.monotonic() + _TELL_AFTER_S
    try:
        while not _taken(descriptor) and not deadline.expired:
            if on_wait is not None and time.monotonic() >= tell_at:
                on_wait()
                on_wait = None
            time.sleep(_LOCK_PAUSE_S)
        yield
    finally:
        os.close(descriptor)  # lets go of the lock as well


def _taken(descriptor: int) -> bool:
    """Return whether the lock is ours, or never can be."""
    try:
        _try_lock(descriptor)
    except (BlockingIOError, PermissionError):  # POSIX, Windows: somebody else has it
        return False
    except OSError:  # this file system knows no locks
        return True
    return True


def _try_lock(descriptor: int) -> None:
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:
        windows: Any = importlib.import_module("msvcrt")
        windows.locking(descriptor, windows.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
