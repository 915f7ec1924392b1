"""From recipes to the engine's graph: what is shared is done once, in a fixed order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..types import Json, SourceLike
    from .image import Image

# Nodes that change their parent's bitmap in the official engine, or may. Everything
# that is not in `_COPIES` is taken for one, so an unknown node is, too.
_COPIES: Final = frozenset(
    {
        "apply_orientation",
        "color_matrix_srgb",
        "constrain",
        "crop",
        "crop_whitespace",
        "expand_canvas",
        "flip_h",
        "flip_v",
        "region",
        "region_percent",
        "resample_2d",
        "rotate_180",
        "rotate_270",
        "rotate_90",
        "round_image_corners",
        "transpose",
        "white_balance_histogram_area_threshold_srgb",
    }
)
# Encoders that flatten their parent's transparency in place are the others.
_ENCODERS_THAT_READ: Final = frozenset(
    {"gif", "lodepng", "pngquant", "webplossless", "webplossy"}
)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A source that is given when the job runs."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A query string that decodes and encodes as well: the only node of its graph."""

    source: SourceLike | Placeholder
    text: str
    watermarks: tuple[tuple[SourceLike | Placeholder, dict[str, Json]], ...] = ()
    """Each a picture and what is done with it, in the engine's words."""


class CommandEnd(NamedTuple):
    """A `Command`, its sources by their numbers."""

    text: str
    sources: tuple[int, ...]
    """The picture, then the watermarks."""
    watermarks: tuple[dict[str, Json], ...]


class Step(NamedTuple):
    """One node, its sources and its parents by their numbers."""

    node: Json
    sources: tuple[int, ...]
    input: int | None
    canvas: int | None
    auto_shrink: bool

    @property
    def name(self) -> str:
        """The node's name."""
        return next(iter(self.node)) if isinstance(self.node, dict) else str(self.node)

    @property
    def parameters(self) -> Any:
        """What the node's name leads to, None for a node without parameters."""
        return self.node[self.name] if isinstance(self.node, dict) else None

    @property
    def parents(self) -> list[int]:
        """The numbers of the steps that feed it."""
        return [each for each in (self.input, self.canvas) if each is not None]

    def renumbered(self, new: Mapping[int, int]) -> Step:
        """Return it with other numbers for its parents."""
        parents = (self.input, self.canvas)
        upper, canvas = (None if each is None else new[each] for each in parents)
        return self._replace(input=upper, canvas=canvas)


class Plan(NamedTuple):
    """The steps of some images, parents first; equal steps are one."""

    steps: list[Step]
    sources: list[SourceLike | Placeholder]
    ends: list[int | CommandEnd]
    """The last step of each image, or a command."""

    def part(self, ends: Sequence[int]) -> Plan:
        """Return the plan of some of the ends, with what they need."""
        needed = {end for i in ends if isinstance(end := self.ends[i], int)}
        for number in range(len(self.steps) - 1, -1, -1):  # children first
            if number in needed:
                needed.update(self.steps[number].parents)
        new = {old: number for number, old in enumerate(sorted(needed))}
        steps = [self.steps[old].renumbered(new) for old in new]
        kept = [self.ends[i] for i in ends]
        renumbered = [new[end] if isinstance(end, int) else end for end in kept]
        return Plan(steps, self.sources, renumbered)

    def read_by(self, end: int) -> set[int]:
        """Return the numbers of the sources that an end needs."""
        only = self.part([end])
        command = only.ends[0]
        if isinstance(command, CommandEnd):
            return set(command.sources)
        return {number for step in only.steps for number in step.sources}

    def decoder_commands(self) -> Iterator[Json]:
        """Yield what decoders are told."""
        for step in self.steps:
            if step.name == "decode":
                yield from step.parameters.get("commands", [])

    def children(self, step: int) -> list[Step]:
        """Return the steps that *step* feeds."""
        return [each for each in self.steps if step in each.parents]


def lay_out(images: Iterable[Image | Command]) -> Plan:
    """Return the plan that makes *images*."""
    plan = Plan([], [], [])
    known: dict[int, int] = {}  # id of an image → its step
    merged: dict[tuple[object, ...], int] = {}
    kept = list(images)  # while their ids are in use
    for image in kept:
        if isinstance(image, Command):
            plan.ends.append(_command_end(plan, image))
            continue
        waiting = [image]
        while waiting:
            each = waiting[-1]
            parents = [p for p in (each._canvas, each._input) if p is not None]
            missing = [parent for parent in parents if id(parent) not in known]
            if missing:
                waiting += reversed(missing)
                continue
            waiting.pop()
            if id(each) not in known:
                known[id(each)] = _add(plan, merged, each, known)
        plan.ends.append(known[id(image)])
    return plan


def _add(
    plan: Plan,
    merged: dict[tuple[object, ...], int],
    image: Image,
    known: Mapping[int, int],
) -> int:
    step = Step(
        image._node,
        tuple(_source_number(plan.sources, source) for source in image._sources),
        None if image._input is None else known[id(image._input)],
        None if image._canvas is None else known[id(image._canvas)],
        image._auto_shrink,
    )
    text = json.dumps(step.node, sort_keys=True)
    key = (text, step.sources, step.input, step.canvas, step.auto_shrink)
    if key not in merged:
        merged[key] = len(plan.steps)
        plan.steps.append(step)
    return merged[key]


def _command_end(plan: Plan, command: Command) -> CommandEnd:
    sources = (command.source, *(source for source, _ in command.watermarks))
    return CommandEnd(
        command.text,
        tuple(_source_number(plan.sources, source) for source in sources),
        tuple(each for _, each in command.watermarks),
    )


def _source_number(
    sources: list[SourceLike | Placeholder], source: SourceLike | Placeholder
) -> int:
    for number, known in enumerate(sources):
        if known is source or (type(known) is type(source) and known == source):
            return number
    sources.append(source)
    return len(sources) - 1


class Graph(NamedTuple):
    """A plan in the engine's words, with the numbers of its inputs and outputs."""

    nodes: dict[str, Json]
    edges: list[Json]
    inputs: list[int]
    """io_id → the number of a source; one source may have several."""
    outputs: list[int]
    """The io_id of each output."""

    @property
    def framewise(self) -> dict[str, Json]:
        """The graph as a message has it."""
        nodes: dict[str, Json] = dict(self.nodes)
        return {"graph": {"nodes": nodes, "edges": list(self.edges)}}

    def add_inputs(self, sources: Iterable[int]) -> list[int]:
        """Add an input for each source, and return their io_ids."""
        first = len(self.inputs)
        self.inputs.extend(sources)
        return list(range(first, len(self.inputs)))

    def add(self, node: Json, *parents: tuple[int, str]) -> int:
        """Add a node with its parents and their places, and return its number."""
        number = len(self.nodes)
        self.nodes[str(number)] = node
        self.edges.extend(
            {"from": parent, "to": number, "kind": kind} for parent, kind in parents
        )
        return number


def graph_of(
    plan: Plan,
    presets: Sequence[Json],
    *,
    commands: Mapping[int, list[Json]] | None = None,
) -> Graph:
    """Return the graph that makes *plan* and encodes each end by its preset.

    Nodes are numbered parents first, io_ids inputs first, so that the same recipe
    always gives the same JSON.

    Args:
        plan: The images.
        presets: The encoder preset of each end; that of a command does not matter.
        commands: More commands for decoders, by the number of the step.
    """
    graph = Graph({}, [], [], [])
    children = _child_counts(plan)
    numbers: list[int] = []  # step → node
    for index, step in enumerate(plan.steps):
        io_ids = graph.add_inputs(step.sources)
        node = _numbered(step, io_ids, (commands or {}).get(index, []))
        parents = []
        for parent, kind in ((step.canvas, "canvas"), (step.input, "input")):
            if parent is not None:
                changed = kind == "canvas" or not _only_reads_its_input(step)
                copied = changed and children[parent] > 1
                number = _copy(graph, numbers[parent]) if copied else numbers[parent]
                parents.append((number, kind))
        numbers.append(graph.add(node, *parents))
    command_inputs = [
        graph.add_inputs(end.sources) if isinstance(end, CommandEnd) else []
        for end in plan.ends
    ]
    for end, preset, io_ids in zip(plan.ends, presets, command_inputs, strict=True):
        io_id = len(graph.inputs) + len(graph.outputs)
        graph.outputs.append(io_id)
        if isinstance(end, CommandEnd):
            graph.add(_command_node(end, io_ids, io_id))
            continue
        copied = children[end] > 1 and _preset_name(preset) not in _ENCODERS_THAT_READ
        parent = _copy(graph, numbers[end]) if copied else numbers[end]
        graph.add({"encode": {"io_id": io_id, "preset": preset}}, (parent, "input"))
    return graph


def _child_counts(plan: Plan) -> list[int]:
    counts = [0] * len(plan.steps)
    for step in plan.steps:
        for parent in step.parents:
            counts[parent] += 1
    for end in plan.ends:
        if isinstance(end, int):
            counts[end] += 1
    return counts


def _command_node(end: CommandEnd, io_ids: list[int], io_id: int) -> Json:
    decode, *watermark_ids = io_ids
    params: dict[str, Json] = {"kind": "ir4", "value": end.text}
    params |= {"decode": decode, "encode": io_id}
    if end.watermarks:
        params["watermarks"] = [
            {"io_id": number, **watermark}
            for number, watermark in zip(watermark_ids, end.watermarks, strict=True)
        ]
    return {"command_string": params}


def _only_reads_its_input(step: Step) -> bool:
    """Whether a step reads its input without changing it."""
    if step.canvas is not None:  # it reads its input and changes its canvas
        return True
    return step.name in _COPIES


def _copy(graph: Graph, number: int) -> int:
    # The official engine lets nodes change the bitmap of their parent, which sister
    # branches then see, or miss ("Value is Consumed"). It copies before a flip, and two
    # flips change nothing.
    once = graph.add("flip_v", (number, "input"))
    return graph.add("flip_v", (once, "input"))


def _preset_name(preset: Json) -> str:
    return next(iter(preset)) if isinstance(preset, dict) else str(preset)


def _numbered(step: Step, io_ids: list[int], commands: list[Json]) -> Json:
    """Return the node of *step* with its io_ids, and with more decoder commands."""
    if not io_ids:
        return step.node
    params: dict[str, Json] = {"io_id": io_ids[0], **step.parameters}
    if commands:
        params["commands"] = [*step.parameters.get("commands", []), *commands]
    return {step.name: params}
