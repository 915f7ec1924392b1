"""`imageflow-loader run JOB.json --in ID=FILE --out ID=FILE`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .._job import Job
from ..errors import InvalidJobError
from .documents import read_document
from .streams import destination, source


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
    try:
        from_stream = _complete(document, arguments)
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidJobError(
            f"This is no build document: {type(error).__name__} {error}.",
            category="invalid_json",
        ) from error
    job = Job.from_json(document)
    outputs = [
        each._replace(to=destination("-")) if each.to == "-" else each
        for each in job.outputs
    ]
    job = Job(*outputs, security=job.security)
    for made in job.run(
        source("-") if from_stream else None, timeout=arguments.timeout
    ):
        if made.path is not None:
            print(
                f"{made.path}: {made.mime_type}, {made.width}×{made.height}, "
                f"{made.byte_count:,} bytes",
                file=sys.stderr,
            )
    return 0


def _complete(document: dict[str, Any], arguments: argparse.Namespace) -> bool:
    """Put the files in, and return whether standard input is among them."""
    entries = document.setdefault("io", [])
    if "security" in document:  # where an "execute" message has it
        document["builder_config"] = {"security": document.pop("security")}
    for direction in ("in", "out"):
        for io_id, file in getattr(arguments, f"{direction}puts"):
            _put(entries, io_id, direction, file)
    streams = []
    for entry in entries:
        number, direction = entry["io_id"], entry["direction"]
        if not isinstance(entry["io"], dict):
            what = f"{direction}put {number}"
            raise ValueError(f"{what} has no file: add --{direction} {number}=FILE")
        if direction == "in" and entry["io"].get("file") == "-":
            streams.append(entry)
    if len(streams) > 1:
        raise ValueError("standard input can be one input only")
    for entry in streams:
        entry["io"] = "placeholder"
    framewise = document["framewise"]
    graph = framewise.get("graph") or {"nodes": {}}
    for node in [*framewise.get("steps", ()), *graph["nodes"].values()]:
        if "decode" in node:  # what is written is done: JPEGs are decoded whole
            node["decode"].setdefault("commands", [])
    return bool(streams)


def _put(entries: list[Any], io_id: int, direction: str, file: str) -> None:
    for entry in entries:
        if entry["io_id"] == io_id:
            entry.update(direction=direction, io={"file": file})
            return
    entries.append({"io_id": io_id, "direction": direction, "io": {"file": file}})
