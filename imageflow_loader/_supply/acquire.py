"""Fetch the official edition: choose the archive, have it verified, unpack it."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ..errors import EngineDownloadError
from ..types import FetchedEngine
from . import releases
from .archives import extract
from .cache import Cache, locked
from .entry import Entry, Provenance, sha256_of, written_beside
from .fetch import AbsentError, Downloads, Expected, Patience, inside, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .._platform import Platform
    from .._settings import Settings
    from ..types import EngineKind
    from .fetch import Progress
    from .releases import Artifact

_SUMS: Final = "SHA256SUMS"  # of a mirror's folder, in the form of `sha256sum`
_SUMS_LINE: Final = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](?:\./)?(.+?)\r?")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def digest(text: str) -> str:
    """Return a SHA-256 that somebody typed, as 64 lower-case hex digits.

    Raises:
        ValueError: It is none.
    """
    value = text.strip().lower().removeprefix("sha256:")
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{text!r} is no SHA-256: that has 64 hexadecimal digits.")
    return value


def choose(
    platform: Platform, *, suffix: str | None, kind: EngineKind | None
) -> Artifact:
    """Return the archive to fetch for upstream's platform *suffix*, else for this one.

    The *kind* is what is wanted of it; None for the best that there is.

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
        raise EngineDownloadError(
            f"Upstream publishes no {kind or 'engine'} for {suffix or platform}."
            + (" Its tool does the same." if kind == "library" else "")
        )
    return rows[0]


def fetch_by_itself(artifact: Artifact, settings: Settings) -> FetchedEngine:
    """Fetch *artifact* because an engine is needed and none is there; say so first.

    Raises:
        EngineDownloadError: As for `fetch_engine`.
        EngineLoadError: As for `fetch_engine`.
    """
    fetch, cache = Fetch(settings, artifact), Cache.at(settings.cache_dir)
    size = "" if artifact.size is None else f" ({artifact.size / 1e6:.1f} MB)"

    def say(what: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"imageflow_loader: {what}\n")

    fetch.before_download = lambda: say(
        f"fetching {shown(fetch.url)}{size} into {cache.root}"
    )
    return fetch.into_cache(cache, lambda: say("waiting for another process to fetch"))


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

    The arguments are those of `imageflow_loader.fetch`; *suffix* is its platform,
    *destination* its dest, *platform* this machine.

    Raises:
        EngineDownloadError: It could not be had, is not what it must be, or there is
            no room for it.
        EngineLoadError: Somebody else could change what the cache holds.
        ValueError: There is no such suffix, or *sha256* is none.
    """
    row = None if source is None else releases.by_name(source.name)
    named_so = row is not None and (kind is None or row.member(kind) is not None)
    if row is None or not named_so or suffix not in {None, row.suffix}:
        row = choose(platform, suffix=suffix, kind=kind)
    if source is not None and not source.exists():
        raise EngineDownloadError(f"There is no {source}.")
    fetch = Fetch(settings, row, source, sha256, progress, patience)
    if destination is not None:
        return fetch.into_folder(destination)
    return fetch.into_cache(Cache.at(settings.cache_dir))


class Fetch:
    """One fetch of one archive, from its URL to the files."""

    def __init__(
        self,
        settings: Settings,
        artifact: Artifact,
        source: Path | None = None,
        sha256: str | None = None,
        progress: Progress | None = None,
        patience: Patience | None = None,
        api: str = releases.RELEASE_API,
    ) -> None:
        """Find out where it comes from; the arguments are those of `fetch_engine`.

        *api* is where upstream's server lists its archives, with a SHA-256 for each.
        """
        self._artifact = artifact
        self._sha256 = None if sha256 is None else digest(sha256)
        self._downloads = Downloads(patience or Patience(), progress)
        self._api = api
        self._folder, self._name = settings.mirror, artifact.name
        if source is not None:
            self._folder, self._name = source.absolute().parent.as_uri(), source.name
        self.url = artifact.url
        if source is not None:
            self.url = source.absolute().as_uri()
        elif self._folder is not None:
            self.url = inside(self._folder, artifact.name)
        self._forbidden_by = None
        if not self.url.startswith("file:") and settings.offline:
            self._forbidden_by = "IMAGEFLOW_OFFLINE"
        elif not self.url.startswith("file:") and settings.download == "never":
            self._forbidden_by = "IMAGEFLOW_DOWNLOAD=never"
        self.before_download: Callable[[], object] = lambda: None

    def into_cache(
        self, cache: Cache, on_wait: Callable[[], object] | None = None
    ) -> FetchedEngine:
        """Return the engine in *cache*, fetched only if it is not there."""
        own = self._own_word()
        if own is not None and (entry := self._cached(cache, own)):
            return self._result(entry.provenance, entry, fresh=False)
        with cache.lock(self._artifact.name, self._downloads.deadline, on_wait):
            expected = own or self._expected()
            # Whoever held the lock before may have fetched it.
            if entry := self._cached(cache, expected):
                return self._result(entry.provenance, entry, fresh=False)
            try:
                with cache.staging() as scratch:
                    entry = self._fill(cache, scratch, expected)
                    return self._result(entry.provenance, entry, fresh=True)
            except OSError as error:
                raise cache.unwritable(error) from error

    def into_folder(self, folder: Path) -> FetchedEngine:
        """Return the archive in *folder*, which becomes a mirror that has it."""
        archive = folder / self._artifact.name
        expected = self._expected()
        try:
            fresh = not archive.is_file() or sha256_of(archive) != expected.sha256
            folder.mkdir(parents=True, exist_ok=True)
            if fresh:
                with written_beside(archive) as file:
                    self._download(file, expected)
            with locked(folder, self._downloads.deadline):
                _list_in(folder / _SUMS, archive.name, expected.sha256)
        except OSError as error:
            raise EngineDownloadError(
                f"{folder} cannot be written ({error.strerror or error})."
            ) from error
        return self._result(self._provenance(expected), archive, fresh=fresh)

    def _cached(self, cache: Cache, expected: Expected) -> Entry | None:
        for entry in cache.find(releases.RELEASE, self._artifact.suffix):
            if isinstance(entry, Entry) and entry.provenance.sha256 == expected.sha256:
                return entry
        return None

    def _fill(self, cache: Cache, scratch: Path, expected: Expected) -> Entry:
        archive, staged = scratch / self._artifact.name, scratch / "entry"
        staged.mkdir()
        with archive.open("xb") as file:
            self._download(file, expected)
        kinds: tuple[EngineKind, ...] = ("library", "tool")
        files = {n: kind for kind in kinds if (n := self._artifact.member(kind))}
        extract(archive, files, staged)
        archive.unlink()
        return cache.publish(staged, self._provenance(expected), files)

    def _download(self, file: BinaryIO, expected: Expected) -> None:
        self._require_network()
        self.before_download()
        self._downloads.file(self.url, file, expected)

    def _require_network(self) -> None:
        if self._forbidden_by is not None:
            raise EngineDownloadError(
                f"{shown(self.url)} is not fetched: {self._forbidden_by} forbids the "
                "network. Get it elsewhere and pass it with --from FILE (source=…)."
            )

    def _provenance(self, expected: Expected) -> Provenance:
        return Provenance(
            release=releases.RELEASE,
            suffix=self._artifact.suffix,
            archive=self._artifact.name,
            url=shown(self.url),
            sha256=expected.sha256,
            compared_with=expected.said_by,
            fetched=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )

    @staticmethod
    def _result(came: Provenance, what: Entry | Path, *, fresh: bool) -> FetchedEngine:
        return FetchedEngine(
            platform=came.suffix,
            library=what.path("library") if isinstance(what, Entry) else None,
            tool=what.path("tool") if isinstance(what, Entry) else None,
            archive=None if isinstance(what, Entry) else what,
            url=came.url,
            sha256=came.sha256,
            compared_with=came.compared_with,
            fresh=fresh,
        )

    # What is the download compared with? Never with nothing.

    def _own_word(self) -> Expected | None:
        """Return what the caller or this package says that the archive is."""
        if self._sha256 is not None:
            return Expected(self._sha256, "the caller (--sha256)")
        row = self._artifact
        if row.sha256 is not None:
            return Expected(row.sha256, "this package", row.size)
        return None

    def _expected(self) -> Expected:
        """Return what the first who knows says that the archive is.

        Raises:
            EngineDownloadError: Nobody knows.
        """
        if (own := self._own_word()) is not None:
            return own
        self._require_network()
        if self._folder is None:
            place, said_by = self._api, f"the release API ({shown(self._api)})"
            found = _asset(self._downloads.text(place), self._name)
            why = f"{shown(place)} publishes no SHA-256 of it"
        else:
            place = inside(self._folder, _SUMS)
            said_by, found = shown(place), None
            try:
                sha256 = listed(self._downloads.text(place), self._name)
                found = None if sha256 is None else (sha256, None)
                why = f"{said_by} does not list it"
            except AbsentError:
                why = f"there is no {said_by}"
        if found is None:
            raise EngineDownloadError(
                f"{self._name} is not used: nothing says what it must be. This package "
                f"does not pin it, and {why}. Pass --sha256 (sha256=…), from a source "
                "that you trust."
            )
        return Expected(found[0], said_by, found[1])


def listed(text: str, name: str) -> str | None:
    """Return the SHA-256 that a `SHA256SUMS` has for *name*, None if it has none."""
    for line in text.splitlines():
        match = _SUMS_LINE.fullmatch(line.lstrip("\ufeff"))
        if match and match[2] == name:
            return match[1].lower()
    return None


def _asset(text: str, name: str) -> tuple[str, int | None] | None:
    """Return SHA-256 and size that a release document has for *name*."""
    try:
        document: Any = json.loads(text)
        asset = {asset["name"]: asset for asset in document["assets"]}.get(name, {})
        size = asset.get("size")
        known = isinstance(size, int) and size > 0
        return digest(str(asset.get("digest"))), size if known else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _list_in(sums: Path, name: str, sha256: str) -> None:
    """Set the line of the archive *name* in a `SHA256SUMS`."""
    # What others have written there stays, whatever encoding they used.
    old = sums.read_bytes() if sums.exists() else b""
    text = old.decode("utf-8", "surrogateescape")
    others = (line for line in text.splitlines() if listed(line, name) is None)
    lines = sorted([*others, f"{sha256}  {name}"], key=lambda line: line[64:])
    with written_beside(sums) as file:
        file.write(
            "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
        )
