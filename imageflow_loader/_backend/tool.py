"""In a child: `imageflow_tool`, one process for each job.

The tool knows one request, `v1/build`. An execute message becomes such a document; the
other endpoints are answered without it, in the shape that the library gives them.
"""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING, Any, Final

from .._cancel import Deadline, go_on
from ..errors import (
    EngineCrashedError,
    EngineError,
    EngineIncompatibleError,
    EngineIOError,
    EngineLoadError,
    ImageflowError,
    InvalidJobError,
    JobTimeoutError,
    UnsupportedFeatureError,
)
from . import child, faults, version
from .endpoints import Answer, answer_image_info, answer_querystring, success
from .exchange import open_exchange, way_there
from .inputs import dumps, read_inputs
from .protocol import NO_LIMITS, Backend, Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..types import VersionInfo
    from .child import Ended
    from .exchange import Exchange
    from .protocol import Request, ToolLimits

_JOBS: Final = frozenset({"v1/execute", "v0.1/execute", "v1/build", "v0.1/build"})
_LIBRARY_ONLY: Final = frozenset(
    {
        "v1/get_scaled_image_info",
        "v1/tell_decoder",
        "v1/schema/json/latest/v1/all",
        "v1/schema/list-schema-endpoints",
        "v1/schema/openapi/latest/get",
    }
)

_SECONDS_TO_START: Final = 10.0  # `--version` takes 1 ms; a slow disk takes longer
_MOST_VERSION_TEXT: Final = 2**20
_CLAP_USAGE: Final = 2
_SHORTAGES: Final = {
    errno.EMFILE: "this process has no file descriptors left, and a child needs about "
    "ten. Close files, run fewer jobs at once (max_concurrency), or raise the limit "
    "(ulimit -n)",
    errno.EAGAIN: "this user may start no more processes. Run fewer jobs at once "
    "(max_concurrency), or raise the limit (ulimit -u)",
    errno.ENOMEM: "there is no memory for another process",
}
"""What the tool is not to blame for."""


def open_tool(
    path: Path,
    *,
    limits: ToolLimits | None = None,
    seconds_to_start: float = _SECONDS_TO_START,
) -> ToolBackend:
    """Start the tool at *path*, to see that it is one.

    Args:
        path: The program.
        limits: What each of its jobs may use.
        seconds_to_start: How long it may take to say what it is, all questions
            together.

    Raises:
        EngineLoadError: It cannot be started, or is not imageflow_tool.
        UnsupportedFeatureError: There are *limits*, and this system cannot keep them.
    """
    limits = limits or NO_LIMITS
    if limits != NO_LIMITS and not child.can_limit():
        raise UnsupportedFeatureError(
            "ToolLimits need a system that can limit another process, which is Linux."
        )
    path = path.absolute()  # a bare name would be looked for in PATH
    return ToolBackend(path, _ask_version(path, seconds_to_start), limits)


def _ask_version(path: Path, seconds: float) -> VersionInfo:
    deadline = Deadline(seconds)
    ended = _ask(path, deadline, "--version")
    name, _, long_version = ended.stdout.decode("utf-8", "replace").partition(" ")
    if ended.status != 0 or name != "imageflow_tool" or not long_version.strip():
        said = (ended.stdout[:200].decode("ascii", "replace") or ended.stderr).strip()
        raise EngineLoadError(
            f"{path} is no imageflow_tool that runs here: asked for --version, it "
            f"ended with {ended.status} and said {said[:200]!r}.",
            reason="not_imageflow",
        )
    facts = _ask(path, deadline, "diagnose", "--show-compilation-info")
    known = facts.stdout.decode("utf-8", "replace") if facts.status == 0 else ""
    return version.from_tool(long_version.rstrip("\r\n"), known)


def _ask(path: Path, deadline: Deadline, *arguments: str) -> Ended:
    try:
        return child.run(
            [path, *arguments],
            stdin=b"",
            most_stdout=_MOST_VERSION_TEXT,
            deadline=deadline,
        )
    except JobTimeoutError as error:
        raise EngineLoadError(
            f"{path} is no imageflow_tool that runs here: asked for "
            f"{arguments[0]}, it did not end within {deadline.seconds:g} seconds.",
            reason="not_imageflow",
        ) from error
    except OSError as error:
        raise _cannot_start(path, error) from error


def _cannot_start(path: Path, error: OSError) -> EngineError:
    if why := _SHORTAGES.get(error.errno or 0):
        return EngineError(f"The tool could not be started: {why}.")
    if isinstance(error, FileNotFoundError) and path.exists():
        return EngineLoadError(
            f"{path} cannot be started: the program interpreter that it names is not "
            "here. It is built for another libc.",
            reason="wrong_libc",
        )
    return EngineLoadError(
        f"{path} cannot be started: {error.strerror or error}.", reason="exec_failed"
    )


class ToolBackend(Backend):
    """The path of an imageflow_tool; it runs only while there is a job."""

    kind = "tool"

    def __init__(
        self, path: Path, version_info: VersionInfo, limits: ToolLimits
    ) -> None:
        """Use `open_tool`, which checks what this takes for granted."""
        self.path = path
        self.version = version_info
        self._limits = limits
        self.capabilities = version.capabilities("tool", version_info, None)
        self._closed = False

    def close(self) -> None:
        """Refuse further jobs. Nothing runs between jobs, so nothing is stopped."""
        self._closed = True

    def execute(self, request: Request) -> Response:
        """Run *request* in a child, or answer it here if the tool does not know it.

        Raises:
            JobError: The engine said no, died, was cancelled or ran out of time.
            SourceError: An input that is a path cannot be read.
            EngineError: The tool cannot be started any more, or has been closed.
        """
        go_on(request.deadline, request.cancel)
        if self._closed:
            raise EngineError(
                "The job could not be started: this engine has been closed."
            )
        if request.method in _JOBS:
            return self._run_job(request)
        return Response(200, self._answer(request), {})

    def _answer(self, request: Request) -> Answer:
        method = request.method.replace("v0.1/", "v1/", 1)
        if method == "v1/get_version_info":
            return success({"version_info": self.version._asdict()})
        if method == "v1/get_image_info":
            return answer_image_info(request.message, read_inputs(request))
        if method.startswith("v1/schema/riapi/latest/"):
            return answer_querystring(method, request.message)
        if method in _LIBRARY_ONLY:
            raise UnsupportedFeatureError(
                f"{method} needs the library: load_engine('library')."
            )
        raise InvalidJobError(
            f"InvalidMessageEndpoint: there is no endpoint {request.method!r}.",
            category="argument_invalid",
            kind="InvalidMessageEndpoint",
            job=request.message,
        )

    def _run_job(self, request: Request) -> Response:
        inputs = read_inputs(request)
        try:
            with open_exchange() as exchange:
                document = _document(request, inputs, exchange)
                name, stdin = exchange.add_job(dumps(document))
                ended = self._run(request, exchange, name, stdin)
                return _response(request, ended, exchange)
        except ImageflowError:  # some of ours are an OSError too
            raise
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise _cannot_start(self.path, error) from error
            raise _no_room(error, request) from error

    def _run(
        self, request: Request, exchange: Exchange, job: str, stdin: bytes
    ) -> Ended:
        try:
            return child.run(
                [self.path, "v1/build", "--json", job],
                stdin=stdin,
                most_stdout=exchange.most_answer,
                deadline=request.deadline,
                cancel=request.cancel,
                limits=self._limits,
                pass_fds=exchange.pass_fds,
            )
        except ImageflowError:  # some of ours are an OSError too
            raise
        except OSError as error:
            raise _cannot_start(self.path, error) from error


def _document(
    request: Request, inputs: Mapping[int, bytes | memoryview], exchange: Exchange
) -> dict[str, Any]:
    """Return the build document that does what *request* asks for.

    Raises:
        InvalidJobError: An execute message holds what only a build document may: limits
            in the wrong place would be no limits.
    """
    io = [_io(i, "in", exchange.add_input(data)) for i, data in inputs.items()]
    io += [_io(i, "out", exchange.add_output(i)) for i in request.outputs]
    message = dict(request.message)
    if request.method.endswith("/build"):
        return {**message, "io": [*message.get("io", ()), *io]}
    if misplaced := message.keys() & {"io", "builder_config"}:
        raise InvalidJobError(
            f"v1/execute takes no {', '.join(sorted(misplaced))}: security stands at "
            "the top, inputs and outputs are arguments.",
            category="invalid_json",
            job=request.message,
        )
    names = ("security", "graph_recording")
    config = {name: message.pop(name) for name in names if name in message}
    return {**message, "builder_config": config, "io": io}


def _io(io_id: int, direction: str, io: Any) -> dict[str, Any]:
    return {"io_id": io_id, "direction": direction, "io": io}


def _response(request: Request, ended: Ended, exchange: Exchange) -> Response:
    """Return what a child answered, in the shape that the library gives it."""
    if ended.status == _CLAP_USAGE:
        raise EngineIncompatibleError(
            f"The tool does not understand how we call it: {ended.stderr.strip()[:500]}"
        )
    if ended.status != 0:
        raise faults.from_tool(ended.status, ended.stderr, request.message)
    try:
        answer = json.loads(ended.stdout)
        if answer["success"] is False:  # where SIGCHLD is ignored every status is 0
            raise faults.from_words(ended.stderr, request.message)
        result = answer["data"].pop("build_result")
        answer["data"]["job_result"] = result
        ours = [e for e in result["encodes"] if e["io_id"] in request.outputs]
        outputs = exchange.outputs({e["io_id"]: e["bytes"] for e in ours})
        for encode in ours:
            encode["bytes"] = "elsewhere"
        return Response(int(answer["code"]), answer, outputs)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineCrashedError(
            "The engine's process ended well, but its answer cannot be read: "
            f"{ended.stdout[:200]!r}.",
            details=ended.stderr.strip() or None,
            job=request.message,
        ) from error


def _no_room(error: OSError, request: Request) -> EngineIOError:
    name = f" ({error.filename})" if error.filename else ""
    fault = EngineIOError(
        "The pictures could not be handed to the tool, which gets them through "
        f"{way_there()}: {error.strerror or error}{name}.",
        job=request.message,
    )
    fault.errno = error.errno
    return fault
