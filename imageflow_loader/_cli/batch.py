"""`imageflow-loader batch PATH… --to DIR --query QUERY`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _api
from .._io import source_name
from .._job import Job, command_string
from .._querystring import named_by_suffix, named_format, querystring_text
from .pictures import UNTRUSTED
from .shell import JSON_LINES, TIMEOUT, argument, command, flag, red, reporting

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
    found = _targets(paths, to, query)
    targets = {
        source: target
        for source, target in found.items()
        if not (skip_existing and _is_newer(target, source))
    }
    for folder in {target.parent for target in targets.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    items = _api.batch(
        Job(command_string(None, query)),
        targets,
        to=lambda source: targets[Path(str(source))],
        on_error="yield",
        **options,
    )
    failed = _report(items, len(targets), as_json=as_json)
    told = red(f"{failed} failed") if failed else "0 failed"
    skipped = len(found) - len(targets)
    print(f"{len(targets) - failed} done, {told}, {skipped} skipped", file=sys.stderr)
    return 1 if failed else 0


def _targets(paths: list[Path], to: Path, query: str) -> dict[Path, Path]:
    """Return where each picture goes, in order."""
    suffix = _SUFFIX_OF.get(named_format(querystring_text(query)) or "")
    taken: dict[Path, Path] = {}
    for path in paths:
        for source, name in _pictures(path):
            target = to / (name.with_suffix(suffix) if suffix else name)
            if (other := taken.setdefault(target, source)) != source:
                raise ValueError(f"{other} and {source} would both be {target}")
    return {source: target for target, source in taken.items()}


def _pictures(path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each picture at or below *path*, and its name in the destination."""
    if not path.is_dir():
        yield path, Path(path.name)
        return
    for source in sorted(path.rglob("*")):
        if named_by_suffix(source) in _SUFFIX_OF and source.is_file():
            yield source, source.relative_to(path)


def _is_newer(target: Path, source: Path) -> bool:
    try:
        return target.stat().st_mtime >= source.stat().st_mtime
    except OSError:
        return False


def _report(items: Iterator[BatchItem], total: int, *, as_json: bool) -> int:
    """Print what comes, as it comes, and return how many failed."""
    failed = 0

    def amounts(done: int, total: int | None) -> str:
        return f"{done} of {total}" + (f", {failed} failed" * bool(failed))

    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    over = "\r\x1b[K" * on_terminal  # the bar, which is drawn again below
    with reporting(sys.stderr, quiet=not on_terminal, amounts=amounts) as progress:
        for done, item in enumerate(items, 1):
            failed += item.error is not None
            if as_json:
                print(json.dumps(_record(item)), flush=True)
            elif item.error is not None:
                name = f"{source_name(item.source)}:"
                said = str(item.error).removeprefix(name).lstrip()
                print(f"{over}{red(name)} {said}", file=sys.stderr)
            if progress is not None:
                progress(done, total)
    return failed


def _record(item: BatchItem) -> dict[str, Any]:
    record: dict[str, Any] = {"source": source_name(item.source)}
    if item.error is not None:
        return {**record, "error": item.error.message, "category": item.error.category}
    made = item.unwrap()[0]
    return {
        **record,
        "path": str(made.path),
        "mime_type": made.mime_type,
        "width": made.width,
        "height": made.height,
        "bytes": made.byte_count,
    }
