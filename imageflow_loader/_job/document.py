"""Jobs as the engine's JSON documents, and back."""

from __future__ import annotations

import base64
import os
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .._io import opened, read_source
from ..errors import InvalidJobError
from .image import Image
from .job import Job, Output
from .plan import Placeholder, graph_of, parted
from .values import FRAME_LIMITS, UNLIMITED, FrameLimit, Security

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..types import Destination, ErrorCategory, Json, SourceLike


def document(job: Job, api: Literal["build", "execute"]) -> dict[str, Json]:
    """Return *job* as a message; see `Job.to_json`."""
    plan = job._plan()
    graph = graph_of(plan, [output.preset for output in job.outputs])
    security: dict[str, Json] = (
        {} if job.security is None else {"security": job.security.to_json()}
    )
    if api == "execute":
        return {**security, "framewise": graph.framewise}
    if api != "build":
        raise ValueError(f"api is 'build' or 'execute', not {api!r}")
    entries: list[Json] = [
        {"io_id": io_id, "direction": "in", "io": _source_json(plan.sources[source])}
        for io_id, source in enumerate(graph.inputs)
    ]
    entries += [
        {"io_id": io_id, "direction": "out", "io": _destination_json(output.to)}
        for io_id, output in zip(graph.outputs, job.outputs, strict=True)
    ]
    config: dict[str, Json] = {"builder_config": security} if security else {}
    return {**config, "io": entries, "framewise": graph.framewise}


def _source_json(source: SourceLike | Placeholder) -> Json:
    source = opened(source)
    if isinstance(source, str | os.PathLike):
        return {"file": os.fsdecode(source)}
    if isinstance(source, bytes | bytearray | memoryview):
        return {"base_64": base64.b64encode(read_source(source)).decode("ascii")}
    return "placeholder"


def _destination_json(to: Destination | None) -> Json:
    if isinstance(to, str | os.PathLike):
        return {"file": os.fsdecode(to)}
    return "output_buffer" if to is None else "placeholder"


# What it looks like, as far as we read it ourselves

_CODECS: Final = ("decode", "encode")
_OPTIONAL: Final = (dict, type(None))
_ENTRY = {"io_id": (int,), "direction": ("in", "out"), "io": (dict, str)}
_CONFIG = {"security": _OPTIONAL, "graph_recording": _OPTIONAL}
_COUNT: Final = (int, type(None))
_LIMITS = {
    **dict.fromkeys(FRAME_LIMITS, _OPTIONAL),
    **dict.fromkeys(("max_total_file_pixels", "max_threads"), _COUNT),
}
_SIDES = {"w": _COUNT, "h": _COUNT, "megapixels": (float, *_COUNT)}
_EDGE = {"from": (int,), "to": (int,), "kind": ("input", "canvas")}
_WORDS: Final[Mapping[Any, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    type(None): "nothing",
}


def _expect(where: str, value: Any, shape: Any) -> None:
    """Raise unless *value*, which stands at *where*, has a shape.

    That is some types and words, a list of one shape, or an object of just so many.
    """
    kinds = shape if isinstance(shape, tuple) else (type(shape),)
    types = tuple(kind for kind in kinds if isinstance(kind, type))
    if not (isinstance(value, types) or value in kinds) or isinstance(value, bool):
        wanted = " or ".join(_WORDS.get(kind, str(kind)) for kind in kinds)
        raise _no_document(f"{where} is {wanted}, not {value!r:.80}")
    if isinstance(shape, list):
        for number, each in enumerate(value):
            _expect(f"{where}[{number}]", each, shape[0])
    elif isinstance(shape, dict):
        if unknown := value.keys() - shape.keys():
            raise _no_document(f"{where} has no {min(unknown)}")
        for name, each in shape.items():
            _expect(f"{where}.{name}", value.get(name), each)


def check_document(data: Mapping[str, Any]) -> list[Any]:
    """Return the nodes of a "build" document.

    Raises:
        InvalidJobError: It is none.
    """
    shape = {"io": [_ENTRY], "framewise": (dict,), "builder_config": _OPTIONAL}
    _expect("document", data, shape)
    config = data.get("builder_config") or {}
    _expect("builder_config", config, _CONFIG)
    framewise = data["framewise"]
    if "steps" in framewise:
        _expect("framewise", framewise, {"steps": (list,)})
        nodes = list(framewise["steps"])
    else:
        _expect("framewise", framewise, {"graph": {"nodes": (dict,), "edges": [_EDGE]}})
        nodes = list(framewise["graph"]["nodes"].values())
    _expect("nodes", nodes, [(dict, str)])
    for number, node in enumerate(nodes):
        if len(node) != 1 and isinstance(node, dict):
            raise _no_document(f"nodes[{number}] has one name, not {len(node)}")
        name, params = parted(node)
        if name in (*_CODECS, "watermark", "command_string"):
            _expect(name, params, (dict,))
            _expect(f"{name}.commands", params.get("commands", []), [(dict, str)])
            if name == "command_string":
                _expect("command_string.value", params.get("value"), (str,))
            else:
                _expect(f"{name}.io_id", params.get("io_id"), (int,))
            if name == "encode":
                _expect("encode.preset", params.get("preset"), (dict, str))
    return nodes


def _no_document(why: str) -> InvalidJobError:
    return _refused(f"This is no build document: {why}.", "invalid_json")


def _refused(
    why: str, category: ErrorCategory = "graph_invalid", kind: str | None = None
) -> InvalidJobError:
    return InvalidJobError(why, category=category, kind=kind)


# And back


class _Preset(NamedTuple):
    """An encoder preset as a document has it."""

    preset: Any

    def to_json(self) -> Json:
        preset: Json = self.preset
        return preset


def job_from_document(data: Mapping[str, Any]) -> Job:
    """Return the job that a "build" document describes; see `Job.from_json`."""
    try:
        check_document(data)
        return _Reader(data).job()
    except InvalidJobError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _no_document(f"{type(error).__name__} {error}") from error


class _ById(dict[int, Any]):
    """Inputs or outputs by their io_ids."""

    def __missing__(self, io_id: int) -> None:
        why = f"A node names io_id {io_id}, which no entry of io has in that direction."
        raise _refused(why, "argument_invalid", "IoIdNotFound")


_BEGIN: Final = ("command_string", "create_canvas", "decode")


class _Reader:
    """One reading of a document."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.sources: dict[int, SourceLike | Placeholder] = _ById()
        self.destinations: dict[int, str | None] = _ById()
        for entry in data["io"]:
            io_id = entry["io_id"]
            if io_id in self.sources or io_id in self.destinations:
                why = f"Two entries of io have the io_id {io_id}."
                raise _refused(why, "argument_invalid", "DuplicateIoId")
            if entry["direction"] == "in":
                self.sources[io_id] = _source(io_id, entry["io"])
            else:
                self.destinations[io_id] = _destination(io_id, entry["io"])
        missing = [i for i, s in self.sources.items() if isinstance(s, Placeholder)]
        if len(missing) == 1:
            self.sources[missing[0]] = Placeholder()
        self.images: dict[int, Image] = {}
        self.outputs: list[tuple[int, Output]] = []

    def job(self) -> Job:
        limits = (self.data.get("builder_config") or {}).get("security")
        nodes, parents = self._graph()
        for number in _in_order(nodes, parents):
            self._read(number, nodes[number], parents.get(number, {}))
        if not self.outputs:
            raise _refused("The document encodes nothing.")
        outputs = [output for _, output in sorted(self.outputs, key=itemgetter(0))]
        return Job(*outputs, security=None if limits is None else _security(limits))

    def _graph(self) -> tuple[dict[int, Any], dict[int, dict[str, int]]]:
        framewise = self.data["framewise"]
        if "steps" in framewise:
            nodes = dict(enumerate(framewise["steps"]))
            return nodes, {number: {"input": number - 1} for number in nodes if number}
        graph = framewise["graph"]
        parents: dict[int, dict[str, int]] = {}
        for edge in graph["edges"]:
            parents.setdefault(edge["to"], {})[edge["kind"]] = edge["from"]
        return {int(key): node for key, node in graph["nodes"].items()}, parents

    def _read(self, number: int, node: Any, parents: Mapping[str, int]) -> None:
        name, params = parted(node)
        fed = "input" in parents or name in _BEGIN
        if not fed or not self.images.keys() >= {*parents.values()}:
            raise _refused(
                f"Node {number}, {name}, has no image to work on: it is fed by "
                f"{sorted(parents.values()) or 'none'}."
            )
        above = {kind: self.images[parent] for kind, parent in parents.items()}
        if name == "encode":
            self._output(params["io_id"], above["input"], _Preset(params["preset"]))
            return
        said, io_ids = _unnumbered(name, params)
        sources = tuple(self.sources[io_id] for io_id in io_ids)
        base, canvas = above.get("input"), above.get("canvas")
        self.images[number] = image = (
            Image(name, said, base, canvas, sources, _may_shrink(name, params))
            if base is None or canvas is not None
            else base._then(name, said, *sources)
        )
        if name == "command_string" and params.get("encode") is not None:
            self._output(params["encode"], image, None)

    def _output(self, io_id: int, image: Image, encoder: _Preset | None) -> None:
        self.outputs.append((io_id, Output(image, encoder, self.destinations[io_id])))


def _unnumbered(name: str, params: Any) -> tuple[Any, list[int]]:
    """Return parameters as a recipe has them, and the io_ids of the sources."""
    if name in ("decode", "watermark"):
        return _less(params, "io_id"), [params["io_id"]]
    if name != "command_string" or params.keys().isdisjoint(_CODECS):
        return params, []
    said, marks = _less(params, "watermarks", *_CODECS), params.get("watermarks")
    if marks:
        said["watermarks"] = [_less(each, "io_id") for each in marks]
    return said, [params["decode"], *(each["io_id"] for each in marks or ())]


def _may_shrink(name: str, params: Any) -> bool:
    """Whether a decoder is left to shrink: nothing is said of it, not even no word."""
    commands = params.get("commands") if name == "decode" else []
    return commands != [] and "jpeg_downscale_hints" not in str(commands)


def _less(params: Mapping[str, Any], *names: str) -> dict[str, Json]:
    return {key: value for key, value in params.items() if key not in names}


def _in_order(
    nodes: Mapping[int, Any], parents: Mapping[int, Mapping[str, int]]
) -> list[int]:
    """Return the numbers of the nodes, parents first.

    Raises:
        InvalidJobError: A node is its own ancestor, or has a parent that is not there.
    """
    from graphlib import CycleError, TopologicalSorter  # 1 ms, and only here

    above = {number: parents.get(number, {}).values() for number in nodes}
    try:
        order = list(TopologicalSorter(above).static_order())
    except CycleError as error:
        order = error.args[1]
    else:
        if nodes.keys() >= set(order):
            return order
    numbers = sorted(set(order))
    why = f"The nodes {numbers} wait for each other, or for a node that is not there."
    raise _refused(why, kind="GraphCyclic")


def _source(io_id: int, io: Any) -> SourceLike | Placeholder:
    try:
        match io:
            case "placeholder":
                return Placeholder(str(io_id))
            case {"file": str(path)}:
                return path
            case {"base_64": str(text)}:
                return base64.b64decode(text, validate=True)
            case {"bytes_hex": str(text)}:
                return bytes.fromhex(text)
            case {"byte_array": list(numbers)}:
                return bytes(numbers)
    except (TypeError, ValueError) as error:
        raise InvalidJobError(f"Input {io_id}: {error}.") from error
    kinds = "a file, base_64, bytes_hex, byte_array or a placeholder"
    raise _no_document(f"input {io_id} is {kinds}, not {io!r:.80}")


def _destination(io_id: int, io: Any) -> str | None:
    match io:
        case "placeholder" | "output_buffer" | "output_base_64":
            return None
        case {"file": str(path)}:
            return path
    raise _no_document(f"output {io_id} is a file or output_buffer, not {io!r:.80}")


def _security(limits: Mapping[str, Any]) -> Security:
    _expect("security", limits, _LIMITS)
    members = {name: value for name, value in limits.items() if value is not None}
    for name in FRAME_LIMITS:
        if name in members:
            _expect(f"security.{name}", members[name], _SIDES)
            sides = members[name].items()
            given = {side: most for side, most in sides if most != UNLIMITED[side]}
            members[name] = FrameLimit(**given)
    return Security(**members)
