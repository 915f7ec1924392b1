"""`imageflow-loader run JOB.json --in ID=FILE --out ID=FILE`, `explain JOB.json`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .._io import read_source
from .._job import Job
from ..errors import InvalidJobError
from .shell import TIMEOUT, argument, command, destination, source, tell


def _assignment(text: str) -> tuple[int, str]:
    number, _, file = text.partition("=")
    try:
        return int(number), file
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=FILE") from None


@command(
    argument(
        "job",
        metavar="JOB.json",
        help='a "build" document, or an "execute" message; - is standard input',
    ),
    *(
        argument(
            f"--{direction}",
            dest=f"{direction}puts",
            metavar="ID=FILE",
            action="append",
            default=[],
            type=_assignment,
            help=f"the file of an {direction}put; - is standard {direction}put. May be "
            "repeated",
        )
        for direction in ("in", "out")
    ),
    TIMEOUT,
)
def run(job: str, inputs: list[Any], outputs: list[Any], timeout: float | None) -> int:
    """Run a job that is written down in JSON."""
    document = _read(job)
    try:
        from_stream = _complete(document, {"in": inputs, "out": outputs})
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidJobError(
            f"This is no build document: {type(error).__name__} {error}.",
            category="invalid_json",
        ) from error
    told = Job.from_json(document)
    ends = [
        each._replace(to=destination("-")) if each.to == "-" else each
        for each in told.outputs
    ]
    whole = Job(*ends, security=told.security)
    for made in whole.run(source("-") if from_stream else None, timeout=timeout):
        tell(made)
    return 0


def _complete(
    document: dict[str, Any], files: dict[str, list[tuple[int, str]]]
) -> bool:
    """Put the files in, and return whether standard input is among them."""
    entries = document.setdefault("io", [])
    if "security" in document:  # where an "execute" message has it
        document["builder_config"] = {"security": document.pop("security")}
    for direction, given in files.items():
        for io_id, file in given:
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


@command(
    argument("job", metavar="JOB.json", help='a "build" document; - is standard input')
)
def explain(job: str) -> int:
    """Print the plan of a job, one line for each node."""
    print(Job.from_json(_read(job)).explain())
    return 0


def _read(word: str) -> dict[str, Any]:
    try:
        document = json.loads(bytes(read_source(source(word))))
    except ValueError as error:
        raise InvalidJobError(
            f"{word} is no JSON: {error}.", category="invalid_json"
        ) from error
    if not isinstance(document, dict):
        raise InvalidJobError(f"{word} is no JSON object.", category="invalid_json")
    return document
