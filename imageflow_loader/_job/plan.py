"""From recipes to the engine's graph: what is shared is done once, in a fixed order."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from ..types import Json, SourceLike
    from .image import Image

# Nodes that change their parent's bitmap in the official engine, or may. Everything
# that is not in `_COPIES` is taken for one, so an unknown node is, too.
_COPIES: Final = """
    apply_orientation color_matrix_srgb constrain crop crop_whitespace expand_canvas
    flip_h flip_v region region_percent resample_2d rotate_180 rotate_270 rotate_90
    round_image_corners transpose white_balance_histogram_area_threshold_srgb
""".split()  # noqa: SIM905 - a list of names reads better so
# Encoders that flatten their parent's transparency in place are the others.
_ENCODERS_THAT_READ: Final = ("gif", "lodepng", "pngquant", "webplossless", "webplossy")


class Placeholder(NamedTuple):
    """A source that is given when the job runs."""

    name: str | None = None


def parted(node: Any) -> tuple[str, Any]:
    """Return the name of a node or a preset, and its parameters or None."""
    named = {node: None} if isinstance(node, str) else node
    return next(iter(named.items()), ("", None))


class Step(NamedTuple):
    """One node, its sources and its parents by their numbers."""

    name: str
    parameters: Any
    """What the node's name leads to, None for a node without parameters."""
    sources: tuple[int, ...]
    """Of a query string the picture and then its watermarks."""
    input: int | None
    canvas: int | None
    auto_shrink: bool

    @property
    def node(self) -> Json:
        """The node as the engine's JSON has it."""
        return self.name if self.parameters is None else {self.name: self.parameters}

    @property
    def parents(self) -> list[int]:
        """The numbers of the steps that feed it."""
        return [each for each in (self.input, self.canvas) if each is not None]

    def told(self, **parameters: Json) -> Step:
        """Return it with other parameters."""
        return self._replace(parameters={**self.parameters, **parameters})


class Plan(NamedTuple):
    """The steps of some images, parents first; equal steps are one."""

    steps: list[Step]
    sources: list[SourceLike | Placeholder]
    ends: list[int]
    """The last step of each image."""

    def part(self, ends: Sequence[int]) -> Plan:
        """Return the plan of some of the ends, with what they need."""
        needed = {self.ends[i] for i in ends}
        for number in range(len(self.steps) - 1, -1, -1):  # children first
            if number in needed:
                needed.update(self.steps[number].parents)
        new: dict[int | None, int] = {old: i for i, old in enumerate(sorted(needed))}
        steps = [
            step._replace(input=new.get(step.input), canvas=new.get(step.canvas))
            for number, step in enumerate(self.steps)
            if number in needed
        ]
        return Plan(steps, self.sources, [new[self.ends[i]] for i in ends])

    def children(self, step: int) -> list[Step]:
        """Return the steps that *step* feeds."""
        return [each for each in self.steps if step in each.parents]


def _parents_first(image: Image, done: Container[int]) -> Iterator[Image]:
    """Yield *image* and all that it is made of, but what is *done*, by its identity.

    However long a recipe is, this does not recurse.
    """
    waiting = [image]
    while waiting:
        each = waiting[-1]
        parents = (each._input, each._canvas)
        missing = [p for p in parents if p is not None and id(p) not in done]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        if id(each) not in done:
            yield each


def lay_out(images: Iterable[Image]) -> Plan:
    """Return the plan that makes *images*."""
    plan = Plan([], [], [])
    known: dict[int, int] = {}  # the identity of an image → its step
    merged: dict[object, int] = {}
    kept = list(images)  # while their identities are in use
    for image in kept:
        for each in _parents_first(image, known):
            step = Step(
                each._name,
                each._params,
                tuple(_source_number(plan.sources, source) for source in each._sources),
                known.get(id(each._input)),  # None has no step
                known.get(id(each._canvas)),
                each._auto_shrink,
            )
            key = (json.dumps(step[:2], sort_keys=True), *step[2:])
            if key not in merged:
                merged[key] = len(plan.steps)
                plan.steps.append(step)
            known[id(each)] = merged[key]
        plan.ends.append(known[id(image)])
    return plan


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


def graph_of(plan: Plan, presets: Sequence[Json]) -> Graph:
    """Return the graph that makes *plan* and encodes each end by its preset.

    Nodes are numbered parents first, io_ids inputs first, so that the same recipe
    always gives the same JSON. An end whose preset is None is a query string that
    encodes as well.
    """
    graph = Graph({}, [], [], [])
    ends = list(zip(plan.ends, presets, strict=True))
    readers = Counter(parent for step in plan.steps for parent in step.parents)
    readers.update(end for end, preset in ends if preset is not None)
    numbers: dict[int, int] = {}  # step → node

    def fed_by(step: int, *, changes: bool) -> int:
        """Return the node of a step, or one of a copy for who changes it."""
        number = numbers[step]
        return _copy(graph, number) if changes and readers[step] > 1 else number

    for index, step in enumerate(plan.steps):
        if not readers[index]:
            continue
        node = _numbered(step, graph.add_inputs(step.sources))
        parents = []
        if step.canvas is not None:
            parents.append((fed_by(step.canvas, changes=True), "canvas"))
        if step.input is not None:
            changes = step.canvas is None and step.name not in _COPIES
            parents.append((fed_by(step.input, changes=changes), "input"))
        numbers[index] = graph.add(node, *parents)
    inputs = [
        graph.add_inputs(plan.steps[end].sources) if preset is None else []
        for end, preset in ends
    ]
    for (end, preset), io_ids in zip(ends, inputs, strict=True):
        io_id = len(graph.inputs) + len(graph.outputs)
        graph.outputs.append(io_id)
        if preset is None:
            graph.add(_numbered(plan.steps[end], io_ids, encode=io_id))
            continue
        changes = parted(preset)[0] not in _ENCODERS_THAT_READ
        parent = fed_by(end, changes=changes), "input"
        graph.add({"encode": {"io_id": io_id, "preset": preset}}, parent)
    return graph


def _copy(graph: Graph, number: int) -> int:
    # The official engine lets nodes change the bitmap of their parent, which sister
    # branches then see, or miss ("Value is Consumed"). It copies before a flip, and two
    # flips change nothing.
    once = graph.add("flip_v", (number, "input"))
    return graph.add("flip_v", (once, "input"))


def _numbered(step: Step, io_ids: list[int], **encode: int) -> Json:
    """Return the node of *step* with its io_ids."""
    if not io_ids:
        return step.node
    first, *others = io_ids
    if step.name != "command_string":
        return {step.name: {"io_id": first, **step.parameters}}
    params: dict[str, Json] = {**step.parameters, "decode": first, **encode}
    if others:
        marks = zip(others, step.parameters["watermarks"], strict=True)
        params["watermarks"] = [{"io_id": number, **mark} for number, mark in marks]
    return {"command_string": params}
