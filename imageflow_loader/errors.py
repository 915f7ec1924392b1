"""Everything that this package raises on purpose.

::

    ImageflowError
    ├── EngineError                    .attempts
    │   ├── EngineNotFoundError        nothing usable; each attempt with its reason
    │   ├── EngineLoadError            found, but cannot be loaded or started
    │   ├── EngineDownloadError        network, 404, checksum
    │   ├── EngineIncompatibleError    it speaks another ABI
    │   └── UnsupportedFeatureError    this engine cannot do that; .missing
    ├── SettingsError (ValueError)     an environment variable that is not understood
    ├── SourceError                    the input cannot be read
    │   ├── SourceNotFoundError (FileNotFoundError)
    │   ├── SourceTooLargeError        more than max_input_bytes
    │   └── SourceTypeError            not among allowed_inputs
    ├── DestinationError (OSError)     unwritable or full; nothing is left there
    └── JobError                       the engine said no
        ├── InvalidJobError (ValueError)
        ├── SizeLimitError
        ├── ImageDecodeError
        ├── EngineIOError (OSError)
        ├── EngineMemoryError (MemoryError)
        ├── EngineInternalError
        ├── EngineCrashedError
        └── JobCancelledError
            └── JobTimeoutError (TimeoutError)

Each carries the numbers that imageflow has for such a fault, equal on both backends.
"""

from __future__ import annotations

import errno as _errno
import sys as _sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .types import Attempt, Capability, EngineInfo, ErrorCategory

__all__ = [
    "DestinationError", "EngineCrashedError", "EngineDownloadError", "EngineError",
    "EngineIOError", "EngineIncompatibleError", "EngineInternalError",
    "EngineLoadError", "EngineMemoryError", "EngineNotFoundError", "ImageDecodeError",
    "ImageflowError", "InvalidJobError", "JobCancelledError", "JobError",
    "JobTimeoutError", "SettingsError", "SizeLimitError", "SourceError",
    "SourceNotFoundError", "SourceTooLargeError", "SourceTypeError",
    "UnsupportedFeatureError",
]  # fmt: skip

CATEGORIES: Final[Mapping[ErrorCategory, tuple[int, int, int]]] = {
    "out_of_memory": (1, 503, 71),
    "argument_invalid": (2, 400, 64),
    "invalid_json": (3, 400, 65),
    "image_malformed": (4, 400, 65),
    "image_type_not_supported": (5, 400, 65),
    "node_argument_invalid": (6, 400, 64),
    "graph_invalid": (7, 400, 64),
    "action_not_supported": (8, 400, 64),
    "action_forbidden": (9, 403, 77),
    "authorization_required": (10, 401, 401),
    "license_error": (11, 402, 402),
    "primary_resource_not_found": (12, 404, 66),
    "secondary_resource_not_found": (13, 500, 66),
    "upstream_timeout": (14, 504, 69),
    "upstream_error": (15, 502, 69),
    "io_error": (16, 500, 74),
    "no_solution_found": (17, 500, 70),
    "internal_error": (18, 500, 70),
    "unknown": (19, 500, 70),
    "custom": (20, 500, 70),
    "operation_cancelled": (21, 499, 130),
}
"""Category → code, HTTP status, exit code.

Source: `ErrorCategory` in imageflow_core/src/errors.rs, v2.3.1-rc01.
"""

_LONGEST_MESSAGE = 1000  # characters of str(error); the whole is in `message`


class ImageflowError(Exception):
    """Something went wrong in this package or in an engine.

    Attributes:
        message: What happened, to what, and what to do; never cut.
        category: Imageflow's category, None where no category fits.
        code: The category's number (`imageflow_context_error_code`).
        kind: Imageflow's finer name, such as `SizeLimitExceeded`, if there is one.
        http_status: The status that a web server would answer with.
        exit_code: The status that a command would exit with.
        is_input_fault: Whether the picture is to blame and not the program.
    """

    category: ErrorCategory | None = None
    code: int | None = None
    kind: str | None = None
    http_status: int = 500
    exit_code: int = 70
    is_input_fault: bool = False

    def __init_subclass__(cls, *, category: ErrorCategory | None = None) -> None:
        """Give a class the numbers of its category, beside those that it says."""
        super().__init_subclass__()
        if category is not None:
            cls.category = category
            names = ("code", "http_status", "exit_code")
            for name, value in zip(names, CATEGORIES[category], strict=True):
                if name not in vars(cls):
                    setattr(cls, name, value)

    def __init__(self, message: str = "") -> None:
        """Keep the whole *message*; `str()` gives its first 1,000 characters."""
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        """Return the message, cut to what a log line can bear, and to be encoded."""
        text = self.message.encode("utf-8", "backslashreplace").decode()
        if len(text) <= _LONGEST_MESSAGE:
            return text
        return text[: _LONGEST_MESSAGE - 1] + "…"

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickle: batches bring errors home from other processes."""
        state = dict(self.__dict__)
        if isinstance(self, OSError):  # keeps these two beside its dictionary
            state.update(errno=self.errno, filename=self.filename)
        return type(self), (self.message,), state

    def _categorise(self, category: ErrorCategory, kind: str | None = None) -> None:
        self.category, self.kind = category, kind
        self.code, self.http_status, self.exit_code = CATEGORIES[category]


class EngineError(ImageflowError):
    """No engine can do this job here.

    Attributes:
        attempts: Every engine that was tried or passed over, in order.
    """

    http_status = 503
    exit_code = 69

    def __init__(self, message: str = "", *, attempts: Iterable[Attempt] = ()) -> None:
        """Keep *message* and the engines that were tried."""
        super().__init__(message)
        self.attempts: tuple[Attempt, ...] = tuple(attempts)


def refuse_at_exit() -> None:
    """Raise `EngineError` when Python is ending.

    It imports nothing then, and who waits for another thread waits for ever.
    """
    if _sys.is_finalizing():
        raise EngineError(
            "Python is ending: nothing can be read or run any more. Do it earlier, in "
            "an atexit function at the latest."
        )


class EngineNotFoundError(EngineError):
    """Nothing usable was found; the message lists each attempt with its reason."""


class EngineLoadError(EngineError):
    """An engine was found, but this process cannot load or start it.

    Attributes:
        reason: A short word for the reason, stable between versions ("wrong_libc").
        hint: What to do about it, None if nothing can be done.
    """

    def __init__(
        self,
        message: str = "",
        *,
        reason: str | None = None,
        hint: str | None = None,
        attempts: Iterable[Attempt] = (),
    ) -> None:
        """Keep *message*, the short *reason* and the remedy."""
        super().__init__(message, attempts=attempts)
        self.reason = reason
        self.hint = hint


class EngineDownloadError(EngineError):
    """An engine could not be fetched, or what arrived is not what was asked for."""


class EngineIncompatibleError(EngineError):
    """The engine speaks an ABI that this package does not."""


class UnsupportedFeatureError(EngineError, category="action_not_supported"):
    """The engine cannot do what the job asks; nothing was run.

    Attributes:
        missing: The capabilities that it lacks.
    """

    def __init__(
        self, message: str = "", *, missing: Iterable[Capability] = ()
    ) -> None:
        """Keep *message* and the capabilities that are *missing*."""
        super().__init__(message)
        self.missing: frozenset[Capability] = frozenset(missing)


class SettingsError(ImageflowError, ValueError, category="argument_invalid"):
    """An environment variable holds something that is not understood."""

    exit_code = 2


class SourceError(ImageflowError, category="primary_resource_not_found"):
    """An input could not be read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is no file of that name.

    Attributes:
        filename: The name.
    """

    def __init__(self, message: str = "", *, filename: str | None = None) -> None:
        """Keep *message* and what `FileNotFoundError` has: `errno` and `filename`."""
        super().__init__(message)
        self.errno: int | None = _errno.ENOENT
        self.filename: str | None = filename


class SourceTooLargeError(SourceError, category="argument_invalid"):
    """An input has more bytes than `max_input_bytes` allows."""

    kind: str | None = "SizeLimitExceeded"
    is_input_fault = True


class SourceTypeError(SourceError, category="image_malformed"):
    """An input is of a type that `allowed_inputs` does not name."""

    kind: str | None = "NoEnabledDecoderFound"
    is_input_fault = True


class DestinationError(ImageflowError, OSError, category="io_error"):
    """An output could not be written; nothing of it is left there.

    Attributes:
        errno: The system's number for it, None if it has none.
        filename: The destination, None for a stream.
    """

    exit_code = 73
    kind: str | None = "EncodingIoError"

    def __init__(
        self,
        message: str = "",
        *,
        errno: int | None = None,
        filename: str | None = None,
    ) -> None:
        """Keep *message* and what an `OSError` has."""
        super().__init__(message)
        self.errno: int | None = errno
        self.filename: str | None = filename


class JobError(ImageflowError):
    """The engine refused a job or failed at it.

    Attributes:
        details: The engine's own text beyond the first line, None if there is none.
        node: The name of the node that failed, such as "crop"; None where it is not the
            fault of one, or the engine does not say.
        job: The JSON of the job, None if it never became one.
        engine: Which engine said so, None before one was asked.
    """

    def __init__(
        self,
        message: str = "",
        *,
        category: ErrorCategory | None = None,
        kind: str | None = None,
        details: str | None = None,
        node: str | None = None,
        job: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep *message*; the numbers come from *category*, when one is given."""
        super().__init__(message)
        if category is not None:
            self._categorise(category, kind)
        elif kind is not None:
            self.kind: str | None = kind
        self.details = details
        self.node = node
        self.job = job
        self.engine: EngineInfo | None = None


class InvalidJobError(JobError, ValueError, category="argument_invalid"):
    """The job asks for something that cannot be done, or is not a job at all."""


class SizeLimitError(JobError, category="argument_invalid"):
    """A picture or a canvas is larger than the limits in force."""

    kind: str | None = "SizeLimitExceeded"
    is_input_fault = True


class ImageDecodeError(JobError, category="image_malformed"):
    """The input is no picture, is damaged, or is of a kind that cannot be read."""

    is_input_fault = True


class EngineIOError(JobError, OSError, category="io_error"):
    """The engine could not read or write a file that the job named."""


class EngineMemoryError(JobError, MemoryError, category="out_of_memory"):
    """The engine ran out of memory."""


class EngineInternalError(JobError, category="internal_error"):
    """The engine failed, and it is not the job's fault."""


class EngineCrashedError(JobError, category="internal_error"):
    """The engine's process died: killed by a signal, by its limits, or by itself."""


class JobCancelledError(JobError, category="operation_cancelled"):
    """The job was cancelled."""

    kind: str | None = "OperationCancelled"


class JobTimeoutError(JobCancelledError, TimeoutError):
    """The job did not end within its time."""
