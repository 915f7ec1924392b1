"""Outputs and jobs: what is encoded, where it goes, and what runs together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from .._cancel import awaited
from .._io import check_destination, file_of, opened, read_source, source_name
from .._querystring import with_format_of
from .._value import Value
from ..errors import refuse_at_exit
from .encoders import EncoderLike, encoder_for
from .needs import needed
from .plan import Placeholder, Plan, graph_of, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Unpack

    from .._cancel import CancelToken
    from .._engine import Engine
    from ..types import Capability, Destination, Json, SourceLike
    from .image import Image
    from .results import EncodedImage, JobResult
    from .values import Security


class RunOptions(TypedDict, total=False):
    """How a job is run: what every function takes that runs one, by name."""

    security: Security | None
    """Limits; the job's own unless given."""
    timeout: float | None
    """Seconds for all of it, 0 or more; None for no end."""
    cancel: CancelToken | None
    """What else may stop it."""
    engine: Engine | None
    """Which engine; that of the context unless given."""


class Output(Value):
    """An image with an encoder and perhaps a destination. Made by `Image.encode`."""

    image: Image
    encoder: EncoderLike | None = "keep"
    """None where the image is a query string that encodes as well."""
    to: Destination | None = None
    name: str | None = None

    def _check(self) -> None:
        if not (self.encoder is None and self.image._is_command):
            encoder_for(self.encoder)
        if self.to is not None:
            check_destination(self.to)

    def _parts(self) -> object:
        return Job(self)._parts()

    def __hash__(self) -> int:
        return hash((repr(self.image), self.name))

    @property
    def preset(self) -> Json:
        """The encoder as the engine's JSON has it."""
        return None if self.encoder is None else encoder_for(self.encoder).to_json()

    def _sent(self, to: Destination) -> Output:
        """Return it with another destination, whose suffix may name the format.

        Raises:
            ValueError: Query string and suffix name different formats.
        """
        image = self.image
        if self.encoder is None:
            text = with_format_of(image._params["value"], to)
            image = image._replace(_params={**image._params, "value": text})
        return self._replace(image=image, to=to)

    def run(
        self,
        source: SourceLike | None = None,
        /,
        *,
        to: Destination | None = None,
        inputs: Mapping[str, SourceLike] | None = None,
        **options: Unpack[RunOptions],
    ) -> EncodedImage:
        """Run this output alone.

        Args:
            source: What `decode()` left open.
            to: A destination instead of its own.
            inputs: What was left open under names.
            **options: How it is run: `RunOptions`.

        Raises:
            ImageflowError: As `Job.run`.
            ValueError: Query string and suffix name different formats.
        """
        job = Job(self if to is None else self._sent(to))
        return job.run(source, inputs=inputs, **options)[0]

    arun = awaited(run)


class Job(Value):
    """Outputs that run together, so that what they share is done once.

    A value like an `Image`: it compares by value, can be pickled unless it holds an
    open file, and needs no engine before `run`.
    """

    outputs: tuple[Output, ...]
    security: Security | None

    def __init__(self, *outputs: Output, security: Security | None = None) -> None:
        """Take *outputs*, and limits for every run that is given none.

        Raises:
            ValueError: There is no output, or two have one name or one destination.
        """
        if not outputs:
            raise ValueError("a job needs an output")
        for output in outputs:
            if not isinstance(output, Output):
                raise TypeError(
                    f"a job is made of outputs: end {output!r:.80} with .encode(…)"
                )
        if len(outputs) > 1:  # for one alone no file is asked for
            _no_two("name", (each.name or str(n) for n, each in enumerate(outputs)))
            _no_two("destination", (file_of(each.to) for each in outputs))
        vars(self).update(outputs=outputs, security=security)

    def __hash__(self) -> int:
        return hash(self.outputs)

    def _parts(self) -> object:
        ends = [(each.preset, each.to, each.name) for each in self.outputs]
        return self._plan(), ends, self.security

    def _plan(self) -> Plan:
        return lay_out(output.image for output in self.outputs)

    @property
    def requires(self) -> frozenset[Capability]:
        """What an engine must be able to do to run it."""
        needs = needed(self._plan(), [each.preset for each in self.outputs])
        return needs if self.security is None else needs | self.security.requires

    def bind(self, source: SourceLike | None = None, /, **inputs: SourceLike) -> Job:
        """Return this job with sources for what was left open.

        Raises:
            ValueError: It has no place for one of them.
        """
        from .image import images_of  # image builds on job

        given: dict[Placeholder, SourceLike] = {
            Placeholder(name): each for name, each in inputs.items()
        }
        if source is not None:
            given[Placeholder()] = source
        plan = self._plan()
        for place, each in given.items():
            if place not in plan.sources:
                what = "an unnamed source"
                if place.name is not None:
                    what = f"a source named {place.name!r}"
                raise ValueError(f"this recipe has no place for {what}")
            plan.sources[plan.sources.index(place)] = each
        images = zip(self.outputs, images_of(plan), strict=True)
        outputs = [output._replace(image=image) for output, image in images]
        return Job(*outputs, security=self.security)

    def run(
        self,
        source: SourceLike | None = None,
        /,
        *,
        inputs: Mapping[str, SourceLike] | None = None,
        **options: Unpack[RunOptions],
    ) -> JobResult:
        """Run it. No file is replaced unless all outputs succeed.

        Args:
            source: What `decode()` left open.
            inputs: What was left open under names.
            **options: How it is run: `RunOptions`.

        Raises:
            SourceError: A source cannot be read, is too large or of no allowed type.
            DestinationError: A destination cannot be written.
            JobError: The engine refuses the job, or fails at it.
            EngineError: There is no engine, or it cannot do this.
            ValueError: It has no place for a source, or no source for a place.
        """
        refuse_at_exit()
        from .run import run_job  # which needs the hall: values need no engine

        job = self
        if source is not None or inputs:
            job = self.bind(source, **(inputs or {}))
        return run_job(job, **options)

    arun = awaited(run)

    # As text

    def to_json(self, api: Literal["build", "execute"] = "build") -> dict[str, Json]:
        """Return it as a message for an engine.

        What only this package knows is not in it: the names of outputs and sources,
        `max_input_bytes` and `allowed_inputs`, and open streams.

        Args:
            api: "build" with its inputs and outputs, as the tool reads it: files by
                their paths, bytes in base64, streams and what is not bound as
                "placeholder"; or "execute" without them.

        Raises:
            ValueError: *api* is neither.

        Source: `Build001` and `Execute001` in imageflow_types/src/lib.rs (v2.3).
        """
        from .document import document  # only here

        return document(self, api)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Return the job that a "build" message describes; `to_json` gives it again.

        A placeholder is a source to be given: the only one by itself, several by their
        numbers: `run(inputs={"0": …, "1": …})`. JPEGs may be decoded smaller where only
        a smaller one is needed, unless `decode` has `commands`, if only an empty list.

        Args:
            data: The message, as `json.loads` gives it.

        Raises:
            InvalidJobError: It is none, or does what a recipe cannot say.
        """
        from .document import job_from_document  # only here

        return job_from_document(data)

    @staticmethod
    def _nodes(data: Mapping[str, Any]) -> list[Any]:
        """Return the nodes of a "build" message; for the command line."""
        from .document import check_document  # only here

        return check_document(data)

    def explain(self) -> str:
        """Return the plan in words, one line for each node; numbers name parents."""
        plan = self._plan()
        lines = []
        for number, step in enumerate(plan.steps):
            sources = [_origin(plan.sources[each]) for each in step.sources]
            origins = ", ".join([*map(str, step.parents), *sources])
            words = [f"{number} ", step.name, *_arguments(step.parameters)]
            lines.append(" ".join(words) + f" ← {origins}" * bool(origins))
        for output, end in zip(self.outputs, plan.ends, strict=True):
            to = "bytes" if output.to is None else source_name(output.to)  # type: ignore[arg-type]  # names streams and paths alike
            encoding = f"encode {json.dumps(output.preset)} of "
            how = "" if output.encoder is None else encoding
            lines.append(f"→  {how}{end} to {to}")
        return "\n".join(lines)

    def fingerprint(self) -> str:
        """Return a SHA-256 of the recipe, its limits and the content of its sources.

        Equal fingerprints mean equal pictures from one engine: a key for caches. Files
        are read.

        Raises:
            SourceError: A source cannot be read.
            ValueError: A source is a stream, or is not given.
        """
        import hashlib  # 3 ms, and only here

        plan = self._plan()
        graph = graph_of(plan, [output.preset for output in self.outputs])
        digests = [
            hashlib.sha256(_content(plan.sources[number])).hexdigest()
            for number in graph.inputs
        ]
        shrink = [step.auto_shrink for step in plan.steps]
        security = None if self.security is None else self.security.to_json()
        text = json.dumps([graph.framewise, security, digests, shrink], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _no_two(what: str, values: Iterable[object]) -> None:
    given = [value for value in values if value is not None]
    for value in given:
        if given.count(value) > 1:
            raise ValueError(f"two outputs have one {what}: {value!r:.200}")


def _arguments(parameters: Any) -> list[str]:
    if isinstance(parameters, dict):
        return [f"{name}={json.dumps(value)}" for name, value in parameters.items()]
    return [] if parameters is None else [json.dumps(parameters)]


def _origin(source: SourceLike | Placeholder) -> str:
    if isinstance(source, Placeholder):
        return f"<{source.name or 'source'}>"
    return source_name(source)


def _content(source: SourceLike | Placeholder) -> bytes | memoryview:
    if isinstance(source, Placeholder):
        raise ValueError("a source is still missing: the fingerprint is of pictures")
    found = opened(source)
    if hasattr(found, "read"):
        raise ValueError("a stream can be read once only: give its bytes")
    return read_source(found)
