"""Fetch the official edition: choose the archive, have it verified, unpack it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .._cancel import Deadline
from ..errors import EngineDownloadError
from ..types import FetchedEngine
from . import releases
from .archives import extract
from .cache import Cache
from .download import Expected, download
from .entry import Entry, Provenance, set_mode, sha256_of
from .fetch import Patience, shown
from .lock import locked
from .trust import SUMS, digest, listed, own_word, word_of_folder, word_of_release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._platform import Platform
    from .._settings import Settings
    from ..types import EngineKind
    from .fetch import Progress
    from .releases import Artifact


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, and from where."""

    artifact: Artifact
    url: str
    """Of the archive: upstream's, a mirror's, or a file's."""
    folder: str | None = None
    """Of the mirror, which may have a list of SHA-256s; None for upstream."""
    sha256: str | None = None
    """What the caller says that the archive is."""
    forbidden_by: str | None = None
    """What forbids the network, None if it may be used."""
    api: str = releases.RELEASE_API
    """Where upstream's server lists its archives, with a SHA-256 for each."""


def order(
    settings: Settings,
    artifact: Artifact,
    *,
    source: Path | None = None,
    sha256: str | None = None,
) -> Order:
    """Return how to get *artifact* under these settings.

    Args:
        settings: Name the mirror, and forbid the network.
        artifact: What is wanted.
        source: A copy of it on this machine, instead of any server.
        sha256: What it must be, whatever this package or a mirror says.

    Raises:
        ValueError: *sha256* is none.
    """
    if sha256 is not None:
        sha256 = digest(sha256)
    if source is not None:
        url = source.absolute().as_uri()
        return Order(artifact, url, url.rpartition("/")[0], sha256)
    if settings.mirror is None:
        url = artifact.url
    else:
        url = f"{settings.mirror}/{artifact.name}"
    local = url.startswith("file:")
    forbidden_by = None if local else network_forbidden(settings)
    return Order(artifact, url, settings.mirror, sha256, forbidden_by)


def network_forbidden(settings: Settings) -> str | None:
    """Return what forbids the network whatever is asked, None if nothing does."""
    if settings.offline:
        return "IMAGEFLOW_OFFLINE"
    return "IMAGEFLOW_DOWNLOAD=never" if settings.download == "never" else None


def choose(
    platform: Platform, *, suffix: str | None, kind: EngineKind | None
) -> Artifact:
    """Return the archive to fetch.

    Args:
        platform: The machine that is to use it, where *suffix* names none.
        suffix: Upstream's name of a platform; None for this one.
        kind: What is wanted of it; None for the best that there is.

    Raises:
        EngineDownloadError: Upstream publishes nothing that serves.
        ValueError: There is no such suffix.
    """
    if suffix is not None and suffix not in releases.SUFFIXES:
        raise ValueError(
            f"{suffix!r} is no platform of the official release: "
            f"{', '.join(releases.SUFFIXES)}."
        )
    rows = (
        releases.for_platform(platform, kind)
        if suffix is None
        else releases.for_suffix(suffix, kind)
    )
    if not rows:
        what = "engine" if kind is None else kind
        raise EngineDownloadError(
            f"Upstream publishes no {what} for {suffix or platform}."
            + (" Its tool does the same." if kind == "library" else "")
        )
    return rows[0]


def fetch_by_itself(artifact: Artifact, settings: Settings) -> FetchedEngine:
    """Fetch *artifact* because an engine is needed and none is there; say so first.

    Raises:
        EngineDownloadError: As for `fetch_engine`.
        EngineLoadError: As for `fetch_engine`.
    """
    wanted = order(settings, artifact)
    cache = Cache.at(settings.cache_dir)
    size = "" if artifact.size is None else f" ({artifact.size / 1e6:.1f} MB)"

    def say(what: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"imageflow_loader: {what}\n")

    run = Run(wanted, Patience(), None)
    run.before_download = lambda: say(
        f"fetching {shown(wanted.url)}{size} into {cache.root}"
    )
    return run.into_cache(cache, lambda: say("waiting for another process to fetch"))


def fetch_engine(
    settings: Settings,
    platform: Platform,
    *,
    suffix: str | None = None,
    kind: EngineKind | None = None,
    destination: Path | None = None,
    source: Path | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> FetchedEngine:
    """Fetch the official edition into the cache, or its archive into a folder.

    Args:
        settings: Name cache and mirror, and forbid the network.
        platform: This machine.
        suffix: Upstream's name of a platform; None for this one, or for that of
            *source*.
        kind: What is wanted; None for a library where one can be used, else a tool.
        destination: A folder to put the archive into, with its line in `SHA256SUMS`,
            instead of unpacking it into the cache: so a mirror is made.
        source: The archive as a file, instead of a server.
        sha256: What the archive must be, whatever this package or a mirror says.
        progress: Called with the bytes that arrived and, if known, those that will.
        patience: How long to wait.

    Raises:
        EngineDownloadError: It could not be had, is not what it must be, or there is
            no room for it.
        EngineLoadError: Somebody else could change what the cache holds.
        ValueError: There is no such suffix, or *sha256* is none.
    """
    artifact = _named_like(source, suffix, kind) or choose(
        platform, suffix=suffix, kind=kind
    )
    wanted = order(settings, artifact, source=source, sha256=sha256)
    run = Run(wanted, patience or Patience(), progress)
    if destination is not None:
        return run.into_folder(destination)
    return run.into_cache(Cache.at(settings.cache_dir))


def _named_like(
    source: Path | None, suffix: str | None, kind: EngineKind | None
) -> Artifact | None:
    """Return the row of an archive that was given as a file, if its name tells."""
    row = None if source is None else releases.by_name(source.name)
    if row is None or (kind is not None and row.member(kind) is None):
        return None
    return row if suffix in {None, row.suffix} else None


class Run:
    """One fetch, from the order to the files."""

    def __init__(
        self, wanted: Order, patience: Patience, progress: Progress | None
    ) -> None:
        self._order = wanted
        self._artifact = wanted.artifact
        self._patience = patience
        self._progress = progress
        self._deadline = Deadline(patience.total_s)
        self.before_download: Callable[[], object] = lambda: None

    def into_cache(
        self, cache: Cache, on_wait: Callable[[], object] | None = None
    ) -> FetchedEngine:
        """Return the engine in *cache*, fetched only if it is not there."""
        own = own_word(self._artifact, self._order.sha256)
        if own is not None and (entry := self._cached(cache, own.sha256)):
            return _result(entry, fresh=False)
        with cache.lock(self._artifact.name, self._deadline, on_wait):
            expected = own or self._expected()
            # Whoever held the lock before may have fetched it.
            if entry := self._cached(cache, expected.sha256):
                return _result(entry, fresh=False)
            try:
                with cache.staging() as scratch:
                    return _result(self._fill(cache, scratch, expected), fresh=True)
            except OSError as error:
                raise cache.unwritable(error) from error

    def into_folder(self, folder: Path) -> FetchedEngine:
        """Return the archive in *folder*, which becomes a mirror that has it."""
        archive = folder / self._artifact.name
        expected = self._expected()
        fresh = not (archive.is_file() and sha256_of(archive) == expected.sha256)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if fresh:
                with _written_beside(archive) as file:
                    self._download(file, expected)
            with locked(folder, self._deadline):
                _list_in(folder / SUMS, archive.name, expected.sha256)
        except OSError as error:
            raise EngineDownloadError(
                f"{folder} cannot be written ({error.strerror or error})."
            ) from error
        return FetchedEngine(
            platform=self._artifact.suffix,
            library=None,
            tool=None,
            archive=archive,
            url=shown(self._order.url),
            sha256=expected.sha256,
            compared_with=expected.said_by,
            fresh=fresh,
        )

    def _cached(self, cache: Cache, sha256: str) -> Entry | None:
        found = cache.find(releases.RELEASE, self._artifact.suffix)
        for entry in found:
            if isinstance(entry, Entry) and entry.provenance.sha256 == sha256:
                return entry
        return None

    def _expected(self) -> Expected:
        wanted, name = self._order, self._artifact.name
        own = own_word(self._artifact, wanted.sha256)
        if own is not None:
            return own
        self._require_network()
        if wanted.folder is None:
            return word_of_release(
                wanted.api,
                name,
                patience=self._patience,
                deadline=self._deadline,
            )
        return word_of_folder(
            wanted.folder,
            wanted.url.rpartition("/")[2],
            patience=self._patience,
            deadline=self._deadline,
        )

    def _fill(self, cache: Cache, scratch: Path, expected: Expected) -> Entry:
        archive, staged = scratch / self._artifact.name, scratch / "entry"
        staged.mkdir()
        with archive.open("xb") as file:
            self._download(file, expected)
        kinds = self._kinds()
        extract(archive, kinds, staged)
        archive.unlink()
        provenance = Provenance(
            release=releases.RELEASE,
            suffix=self._artifact.suffix,
            archive=self._artifact.name,
            url=shown(self._order.url),
            sha256=expected.sha256,
            compared_with=expected.said_by,
            fetched=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        return cache.publish(staged, provenance, kinds)

    def _kinds(self) -> dict[str, EngineKind]:
        kinds: tuple[EngineKind, ...] = ("library", "tool")
        names = {kind: self._artifact.member(kind) for kind in kinds}
        return {name: kind for kind, name in names.items() if name is not None}

    def _download(self, file: BinaryIO, expected: Expected) -> None:
        self._require_network()
        self.before_download()
        download(
            self._order.url,
            file,
            expected=expected,
            patience=self._patience,
            deadline=self._deadline,
            progress=self._progress,
        )

    def _require_network(self) -> None:
        if self._order.forbidden_by is not None:
            raise EngineDownloadError(
                f"{shown(self._order.url)} is not fetched: {self._order.forbidden_by} "
                "forbids the network. Get it elsewhere and pass it with --from FILE "
                "(source=…)."
            )


def _result(entry: Entry, *, fresh: bool) -> FetchedEngine:
    return FetchedEngine(
        platform=entry.provenance.suffix,
        library=entry.path("library"),
        tool=entry.path("tool"),
        archive=None,
        url=entry.provenance.url,
        sha256=entry.provenance.sha256,
        compared_with=entry.provenance.compared_with,
        fresh=fresh,
    )


# A mirror's folder.


@contextlib.contextmanager
def _written_beside(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of *path* in the end, whole or not at all."""
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


def _list_in(sums: Path, name: str, sha256: str) -> None:
    """Set the line of the archive *name* in a `SHA256SUMS`."""
    text = sums.read_text(encoding="utf-8") if sums.exists() else ""
    others = (line for line in text.splitlines() if listed(line, name) is None)
    lines = sorted([*others, f"{sha256}  {name}"], key=lambda line: line[64:])
    with _written_beside(sums) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
