"""Bring the official edition here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import given, instance, one_of
from .._platform import current_platform
from .._settings import Settings
from ..types import EngineKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from ..types import FetchedEngine


def fetch(
    *,
    platform: str | None = None,
    kind: EngineKind | None = None,
    dest: str | PathLike[str] | None = None,
    source: str | PathLike[str] | None = None,
    sha256: str | None = None,
    cache_dir: str | PathLike[str] | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> FetchedEngine:
    """Fetch the official edition, verified; it is preferred from the next start on.

    What was fetched before is not fetched again. Proxies, certificates and passwords
    are taken from where `requests` looks for them: `HTTPS_PROXY`, `NO_PROXY`,
    `REQUESTS_CA_BUNDLE`, `~/.netrc`; and from `SSL_CERT_FILE`.

    Args:
        platform: Upstream's name of a platform ("linux-musl-x64"); None for this one.
        kind: What is wanted; None for a library where one can be used, else a tool.
        dest: A folder for the archive itself and its line in `SHA256SUMS`, which then
            serves as `IMAGEFLOW_MIRROR`; nothing goes into the cache.
        source: The archive as a file, instead of a server.
        sha256: What the archive must be, whatever this package or a mirror says.
        cache_dir: Where fetched engines live, instead of `IMAGEFLOW_CACHE_DIR`.
        progress: Called with the bytes that have arrived and, where it is known, the
            number that will; on the thread that uses the network.

    Raises:
        EngineDownloadError: It could not be had, is not what it must be, or there is
            no room for it.
        EngineLoadError: Somebody else could change what the cache holds.
        SettingsError: An environment variable is not understood.
        ValueError: There is no such platform or kind, or *sha256* is none.
    """
    from .._supply import fetch_engine

    one_of(EngineKind, **given(kind=kind))
    instance(str, platform=platform, sha256=sha256)
    settings = Settings.from_environment().overridden(cache_dir=cache_dir)
    return fetch_engine(
        settings,
        current_platform(settings.libc),
        suffix=platform,
        kind=kind or settings.kind,
        destination=None if dest is None else Path(dest),
        source=None if source is None else Path(source),
        sha256=sha256,
        progress=progress,
    )
