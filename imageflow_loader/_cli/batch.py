"""`imageflow-loader batch PATH… --to DIR --query QUERY`."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _api
from .._io import source_name
from .._job import Job, command_string
from .._querystring import named_by_suffix, named_format, querystring_text
from ..errors import DestinationError, ImageflowError, SourceError
from .pictures import UNTRUSTED
from .shell import (
    JSON_LINES,
    TIMEOUT,
    argument,
    command,
    flag,
    on_terminal,
    red,
    reporting,
    say,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._api import BatchItem

_SUFFIX_OF = {"jpeg": ".jpg", "png": ".png", "gif": ".gif", "webp": ".webp"}


@command(
    argument(
        "paths",
        "a picture, or a folder whose pictures are taken, with those below it",
        metavar="PATH",
        nargs="+",
        type=Path,
    ),
    argument("--to", "where they go", metavar="DIR", type=Path, required=True),
    argument("--query", 'such as "w=800&h=600&mode=max&format=webp"', required=True),
    argument("--workers", "how many at once; one a processor", metavar="N", type=int),
    flag("--skip-existing", "leave out those whose result is there and not older"),
    UNTRUSTED,
    TIMEOUT,
    JSON_LINES,
)
def batch(
    paths: list[Path],
    to: Path,
    query: str,
    skip_existing: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Do with many pictures what a query string says; exit code 1 if any failed."""
    unread: list[OSError] = []
    found = _targets(paths, to, query, unread)
    targets = {
        source: target
        for source, target in found.items()
        if not (skip_existing and _is_newer(target, source))
    }
    items = _api.batch(
        Job(command_string(None, query)),
        targets,
        to=targets.__getitem__,
        on_error="yield",
        **options,
    )
    for folder in sorted({target.parent for target in targets.values()}):
        _make(folder)
    for error in unread:
        why = f"{error.filename} cannot be read: {error.strerror}."
        _tell_failure(error.filename, SourceError(why), as_json=as_json)
    failed = _report(items, len(targets), as_json=as_json)
    done, failed = len(targets) - failed, failed + len(unread)
    told = red(f"{failed} failed") if failed else "0 failed"
    say(f"{done} done, {told}, {len(found) - len(targets)} skipped")
    return 1 if failed else 0


def _targets(
    paths: list[Path], to: Path, query: str, unread: list[OSError]
) -> dict[Path, Path]:
    """Return where each picture goes; folders that cannot be read are *unread*."""
    suffix = _SUFFIX_OF.get(named_format(querystring_text(query)) or "")
    taken: dict[Path, Path] = {}
    targets: dict[Path, Path] = {}
    for path in paths:
        for source, name in _pictures(path, to, unread):
            target = to / (name.with_suffix(suffix) if suffix else name)
            other = taken.setdefault(target, source)
            if other != source:
                if os.path.realpath(other) != os.path.realpath(source):
                    raise ValueError(f"{other} and {source} would both be {target}")
            elif (place := targets.setdefault(source, target)) != target:
                raise ValueError(f"{source} would be both {place} and {target}")
    made = map(os.path.realpath, targets.values())
    if replaced := set(map(os.path.realpath, targets)).intersection(made):
        raise ValueError(
            f"{min(replaced)} is one of the pictures and would be replaced; "
            "let --to be another folder"
        )
    return targets


def _pictures(
    path: Path, to: Path, unread: list[OSError]
) -> Iterator[tuple[Path, Path]]:
    """Yield each picture at or below *path*, and its name in the destination.

    A destination that is below it is left out: there is what an earlier run made.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - the other raises where it may not look
        yield path, Path(path.name)
        return
    made = os.path.realpath(to)
    for folder, below, names in os.walk(path, onerror=unread.append):
        here = Path(folder)
        below[:] = sorted(n for n in below if os.path.realpath(here / n) != made)
        for source in sorted(here / name for name in names):
            if named_by_suffix(source) in _SUFFIX_OF and _is_file(source):
                yield source, source.relative_to(path)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True  # its job will say so
    except OSError:  # a link to nowhere
        return False


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{folder} cannot be made: {error.strerror}."
        raise DestinationError(why, errno=error.errno, filename=str(folder)) from error


def _is_newer(target: Path, source: Path) -> bool:
    try:
        return target.stat().st_mtime >= source.stat().st_mtime
    except OSError:
        return False


def _report(items: Iterator[BatchItem[Path]], total: int, *, as_json: bool) -> int:
    """Print what comes, as it comes, and return how many failed."""
    failed = 0

    def amounts(done: int, total: int | None) -> str:
        return f"{done} of {total}" + (f", {failed} failed" * bool(failed))

    with reporting(sys.stderr, quiet=not on_terminal(), amounts=amounts) as progress:
        for done, item in enumerate(items, 1):
            if item.error is not None:
                failed += 1
                _tell_failure(source_name(item.source), item.error, as_json=as_json)
            elif as_json:
                print(json.dumps(_record(item)), flush=True)
            if progress is not None:
                progress(done, total)
    return failed


def _tell_failure(name: str, error: ImageflowError, *, as_json: bool) -> None:
    if as_json:
        said = {"error": error.message, "category": error.category}
        print(json.dumps({"source": name, **said}), flush=True)
        return
    over = "\r\x1b[K" * on_terminal()  # the bar, which is drawn again below
    text = str(error).removeprefix(f"{name}:").lstrip()
    say(f"{over}{red(f'{name}:')} {text}")


def _record(item: BatchItem[Path]) -> dict[str, Any]:
    made = item.unwrap()[0]
    return {
        "source": source_name(item.source),
        "path": str(made.path),
        "mime_type": made.mime_type,
        "width": made.width,
        "height": made.height,
        "bytes": made.byte_count,
    }
