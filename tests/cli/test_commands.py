"""The command line, as a shell sees it: files, streams, words and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import imageflow_loader
from imageflow_loader import sniff
from imageflow_loader._cli import COMMANDS
from tests import pictures
from tests.conftest import engine_under_test

PHOTO = pictures.jpeg(300, 200)


@pytest.fixture(params=["library", "tool"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    path = engine_under_test(request.param)
    return {
        **os.environ,
        f"IMAGEFLOW_{request.param.upper()}": str(path),
        "IMAGEFLOW_BACKEND": request.param,
    }


def run(
    *arguments: str | Path,
    environment: dict[str, str] | None = None,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imageflow_loader", *map(str, arguments)],
        input=stdin,
        env=environment,
        capture_output=True,
        check=False,
    )


def test_process_writes_the_picture_and_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    photo, out = tmp_path / "photo.jpg", tmp_path / "out.webp"
    photo.write_bytes(PHOTO)

    done = run(
        "process", photo, out, "w=72&h=58&mode=max&quality=80", environment=environment
    )

    assert (done.returncode, done.stdout) == (0, b"")
    assert b"image/webp, 72\xc3\x9748" in done.stderr
    assert sniff(out.read_bytes()) == "image/webp"


def test_the_time_runs_while_standard_input_gives_nothing(
    environment: dict[str, str],
) -> None:
    read, write = os.pipe()

    done = subprocess.run(
        [
            *(sys.executable, "-m", "imageflow_loader"),
            *("process", "-", "-", "w=9", "--timeout", "0.5"),
        ],
        stdin=read,
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    os.close(read)
    os.close(write)

    assert (done.returncode, done.stdout) == (130, b"")
    assert b"did not end within 0.5 seconds" in done.stderr


def test_process_with_two_dashes_is_a_filter(environment: dict[str, str]) -> None:
    done = run(
        "process", "-", "-", "w=72&mode=max", environment=environment, stdin=PHOTO
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert pictures.size(done.stdout) == (72, 48)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["{cut}", "o.png", "w=9"], 65, "ImageDecodingError"),
        (["{text}", "o.png", "w=9"], 65, "ecoder"),
        (["{empty}", "o.png", "w=9"], 65, "is empty"),
        (["no.jpg", "o.png", "w=9"], 66, "There is no file no.jpg"),
        ([".", "o.png", "w=9"], 66, ". is a folder"),
        (["{photo}", "no/o.png", "w=9"], 73, "there is no folder"),
        (["{photo}", "o.png", "format=jpg"], 2, "asks for jpeg"),
        (["{photo}", "o.png", "with=9", "--strict"], 64, "did you mean width?"),
        (["{photo}", "o.png", "w=9", "--timeout", "0"], 130, "within 0 seconds"),
        (["{photo}", "o.png", "w=9", "--timeout", "-1"], 2, "timeout"),
        (["{photo}", "o.png"], 2, "QUERY"),
    ],
    ids=[
        "cut",
        "text",
        "empty",
        "missing",
        "folder",
        "destination",
        "contradiction",
        "strict",
        "timeout",
        "wrong timeout",
        "no query",
    ],
)
def test_a_failure_has_its_exit_code_and_one_line_and_leaves_no_file(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    sources = {
        "{cut}": pictures.cut(pictures.png(200, 150)),
        "{text}": b"this is no picture, only text",
        "{empty}": b"",
        "{photo}": PHOTO,
    }
    source, *rest = arguments
    monkeypatch.chdir(tmp_path)
    environment["PYTHONPATH"] = str(Path(imageflow_loader.__file__).parents[1])
    if source in sources:
        Path("in").write_bytes(sources[source])
        source = "in"

    done = run("process", source, *rest, environment=environment)

    assert done.returncode == code
    assert says in done.stderr.decode()
    if code != 2:
        assert done.stderr.count(b"\n") == 1
    assert not Path("o.png").exists()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_a_terminal_cannot_show_is_no_failure(
    encoding: str, environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")  # no UTF-8
    path.write_bytes(PHOTO)

    done = run("info", path, environment={**environment, "PYTHONIOENCODING": encoding})

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"caf\\udce9.jpg: image/jpeg, 300" in done.stdout


def test_no_engine_is_exit_code_69_and_a_remedy(tmp_path: Path) -> None:
    nowhere = {**os.environ, "IMAGEFLOW_TOOL": str(tmp_path / "no")}

    done = run("process", "-", "-", "w=9", environment=nowhere, stdin=PHOTO)

    assert done.returncode == 69
    assert b"IMAGEFLOW_TOOL" in done.stderr


def test_info_tells_each_file_and_the_first_failure(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures.jpeg(60, 40, orientation=6))
    (tmp_path / "b.txt").write_bytes(b"text")
    (tmp_path / "c.gif").write_bytes(pictures.gif(8, 9, frames=3))

    done = run("info", *(tmp_path / name for name in ("a.jpg", "b.txt", "c.gif")))

    assert done.returncode == 65
    assert done.stdout.decode().splitlines() == [
        f"{tmp_path}/a.jpg: image/jpeg, 40×60, EXIF orientation 6",
        f"{tmp_path}/c.gif: image/gif, 8×9, may be transparent, 3 frames",
    ]
    assert b"b.txt is not a JPEG, PNG, GIF or WebP" in done.stderr


def test_info_as_json_is_an_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"text")

    done = run("info", "--json", "-", tmp_path / "b.txt", stdin=pictures.png(7, 5))

    good, bad = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 65
    assert good == {
        "file": "-",
        "mime_type": "image/png",
        "width": 7,
        "height": 5,
        "pixel_format": "bgr_32",
        "lossless": True,
        "frames": 1,
        "orientation": 1,
    }
    assert bad.keys() == {"file", "error"}


def test_tool_runs_the_tool_itself_with_its_own_arguments_and_exit_code() -> None:
    environment = {**os.environ, "IMAGEFLOW_TOOL": str(engine_under_test("tool"))}

    version = run("tool", "--", "--version", environment=environment)
    wrong = run("tool", "--", "--no-such-flag", environment=environment)

    assert (version.returncode, version.stdout[:15]) == (0, b"imageflow_tool ")
    assert wrong.returncode == 2
    assert b"no-such-flag" in wrong.stderr


def test_tool_takes_a_job_on_standard_input() -> None:
    environment = {**os.environ, "IMAGEFLOW_TOOL": str(engine_under_test("tool"))}
    steps = [
        {"create_canvas": {"format": "bgra_32", "w": 3, "h": 2, "color": "black"}},
        {"encode": {"io_id": 1, "preset": "gif"}},
    ]
    io = [{"io_id": 1, "direction": "out", "io": "output_base_64"}]
    job = json.dumps({"io": io, "framewise": {"steps": steps}}).encode()

    done = run(
        *("tool", "--", "v1/build", "--json", "/dev/stdin"),
        environment=environment,
        stdin=job,
    )

    assert done.returncode == 0
    assert json.loads(done.stdout)["success"] is True


def test_no_command_is_a_usage_error_with_the_help() -> None:
    done = run()

    assert (done.returncode, done.stdout) == (2, b"")
    assert all(command.encode() in done.stderr for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_help(command: str) -> None:
    done = run(command, "--help")

    assert (done.returncode, done.stderr) == (0, b"")
    assert f"imageflow-loader {command}".encode() in done.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    done = run("proces")

    assert done.returncode == 2
    assert b"invalid choice: 'proces'" in done.stderr


def test_the_version_is_that_of_the_package() -> None:
    done = run("--version")

    assert done.stdout.decode() == f"imageflow-loader {imageflow_loader.__version__}\n"


@pytest.mark.parametrize(
    ("source", "destination", "code"),
    [("photo.jpg", "out.png", 0), ("-", "out.png", 66), ("photo.jpg", "-", 73)],
)
def test_closed_standard_streams_are_no_trouble(
    environment: dict[str, str],
    tmp_path: Path,
    source: str,
    destination: str,
    code: int,
) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    python = [sys.executable, "-m", "imageflow_loader"]
    command = [*python, "process", source, destination, "w=72"]

    # As some services are started: the first files that are opened get numbers 0 to 2.
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )

    assert done.returncode == code
    if code == 0:
        assert pictures.size((tmp_path / "out.png").read_bytes()) == (72, 48)
