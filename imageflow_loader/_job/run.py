"""Run a job: read, check, ask the engine, write; in a thread for those who await."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .._backend import Request
from .._cancel import CancelToken, Deadline, go_on
from .._engine import get_engine
from .._io import read_header, read_source, sniff, source_name, write_outputs
from ..errors import (
    EngineInternalError,
    ImageDecodeError,
    InvalidJobError,
    JobError,
    SourceTypeError,
    UnsupportedFeatureError,
)
from .plan import Command, CommandEnd, Placeholder, graph_of, lay_out
from .querystring import suffix_format, wants_first_frame, with_key
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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._engine import Engine
    from .._io import ImageInfo
    from ..types import Capability, Json, SourceLike
    from .job import Job, Output
    from .plan import Plan

_log = logging.getLogger("imageflow_loader")
_T = TypeVar("_T")

_MIME_OF = {"jpg": "image/jpeg"}  # the others are "image/" and their name
_MAY_MOVE = frozenset({"gif", "auto"})


class _Input(NamedTuple):
    """A source that was read, and what its header says if it can be understood."""

    data: bytes | memoryview
    info: ImageInfo | None


def run_job(
    job: Job,
    security: Security | None,
    timeout: float | None,
    cancel: CancelToken | None,
    engine: Engine | None,
) -> JobResult:
    """Run *job*; see `Job.run`."""
    deadline = Deadline(timeout)
    go_on(deadline, cancel)
    security = security or job.security or Security()
    if engine is None:
        engine = get_engine()
    _check_capabilities(job.requires | security.requires, engine)
    start = time.perf_counter()
    inputs = _read_inputs(job, security, deadline, cancel)
    read = time.perf_counter()
    answers = [
        _ask(engine, part, inputs, security, deadline, cancel)
        for part in _parts(job.outputs, inputs)
    ]
    answered = time.perf_counter()
    go_on(deadline, cancel)
    images = _write(job, answers)
    times = (read - start, answered - read, time.perf_counter() - answered)
    return _result(images, answers, times, engine)


def _check_capabilities(needed: frozenset[Capability], engine: Engine) -> None:
    missing = {each for each in needed if not engine.supports(each)}
    if missing:
        info = engine.info
        raise UnsupportedFeatureError(
            f"The {info.edition} engine {info.path} cannot do what the job asks: "
            f"{', '.join(sorted(missing))}.",
            missing=missing,
        )


# Inputs


def _read_inputs(
    job: Job, security: Security, deadline: Deadline, cancel: CancelToken | None
) -> dict[int, _Input]:
    """Read each source of *job* once, and return them by their identity."""
    inputs: dict[int, _Input] = {}
    for source in lay_out(output.image for output in job.outputs).sources:
        if isinstance(source, Placeholder):
            name = "" if source.name is None else f" named {source.name!r}"
            raise InvalidJobError(f"The recipe lacks a source{name}: give it to run.")
        data = read_source(
            source,
            max_bytes=security.max_input_bytes,
            deadline=deadline,
            cancel=cancel,
        )
        _check_type(data, source, security)
        inputs[id(source)] = _Input(data, _header(data))
    return inputs


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


def _header(data: bytes | memoryview) -> ImageInfo | None:
    try:
        return read_header(data)
    except ImageDecodeError:  # the engine has the last word, and its own words
        return None


# The question


class _Answer(NamedTuple):
    """What the engine gave for some of the outputs."""

    encoded: Mapping[int, tuple[Mapping[str, Any], bytes]]
    """By the identity of the output: the engine's words, the bytes."""
    json: Mapping[str, Any]


def _parts(
    outputs: Sequence[Output], inputs: Mapping[int, _Input]
) -> Iterator[list[Output]]:
    """Yield the outputs that can run together.

    An animation is decoded once for each frame of its GIFs and once for its stills, so
    the two do not share a job.
    """
    stills: list[Output] = []
    moving: list[Output] = []
    for output in outputs:
        plan = lay_out([output.image])
        animated = any(_is_animated(inputs, source) for source in plan.sources)
        (moving if animated and not _is_still(output) else stills).append(output)
    yield from (part for part in (stills, moving) if part)


def _is_animated(
    inputs: Mapping[int, _Input], source: SourceLike | Placeholder
) -> bool:
    return _moves(inputs[id(source)])


def _is_still(output: Output) -> bool:
    """Whether an output holds one picture whatever its source."""
    if isinstance(output.image, Command):
        return wants_first_frame(output.image.text)
    preset = output.preset
    if isinstance(preset, dict):
        name, params = next(iter(preset.items()))
        if name == "format" and isinstance(params, dict):
            return params["format"] not in ("gif", "keep")
        return name not in _MAY_MOVE
    return preset not in _MAY_MOVE


def _ask(
    engine: Engine,
    outputs: list[Output],
    inputs: Mapping[int, _Input],
    security: Security,
    deadline: Deadline,
    cancel: CancelToken | None,
) -> _Answer:
    plan = lay_out(output.image for output in outputs)
    read = [inputs[id(source)] for source in plan.sources]
    still = all(map(_is_still, outputs)) and engine.supports("select_frame")
    commands = {
        number: more
        for number, step in enumerate(plan.steps)
        if step.name == "decode"
        and (more := _decoder_commands(plan, number, read[step.sources[0]], still))
    }
    for number, end in enumerate(plan.ends):
        if isinstance(end, CommandEnd) and still and _moves(read[end.sources[0]]):
            plan.ends[number] = end._replace(text=with_key(end.text, "frame", 0))
    graph = graph_of(plan, [output.preset for output in outputs], commands=commands)
    message: dict[str, Json] = {"framewise": graph.framewise}
    if limits := security.to_json():
        message["security"] = limits
    request = Request(
        "v1/execute",
        message,
        {io_id: read[source].data for io_id, source in enumerate(graph.inputs)},
        tuple(graph.outputs),
        deadline,
        cancel,
    )
    try:
        response = engine.execute(request)
    except JobError as error:
        if error.job is None:
            error.job = message
        error.engine = engine.info
        raise
    told = {
        each["io_id"]: each for each in response.json["data"]["job_result"]["encodes"]
    }
    encoded = {}
    for output, io_id in zip(outputs, graph.outputs, strict=True):
        if io_id not in told or not response.outputs.get(io_id):
            raise EngineInternalError(
                f"The engine reports success but gave no picture for output {io_id}.",
                job=message,
            )
        encoded[id(output)] = told[io_id], response.outputs[io_id]
    return _Answer(encoded, response.json)


def _decoder_commands(
    plan: Plan,
    number: int,
    given: _Input,
    still: bool,
) -> list[Json]:
    step, info = plan.steps[number], given.info
    if info is None:
        return []
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
    return commands


def _moves(given: _Input) -> bool:
    return given.info is not None and given.info.multiple_frames


# The answer


def _write(job: Job, answers: Sequence[_Answer]) -> tuple[EncodedImage, ...]:
    encoded = {key: value for each in answers for key, value in each.encoded.items()}
    written = [output for output in job.outputs if output.to is not None]
    paths = dict(
        zip(
            map(id, written),
            write_outputs(
                [(o.to, encoded[id(o)][1]) for o in written if o.to is not None]
            ),
            strict=True,
        )
    )
    return tuple(
        _image(output, number, *encoded[id(output)], paths)
        for number, output in enumerate(job.outputs)
    )


def _image(
    output: Output,
    number: int,
    told: Mapping[str, Any],
    data: bytes,
    paths: Mapping[int, Any],
) -> EncodedImage:
    extension = told["preferred_extension"]
    path = paths.get(id(output))
    if path is not None and suffix_format(path) not in (None, _format_name(extension)):
        _log.warning("%s holds a %s picture", path, extension)
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


def _format_name(extension: str) -> str:
    return "jpeg" if extension == "jpg" else extension


def _result(
    images: tuple[EncodedImage, ...],
    answers: Sequence[_Answer],
    times: tuple[float, float, float],
    engine: Engine,
) -> JobResult:
    told = [each.json["data"]["job_result"] for each in answers]
    frames = tuple(frame for each in told for frame in frame_performances(each))
    return JobResult(
        images,
        tuple(decoded_images(told[0])),
        Performance(frames, *times),
        engine.info,
        answers[0].json,
    )


# For those who await


async def in_thread(work: Callable[[CancelToken], _T]) -> _T:
    """Run *work* in a thread; when the task is cancelled, so is the job.

    `CancelledError` is raised only when the thread has really ended, so that nothing of
    the job is left.
    """
    import asyncio  # 30 ms, and here already loaded

    cancel = CancelToken()
    thread = asyncio.ensure_future(asyncio.to_thread(work, cancel))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        cancel.cancel()
        await asyncio.wait([thread])
        thread.exception()  # taken note of; the task sees its own cancellation
        raise
