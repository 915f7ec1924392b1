"""The official edition as candidates: what was fetched, and what could be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import EngineError
from ..types import Attempt
from . import releases
from .cache import Cache
from .candidates import Candidate
from .entry import Damaged, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .._platform import Platform
    from .._settings import Settings
    from ..types import EngineKind, Origin
    from .cache import Found
    from .releases import Artifact

_KINDS: Final[tuple[EngineKind, ...]] = ("library", "tool")
_BY_COMMAND: Final = "Run `imageflow-loader fetch` once with a network."


def from_cache(platform: Platform, settings: Settings) -> Iterator[Candidate | Attempt]:
    """Yield the engines that were fetched and serve *platform*, libraries first."""
    if settings.edition == "embedded":
        yield _none("cache", "holds the official edition, not the embedded one")
        return
    try:
        cache = Cache.at(settings.cache_dir)
        found = _found(cache, platform, settings)
    except EngineError as error:
        hint = getattr(error, "hint", None)
        yield _none("cache", error.message.removesuffix(f" {hint}"), hint)
        return
    yield from (_damage(item) for item in found if isinstance(item, Damaged))
    entries = [item for item in found if isinstance(item, Entry)]
    some = False
    for kind in _wanted(settings):
        suffixes = [row.suffix for row in releases.for_platform(platform, kind)]
        for entry in entries:
            path = entry.path(kind)
            if path is not None and entry.provenance.suffix in suffixes:
                some = True
                yield Candidate(kind, "official", "cache", False, _Present(path))
    if not some:
        yield _none("cache", f"nothing for this platform in {cache.root}")


def from_download(
    platform: Platform, settings: Settings
) -> Iterator[Candidate | Attempt]:
    """Yield what may be fetched without being asked: what is pinned, and allowed."""
    if settings.edition == "embedded":
        yield _none("download", "only the official edition is published")
        return
    rows = {kind: releases.for_platform(platform, kind) for kind in _wanted(settings)}
    if not any(rows.values()):
        yield _none("download", f"upstream publishes no engine for {platform}")
    elif (reason := _forbidden(settings)) is not None:
        yield _none("download", reason, _BY_COMMAND)
    elif not any(row.sha256 for of_kind in rows.values() for row in of_kind):
        yield _none(
            "download",
            "what serves this platform is not pinned by this package, so it is "
            "fetched only by command",
            _BY_COMMAND,
        )
    else:
        yield from _pinned(rows, settings)


def _pinned(
    rows: dict[EngineKind, tuple[Artifact, ...]], settings: Settings
) -> Iterator[Candidate]:
    failed: set[Artifact] = set()
    for kind, of_kind in rows.items():
        row = next((row for row in of_kind if row.sha256), None)
        if row is not None and row not in failed:
            fetch = _Fetch(row, kind, settings, failed)
            yield Candidate(kind, "official", "download", False, fetch)


class _Present:
    """A file that is there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> Path:
        return self._path


class _Fetch:
    """A file that is there once its archive has been fetched."""

    def __init__(
        self,
        artifact: Artifact,
        kind: EngineKind,
        settings: Settings,
        failed: set[Artifact],
    ) -> None:
        self._artifact = artifact
        self._kind = kind
        self._settings = settings
        self._failed = failed

    def __call__(self) -> Path:
        from .acquire import fetch_by_itself

        try:
            fetched = fetch_by_itself(self._artifact, self._settings)
        except EngineError:
            self._failed.add(self._artifact)  # its other file would fail as well
            raise
        path = fetched.library if self._kind == "library" else fetched.tool
        if path is None:  # rows say what is in an archive, and extract() insists on it
            raise EngineError(f"{self._artifact.name} holds no {self._kind}.")
        return path


def _wanted(settings: Settings) -> tuple[EngineKind, ...]:
    return _KINDS if settings.backend == "auto" else (settings.backend,)


def _found(cache: Cache, platform: Platform, settings: Settings) -> list[Found]:
    suffixes = (
        row.suffix
        for kind in _wanted(settings)
        for row in releases.for_platform(platform, kind)
    )
    return [
        item
        for suffix in dict.fromkeys(suffixes)
        for item in cache.find(releases.RELEASE, suffix)
    ]


def _forbidden(settings: Settings) -> str | None:
    """Return what forbids a download that nobody asked for."""
    if settings.download == "never":
        return "forbidden (IMAGEFLOW_DOWNLOAD=never, or download=False)"
    if settings.download == "manual":
        return "left to a command (IMAGEFLOW_DOWNLOAD=manual)"
    local = (settings.mirror or "").startswith("file:")
    if settings.offline and not local:
        return "offline (IMAGEFLOW_OFFLINE)"
    return None


def _none(origin: Origin, error: str, hint: str | None = None) -> Attempt:
    return Attempt(None, None, None, origin, ok=False, error=error, hint=hint)


def _damage(item: Damaged) -> Attempt:
    path = str(item.folder)
    hint = _BY_COMMAND if item.removed else f"Remove {path} and fetch again."
    return Attempt(
        None, "official", path, "cache", ok=False, error=str(item), hint=hint
    )
