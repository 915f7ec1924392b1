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


def lay_out(
    images: Iterable[Image], sources: Iterable[SourceLike | Placeholder] = ()
) -> Plan:
    """Return the plan that makes *images*; *sources* keep their numbers."""
    plan = Plan([], list(sources), [])
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

    framewise: dict[str, Json]
    """The graph as a message has it."""
    inputs: list[int]
    """io_id → the number of a source; one source may have several."""
    outputs: list[int]
    """The io_id of each output."""


def graph_of(plan: Plan, presets: Sequence[Json]) -> Graph:
    """Return the graph that makes *plan* and encodes each end by its preset.

    Nodes are numbered parents first, io_ids inputs first, so that the same recipe
    always gives the same JSON. An end whose preset is None is a query string that
    encodes as well.
    """
    nodes: dict[str, Json] = {}
    edges: list[Json] = []
    inputs: list[int] = []
    outputs: list[int] = []
    ends = list(zip(plan.ends, presets, strict=True))
    readers = Counter(parent for step in plan.steps for parent in step.parents)
    readers.update(end for end, preset in ends if preset is not None)
    made: dict[int | None, int] = {}  # step → node

    def add(node: Json, **parents: int | None) -> int:
        """Add a node with its parents by their places, and return its number."""
        number = len(nodes)
        nodes[str(number)] = node
        for kind, parent in parents.items():
            if parent is not None:
                edges.append({"from": parent, "to": number, "kind": kind})
        return number

    def add_inputs(sources: Sequence[int]) -> list[int]:
        """Add an input for each source, and return their io_ids."""
        inputs.extend(sources)
        return list(range(len(inputs) - len(sources), len(inputs)))

    def fed_by(step: int | None, *, changes: bool) -> int | None:
        """Return the node of a step, or one of a copy for who changes it."""
        if step is None or not changes or readers[step] < 2:
            return made.get(step)
        # The official engine lets nodes change the bitmap of their parent, which sister
        # branches then see, or miss ("Value is Consumed"). It copies before a flip, and
        # two flips change nothing.
        return add("flip_v", input=add("flip_v", input=made[step]))

    for index, step in enumerate(plan.steps):
        if readers[index]:
            node = _numbered(step, add_inputs(step.sources))
            canvas = fed_by(step.canvas, changes=True)
            changes = step.canvas is None and step.name not in _COPIES
            drawn = fed_by(step.input, changes=changes)
            made[index] = add(node, canvas=canvas, input=drawn)
    commands = {
        number: add_inputs(plan.steps[end].sources)
        for number, (end, preset) in enumerate(ends)
        if preset is None
    }
    for number, (end, preset) in enumerate(ends):
        io_id = len(inputs) + number
        outputs.append(io_id)
        if preset is None:
            add(_numbered(plan.steps[end], commands[number], encode=io_id))
        else:
            changes = parted(preset)[0] not in _ENCODERS_THAT_READ
            node = {"encode": {"io_id": io_id, "preset": preset}}
            add(node, input=fed_by(end, changes=changes))
    return Graph({"graph": {"nodes": nodes, "edges": edges}}, inputs, outputs)


def _numbered(step: Step, io_ids: list[int], **encode: int) -> Json:
    """Return the node of *step* with its io_ids."""
    if not io_ids:
        return step.name if step.parameters is None else {step.name: step.parameters}
    first, *others = io_ids
    if step.name != "command_string":
        return {step.name: {"io_id": first, **step.parameters}}
    params: dict[str, Json] = {**step.parameters, "decode": first, **encode}
    if others:
        marks = zip(others, step.parameters["watermarks"], strict=True)
        params["watermarks"] = [{"io_id": number, **mark} for number, mark in marks]
    return {"command_string": params}
