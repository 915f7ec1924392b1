"""Fetch the official edition: choose the archive, have it verified, unpack it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import EngineDownloadError
from ..types import FetchedEngine
from . import releases
from .archives import extract
from .cache import Cache, locked
from .entry import Entry, Provenance, sha256_of
from .fetch import AbsentError, Downloads, Expected, Patience, inside, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._platform import Platform
    from .._settings import Settings
    from ..types import EngineKind
    from .fetch import Progress
    from .releases import Artifact

_log = logging.getLogger("imageflow_loader")

_SUMS: Final = "SHA256SUMS"  # of a mirror's folder, in the form of `sha256sum`
_SUMS_LINE: Final = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](?:\./)?(.+?)\r?")
_AS_IT_IS: Final = "surrogateescape"  # what others have written, in any encoding
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
    if suffix is None:
        rows = releases.for_platform(platform, kind)
    elif suffix in releases.SUFFIXES:
        rows = releases.for_suffix(suffix, kind)
    else:
        raise ValueError(
            f"{suffix!r} is no platform of the official release: "
            f"{', '.join(releases.SUFFIXES)}."
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

    def say(what: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"imageflow_loader: {what}\n")

    return Fetch(settings, artifact, say=say).into_cache(Cache(settings.cache_dir))


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
    row = None
    if source is not None:
        if not source.exists():
            raise EngineDownloadError(f"There is no {source}.")
        if suffix is None:
            row = releases.by_name(source.name, kind)
    row = row or choose(platform, suffix=suffix, kind=kind)
    fetch = Fetch(settings, row, source, sha256, progress, patience, say=_log.info)
    if destination is not None:
        return fetch.into_folder(destination)
    return fetch.into_cache(Cache(settings.cache_dir))


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
        *,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Find out where it comes from; the arguments are those of `fetch_engine`.

        *say* is told of what takes time.
        """
        self._settings, self._artifact = settings, artifact
        self._known: Expected | None = None
        if sha256 is not None:
            self._known = Expected(digest(sha256), "the caller (--sha256)")
        elif artifact.sha256 is not None:
            self._known = Expected(artifact.sha256, "this package")
        self._downloads = Downloads(patience or Patience(), progress)
        self._say = say
        self._folder, self._name = settings.mirror, artifact.name
        if source is not None:
            self._folder = source.absolute().parent.as_uri()
            self._name = source.absolute().name  # "." has none
        self.url = artifact.url
        if self._folder is not None:
            self.url = inside(self._folder, self._name)

    def into_cache(self, cache: Cache) -> FetchedEngine:
        """Return the engine in *cache*, fetched only if it is not there."""
        expected, fresh = self._known, False
        entry = None if expected is None else self._cached(cache, expected)
        if entry is None:
            with cache.lock(self._downloads.deadline, self._say):
                expected = expected or self._others_word()
                # Whoever held the lock before may have fetched it.
                entry = self._cached(cache, expected)
                if entry is None:
                    entry, fresh = self._fill(cache, expected), True
        came = entry.provenance
        return FetchedEngine(
            platform=came.suffix,
            library=entry.path("library"),
            tool=entry.path("tool"),
            archive=None,
            url=came.url,
            sha256=came.sha256,
            compared_with=came.compared_with,
            fresh=fresh,
        )

    def into_folder(self, folder: Path) -> FetchedEngine:
        """Return the archive in *folder*, which becomes a mirror that has it."""
        archive = folder / self._artifact.name
        expected = self._known or self._others_word()
        try:
            fresh = not archive.is_file() or sha256_of(archive) != expected.sha256
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
                if fresh:
                    self._download(Path(scratch, archive.name), expected, folder)
                    Path(scratch, archive.name).replace(archive)
                sums = Path(scratch, _SUMS)
                with locked(folder, self._downloads.deadline):  # others add lines too
                    text = _with(folder / _SUMS, archive.name, expected.sha256)
                    sums.write_text(text, "utf-8", _AS_IT_IS, newline="\n")
                    sums.replace(folder / _SUMS)
        except OSError as error:
            raise EngineDownloadError(
                f"{folder} cannot be written ({error.strerror or error})."
            ) from error
        suffix, url = self._artifact.suffix, shown(self.url)
        said = expected.sha256, expected.said_by
        return FetchedEngine(suffix, None, None, archive, url, *said, fresh)

    def _cached(self, cache: Cache, expected: Expected) -> Entry | None:
        for entry in cache.survey(releases.RELEASE, self._artifact.suffix):
            if isinstance(entry, Entry) and entry.provenance.sha256 == expected.sha256:
                return entry
        return None

    def _fill(self, cache: Cache, expected: Expected) -> Entry:
        with cache.staging() as scratch:
            archive, staged = scratch / self._artifact.name, scratch / "entry"
            staged.mkdir()
            self._download(archive, expected, cache.root)
            extract(archive, self._artifact.members, staged)
            came = Provenance(
                release=releases.RELEASE,
                suffix=self._artifact.suffix,
                url=shown(self.url),
                sha256=expected.sha256,
                compared_with=expected.said_by,
                fetched=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            )
            return cache.publish(staged, came)

    def _download(self, target: Path, expected: Expected, place: Path) -> None:
        self._require_network()
        self._say(f"fetching {shown(self.url)} into {place}")
        with target.open("xb") as file:
            self._downloads.file(self.url, file, expected)

    def _require_network(self) -> None:
        if self.url.startswith("file:"):
            return
        if self._settings.offline:
            forbidden_by = "IMAGEFLOW_OFFLINE"
        elif self._settings.download == "never":
            forbidden_by = "IMAGEFLOW_DOWNLOAD=never"
        else:
            return
        raise EngineDownloadError(
            f"{shown(self.url)} is not fetched: {forbidden_by} forbids the network. "
            "Get it elsewhere and pass it with --from FILE (source=…)."
        )

    def _others_word(self) -> Expected:
        """Return what the mirror or upstream's server says that the archive is.

        Raises:
            EngineDownloadError: It says nothing.
        """
        self._require_network()
        if self._folder is None:
            place, sha256_in = releases.RELEASE_API, _published
        else:
            place, sha256_in = inside(self._folder, _SUMS), listed
        found = None
        with contextlib.suppress(AbsentError):
            found = sha256_in(self._downloads.text(place), self._name)
        if found is None:
            raise EngineDownloadError(
                f"{self._name} is not used: nothing says what it must be, neither this "
                f"package nor {shown(place)}. Pass --sha256 (sha256=…), from a source "
                "that you trust."
            )
        return Expected(found, shown(place))


def listed(text: str, name: str) -> str | None:
    """Return the SHA-256 that a `SHA256SUMS` has for *name*, None if it has none."""
    for line in text.splitlines():
        match = _SUMS_LINE.fullmatch(line.lstrip("\ufeff"))
        if match and match[2] == name:
            return match[1].lower()
    return None


def _published(text: str, name: str) -> str | None:
    """Return the SHA-256 that a release document has for *name*, None if none."""
    try:
        document: Any = json.loads(text)
        digests = {asset["name"]: asset.get("digest") for asset in document["assets"]}
        return digest(str(digests.get(name)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _with(sums: Path, name: str, sha256: str) -> str:
    """Return a `SHA256SUMS` with the line of the archive *name* in it."""
    old = sums.read_text("utf-8", _AS_IT_IS) if sums.exists() else ""
    others = [line for line in old.splitlines() if listed(line, name) is None]
    return "\n".join([*others, f"{sha256}  {name}", ""])
