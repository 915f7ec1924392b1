"""`imageflow-loader info FILE…`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from .._api import info
from ..errors import ImageflowError
from .streams import red, source

if TYPE_CHECKING:
    import argparse

    from .._io import ImageInfo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a picture; - is standard input"
    )
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object for each, one a line"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; one bad file does not keep us from the others."""
    codes = [_tell(file, as_json=arguments.json) for file in arguments.files]
    return next(filter(None, codes), 0)


def _tell(file: str, *, as_json: bool) -> int:
    try:
        found = info(source(file))
    except ImageflowError as error:
        if as_json:
            print(json.dumps({"file": file, "error": error.message}))
        else:
            print(f"{red('imageflow-loader:')} {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(_record(file, found)) if as_json else _line(file, found))
    return 0


def _record(file: str, found: ImageInfo) -> dict[str, Any]:
    return {
        "file": file,
        "mime_type": found.mime_type,
        "width": found.width,
        "height": found.height,
        "pixel_format": found.pixel_format,
        "lossless": found.lossless,
        "frames": found.frames,
        "orientation": found.orientation,
    }


def _line(file: str, found: ImageInfo) -> str:
    words = [found.mime_type, f"{found.width}×{found.height}"]
    if found.lossless:
        words.append("lossless")
    if found.pixel_format == "bgra_32":
        words.append("may be transparent")
    if found.multiple_frames:
        words.append(f"{found.frames} frames")
    if found.orientation != 1:
        words.append(f"EXIF orientation {found.orientation}")
    return f"{file}: {', '.join(words)}"
