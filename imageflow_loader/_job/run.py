"""Run a job: read, check, ask the engine, write."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .._backend import Request
from .._cancel import Deadline, go_on
from .._engine import get_engine
from .._io import read_header, read_source, sniff, source_name, write_outputs
from .._querystring import named_by_suffix, wants_first_frame, with_key
from ..errors import (
    EngineInternalError,
    ImageDecodeError,
    InvalidJobError,
    JobError,
    SourceTypeError,
    UnsupportedFeatureError,
)
from .needs import needed
from .plan import Placeholder, graph_of, parted
from .results import (
    EncodedImage,
    JobResult,
    Performance,
    decoded_images,
    frame_performances,
)
from .shrink import shrink_hints
from .values import Security

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .._cancel import CancelToken
    from .._engine import Engine
    from .._io import ImageInfo
    from ..types import Json, SourceLike
    from .job import Job, Output
    from .plan import Plan, Step

_log = logging.getLogger("imageflow_loader")

_MAY_MOVE = frozenset({"gif", "auto"})


class _Input(NamedTuple):
    """A source that was read, and what its header says if it can be understood."""

    data: bytes | memoryview
    info: ImageInfo | None

    @property
    def moves(self) -> bool:
        return self.info is not None and self.info.multiple_frames


class _Run(NamedTuple):
    """What holds for the whole run."""

    engine: Engine
    security: Security
    deadline: Deadline
    cancel: CancelToken | None

    def go_on(self) -> None:
        go_on(self.deadline, self.cancel)


def run_job(
    job: Job,
    *,
    security: Security | None = None,
    timeout: float | None = None,
    cancel: CancelToken | None = None,
    engine: Engine | None = None,
) -> JobResult:
    """Run *job*; see `Job.run`."""
    deadline = Deadline(timeout)
    go_on(deadline, cancel)
    security = security or job.security or Security()
    run = _Run(engine or get_engine(), security, deadline, cancel)
    plan = job._plan()
    _check_capabilities(plan, job, run)
    start = time.perf_counter()
    inputs = [_read(source, run) for source in plan.sources]
    read = time.perf_counter()
    answers = [
        _ask(plan.part(part), [job.outputs[i] for i in part], inputs, run, still=still)
        for still, part in _parts(plan, job.outputs, inputs)
    ]
    answered = time.perf_counter()
    run.go_on()
    made = {each: pair for answer in answers for each, pair in answer.made.items()}
    images = _written(job.outputs, [made[id(output)] for output in job.outputs])
    queued = sum(answer.queue_seconds for answer in answers)
    told = [answer.json["data"]["job_result"] for answer in answers]
    return JobResult(
        images,
        tuple(decoded_images(told[0])),
        Performance(
            tuple(frame for each in told for frame in frame_performances(each)),
            read - start,
            queued,
            answered - read - queued,
            time.perf_counter() - answered,
        ),
        run.engine.info,
        answers[0].json,
    )


def _check_capabilities(plan: Plan, job: Job, run: _Run) -> None:
    presets = [output.preset for output in job.outputs]
    needs = needed(plan, presets) | run.security.requires
    missing = {each for each in needs if not run.engine.supports(each)}
    if missing:
        info = run.engine.info
        raise UnsupportedFeatureError(
            f"The {info.edition} engine {info.path} cannot do what the job asks: "
            f"{', '.join(sorted(missing))}.",
            missing=missing,
        )


# Inputs


def _read(source: SourceLike | Placeholder, run: _Run) -> _Input:
    if isinstance(source, Placeholder):
        name = "" if source.name is None else f" named {source.name!r}"
        raise InvalidJobError(f"The recipe lacks a source{name}: give it to run.")
    data = read_source(
        source,
        max_bytes=run.security.max_input_bytes,
        deadline=run.deadline,
        cancel=run.cancel,
    )
    _check_type(data, source, run.security)
    try:
        return _Input(data, read_header(data))
    except ImageDecodeError:  # the engine has the last word, and its own words
        return _Input(data, None)


def _check_type(
    data: bytes | memoryview, source: SourceLike, security: Security
) -> None:
    if security.allowed_inputs is None:
        return
    allowed = {f"image/{name}" for name in security.allowed_inputs}
    if "image/jpg" in allowed:
        allowed.add("image/jpeg")
    if (found := sniff(data)) not in allowed:
        raise SourceTypeError(
            f"{source_name(source)} is {found or 'no picture that is known'}; "
            f"allowed are {', '.join(sorted(security.allowed_inputs))} "
            "(Security.allowed_inputs)."
        )


# The question


class _Answer(NamedTuple):
    """What the engine gave for some of the outputs."""

    made: dict[int, tuple[dict[str, Any], bytes]]
    """By the identity of the output: the engine's words, the bytes."""
    json: Any
    queue_seconds: float


def _parts(
    plan: Plan, outputs: Sequence[Output], inputs: Sequence[_Input]
) -> list[tuple[bool, list[int]]]:
    """Return whether they hold one picture each, and which outputs run together.

    An animation is decoded once for each frame of its GIFs and once for its stills, so
    the two do not share a job.
    """
    if not any(each.moves for each in inputs):
        return [(True, list(range(len(outputs))))]
    parts: dict[bool, list[int]] = {True: [], False: []}
    for number, output in enumerate(outputs):
        steps = plan.part([number]).steps
        animated = any(
            inputs[source].moves for step in steps for source in step.sources
        )
        parts[not animated or _is_still(output, steps[-1])].append(number)
    return [(still, part) for still, part in parts.items() if part]


def _is_still(output: Output, end: Step) -> bool:
    """Whether an output holds one picture whatever its source."""
    if output.encoder is None:
        return wants_first_frame(end.parameters["value"])
    name, params = parted(output.preset)
    if name == "format":
        return params["format"] not in ("gif", "keep")
    return name not in _MAY_MOVE


def _ask(
    plan: Plan,
    outputs: Sequence[Output],
    inputs: Sequence[_Input],
    run: _Run,
    *,
    still: bool,
) -> _Answer:
    still = still and run.engine.supports("select_frame")
    for number, step in enumerate(plan.steps):
        if step.sources:
            plan.steps[number] = _told(plan, number, inputs[step.sources[0]], still)
    graph = graph_of(plan, [output.preset for output in outputs])
    message: dict[str, Json] = {"framewise": graph.framewise}
    if limits := run.security.to_json():
        message["security"] = limits
    request = Request(
        "v1/execute",
        message,
        {io_id: inputs[source].data for io_id, source in enumerate(graph.inputs)},
        tuple(graph.outputs),
        run.deadline,
        run.cancel,
    )
    try:
        response = run.engine.execute(request)
    except JobError as error:
        if error.job is None:
            error.job = message
        error.engine = run.engine.info
        raise
    told = {
        each["io_id"]: each for each in response.json["data"]["job_result"]["encodes"]
    }
    made = {}
    for output, io_id in zip(outputs, graph.outputs, strict=True):
        if io_id not in told or not response.outputs.get(io_id):
            raise EngineInternalError(
                f"The engine reports success but gave no picture for output {io_id}.",
                job=message,
            )
        made[id(output)] = told[io_id], response.outputs[io_id]
    return _Answer(made, response.json, response.queue_seconds)


def _told(plan: Plan, number: int, source: _Input, still: bool) -> Step:
    """Return a step with what it is told beyond what the recipe says."""
    step, info = plan.steps[number], source.info
    if info is None:
        return step
    if step.name == "command_string" and still and source.moves:
        return step.told(value=with_key(step.parameters["value"], "frame", 0))
    if step.name != "decode":
        return step
    wanted = step.parameters.get("commands", [])
    frame = next((c["select_frame"] for c in wanted if "select_frame" in c), None)
    if frame is not None and frame >= info.frames:
        raise InvalidJobError(
            f"There is no frame {frame}: the animation has {info.frames}, from 0."
        )
    commands: list[Json] = []
    if still and info.multiple_frames and frame is None:
        commands.append({"select_frame": 0})
    if step.auto_shrink and info.mime_type == "image/jpeg":
        commands += shrink_hints(plan, number, info)
    return step.told(commands=[*wanted, *commands]) if commands else step


# The answer


def _written(
    outputs: Sequence[Output], made: Sequence[tuple[dict[str, Any], bytes]]
) -> tuple[EncodedImage, ...]:
    """Write what has a destination, and return what came out."""
    pairs = list(zip(outputs, made, strict=True))
    going = [(each.to, data) for each, (_, data) in pairs if each.to is not None]
    paths = iter(write_outputs(going))
    return tuple(
        _image(each, number, told, data, None if each.to is None else next(paths))
        for number, (each, (told, data)) in enumerate(pairs)
    )


def _image(
    output: Output, number: int, told: dict[str, Any], data: bytes, path: Path | None
) -> EncodedImage:
    extension = told["preferred_extension"]
    asked = _asked_for(output)
    if asked not in (None, "keep", "jpeg" if extension == "jpg" else extension):
        where = path or f"output {output.name or number}"
        _log.warning("%s was asked for, but %s is a %s", asked, where, extension)
    return EncodedImage(
        output.name or str(number),
        told["w"],
        told["h"],
        told["preferred_mime_type"],
        extension,
        len(data),
        path,
        None if output.to is not None else data,
    )


def _asked_for(output: Output) -> str | None:
    """Return the format that the destination's suffix or the encoder names."""
    preset = output.preset
    chosen = preset.get("format") if isinstance(preset, dict) else None
    named = chosen.get("format") if isinstance(chosen, dict) else None
    asked = named_by_suffix(output.to) or named
    return "jpeg" if asked == "jpg" else None if asked is None else str(asked)
