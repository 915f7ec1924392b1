"""`batch`, `run`, `explain` and `validate`, as a shell sees them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader as imf
from tests import pictures
from tests.cli.test_commands import run
from tests.conftest import engine_under_test

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "IMAGEFLOW_LIBRARY": str(engine_under_test("library"))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(pictures.jpeg(40, 30))
    (folder / "deep" / "b.png").write_bytes(pictures.png(40, 30))
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_is_done_with_what_is_below_it(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    web = tmp_path / "web"

    done = run(
        *("batch", folder, "--to", web, "--query", "w=9&format=webp"),
        environment=environment,
    )

    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"2 done, 0 failed, 0 skipped\n"
    assert imf.info(web / "a.webp").mime_type == "image/webp"
    assert imf.info(web / "deep" / "b.webp").mime_type == "image/webp"


def test_one_that_fails_costs_nothing_but_itself_and_is_exit_code_1(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (folder / "bad.png").write_bytes(b"this is no picture")

    done = run(
        *("batch", folder, "--to", tmp_path / "web", "--query", "w=9", "--json"),
        *("--workers", "2"),
        environment=environment,
    )

    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert b"2 done, 1 failed" in done.stderr
    assert [record.get("category") for record in records] == [
        None,
        "image_malformed",
        None,
    ]
    assert records[0]["width"] == 9
    assert not (tmp_path / "web" / "bad.png").exists()


def test_what_is_there_already_can_be_left_out(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    arguments = ("batch", folder, "--to", tmp_path / "web", "--query", "w=9&mode=max")
    run(*arguments, environment=environment)
    os.utime(folder / "a.jpg", (2**32, 2**32))  # newer than its result

    done = run(*arguments, "--skip-existing", environment=environment)

    assert done.stderr == b"1 done, 0 failed, 1 skipped\n"


def test_two_that_would_be_one_are_a_usage_error(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (folder / "a.png").write_bytes(pictures.png())

    done = run(
        *("batch", folder, "--to", tmp_path / "web", "--query", "format=webp"),
        environment=environment,
    )

    assert done.returncode == 2
    assert b"would both be" in done.stderr
    assert not (tmp_path / "web").exists()


STEPS: list[Any] = [
    {"decode": {"io_id": 0}},
    {"constrain": {"mode": "within", "w": 10}},
    {"encode": {"io_id": 1, "preset": "gif"}},
]


def test_a_job_that_is_written_down_is_run(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"framewise": {"steps": STEPS}}))

    done = run(
        *("run", tmp_path / "job.json", "--in", f"0={folder}/a.jpg", "--out", "1=-"),
        environment=environment,
    )

    assert done.returncode == 0
    assert (imf.sniff(done.stdout), pictures.size(done.stdout)) == (
        "image/gif",
        (10, 8),
    )


@pytest.mark.parametrize(
    ("text", "arguments", "code", "says"),
    [
        ("{", [], 65, b"is no JSON"),
        ("[]", [], 65, b"is no JSON object"),
        ("{}", [], 65, b"no build document"),
        (
            json.dumps(
                {
                    "io": [{"io_id": 1, "direction": "out", "io": "output_buffer"}],
                    "framewise": {"steps": STEPS},
                }
            ),
            [],
            2,
            b"--out 1=FILE",
        ),
        (json.dumps({"framewise": {"steps": STEPS}}), ["--in", "a.jpg"], 2, b"ID=FILE"),
    ],
)
def test_a_job_that_cannot_be_run_says_why(
    text: str,
    arguments: list[str],
    code: int,
    says: bytes,
    environment: dict[str, str],
) -> None:
    done = run("run", "-", *arguments, environment=environment, stdin=text.encode())

    assert done.returncode == code
    assert says in done.stderr


def test_explain_tells_the_plan() -> None:
    job = imf.Job(imf.decode("a.jpg").flip_h().encode("gif", "b.gif")).to_json()

    done = run("explain", "-", stdin=json.dumps(job).encode())

    assert done.stdout.decode().splitlines() == [
        "0  decode ← a.jpg",
        "1  flip_h ← 0",
        '→  encode "gif" of 1 to b.gif',
    ]


def test_validate_tells_what_would_be_passed_over() -> None:
    bad, good = run("validate", "widht=1&w=x"), run("validate", "w=1")

    assert bad.returncode == 64
    assert bad.stdout.decode().splitlines() == [
        "there is no key widht (did you mean width?)",
        "w takes a whole number, not x",
    ]
    assert (good.returncode, good.stdout) == (0, b"")
