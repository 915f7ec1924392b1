"""`imageflow-loader cache`: what was fetched, whether it is whole, and away with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._settings import Settings
from .._supply import Cache, Damaged

if TYPE_CHECKING:
    import argparse

    from .._supply import Entry

_MEGABYTE = 1_000_000
_DAMAGE_FOUND = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `cache`."""
    parser.add_argument(
        "action",
        choices=("list", "verify", "clear"),
        help="list: what is there; verify: take every SHA-256 again and remove what "
        "is damaged; clear: remove everything, so that the bundled edition is used",
    )


def run(args: argparse.Namespace) -> int:
    """Do what *args* ask for and return the exit code: 1 if something was damaged.

    Raises:
        EngineError: The cache cannot be read or written, or is not to be trusted.
        SettingsError: An environment variable is not understood.
    """
    cache = Cache.at(Settings.from_environment().cache_dir)
    if args.action == "clear":
        return _clear(cache)
    return _report(cache, thorough=args.action == "verify")


def _clear(cache: Cache) -> int:
    count, size = cache.clear()
    freed = f"removed {_counted(count)}, {size / _MEGABYTE:.1f} MB"
    print(f"{cache.root}: {freed if count else 'nothing to remove'}")
    return 0


def _report(cache: Cache, *, thorough: bool) -> int:
    found = list(cache.survey(thorough=thorough))
    print(f"{cache.root}: {_counted(len(found))}")
    for item in found:
        print(f"  {item}" if isinstance(item, Damaged) else _line(item, thorough))
    damaged = any(isinstance(item, Damaged) for item in found)
    return _DAMAGE_FOUND if damaged else 0


def _line(entry: Entry, thorough: bool) -> str:
    came = entry.provenance
    files = ", ".join(sorted(entry.files))
    return (
        f"  {came.release} {came.suffix}: {files} ({entry.size / _MEGABYTE:.1f} MB)"
        f"{', whole' if thorough else ''}\n"
        f"    {entry.folder}\n"
        f"    fetched {came.fetched} from {came.url}\n"
        f"    SHA-256 {came.sha256}, as said by {came.compared_with}"
    )


def _counted(count: int) -> str:
    return {0: "nothing fetched", 1: "1 entry"}.get(count, f"{count} entries")
