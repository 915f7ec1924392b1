"""`imageflow-loader fetch`, `cache` and `tool`: the engines that are here."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal

from .. import _engine
from .._platform import current_platform
from .._settings import Settings
from .._supply import SUFFIXES, Cache, Damaged, Fetch, choose, shown
from ..errors import EngineLoadError
from .shell import MEGABYTE, QUIET, argument, command, flag, reporting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._supply import Entry
    from ..types import EngineKind, FetchedEngine


@command(
    argument(
        "--platform",
        f"for another platform than this one: {', '.join(SUFFIXES)}",
        metavar="SUFFIX",
        choices=SUFFIXES,
    ),
    argument(
        "--kind",
        "what is wanted; else the library where one can be used",
        choices=("library", "tool"),
    ),
    argument(
        "--dest",
        "put the archive and its line in SHA256SUMS into DIR, which then serves as "
        "IMAGEFLOW_MIRROR, and nothing into the cache",
        metavar="DIR",
    ),
    argument(
        "--from",
        "take the archive from FILE instead of a server",
        metavar="FILE",
        dest="source",
    ),
    argument(
        "--sha256",
        "what the archive must be, whatever this package or a mirror says",
        metavar="HASH",
    ),
    flag("--print-url", "print where the archive is, and fetch nothing"),
    QUIET,
)
def fetch(print_url: bool, quiet: bool, **options: Any) -> int:
    """Fetch the official engine."""
    if print_url:
        print(_url(options["platform"], options["kind"]))
        return 0
    with reporting(sys.stderr, quiet=quiet) as progress:
        fetched = _engine.fetch(progress=progress, **options)
    if not quiet:
        print("\n".join(_fetched(fetched)))
    return 0


def _url(suffix: str | None, kind: EngineKind | None) -> str:
    settings = Settings.from_environment()
    platform, kind = current_platform(settings.libc), kind or settings.kind
    artifact = choose(platform, suffix=suffix, kind=kind)
    return shown(Fetch(settings, artifact).url)


def _fetched(fetched: FetchedEngine) -> Iterator[str]:
    said = "fetched from" if fetched.fresh else "was there already, from"
    yield f"{fetched.platform}: {said} {fetched.url}"
    yield f"  SHA-256  {fetched.sha256}"
    yield f"  as said by {fetched.compared_with}"
    for name in ("library", "tool", "archive"):
        if path := getattr(fetched, name):
            yield f"  {name:<7}  {path}"


@command(
    argument(
        "action",
        "list: what is there; verify: take every SHA-256 again and remove what is "
        "damaged; clear: remove everything, so that the bundled edition is used",
        choices=("list", "verify", "clear"),
    )
)
def cache(action: Literal["list", "verify", "clear"]) -> int:
    """List, check or clear what was fetched; exit code 1 if something was damaged."""
    here = Cache(Settings.from_environment().cache_dir)
    if action == "clear":
        count, size = here.clear()
        freed = f"removed {_counted(count)}, {size / MEGABYTE:.1f} MB"
        print(f"{here.root}: {freed if count else 'nothing to remove'}")
        return 0
    thorough = action == "verify"
    found = list(here.survey(thorough=thorough))
    print(f"{here.root}: {_counted(len(found))}")
    for item in found:
        print(f"  {item}" if isinstance(item, Damaged) else _entry(item, thorough))
    return 1 if any(isinstance(item, Damaged) for item in found) else 0


def _entry(entry: Entry, thorough: bool) -> str:
    came = entry.provenance
    files = ", ".join(sorted(entry.files))
    return (
        f"  {came.release} {came.suffix}: {files} ({entry.size / MEGABYTE:.1f} MB)"
        f"{', whole' if thorough else ''}\n"
        f"    {entry.folder}\n"
        f"    fetched {came.fetched} from {came.url}\n"
        f"    SHA-256 {came.sha256}, as said by {came.compared_with}"
    )


def _counted(count: int) -> str:
    return {0: "nothing fetched", 1: "1 entry"}.get(count, f"{count} entries")


@command(
    argument(
        "arguments",
        "the tool's own arguments, behind two dashes: -- v1/build --json job.json",
        metavar="ARGS",
        nargs="*",
    ),
    usage="imageflow-loader tool [-h] -- ARGS…",
)
def tool(arguments: list[str]) -> int:
    """Become the tool: its output, signals and exit code are then really its own."""
    with _engine.load_engine("tool") as engine:
        path = os.fspath(engine.info.path)
    words = [path, *arguments]
    try:
        if current_platform().os == "windows":  # where exec replaces no process
            return os.spawnv(os.P_WAIT, path, words)  # noqa: S606 - no shell is meant
        return os.execv(path, words)  # noqa: S606 - likewise; it does not return
    except OSError as error:  # such as arguments that are longer than a system takes
        raise EngineLoadError(
            f"{path} cannot be started: {error.strerror or error}.",
            reason="exec_failed",
        ) from error
