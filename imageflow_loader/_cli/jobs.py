"""`imageflow-loader run JOB.json --in ID=FILE --out ID=FILE`, `explain JOB.json`."""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from .._io import read_source
from .._job import Job
from ..errors import InvalidJobError
from .shell import TIMEOUT, argument, command, destination, source, tell

if TYPE_CHECKING:
    from collections.abc import Iterator


def _assignment(direction: str, text: str) -> tuple[str, int, str]:
    number, _, file = text.partition("=")
    try:
        return direction, int(number), file
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=FILE") from None


@command(
    argument(
        "job",
        'a "build" document, or an "execute" message; - is standard input',
        metavar="JOB.json",
    ),
    *(
        argument(
            f"--{way}",
            f"the file of an {way}put; - is standard {way}put. May be repeated",
            dest="files",
            metavar="ID=FILE",
            action="append",
            default=[],
            type=partial(_assignment, way),
        )
        for way in ("in", "out")
    ),
    TIMEOUT,
)
def run(job: str, files: list[tuple[str, int, str]], timeout: float | None) -> int:
    """Run a job that is written down in JSON."""
    document = _read(job)
    from_stream = _complete(document, files)
    told = Job.from_json(document)
    ends = [
        each._replace(to=destination("-")) if each.to == "-" else each
        for each in told.outputs
    ]
    whole = Job(*ends, security=told.security)
    for made in whole.run(source("-") if from_stream else None, timeout=timeout):
        tell(made)
    return 0


def _complete(document: dict[str, Any], files: list[tuple[str, int, str]]) -> bool:
    """Put the files in, and return whether standard input is among them."""
    document.setdefault("io", [])
    if "security" in document:  # where an "execute" message has it
        document["builder_config"] = {"security": document.pop("security")}
    nodes = Job._nodes(document)
    named = set(_named(nodes))
    entries = {entry["io_id"]: entry for entry in document["io"]}
    for direction, io_id, file in files:
        if (direction, io_id) not in named:
            raise ValueError(f"no node of this job has the {direction}put {io_id}")
        if io_id not in entries:
            entries[io_id] = {"io_id": io_id}
            document["io"].append(entries[io_id])
        entries[io_id].update(direction=direction, io={"file": file})
    for direction, io_id in sorted(named):
        if not isinstance(entries.get(io_id, {}).get("io"), dict):
            what = f"{direction}put {io_id}"
            raise ValueError(f"{what} has no file: add --{direction} {io_id}=FILE")
    stream = {"direction": "in", "io": {"file": "-"}}
    streams = [each for each in entries.values() if stream.items() <= each.items()]
    if len(streams) > 1:
        raise ValueError("standard input can be one input only")
    for entry in streams:
        entry["io"] = "placeholder"
    for node in nodes:
        if "decode" in node:  # what is written is done: JPEGs are decoded whole
            node["decode"].setdefault("commands", [])
    return bool(streams)


def _named(part: Any, direction: str = "in") -> Iterator[tuple[str, int]]:
    """Yield the direction and the number of each input and output in nodes."""
    if isinstance(part, list):
        for each in part:
            yield from _named(each, direction)
    elif isinstance(part, dict):
        for name, each in part.items():
            below = "out" if name == "encode" else direction
            if name in ("io_id", "decode", "encode") and isinstance(each, int):
                yield below, each
            yield from _named(each, below)


@command(argument("job", 'a "build" document; - is standard input', metavar="JOB.json"))
def explain(job: str) -> int:
    """Print the plan of a job, one line for each node."""
    print(Job.from_json(_read(job)).explain())
    return 0


def _read(word: str) -> dict[str, Any]:
    try:
        document = json.loads(bytes(read_source(source(word))))
    except (RecursionError, ValueError) as error:
        raise InvalidJobError(
            f"{word} is no JSON: {error}.", category="invalid_json"
        ) from error
    if not isinstance(document, dict):
        raise InvalidJobError(f"{word} is no JSON object.", category="invalid_json")
    return document
