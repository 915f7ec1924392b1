"""What remains where the library is missing: the tool, or a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .guest import FILES, INDEX

if TYPE_CHECKING:
    from .guest import Guest

JOB = f"""
import hashlib, json
import imageflow_loader as imf
made = imf.process("{FILES}/photo.jpg", "w=400&mode=max&format=webp")
info = imf.get_engine().info
print(json.dumps([info.kind, info.edition, hashlib.sha256(made.data).hexdigest()]))
"""

NO_ENGINE = f"""
import imageflow_loader as imf
try:
    imf.process("{FILES}/photo.jpg", "w=400")
except imf.EngineNotFoundError as error:
    print(error.exit_code, error)
"""


def test_the_static_tool_takes_over_through_the_same_api(changeable: Guest) -> None:
    in_process = json.loads(changeable.python(JOB))

    changeable.native.joinpath("libimageflow.so").unlink()
    in_a_child = json.loads(changeable.python(JOB))

    assert in_process[:2] == ["library", "embedded"]
    assert in_a_child[:2] == ["tool", "embedded"]
    assert in_process[2] == in_a_child[2]


def test_the_wheel_without_an_engine_says_what_to_do(changeable: Guest) -> None:
    pure = next((changeable.index / "imageflow-loader").glob("*-any.whl")).name
    changeable.pip_install(
        *("--force-reinstall", "--no-deps", f"{INDEX}/imageflow-loader/{pure}")
    )
    assert not changeable.native.exists()

    said = changeable.python(NO_ENGINE)

    assert said.startswith("69 No imageflow engine could be used on linux-x86_64, musl")
    assert "Set IMAGEFLOW_TOOL to an imageflow_tool" in said
    assert "Rust 1.93" in said


def test_the_command_ends_with_69_and_no_traceback(changeable: Guest) -> None:
    for engine in changeable.native.iterdir():
        engine.unlink()

    ended = changeable.run(
        *("imageflow-loader", "process", f"{FILES}/photo.jpg", "/tmp/a.webp", "w=9")  # noqa: S108 - inside
    )

    assert ended.returncode == 69
    assert "No imageflow engine could be used" in ended.stderr
    assert "Traceback" not in ended.stderr
