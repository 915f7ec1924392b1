"""A program that ends: what may still run, and what is said of the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests import pictures

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("engine_for_users")

# Does one thing at one time of its life, and prints what comes of it.
PROGRAM = """
import atexit, sys
import imageflow_loader as imf

kind, photo, what, when, before = sys.argv[1:]
red = {"create_canvas": {"format": "bgra_32", "w": 1, "h": 1,
       "color": {"srgb": {"hex": "FF0000FF"}}}}
save = {"encode": {"io_id": 1, "preset": {"libpng": {}}}}
message = {"framewise": {"steps": [red, save]}}
do = {
    "process": lambda: imf.process(photo, "w=8&format=png").size,
    "load": lambda: imf.load_engine(kind).info.kind,
    "send": lambda: imf.get_engine().send_json("v1/execute", message, outputs=[1])[0],
    "info": lambda: imf.info(photo).size,
}[what]

def tell():
    try:
        print(do())
    except BaseException as error:
        print(type(error).__name__, error)

class Late:
    def __del__(self):
        tell()

if when == "atexit":
    atexit.register(tell)
if before == "hot":
    do()
if when == "del":
    late = Late()
    late.itself = late  # a ring, which is collected last of all
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str | Path]:
    """Return how to start the program, with its picture."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(pictures.jpeg())
    return [sys.executable, "-c", PROGRAM, photo]


def last_words(program: list[str | Path], kind: str, *arguments: str) -> str:
    *start, photo = program
    return subprocess.run(
        [*start, kind, photo, *arguments],
        env={**os.environ, "IMAGEFLOW_BACKEND": kind},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout


@pytest.mark.parametrize("kind", ["library", "tool"])
@pytest.mark.parametrize("before", ["cold", "hot"])
def test_a_function_of_atexit_may_run_jobs_whenever_it_was_registered(
    program: list[str | Path], kind: str, before: str
) -> None:
    assert last_words(program, kind, "process", "atexit", before) == "(8, 6)\n"


@pytest.mark.parametrize("kind", ["library", "tool"])
@pytest.mark.parametrize("before", ["cold", "hot"])
@pytest.mark.parametrize("what", ["process", "load", "send", "info"])
def test_after_that_an_error_says_that_it_is_too_late(
    program: list[str | Path], kind: str, what: str, before: str
) -> None:
    said = last_words(program, kind, what, "del", before)

    assert said.startswith("EngineError Python is ending: nothing can be read or run")


def test_threads_that_go_down_with_their_module_say_nothing() -> None:
    program = (
        "import imageflow_loader._backend.workers as room\n"
        "room.last = room.Workers(2**21)\n"
        "room.last.submit(lambda: None, lambda: None)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )

    assert done.stderr == b""
