"""`imageflow-loader validate QUERY`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._querystring import check_querystring

if TYPE_CHECKING:
    import argparse

_INVALID: Final = 64  # as for a job that is refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("query", metavar="QUERY", help="a query string")


def run(arguments: argparse.Namespace) -> int:
    """Print what an engine would pass over; exit code 64 if there is anything."""
    issues = check_querystring(arguments.query)
    for issue in issues:
        print(issue)
    return _INVALID if issues else 0
