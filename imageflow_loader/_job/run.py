"""Run a job: read, check, ask the engine, write."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors
from .._backend import Request
from .._cancel import CancelToken, Deadline, go_on
from .._checks import instance
from .._engine import Engine, get_engine
from .._io import (
    NAMELESS,
    read_header,
    read_source,
    sniff,
    source_name,
    write_outputs,
)
from .._querystring import named_by_suffix, wants_first_frame, with_key
from .needs import needed
from .plan import Placeholder, graph_of, lay_out, parted
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

    from .._backend import Response
    from .._io import ImageInfo
    from ..types import Json, SourceLike
    from .job import Job
    from .plan import Plan, Step

_log = logging.getLogger("imageflow_loader")


class _Input(NamedTuple):
    """A source that was read, and what its header says if it can be understood."""

    data: bytes | memoryview
    info: ImageInfo | None

    @property
    def moves(self) -> bool:
        return self.info is not None and self.info.multiple_frames


def run_job(
    job: Job,
    *,
    security: Security | None = None,
    timeout: float | None = None,
    cancel: CancelToken | None = None,
    engine: Engine | None = None,
) -> JobResult:
    """Run *job*; see `Job.run`."""
    instance(Security, security=security)
    instance(CancelToken, cancel=cancel)
    instance(Engine, engine=engine)
    deadline = Deadline(timeout)
    go_on(deadline, cancel)
    limits = security or job.security or Security()
    try:
        return _Run(job, limits, engine or get_engine(), deadline, cancel).result()
    except errors.ImageflowError:
        raise
    except MemoryError as error:
        text = "There is no memory for the pictures of this job."
        raise errors.EngineMemoryError(text) from error


class _Run:
    """One run of a job."""

    def __init__(
        self,
        job: Job,
        security: Security,
        engine: Engine,
        deadline: Deadline,
        cancel: CancelToken | None,
    ) -> None:
        self.outputs, self.plan = job.outputs, job._plan()
        self.presets = [output.preset for output in job.outputs]
        self.security, self.engine = security, engine
        self.deadline, self.cancel = deadline, cancel
        self.inputs: list[_Input] = []

    def result(self) -> JobResult:
        self._check_capabilities()
        start = time.perf_counter()
        self.inputs = [self._read(source) for source in self.plan.sources]
        read = time.perf_counter()
        made: dict[int, tuple[dict[str, Any], bytes]] = {}
        answers: list[Response] = []
        for still, part in self._parts():
            response, pictures = self._ask(part, still=still)
            made.update(zip(part, pictures, strict=True))
            answers.append(response)
        answered = time.perf_counter()
        go_on(self.deadline, self.cancel)
        images = self._written([made[number] for number in range(len(self.outputs))])
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
            self.engine.info,
            answers[0].json,
        )

    def _check_capabilities(self) -> None:
        needs = needed(self.plan, self.presets) | self.security.requires
        missing = {each for each in needs if not self.engine.supports(each)}
        if missing:
            info = self.engine.info
            raise errors.UnsupportedFeatureError(
                f"The {info.edition} engine {info.path} cannot do what the job asks: "
                f"{', '.join(sorted(missing))}.",
                missing=missing,
            )

    # Inputs

    def _read(self, source: SourceLike | Placeholder) -> _Input:
        if isinstance(source, Placeholder):
            name = "" if source.name is None else f" named {source.name!r}"
            raise errors.InvalidJobError(
                f"The recipe lacks a source{name}: give it to run."
            )
        data = read_source(
            source,
            max_bytes=self.security.max_input_bytes,
            deadline=self.deadline,
            cancel=self.cancel,
        )
        if self.security.allowed_inputs is not None:
            _check_type(data, source, self.security.allowed_inputs)
        try:
            return _Input(data, read_header(data))
        except errors.ImageDecodeError:
            return _Input(data, None)  # the engine has the last word, and its own words

    # The question

    def _parts(self) -> list[tuple[bool, list[int]]]:
        """Return whether they hold one picture each, and which outputs run together.

        An animation is decoded once for each frame of its GIFs and once for its stills,
        so the two do not share a job.
        """
        parts: dict[bool, list[int]] = {True: [], False: []}
        moves = any(each.moves for each in self.inputs)
        for number in range(len(self.outputs)):
            parts[not moves or self._is_still(number)].append(number)
        return [(still, part) for still, part in parts.items() if part]

    def _is_still(self, number: int) -> bool:
        """Whether an output holds one picture, whatever its sources or for these."""
        steps = lay_out([self.outputs[number].image], self.plan.sources).steps
        sources = [self.inputs[source] for step in steps for source in step.sources]
        if not any(source.moves for source in sources):
            return True
        if (preset := self.presets[number]) is None:
            return wants_first_frame(steps[-1].parameters["value"])
        name, params = parted(preset)
        if name == "format":
            return params["format"] not in ("gif", "keep")
        return name not in ("gif", "auto")

    def _ask(
        self, part: list[int], *, still: bool
    ) -> tuple[Response, list[tuple[dict[str, Any], bytes]]]:
        """Return the engine's answer, and of each output its words and the bytes."""
        images = [self.outputs[number].image for number in part]
        plan = lay_out(images, self.plan.sources)
        still = still and self.engine.supports("select_frame")
        for number, step in enumerate(plan.steps):
            if step.sources:
                source = self.inputs[step.sources[0]]
                plan.steps[number] = _told(plan, number, source, still)
        graph = graph_of(plan, [self.presets[number] for number in part])
        message: dict[str, Json] = {"framewise": graph.framewise}
        if limits := self.security.to_json():
            message["security"] = limits
        request = Request(
            "v1/execute",
            message,
            {i: self.inputs[source].data for i, source in enumerate(graph.inputs)},
            tuple(graph.outputs),
            self.deadline,
            self.cancel,
        )
        try:
            response = self.engine.execute(request)
        except errors.JobError as error:
            if error.job is None:
                error.job = message
            error.engine = self.engine.info
            self._name_sources(error, graph.inputs)
            raise
        encodes = response.json["data"]["job_result"]["encodes"]
        told = {each["io_id"]: each for each in encodes}
        for io_id in graph.outputs:
            if io_id not in told or not response.outputs.get(io_id):
                raise errors.EngineInternalError(
                    "The engine reports success but gave no picture for output "
                    f"{io_id}.",
                    job=message,
                )
        return response, [(told[i], response.outputs[i]) for i in graph.outputs]

    def _name_sources(self, error: errors.JobError, inputs: Sequence[int]) -> None:
        """Say which file it was, where the engine says an io_id or nothing."""
        for io_id, number in enumerate(inputs):
            name = source_name(self.plan.sources[number])  # type: ignore[arg-type]  # it was read
            asked = f"io_id {io_id}: "
            its_fault = error.is_input_fault and len(inputs) == 1
            if name != NAMELESS and (its_fault or asked in error.message):
                error.message = f"{name}: {error.message.replace(asked, '', 1)}"
                error.args = (error.message,)

    # The answer

    def _written(
        self, made: list[tuple[dict[str, Any], bytes]]
    ) -> tuple[EncodedImage, ...]:
        """Write what has a destination, and return what came out."""
        ends = zip(self.outputs, made, strict=True)
        paths = write_outputs([(output.to, data) for output, (_, data) in ends])
        return tuple(
            self._image(number, told, data, path)
            for number, ((told, data), path) in enumerate(zip(made, paths, strict=True))
        )

    def _image(
        self, number: int, told: dict[str, Any], data: bytes, path: Path | None
    ) -> EncodedImage:
        output, extension = self.outputs[number], told["preferred_extension"]
        asked = named_by_suffix(output.to) or self._named_format(number)
        if asked not in (None, "keep", "jpeg" if extension == "jpg" else extension):
            where = path or f"output {output.name or number}"
            _log.warning("%s was asked for, but %s is a %s", asked, where, extension)
        size = told["w"], told["h"]
        if extension == "gif":  # of an animation engines tell the last frame's size
            size = read_header(data).size
        return EncodedImage(
            output.name or str(number),
            *size,
            told["preferred_mime_type"],
            extension,
            len(data),
            path,
            None if output.to is not None else data,
        )

    def _named_format(self, number: int) -> str | None:
        """Return the format that an output's encoder names."""
        name, params = parted(self.presets[number] or "none")
        named = params.get("format") if name == "format" else None
        return "jpeg" if named == "jpg" else named


def _check_type(
    data: bytes | memoryview, source: SourceLike, inputs: frozenset[str]
) -> None:
    allowed = {f"image/{'jpeg' if name == 'jpg' else name}" for name in inputs}
    if (found := sniff(data)) not in allowed:
        raise errors.SourceTypeError(
            f"{source_name(source)} is {found or 'no picture that is known'}; "
            f"allowed are {', '.join(sorted(inputs))} (Security.allowed_inputs)."
        )


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
    if isinstance(frame, int) and frame >= info.frames:
        raise errors.InvalidJobError(
            f"There is no frame {frame}: the animation has {info.frames}, from 0."
        )
    commands: list[Json] = []
    if still and info.multiple_frames and frame is None:
        commands.append({"select_frame": 0})
    if step.auto_shrink and info.mime_type == "image/jpeg":
        commands += shrink_hints(plan, number, info)
    return step.told(commands=[*wanted, *commands]) if commands else step
