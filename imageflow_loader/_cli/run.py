"""`imageflow-loader run JOB.json --in ID=FILE --out ID=FILE`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .._job import Job
from .documents import read_document

_STREAMS = {"in": "/dev/stdin", "out": "/dev/stdout"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "job",
        metavar="JOB.json",
        help='a "build" document, or an "execute" message; - is standard input',
    )
    for direction, what in (("in", "input"), ("out", "output")):
        parser.add_argument(
            f"--{direction}",
            dest=f"{direction}puts",
            metavar="ID=FILE",
            action="append",
            default=[],
            type=_assignment,
            help=f"the file of an {what}; - is standard {what}. May be repeated",
        )
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="give up after so long"
    )


def _assignment(text: str) -> tuple[int, str]:
    number, _, file = text.partition("=")
    try:
        return int(number), file
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=FILE") from None


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    document = read_document(arguments.job)
    entries = document.setdefault("io", [])
    if "security" in document:  # where an "execute" message has it
        document["builder_config"] = {"security": document.pop("security")}
    for direction in ("in", "out"):
        for io_id, file in getattr(arguments, f"{direction}puts"):
            _put(
                entries, io_id, direction, _STREAMS[direction] if file == "-" else file
            )
    for entry in entries:
        if entry["direction"] == "out" and not isinstance(entry["io"], dict):
            number = entry["io_id"]
            raise ValueError(f"output {number} goes nowhere: add --out {number}=FILE")
    for made in Job.from_json(document).run(timeout=arguments.timeout):
        print(
            f"{made.path}: {made.mime_type}, {made.width}×{made.height}, "
            f"{made.byte_count:,} bytes",
            file=sys.stderr,
        )
    return 0


def _put(entries: list[Any], io_id: int, direction: str, file: str) -> None:
    for entry in entries:
        if entry["io_id"] == io_id:
            entry.update(direction=direction, io={"file": file})
            return
    entries.append({"io_id": io_id, "direction": direction, "io": {"file": file}})
