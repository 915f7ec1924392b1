"""In what order shall we try? What is nearest and named first; nothing by chance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..types import Attempt
from .preflight import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._platform import Platform
    from .._settings import Settings
    from ..types import Edition, EngineKind, Origin

_KINDS: Final[tuple[EngineKind, ...]] = ("library", "tool")
_LIBRARY_NAMES: Final = {"macos": "libimageflow.dylib", "windows": "imageflow.dll"}
_TOOL_NAMES: Final = {"windows": "imageflow_tool.exe"}


@dataclass(frozen=True, slots=True)
class Candidate:
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
        yield _named("argument", path, settings, "path")
        return
    for item in _from_environment(settings):
        yield item
        if isinstance(item, Candidate):
            return
    # Not needed, and so not imported, where a file was named.
    from .official import from_cache, from_download

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


def _named(origin: Origin, path: Path, settings: Settings, named_by: str) -> Candidate:
    path = path.absolute()
    kind = kind_of(path) if settings.backend == "auto" else settings.backend
    return Candidate(kind, None, origin, True, _present(path), named_by)


def _from_environment(settings: Settings) -> Iterator[Candidate | Attempt]:
    named = {"library": settings.library, "tool": settings.tool}
    for kind in _KINDS:
        path = named[kind]
        if path is None:
            continue
        variable = f"IMAGEFLOW_{kind.upper()}"
        if settings.backend in ("auto", kind):
            file = _present(path.absolute())
            yield Candidate(kind, None, "environment", True, file, variable)
        else:
            yield Attempt(
                kind=kind,
                edition=None,
                path=str(path),
                origin="environment",
                ok=False,
                error=f"{variable} is ignored: a {settings.backend} was asked for",
                hint=None,
            )


def _from_wheel(
    platform: Platform, settings: Settings, folder: Path
) -> Iterator[Candidate | Attempt]:
    if settings.edition == "official":
        yield _passed_over("wheel", "holds the embedded edition, not the official one")
        return
    files = {kind: folder / file_name(kind, platform.os) for kind in _KINDS}
    there = {kind: file for kind, file in files.items() if file.exists()}
    if not there:
        yield _passed_over("wheel", "nothing bundled: this is the pure wheel")
        return
    for kind in _KINDS:
        if settings.backend not in ("auto", kind):
            continue
        if kind in there:
            file = there[kind]
            yield Candidate(kind, "embedded", "wheel", False, _present(file))
        else:
            yield _passed_over("wheel", f"no {kind}", kind)


def _passed_over(origin: Origin, error: str, kind: EngineKind | None = None) -> Attempt:
    return Attempt(kind, None, None, origin, ok=False, error=error, hint=None)
