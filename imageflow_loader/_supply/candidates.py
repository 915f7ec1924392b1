"""In what order shall we try? What is named, what was fetched, what came with us."""

from __future__ import annotations

from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import EngineError
from ..types import Attempt
from .preflight import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .._platform import Platform
    from .._settings import Settings
    from ..types import Edition, EngineKind, Origin
    from .releases import Artifact

_KINDS: Final[tuple[EngineKind, ...]] = ("library", "tool")
_LIBRARY_NAMES: Final = {"macos": "libimageflow.dylib", "windows": "imageflow.dll"}
_TOOL_NAMES: Final = {"windows": "imageflow_tool.exe"}
_BY_COMMAND: Final = "Run `imageflow-loader fetch` once with a network."


class Candidate(NamedTuple):
    """An engine that may do, and how to get hold of it."""

    kind: EngineKind
    edition: Edition | None
    """None when only the engine itself can tell."""
    origin: Origin
    obtain: Callable[[], Path]
    """Returns the file; may download it."""
    named_by: str | None = None
    """The variable or argument that named it, after which nothing else is tried; None
    for those that were found."""

    def attempt(self, path: Path | None, error: EngineError | None = None) -> Attempt:
        """Return what became of it; None is the *error* of the one that is used."""
        return _attempt(self.origin, error, None, self.kind, self.edition, path)


def candidates(
    platform: Platform,
    settings: Settings,
    *,
    path: Path | None = None,
    bundle: Path | None = None,
) -> Iterator[Candidate | Attempt]:
    """Yield engines in the order in which to try them, and what is passed over.

    Lazily: what is further away is not looked at before it is asked for. Whether a
    file can be loaded here is for `preflight` to say.

    Args:
        platform: Where it is to run.
        settings: What is wanted.
        path: The one file to use, whatever the settings say of files.
        bundle: The folder of the engines that came with this package.
    """
    if path is not None:
        path = path.absolute()
        kind = settings.kind or kind_of(path)
        yield Candidate(kind, None, "argument", partial(Path, path), "path")
        return
    for item in _from_environment(settings):
        yield item
        if isinstance(item, Candidate):
            return
    yield from from_cache(platform, settings)
    yield from _from_wheel(platform, settings, bundle or bundled_folder())
    yield from from_download(platform, settings)


def bundled_folder() -> Path:
    """Return where a wheel puts its engine; it may not exist."""
    return Path(__file__).parents[1] / "_native"


def file_name(kind: EngineKind, system: str) -> str:
    """Return what an engine's file is called on *system* ("linux", "macos" …)."""
    if kind == "tool":
        return _TOOL_NAMES.get(system, "imageflow_tool")
    return _LIBRARY_NAMES.get(system, "libimageflow.so")


def _wanted(settings: Settings) -> tuple[EngineKind, ...]:
    return (settings.kind,) if settings.kind else _KINDS


def _attempt(
    origin: Origin,
    error: EngineError | str | None,
    hint: str | None = None,
    kind: EngineKind | None = None,
    edition: Edition | None = None,
    path: Path | None = None,
) -> Attempt:
    if isinstance(error, EngineError):
        hint = getattr(error, "hint", None)
        error = error.message.removesuffix(f" {hint}")
    place = None if path is None else str(path)
    return Attempt(kind, edition, place, origin, error is None, error, hint)


def _published(
    platform: Platform, settings: Settings
) -> list[tuple[EngineKind, Artifact]]:
    """Return what upstream has for this platform, the one to take first."""
    from .releases import for_platform

    kinds = _wanted(settings)
    return [(kind, row) for kind in kinds for row in for_platform(platform, kind)]


def _from_environment(settings: Settings) -> Iterator[Candidate | Attempt]:
    named: dict[EngineKind, Path | None]
    named = {"library": settings.library, "tool": settings.tool}
    for kind, path in named.items():
        variable = f"IMAGEFLOW_{kind.upper()}"
        if path is None:
            continue
        if kind in _wanted(settings):
            obtain = partial(Path, path.absolute())
            yield Candidate(kind, None, "environment", obtain, variable)
        else:
            said = f"{variable} is ignored: a {settings.backend} was asked for"
            yield _attempt("environment", said, kind=kind, path=path)


def from_cache(platform: Platform, settings: Settings) -> Iterator[Candidate | Attempt]:
    """Yield the engines that were fetched and serve *platform*, libraries first."""
    from .cache import Cache
    from .entry import Damaged, Entry
    from .releases import RELEASE

    if settings.edition == "embedded":
        yield _attempt("cache", "holds the official edition, not the embedded one")
        return
    rows = _published(platform, settings)
    wanted = dict.fromkeys((kind, row.suffix) for kind, row in rows)
    try:
        cache = Cache(settings.cache_dir)
        suffixes = dict.fromkeys(suffix for _, suffix in wanted)
        found = {suffix: cache.survey(RELEASE, suffix) for suffix in suffixes}
    except EngineError as error:
        yield _attempt("cache", error)
        return
    for item in chain(*found.values()):
        if isinstance(item, Damaged):
            said, place = str(item), item.folder
            by_hand = f"Remove {place} and fetch again."
            hint = _BY_COMMAND if item.removed else by_hand
            yield _attempt("cache", said, hint, None, "official", place)
    offered = [
        Candidate(kind, "official", "cache", partial(Path, path))
        for kind, suffix in wanted
        for item in found[suffix]
        if isinstance(item, Entry) and (path := item.path(kind)) is not None
    ]
    yield from offered
    if not offered:
        yield _attempt("cache", f"nothing for this platform in {cache.root}")


def _from_wheel(
    platform: Platform, settings: Settings, folder: Path
) -> Iterator[Candidate | Attempt]:
    if settings.edition == "official":
        yield _attempt("wheel", "holds the embedded edition, not the official one")
        return
    files = {kind: folder / file_name(kind, platform.os) for kind in _KINDS}
    if not any(file.exists() for file in files.values()):
        why = "this is the pure wheel"
        if not folder.parent.is_dir():
            why = "the package is in an archive, from which nothing can be loaded"
        yield _attempt("wheel", f"nothing bundled: {why}")
        return
    for kind in _wanted(settings):
        if files[kind].exists():
            yield Candidate(kind, "embedded", "wheel", partial(Path, files[kind]))
        else:
            yield _attempt("wheel", f"no {kind}", kind=kind)


def from_download(
    platform: Platform, settings: Settings
) -> Iterator[Candidate | Attempt]:
    """Yield what may be fetched without being asked: what is pinned, and allowed."""
    if settings.edition == "embedded":
        yield _attempt("download", "only the official edition is published")
        return
    rows = _published(platform, settings)
    pinned = [(kind, row) for kind, row in rows if row.sha256]
    local = (settings.mirror or "").startswith("file:")
    if not rows:
        yield _attempt("download", f"upstream publishes no engine for {platform}")
        return
    if settings.download == "never":
        why_not = "forbidden (IMAGEFLOW_DOWNLOAD=never, or download=False)"
    elif settings.download == "manual":
        why_not = "left to a command (IMAGEFLOW_DOWNLOAD=manual)"
    elif settings.offline and not local:
        why_not = "offline (IMAGEFLOW_OFFLINE)"
    elif not pinned:
        why_not = (
            "what serves this platform is not pinned by this package, so it is fetched "
            "only by command"
        )
    else:
        failed: set[Artifact] = set()
        for kind, row in pinned:
            if row not in failed:
                obtain = partial(_fetched, row, kind, settings, failed)
                yield Candidate(kind, "official", "download", obtain)
        return
    yield _attempt("download", why_not, _BY_COMMAND)


def _fetched(
    row: Artifact, kind: EngineKind, settings: Settings, failed: set[Artifact]
) -> Path:
    """Fetch *row* and return its file of this *kind*, which the table says it has."""
    from .acquire import fetch_by_itself

    try:
        path: Path = getattr(fetch_by_itself(row, settings), kind)
    except EngineError:
        failed.add(row)  # its other file would fail as well
        raise
    return path


# What is said of engines that were tried: all of them, each with its reason.

_REMEDY: Final = (
    "Set IMAGEFLOW_TOOL to an imageflow_tool, run `imageflow-loader fetch` once with a "
    "network, or install from source with Rust 1.93 or newer."
)
_PLACES: Final[dict[Origin, str]] = {
    "argument": "named by path=",
    "environment": "named by the environment",
    "cache": "in the cache",
    "wheel": "in the wheel",
    "download": "just downloaded",
}


def nothing_usable(
    platform: Platform, settings: Settings, attempts: Iterable[Attempt]
) -> str:
    """Return the sentence, the list and the remedy for when there is no engine."""
    edition = "" if settings.edition == "auto" else f"{settings.edition} "
    noun = "engine" if settings.backend == "auto" else settings.backend
    title = f"No {edition}imageflow {noun} could be used on {platform}."
    return "\n".join([title, *_lines(attempts), _REMEDY])


def why_this_one(
    platform: Platform, attempts: Iterable[Attempt], kind: EngineKind, description: str
) -> str:
    """Return, in one sentence, what was passed over and what was taken.

    Args:
        platform: Where it runs.
        attempts: What was tried, the chosen one among them.
        kind: What was chosen.
        description: What the engine calls itself.
    """
    attempts = list(attempts)
    passed = [f"{a.origin}: {a.error.rstrip('.')}" for a in attempts if a.error]
    place = "".join(f" {_PLACES[a.origin]}" for a in attempts if a.ok)
    taken = f"using the {kind}{place}: {description.strip()}"
    return "; ".join([str(platform), *passed, taken])


def _lines(attempts: Iterable[Attempt]) -> Iterator[str]:
    """Yield a line for each reason; an origin is named at its first."""
    passed = [attempt for attempt in attempts if not attempt.ok]
    width = max((len(attempt.origin) for attempt in passed), default=0)
    before = None
    for _, _, _, origin, _, said, hint in passed:
        # The last line says that one for all.
        if hint is not None and "imageflow-loader fetch" not in hint:
            said = f"{(said or '').rstrip('.')}. {hint}"
        yield f"  {'' if origin == before else origin:<{width}}  {said}"
        before = origin
