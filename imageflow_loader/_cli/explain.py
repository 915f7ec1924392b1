"""`imageflow-loader explain JOB.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._job import Job
from .documents import read_document

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "job", metavar="JOB.json", help='a "build" document; - is standard input'
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the plan, one line for each node."""
    print(Job.from_json(read_document(arguments.job)).explain())
    return 0
