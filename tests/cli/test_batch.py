"""`batch`, `run`, `explain` and `validate`, as a shell sees them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader as imf
from imageflow_loader._cli import main
from imageflow_loader._io import sniff
from tests import pictures
from tests.cli.test_commands import run
from tests.conftest import VARIABLES, engine_under_test
from tests.terminal import on_terminal
from tests.unprivileged import as_nobody, shared_folder

if TYPE_CHECKING:
    from imageflow_loader.types import EngineKind

PROJECT = Path(__file__).parents[2]


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


def test_what_is_padded_keeps_the_format_of_its_name(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    web = tmp_path / "web"

    done = run(
        *("batch", folder, "--to", web, "--query", "w=20&h=20"), environment=environment
    )

    assert done.returncode == 0
    assert sniff((web / "a.jpg").read_bytes()) == "image/jpeg"
    assert sniff((web / "deep" / "b.png").read_bytes()) == "image/png"


def test_no_workers_are_a_usage_error_and_no_folder_is_made(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run(
        *("batch", folder, "--to", tmp_path / "web", "--query", "w=9"),
        *("--workers", "0"),
        environment=environment,
    )

    assert done.returncode == 2
    assert b"workers is 1 to" in done.stderr
    assert not (tmp_path / "web").exists()


def test_one_picture_by_two_names_is_done_once(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    again = folder / "deep" / ".." / "a.jpg"

    done = run(
        *("batch", folder / "a.jpg", again, "--to", tmp_path / "web", "--query", "w=9"),
        environment=environment,
    )

    assert (done.returncode, done.stderr) == (0, b"1 done, 0 failed, 0 skipped\n")


def test_one_picture_for_two_places_is_a_usage_error(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    again = folder / "deep" / "b.png"

    done = run(
        *("batch", folder, again, "--to", tmp_path / "web", "--query", "w=9"),
        environment=environment,
    )

    assert done.returncode == 2
    assert b"would be both" in done.stderr


def test_no_picture_is_replaced_by_what_is_made_of_one(
    folder: Path, environment: dict[str, str]
) -> None:
    original = (folder / "a.jpg").read_bytes()

    done = run(
        *("batch", folder, "--to", folder, "--query", "w=9"), environment=environment
    )

    assert done.returncode == 2
    assert b"a.jpg is one of the pictures and would be replaced" in done.stderr
    assert (folder / "a.jpg").read_bytes() == original

    beside = run(
        *("batch", folder, "--to", folder, "--query", "w=9&format=webp"),
        environment=environment,
    )

    assert beside.stderr == b"2 done, 0 failed, 0 skipped\n"


def test_what_an_earlier_run_made_below_the_source_is_no_source(
    folder: Path, environment: dict[str, str]
) -> None:
    arguments = ("batch", folder, "--to", folder / "web", "--query", "w=9")

    told = [run(*arguments, environment=environment).stderr for _ in range(2)]

    assert told == [b"2 done, 0 failed, 0 skipped\n"] * 2
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 5


def test_what_may_not_be_read_is_said_so_and_costs_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(engine_under_test("tool")))
    with shared_folder() as place:
        web, photos = place / "web", place / "photos"
        for folder in (web, photos / "closed", photos / "locked"):
            folder.mkdir(parents=True)
            (folder / "b.jpg").write_bytes(pictures.jpeg(40, 30))
        (photos / "a.jpg").write_bytes(pictures.jpeg(40, 30))
        web.chmod(0o777)

        def as_they_may() -> tuple[int, str]:
            with contextlib.redirect_stderr(io.StringIO()) as said:
                code = main(["batch", str(photos), "--to", str(web), "--query", "w=9"])
            return code, said.getvalue()

        as_they_may()  # what it imports, nobody may not be able to read
        shutil.rmtree(web / "locked")
        web.joinpath("a.jpg").unlink()
        (photos / "closed").chmod(0)
        (photos / "locked").chmod(0o444)  # its names can be read, and nothing else

        code, said = as_nobody(as_they_may)

        assert web.joinpath("a.jpg").exists()

    assert code == 1
    assert f"{photos}/closed cannot be read: Permission denied." in said
    assert f"{photos}/locked/b.jpg cannot be read: Permission denied." in said
    assert said.endswith("1 done, 2 failed, 0 skipped\n")


def test_a_destination_that_cannot_be_made_is_said_so(
    folder: Path, environment: dict[str, str]
) -> None:
    done = run(
        *("batch", folder, "--to", folder / "notes.txt", "--query", "w=9"),
        environment=environment,
    )

    assert done.returncode == 73
    assert b"notes.txt cannot be made: File exists." in done.stderr


@pytest.mark.parametrize("stderr", [">/dev/full", ">&-"], ids=["full", "closed"])
def test_it_goes_on_when_nobody_can_hear_what_fails(
    stderr: str, folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (folder / "a.jpg").write_bytes(b"no picture")
    (folder / "c.jpg").write_bytes(pictures.jpeg(40, 30))
    command = f'"$@" 2{stderr}'
    batch = ("batch", folder, "--to", tmp_path / "web", "--query", "w=9", "--json")

    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            command,
            "sh",
            sys.executable,
            "-m",
            "imageflow_loader",
            *batch,
        ],
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )

    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert ["error" in record for record in records] == [True, False, False]


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


def written(*entries: Any, **members: Any) -> str:
    return json.dumps({"io": entries, "framewise": {"steps": STEPS}, **members})


IN = {"io_id": 0, "direction": "in", "io": {"file": "a.jpg"}}
OUT = {"io_id": 1, "direction": "out", "io": {"file": "o.gif"}}


@pytest.mark.parametrize("kind", ["library", "tool"])
@pytest.mark.parametrize(
    ("text", "arguments", "code", "says"),
    [
        ("{", [], 65, "is no JSON"),
        ("[" * 100_000, [], 65, "is no JSON"),
        ("[]", [], 65, "is no JSON object"),
        ("{}", [], 65, "document.framewise is an object, not None"),
        (written(IN, {**OUT, "io": "output_buffer"}), [], 2, "add --out 1=FILE"),
        (written(IN), [], 2, "add --out 1=FILE"),
        (written(OUT), [], 2, "add --in 0=FILE"),
        (written(IN, OUT), ["--in", "a.jpg"], 2, "ID=FILE"),
        (written(IN, OUT), ["--out", "7=b.gif"], 2, "no node of this job has"),
        (written(IN, OUT), ["--in", "1=b.gif"], 2, "no node of this job has"),
        (written(OUT), ["--in", "0=no.jpg"], 66, "There is no file no.jpg"),
        (written(IN, OUT, IN), [], 64, "Two entries of io have the io_id 0"),
        (written(IN, OUT, {**OUT, "io_id": 0}), [], 64, "Two entries"),
        (written({**IN, "direction": "out"}, OUT), [], 64, "names io_id 0"),
        (written("a.jpg", OUT), [], 65, "io[0] is an object, not 'a.jpg'"),
        (written({**IN, "io_id": "0"}, OUT), [], 65, "io_id is a whole number"),
        (written({**IN, "io_id": True}, OUT), [], 65, "io_id is a whole number"),
        (written({"direction": "in", "io": "x"}), [], 65, "io_id is a whole number"),
        (written({**IN, "direction": "up"}), [], 65, "direction is in or out"),
        (written({**IN, "io": None}, OUT), [], 65, "io is an object or a text"),
        (written({**IN, "io": {}}, OUT), [], 65, "input 0 is a file"),
        (written({**IN, "io": {"url": "x"}}, OUT), [], 65, "input 0 is a file"),
        (written({**IN, "io": {"file": 3}}, OUT), [], 65, "input 0 is a file"),
        (written({**IN, "io": {"byte_array": 9}}, OUT), [], 65, "input 0 is a file"),
        (written({**IN, "io": {"base_64": "%"}}, OUT), [], 64, "Input 0: "),
        (written(IN, {**OUT, "io": {"file": None}}), [], 65, "output 1 is a file"),
        (written({**IN, "cached": True}, OUT), [], 65, "io[0] has no cached"),
        (written(IN, OUT, securty={}), [], 65, "document has no securty"),
    ],
)
def test_a_job_that_cannot_be_run_says_why_and_leaves_no_file(
    kind: EngineKind,
    text: str,
    arguments: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures.jpeg(40, 30))
    monkeypatch.chdir(tmp_path)
    named = {VARIABLES[kind]: str(engine_under_test(kind)), "PYTHONPATH": str(PROJECT)}

    done = run(
        *("run", "-", *arguments),
        environment={**os.environ, **named},
        stdin=text.encode(),
    )

    assert (done.returncode, done.stdout) == (code, b"")
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert [each.name for each in tmp_path.iterdir()] == ["a.jpg"]


def test_a_job_reads_standard_input_as_well(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"framewise": {"steps": STEPS}}))

    done = run(
        *("run", tmp_path / "job.json", "--in", "0=-", "--out", "1=-"),
        environment=environment,
        stdin=pictures.jpeg(40, 30),
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert pictures.size(done.stdout) == (10, 8)


def test_a_job_that_is_written_down_is_done_as_the_tool_does_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures.jpeg(800, 600))
    files = [(0, "in", "a.jpg"), (1, "out", "ours.gif")]
    io = [
        {"io_id": i, "direction": d, "io": {"file": f"{tmp_path}/{f}"}}
        for i, d, f in files
    ]
    document = {"io": io, "framewise": {"steps": STEPS}}
    run("run", "-", environment=environment, stdin=json.dumps(document).encode())
    io[1]["io"] = {"file": f"{tmp_path}/theirs.gif"}
    environment = {**environment, "IMAGEFLOW_TOOL": str(engine_under_test("tool"))}
    run(
        *("tool", "--", "v1/build", "--json", "/dev/stdin"),
        environment=environment,
        stdin=json.dumps(document).encode(),
    )

    assert (tmp_path / "ours.gif").read_bytes() == (
        tmp_path / "theirs.gif"
    ).read_bytes()


@pytest.mark.parametrize("colours", [True, False])
def test_a_terminal_has_a_bar_and_colours_unless_they_are_unwanted(
    folder: Path, tmp_path: Path, environment: dict[str, str], colours: bool
) -> None:
    (folder / "bad.png").write_bytes(b"this is no picture")
    environment = {**environment, "TERM": "xterm"}
    if not colours:
        environment["NO_COLOR"] = "1"

    code, told = on_terminal(
        ["batch", folder, "--to", tmp_path / "web", "--query", "w=9"], environment
    )

    assert code == 1
    assert "[##############################] 3 of 3, 1 failed" in told
    assert ("\x1b[31m1 failed\x1b[0m" in told) is colours
    assert ("2 done, 1 failed, 0 skipped" in told) is not colours


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
