"""`imageflow-loader process`, `info` and `validate`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .. import _api
from .._job import Security
from .._querystring import check_querystring
from ..errors import ImageflowError
from .shell import (
    JSON_LINES,
    QUIET,
    TIMEOUT,
    argument,
    command,
    complain,
    destination,
    flag,
    source,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._io import ImageInfo

_INVALID: Final = 64  # as for a job that is refused
UNTRUSTED: Final = argument(
    "--untrusted",
    "pictures are strangers': at most 40 megapixels and 32 MiB each",
    dest="security",
    action="store_const",
    const=Security.untrusted(),
)


@command(
    argument("picture", "a picture; - is standard input", metavar="IN"),
    argument(
        "output",
        "where it goes; - is standard output. Its suffix names the format where QUERY "
        "does not",
        metavar="OUT",
    ),
    argument("query", 'such as "w=800&h=600&mode=max&quality=80"', metavar="QUERY"),
    flag("--strict", "refuse keys and values that the engine would pass over"),
    UNTRUSTED,
    TIMEOUT,
    QUIET,
)
def process(picture: str, output: str, query: str, quiet: bool, **options: Any) -> int:
    """Do with a picture what a query string says."""
    made = _api.process(source(picture), query, to=destination(output), **options)
    if not quiet:
        tell(made)
    return 0


@command(
    argument("files", "a picture; - is standard input", metavar="FILE", nargs="+"),
    JSON_LINES,
)
def info(files: list[str], as_json: bool) -> int:
    """Say what headers say; one bad file does not keep us from the others."""
    codes = [_tell_info(file, as_json) for file in files]
    return next(filter(None, codes), 0)


def _tell_info(file: str, as_json: bool) -> int:
    try:
        found = _api.info(source(file))
    except ImageflowError as error:
        if as_json:
            print(json.dumps({"file": file, "error": error.message}))
        else:
            complain(error)
        return error.exit_code
    if as_json:
        names = ("mime_type", "width", "height", "pixel_format", "lossless", "frames")
        facts = {name: getattr(found, name) for name in (*names, "orientation")}
        print(json.dumps({"file": file, **facts}))
    else:
        print(f"{file}: {', '.join(_words(found))}")
    return 0


def _words(found: ImageInfo) -> Iterator[str]:
    yield found.mime_type
    yield f"{found.width}×{found.height}"
    if found.lossless:
        yield "lossless"
    if found.pixel_format == "bgra_32":
        yield "may be transparent"
    if found.multiple_frames:
        yield f"{found.frames} frames"
    if found.orientation != 1:
        yield f"EXIF orientation {found.orientation}"


@command(argument("query", "a query string", metavar="QUERY"))
def validate(query: str) -> int:
    """Print what an engine would pass over; exit code 64 if there is anything."""
    issues = check_querystring(query)
    for issue in issues:
        print(issue)
    return _INVALID if issues else 0
