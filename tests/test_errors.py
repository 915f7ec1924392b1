"""What an exception of this package carries, and that it survives the post."""

from __future__ import annotations

import errno
import pickle

import pytest

from imageflow_loader import errors
from imageflow_loader.errors import (
    CATEGORIES,
    DestinationError,
    EngineLoadError,
    EngineNotFoundError,
    ImageDecodeError,
    ImageflowError,
    InvalidJobError,
    JobError,
    JobTimeoutError,
    SizeLimitError,
    SourceNotFoundError,
    SourceTooLargeError,
    SourceTypeError,
    UnsupportedFeatureError,
)
from imageflow_loader.types import Attempt

EVERY_CLASS = [
    getattr(errors, name) for name in errors.__all__ if name.endswith("Error")
]


@pytest.mark.parametrize("cls", EVERY_CLASS)
def test_every_error_survives_pickle_with_all_it_carries(
    cls: type[ImageflowError],
) -> None:
    error = cls("what happened")
    error.is_input_fault = not cls.is_input_fault

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is cls
    assert (copy.message, str(copy), copy.args) == (
        "what happened",
        "what happened",
        ("what happened",),
    )
    assert copy.__dict__ == error.__dict__
    assert copy.is_input_fault is not cls.is_input_fault


def test_the_fields_of_an_error_survive_pickle() -> None:
    attempt = Attempt("tool", None, None, "wheel", ok=False, error="none", hint=None)
    originals = [
        DestinationError("full", errno=errno.ENOSPC, filename="out.jpg"),
        SourceNotFoundError("no such file", filename="in.jpg"),
        EngineNotFoundError("nothing", attempts=[attempt]),
        EngineLoadError("cut", reason="truncated", hint="fetch it again"),
        UnsupportedFeatureError("cannot", missing=["cancel"]),
        JobError("no", category="graph_invalid", kind="GraphCyclic", job={"io": []}),
    ]

    copies = pickle.loads(pickle.dumps(originals))  # noqa: S301 - our own bytes

    disk, absent, nothing, load, cannot, job = copies
    assert (disk.errno, disk.filename) == (errno.ENOSPC, "out.jpg")
    assert (absent.errno, absent.filename) == (errno.ENOENT, "in.jpg")
    assert nothing.attempts == (attempt,)
    assert (load.reason, load.hint) == ("truncated", "fetch it again")
    assert cannot.missing == {"cancel"}
    assert (job.code, job.kind, job.job) == (7, "GraphCyclic", {"io": []})


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("SettingsError", ValueError),
        ("SourceNotFoundError", FileNotFoundError),
        ("DestinationError", OSError),
        ("InvalidJobError", ValueError),
        ("EngineIOError", OSError),
        ("EngineMemoryError", MemoryError),
        ("JobTimeoutError", TimeoutError),
    ],
)
def test_an_error_is_also_what_python_calls_such_a_situation(
    name: str, also: type[Exception]
) -> None:
    assert issubclass(getattr(errors, name), also)


def test_the_text_of_an_error_can_be_sent_whatever_a_stranger_has_written() -> None:
    error = InvalidJobError("there is no key \ud800")

    assert str(error).encode() == b"there is no key \\ud800"


def test_the_text_of_an_error_is_cut_and_its_message_is_not() -> None:
    error = InvalidJobError("x" * 5000)

    assert len(str(error)) == 1000
    assert str(error).endswith("x…")
    assert error.message == "x" * 5000


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_numbers_of_a_job_error_are_those_of_its_category(category: str) -> None:
    error = JobError("no", category=category)  # type: ignore[arg-type]  # one by one

    assert (error.code, error.http_status, error.exit_code) == CATEGORIES[category]  # type: ignore[index]  # likewise
    assert error.category == category


@pytest.mark.parametrize("cls", [c for c in EVERY_CLASS if c.category is not None])
def test_a_class_with_a_category_has_its_code_and_status(
    cls: type[ImageflowError],
) -> None:
    assert cls.category is not None
    code, http_status, exit_code = CATEGORIES[cls.category]
    shell_has_its_own = {"SettingsError": 2, "DestinationError": 73}

    assert (cls.code, cls.http_status) == (code, http_status)
    assert cls.exit_code == shell_has_its_own.get(cls.__name__, exit_code)


def test_only_what_a_picture_can_cause_is_an_input_fault() -> None:
    blamed = {cls for cls in EVERY_CLASS if cls.is_input_fault}

    assert blamed == {
        ImageDecodeError,
        SizeLimitError,
        SourceTooLargeError,
        SourceTypeError,
    }


def test_a_timeout_is_an_operation_that_was_cancelled() -> None:
    error = JobTimeoutError("late")

    assert (error.category, error.kind) == ("operation_cancelled", "OperationCancelled")
    assert (error.code, error.http_status, error.exit_code) == (21, 499, 130)
