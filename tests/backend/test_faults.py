"""From an engine's words to an error, in every layout that has been seen."""

from __future__ import annotations

from typing import Any

import pytest

from imageflow_loader import errors
from imageflow_loader._backend import faults

JOB = {"framewise": {"steps": [{"decode": {"io_id": 0}}, "flip_h"]}}

TRACE = (
    "imageflow_core/src/context.rs:582:17\n"
    "imageflow_core/src/flow/execution_engine.rs:91:30\n"
    "Active node:\n"
    "Node { stable_id: 0 }\n"
)


def test_the_head_is_the_error_and_the_trace_its_details() -> None:
    text = f"ArgumentInvalid: IoIdNotFound: No codec with io_id 5 at\n{TRACE}"

    error = faults.from_library(2, text, JOB)

    assert type(error) is errors.InvalidJobError
    assert (error.category, error.kind) == ("argument_invalid", "IoIdNotFound")
    assert error.message == "IoIdNotFound: No codec with io_id 5"
    assert error.details == TRACE.strip()
    assert error.job is JOB


@pytest.mark.parametrize(
    ("trace", "node"),
    [
        ("Active node: resample_2d", "resample_2d"),
        (
            "imageflow_core/src/context.rs:666:59\nActive node:\nNodeDebugInfo {\n"
            "    stable_id: 1,\n    params: Json(\n        Resample2D {\n"
            "            w: 9,\n        },\n    ),\n    index: NodeIndex(1),\n}",
            "resample_2d",
        ),
        (
            "Active node:\nNodeDebugInfo {\n    params: Json(\n        FlipH,\n",
            "flip_h",
        ),
        ("Active node: crop", None),  # a node of the engine's own making
        (TRACE, None),
    ],
)
def test_the_node_that_failed_is_named_as_the_job_has_it(
    trace: str, node: str | None
) -> None:
    nodes = {"4": {"resample_2d": {"w": 9, "h": 9}}, "5": "flip_h"}
    job = {"framewise": {"graph": {"nodes": nodes, "edges": []}}}

    error = faults.from_library(2, f"ArgumentInvalid: InvalidState at\n{trace}", job)

    assert error.node == node


def test_a_kind_may_stand_alone() -> None:
    text = f"ArgumentInvalid: InvalidMessageEndpoint at\n{TRACE}"

    error = faults.from_library(2, text, JOB)

    assert error.message == error.kind == "InvalidMessageEndpoint"


def test_a_word_that_is_no_kind_is_part_of_the_message() -> None:
    text = 'Os { code: 2, kind: NotFound, message: "No such file" }'

    error = faults.from_library(16, f"IoError: {text} at\n{TRACE}", JOB)

    assert type(error) is errors.EngineIOError
    assert error.kind is None
    assert error.message == text


@pytest.mark.parametrize(
    ("word", "status"),
    [('a("', 1), ('InvalidJson(Error("', 1), ("InvalidJson: Json <", 65)],
)
def test_an_endless_text_is_soon_read(word: str, status: int) -> None:
    error = faults.from_tool(status, word * (2**20 // len(word)), JOB)

    assert word in error.message


def test_a_colon_after_a_word_does_not_make_it_a_kind() -> None:
    error = faults.from_library(4, "ImageMalformed: Gif decoder: Unexpected end", JOB)

    assert error.kind is None
    assert error.message == "Gif decoder: Unexpected end"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "InvalidJson: Json <imageflow_types::Execute001> Error: unknown variant "
            f'`nosuch` at line 1 column 9: {{>"x" at\n{TRACE}',
            'unknown variant `nosuch` at line 1 column 9: {>"x"',
        ),
        ("InvalidJson: Json: unknown variant `nosuch`", "unknown variant `nosuch`"),
        (
            'InvalidJson(\n    Error("unknown `no\\"such`", line: 1, column: 9),\n)',
            'unknown `no"such` (line: 1, column: 9)',
        ),
    ],
    ids=["the official library", "the embedded edition", "the official tool"],
)
def test_bad_json_reads_alike_whoever_found_it(text: str, said: str) -> None:
    in_process, in_a_child = (
        faults.from_library(3, text, JOB),
        faults.from_tool(65, text, JOB),
    )

    for error in (in_process, in_a_child):
        assert type(error) is errors.InvalidJobError
        assert (error.category, error.code, error.kind) == ("invalid_json", 3, None)
        assert error.message == said


@pytest.mark.parametrize("text", ["InternalError: ", "InternalError: at\n", ""])
def test_a_panic_in_process_says_what_the_job_was(text: str) -> None:
    error = faults.from_library(18, text, JOB)

    assert type(error) is errors.EngineInternalError
    assert "panicked" in error.message
    assert "decode, flip_h" in error.message
    assert (error.category, error.kind) == ("internal_error", None)


def test_a_panic_in_a_child_is_the_same_error_with_its_words_as_details() -> None:
    words = "thread 'main' panicked at 'Invalid interpolation values':\nauto.rs:353"

    in_a_child = faults.from_tool(101, words, JOB)
    in_process = faults.from_library(18, "InternalError: ", JOB)

    assert str(in_a_child) == str(in_process)
    assert type(in_a_child) is type(in_process)
    assert in_a_child.details == words


def test_a_silent_panic_has_no_details() -> None:
    assert faults.from_tool(101, "", JOB).details is None


@pytest.mark.parametrize(
    ("job", "nodes"),
    [
        ({}, "none"),
        ({"framewise": None}, "none"),
        ({"framewise": {"steps": []}}, "none"),
        ({"framewise": {"steps": ["flip_h", 5, {}]}}, "flip_h, 5, ?"),
        ({"framewise": {"graph": {"nodes": {"0": {"decode": {}}}}}}, "decode"),
        ({"framewise": {"graph": None}}, "none"),
    ],
)
def test_a_panic_is_told_whatever_shape_the_job_has(job: Any, nodes: str) -> None:
    error = faults.from_library(18, "InternalError: ", job)

    assert error.message.endswith(f"Nodes of the job: {nodes}.")


@pytest.mark.parametrize(
    ("category", "kind", "expected"),
    [
        ("OutOfMemory", "AllocationFailed", errors.EngineMemoryError),
        ("ArgumentInvalid", "InvalidNodeParams", errors.InvalidJobError),
        ("ArgumentInvalid", "SizeLimitExceeded", errors.SizeLimitError),
        ("ImageMalformed", "SizeLimitExceeded", errors.SizeLimitError),
        ("InvalidJson", "", errors.InvalidJobError),
        ("ImageMalformed", "JpegDecodingError", errors.ImageDecodeError),
        ("ImageMalformed", "NoEnabledDecoderFound", errors.ImageDecodeError),
        ("ImageTypeNotSupported", "", errors.ImageDecodeError),
        ("NodeArgumentInvalid", "", errors.InvalidJobError),
        ("GraphInvalid", "GraphCyclic", errors.InvalidJobError),
        ("ActionNotSupported", "", errors.InvalidJobError),
        ("ActionForbidden", "", errors.JobError),
        ("AuthorizationRequired", "", errors.JobError),
        ("LicenseError", "", errors.JobError),
        ("PrimaryResourceNotFound", "", errors.EngineIOError),
        ("SecondaryResourceNotFound", "", errors.EngineIOError),
        ("UpstreamTimeout", "", errors.JobError),
        ("UpstreamError", "", errors.JobError),
        ("IoError", "EncodingIoError", errors.EngineIOError),
        ("NoSolutionFound", "", errors.EngineInternalError),
        ("InternalError", "InvalidState", errors.EngineInternalError),
        ("Unknown", "", errors.EngineInternalError),
        ("Custom", "", errors.EngineInternalError),
        ("OperationCancelled", "OperationCancelled", errors.JobCancelledError),
    ],
)
def test_every_category_has_a_class_and_the_same_numbers_on_both_roads(
    category: str, kind: str, expected: type[errors.JobError]
) -> None:
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in category).strip("_")
    code, http_status, exit_code = errors.CATEGORIES[name]  # type: ignore[index]  # is one
    text = ": ".join(part for part in (category, kind, "what happened") if part)

    in_process = faults.from_library(code, text, JOB)
    in_a_child = faults.from_tool(exit_code & 0xFF, text + "\n", JOB)

    for error in (in_process, in_a_child):
        assert type(error) is expected
        assert error.category == name
        assert error.kind == (kind or None)
        assert error.code == code
        assert error.http_status == http_status
        assert error.exit_code == exit_code
        assert error.message.endswith("what happened")


def test_every_category_is_in_the_test_above() -> None:
    assert len(errors.CATEGORIES) == 21


def test_the_exit_status_is_believed_before_the_text() -> None:
    error = faults.from_tool(74, "ImageMalformed: JpegDecodingError: gone", JOB)

    assert type(error) is errors.EngineIOError


def test_words_before_the_head_do_not_hide_it() -> None:
    text = "warning: something\nArgumentInvalid: SizeLimitExceeded: too wide at\na:1:1"

    error = faults.from_tool(64, text, JOB)

    assert type(error) is errors.SizeLimitError
    assert error.message == "SizeLimitExceeded: too wide"


def test_what_the_tool_says_of_its_own_faults_is_shown() -> None:
    error = faults.from_tool(64, 'BadArguments("no such \\"io\\"")', JOB)

    assert type(error) is errors.InvalidJobError
    assert error.message == 'BadArguments: no such "io"'


def test_a_code_that_nobody_knows_is_a_generic_error() -> None:
    error = faults.from_library(99, "SomethingNew: what happened", JOB)

    assert type(error) is errors.EngineInternalError
    assert error.message == "SomethingNew: what happened"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (-11, r"signal 11 (SIGSEGV)"),
        (-9, r"signal 9 (SIGKILL, often for want of memory)"),
        (-24, r"signal 24 (SIGXCPU, out of CPU time)"),
        (-63, r"signal 63 (unknown)"),
        (0xC0000005, "exit status 0xc0000005"),
    ],
)
def test_a_violent_end_is_a_crash_that_says_how(status: int, said: str) -> None:
    error = faults.from_tool(status, "last words\n", JOB)

    assert type(error) is errors.EngineCrashedError
    assert said in error.message
    assert (error.code, error.exit_code) == (18, 70)
    assert error.details == "last words"
