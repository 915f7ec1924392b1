"""From what an engine says when it fails to the error that we raise.

The one place that reads an engine's words. Both backends end here, so the same fault is
the same class, category, kind and numbers, in process and in a child.

Source: the categories and their codes, imageflow_core/src/errors.rs (v2.3.1-rc01); what
the tool prints and exits with, imageflow_tool/src/main.rs.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import (
    CATEGORIES,
    EngineCrashedError,
    EngineInternalError,
    EngineIOError,
    EngineMemoryError,
    ImageDecodeError,
    InvalidJobError,
    JobCancelledError,
    JobError,
    SizeLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..types import ErrorCategory

_BY_CODE: Final[Mapping[int, ErrorCategory]] = {
    code: category for category, (code, _, _) in CATEGORIES.items()
}
_BY_NAME: Final[Mapping[str, ErrorCategory]] = {
    "".join(word.title() for word in category.split("_")): category
    for category in CATEGORIES
}
_BY_EXIT: Final[Mapping[int, ErrorCategory]] = {
    64: "argument_invalid",
    65: "image_malformed",
    66: "primary_resource_not_found",
    69: "upstream_error",
    70: "internal_error",
    71: "out_of_memory",
    74: "io_error",
    77: "action_forbidden",
    130: "operation_cancelled",
    401 & 0xFF: "authorization_required",
    402 & 0xFF: "license_error",
}
"""What an exit status says when the text does not name a category."""

_KINDS: Final = frozenset(
    """
    AllocationFailed
    GraphInvalid GraphCyclic InvalidNodeConnections
    NullArgument InvalidArgument InvalidCoordinates InvalidMessageEndpoint IoIdNotFound
    ItemNotFound DuplicateIoId LayoutError CodecDisabledError SizeLimitExceeded
    InvalidNodeParams
    GifDecodingError JpegDecodingError NoEnabledDecoderFound ImageDecodingError
    ColorProfileError
    FetchError DecodingIoError EncodingIoError
    OperationCancelled
    FailedBorrow NodeParamsMismatch BitmapPointerNull MethodNotImplemented
    ValidationNotImplemented InvalidOperation InternalError InvalidState
    QuantizationError LodePngEncodingError MozjpegEncodingError ImageEncodingError
    BitmapKeyNotFound VisualizerIoError InvalidBitmapType GifEncodingError
    """.split()  # noqa: SIM905  # a table of names reads better than a list of strings
)
"""The kinds there are: a word in their place that is none of them is plain text."""

_BY_KIND: Final[Mapping[str, type[JobError]]] = {
    "SizeLimitExceeded": SizeLimitError,
    "NoEnabledDecoderFound": ImageDecodeError,
}
_BY_CATEGORY: Final[Mapping[ErrorCategory, type[JobError]]] = {
    "out_of_memory": EngineMemoryError,
    "argument_invalid": InvalidJobError,
    "invalid_json": InvalidJobError,
    "node_argument_invalid": InvalidJobError,
    "graph_invalid": InvalidJobError,
    "action_not_supported": InvalidJobError,
    "image_malformed": ImageDecodeError,
    "image_type_not_supported": ImageDecodeError,
    "primary_resource_not_found": EngineIOError,
    "secondary_resource_not_found": EngineIOError,
    "io_error": EngineIOError,
    "no_solution_found": EngineInternalError,
    "internal_error": EngineInternalError,
    "unknown": EngineInternalError,
    "custom": EngineInternalError,
    "operation_cancelled": JobCancelledError,
}
"""A category that is not here (forbidden, licence, upstream) is a plain `JobError`."""

_HEAD = re.compile(rf"^({'|'.join(_BY_NAME)}): ?(?:(\w+)(?:: ?|$))?", re.MULTILINE)
_TOOLS_OWN_JSON_ERROR = re.compile(
    r"InvalidJson\(\s*Error\(\"(.*)\", (line: \d+, column: \d+)\)", re.DOTALL
)
_TOOLS_OWN_ERROR = re.compile(r"\b(\w+)\(\s*\"(.*?)\",?\s*\)", re.DOTALL)

_MOST_DUMPED: Final = 2**13  # characters that are searched: it takes their square

_ACTIVE_NODE = re.compile(
    r"Active node:\s*(?:NodeDebugInfo \{.*?\bJson\(\s*)?(\w+)", re.DOTALL
)

_JSON_PREFIX = re.compile(r"\AJson(?: <[^>]*> Error)?: ")

PANIC_STATUS = 101
"""What a Rust program exits with when it panics."""


class _Report(NamedTuple):
    """An engine's error text, taken apart."""

    category: ErrorCategory | None
    kind: str | None
    message: str
    details: str | None

    @property
    def is_panic(self) -> bool:
        """Whether the engine has nothing to say but that it failed."""
        return self.category == "internal_error" and not (self.kind or self.message)


def from_library(code: int, text: str, job: Mapping[str, Any]) -> JobError:
    """Return the error for what a context recorded.

    Args:
        code: `imageflow_context_error_code`.
        text: `Category: Kind: message at`, then the engine's own trace.
        job: The message that was sent.
    """
    report = _read(text)
    category = _BY_CODE.get(code, report.category or "unknown")
    if report.is_panic or not text:
        return _panic(job, report.details)
    return _error(category, report, job)


def from_words(text: str, job: Mapping[str, Any]) -> JobError:
    """Return the error for a text alone, where its number was lost on the way."""
    return from_library(0, text, job)


def from_tool(status: int, stderr: str, job: Mapping[str, Any]) -> JobError:
    """Return the error for a child that ended with *status*, which is not 0.

    Args:
        status: As `subprocess` has it: minus the signal's number when killed by one.
        stderr: What it wrote there; the text layout of `from_library`, or a panic's.
        job: The message that it was sent.
    """
    if status < 0 or status > 0xFF:  # Windows has its exception codes up there
        return _crashed(status, stderr, job)
    report = _read(stderr)
    if status == PANIC_STATUS or (status == 70 and report.is_panic):
        return _panic(job, stderr.strip() or None)
    category = report.category
    if category is None or CATEGORIES[category][2] & 0xFF != status:
        category = _BY_EXIT.get(status, "unknown")
    if not report.message and report.kind is None:
        report = _Report(category, None, f"exit status {status}", report.details)
    return _error(category, report, job)


def _error(
    category: ErrorCategory, report: _Report, job: Mapping[str, Any]
) -> JobError:
    by_category = _BY_CATEGORY.get(category, JobError)
    make = _BY_KIND.get(report.kind, by_category) if report.kind else by_category
    message = ": ".join(part for part in (report.kind, report.message) if part)
    return make(
        message or category,
        category=category,
        kind=report.kind,
        details=report.details,
        node=_failed_node(report.details or "", job),
        job=job,
    )


def _failed_node(trace: str, job: Mapping[str, Any]) -> str | None:
    """Return the node that a trace blames, by its name in the job.

    The official engine tells a Rust type, `FillRect`, and numbers nodes by chance.
    """
    found = _ACTIVE_NODE.search(trace)
    if found is None:
        return None
    said = found[1].replace("_", "").lower()
    return next((name for name in _nodes(job) if name.replace("_", "") == said), None)


def _panic(job: Mapping[str, Any], details: str | None) -> JobError:
    nodes = ", ".join(_nodes(job)) or "none"
    return EngineInternalError(
        f"The engine panicked, which is a bug of its own. Nodes of the job: {nodes}.",
        category="internal_error",
        details=details,
        job=job,
    )


def _crashed(status: int, stderr: str, job: Mapping[str, Any]) -> JobError:
    cause = f"exit status {status:#x}" if status > 0 else _signal(-status)
    return EngineCrashedError(
        f"The engine's process died: {cause}.",
        category="internal_error",
        details=stderr.strip() or None,
        job=job,
    )


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    hint = {"SIGKILL": ", often for want of memory", "SIGXCPU": ", out of CPU time"}
    return f"signal {number} ({name}{hint.get(name, '')})"


def _read(text: str) -> _Report:
    """Take an error text apart; the message ends where the engine's trace begins."""
    said, _, trace = text.partition(" at\n")
    head = _HEAD.search(said)
    if head is None:
        return _read_tools_own(text)
    word = head[2]
    kind = word if word in _KINDS else None
    message = said[head.end() if kind else head.end(1) + 1 :].strip()
    category = _BY_NAME[head[1]]
    if category == "invalid_json":  # the library names a Rust type, the tool does not
        message = _JSON_PREFIX.sub("", message, count=1)
    return _Report(category, kind, message, trace.strip() or None)


def _read_tools_own(text: str) -> _Report:
    """Read a Rust debug dump, which is what the tool prints of its own faults."""
    dump = text[:_MOST_DUMPED]
    if bad_json := _TOOLS_OWN_JSON_ERROR.search(dump):
        said, where = bad_json.groups()
        return _Report("invalid_json", None, f"{_unescaped(said)} ({where})", None)
    if other := _TOOLS_OWN_ERROR.search(dump):
        return _Report(None, None, f"{other[1]}: {_unescaped(other[2])}", text.strip())
    first, _, rest = text.strip().partition("\n")
    return _Report(None, None, first, rest or None)


def _unescaped(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\")


def _nodes(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of each node of a job, whatever shape the job is in."""
    framewise = job.get("framewise")
    if not isinstance(framewise, dict):
        return
    graph = framewise.get("graph")
    nodes = graph.get("nodes") if isinstance(graph, dict) else framewise.get("steps")
    if isinstance(nodes, dict):
        nodes = list(nodes.values())
    for node in nodes if isinstance(nodes, list | tuple) else ():
        yield next(iter(node), "?") if isinstance(node, dict) else str(node)
