"""`imageflow-loader process IN OUT QUERY`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .._api import process
from .._job import Security
from .streams import destination, source

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("input", metavar="IN", help="a picture; - is standard input")
    parser.add_argument(
        "output",
        metavar="OUT",
        help="where it goes; - is standard output. Its suffix names the format where "
        "QUERY does not",
    )
    parser.add_argument(
        "query", metavar="QUERY", help='for instance "w=800&h=600&mode=max&quality=80"'
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse keys and values that the engine would pass over",
    )
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="the picture is a stranger's: at most 40 megapixels and 32 MiB",
    )
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="give up after so long"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing of success")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    made = process(
        source(arguments.input),
        arguments.query,
        to=destination(arguments.output),
        strict=arguments.strict,
        security=Security.untrusted() if arguments.untrusted else None,
        timeout=arguments.timeout,
    )
    if made.path is not None and not arguments.quiet:
        print(
            f"{made.path}: {made.mime_type}, {made.width}×{made.height}, "
            f"{made.byte_count:,} bytes",
            file=sys.stderr,
        )
    return 0
