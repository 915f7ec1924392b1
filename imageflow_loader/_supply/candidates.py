"""In what order shall we try? What is named, what was fetched, what came with us."""

from __future__ import annotations

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
    final: bool
    """The user named it: if it fails, nothing else is tried."""
    obtain: Callable[[], Path]
    """Returns the file; may download it."""
    named_by: str | None = None
    """The variable or argument that named it, None for those that were found."""


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
        kind = kind_of(path) if settings.backend == "auto" else settings.backend
        yield Candidate(kind, None, "argument", True, _present(path), "path")
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


def _present(path: Path) -> Callable[[], Path]:
    return lambda: path


def _wanted(settings: Settings) -> tuple[EngineKind, ...]:
    return _KINDS if settings.backend == "auto" else (settings.backend,)


def _none(
    origin: Origin,
    error: str,
    hint: str | None = None,
    *,
    kind: EngineKind | None = None,
    edition: Edition | None = None,
    path: str | None = None,
) -> Attempt:
    return Attempt(kind, edition, path, origin, ok=False, error=error, hint=hint)


def _from_environment(settings: Settings) -> Iterator[Candidate | Attempt]:
    named = {"library": settings.library, "tool": settings.tool}
    for kind in _KINDS:
        path, variable = named[kind], f"IMAGEFLOW_{kind.upper()}"
        if path is None:
            continue
        if kind in _wanted(settings):
            file = _present(path.absolute())
            yield Candidate(kind, None, "environment", True, file, variable)
        else:
            said = f"{variable} is ignored: a {settings.backend} was asked for"
            yield _none("environment", said, kind=kind, path=str(path))


def from_cache(platform: Platform, settings: Settings) -> Iterator[Candidate | Attempt]:
    """Yield the engines that were fetched and serve *platform*, libraries first."""
    from .cache import Cache
    from .entry import Entry
    from .releases import RELEASE, for_platform

    if settings.edition == "embedded":
        yield _none("cache", "holds the official edition, not the embedded one")
        return
    rows = {kind: for_platform(platform, kind) for kind in _wanted(settings)}
    suffixes = dict.fromkeys(row.suffix for of in rows.values() for row in of)
    try:
        cache = Cache.at(settings.cache_dir)
        found = [item for name in suffixes for item in cache.survey(RELEASE, name)]
    except EngineError as error:
        hint = getattr(error, "hint", None)
        yield _none("cache", error.message.removesuffix(f" {hint}"), hint)
        return
    for item in found:
        if not isinstance(item, Entry):
            by_hand = f"Remove {item.folder} and fetch again."
            hint = _BY_COMMAND if item.removed else by_hand
            folder = str(item.folder)
            yield _none("cache", str(item), hint, edition="official", path=folder)
    entries = [item for item in found if isinstance(item, Entry)]
    some = False
    for kind, of_kind in rows.items():
        serve = {row.suffix for row in of_kind}
        for entry in entries:
            path = entry.path(kind)
            if path is not None and entry.provenance.suffix in serve:
                some = True
                yield Candidate(kind, "official", "cache", False, _present(path))
    if not some:
        yield _none("cache", f"nothing for this platform in {cache.root}")


def _from_wheel(
    platform: Platform, settings: Settings, folder: Path
) -> Iterator[Candidate | Attempt]:
    if settings.edition == "official":
        yield _none("wheel", "holds the embedded edition, not the official one")
        return
    files = {kind: folder / file_name(kind, platform.os) for kind in _KINDS}
    if not any(file.exists() for file in files.values()):
        yield _none("wheel", "nothing bundled: this is the pure wheel")
        return
    for kind in _wanted(settings):
        if files[kind].exists():
            yield Candidate(kind, "embedded", "wheel", False, _present(files[kind]))
        else:
            yield _none("wheel", f"no {kind}", kind=kind)


def from_download(
    platform: Platform, settings: Settings
) -> Iterator[Candidate | Attempt]:
    """Yield what may be fetched without being asked: what is pinned, and allowed."""
    from .releases import for_platform

    if settings.edition == "embedded":
        yield _none("download", "only the official edition is published")
        return
    rows = {kind: for_platform(platform, kind) for kind in _wanted(settings)}
    local = (settings.mirror or "").startswith("file:")
    if not any(rows.values()):
        yield _none("download", f"upstream publishes no engine for {platform}")
    elif settings.download == "never":
        said = "forbidden (IMAGEFLOW_DOWNLOAD=never, or download=False)"
        yield _none("download", said, _BY_COMMAND)
    elif settings.download == "manual":
        said = "left to a command (IMAGEFLOW_DOWNLOAD=manual)"
        yield _none("download", said, _BY_COMMAND)
    elif settings.offline and not local:
        yield _none("download", "offline (IMAGEFLOW_OFFLINE)", _BY_COMMAND)
    elif not any(row.sha256 for of_kind in rows.values() for row in of_kind):
        said = (
            "what serves this platform is not pinned by this package, so it is fetched "
            "only by command"
        )
        yield _none("download", said, _BY_COMMAND)
    else:
        failed: set[Artifact] = set()
        for kind, of_kind in rows.items():
            row = next((row for row in of_kind if row.sha256), None)
            if row is not None and row not in failed:
                obtain = _fetching(row, kind, settings, failed)
                yield Candidate(kind, "official", "download", False, obtain)


def _fetching(
    row: Artifact, kind: EngineKind, settings: Settings, failed: set[Artifact]
) -> Callable[[], Path]:
    """Return what fetches *row* and gives its file of this *kind*."""

    def obtain() -> Path:
        from .acquire import fetch_by_itself

        try:
            fetched = fetch_by_itself(row, settings)
        except EngineError:
            failed.add(row)  # its other file would fail as well
            raise
        path = fetched.library if kind == "library" else fetched.tool
        if path is None:  # rows say what is in an archive, and extract() insists on it
            raise EngineError(f"{row.name} holds no {kind}.")
        return path

    return obtain


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
    reasons: dict[str, list[str]] = {}
    for attempt in attempts:
        if attempt.error:
            said, hint = attempt.error, attempt.hint
            # The last line says that one for all.
            if hint is not None and "imageflow-loader fetch" not in hint:
                said = f"{said.rstrip('.')}. {hint}"
            reasons.setdefault(attempt.origin, []).append(said)
    width = max(map(len, reasons), default=0)
    for origin, errors in reasons.items():
        for number, error in enumerate(dict.fromkeys(errors)):
            yield f"  {'' if number else origin:<{width}}  {error}"
