"""Library and tool, musl and glibc: how far their pictures are the same.

The jobs are those of the conformance corpus that succeed, run from the wheels.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from imageflow_loader._platform import current_platform
from tests.conformance.comparing import psnr
from tests.conformance.driving import filled

from .guest import FILES

if TYPE_CHECKING:
    from .guest import Guest

CORPUS = Path(__file__).parents[1] / "conformance"
LEAST_DB = 60

# Runs each job on library and tool; prints kind → job → io_id → base64.
PROGRAM = """
import base64, json, sys
import imageflow_loader as imf
jobs = json.load(open(sys.argv[1]))
made = {}
for kind in ("library", "tool"):
    with imf.load_engine(kind) as engine:
        assert engine.info.edition == "embedded", engine.info
        made[kind] = {
            name: {
                io_id: base64.b64encode(data).decode()
                for io_id, data in engine.send_json(
                    "v1/execute",
                    message,
                    inputs={int(i): base64.b64decode(d) for i, d in inputs.items()},
                    outputs=outputs,
                ).outputs.items()
            }
            for name, (message, inputs, outputs) in jobs.items()
        }
json.dump(made, sys.stdout)
"""

Pictures = dict[str, dict[str, dict[str, str]]]


def jobs() -> dict[str, Any]:
    """Return name → message, inputs and outputs of all jobs that succeed."""
    found = {}
    for line in (CORPUS / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if "execute" not in case or {"raw", "before"} & case.keys():
            continue
        if case["expect"].get("status") != 200:
            continue
        named = case.get("inputs") or {}
        inputs = {
            int(io_id): (CORPUS / "inputs" / name).read_bytes()
            for io_id, name in named.items()
        }
        message = filled(case["execute"], inputs)
        texts = {i: base64.b64encode(data).decode() for i, data in inputs.items()}
        found[case["id"]] = (message, texts, case.get("outputs") or [])
    return found


@pytest.fixture(scope="module")
def on_alpine(installed: Guest, tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Run the jobs with both engines of the musl wheel."""
    files = tmp_path_factory.mktemp("jobs")
    files.joinpath("jobs.json").write_text(json.dumps(jobs()), encoding="utf-8")
    guest = replace(installed, files=files)
    made: Pictures = json.loads(guest.python(PROGRAM, f"{FILES}/jobs.json"))
    return made


@pytest.fixture(scope="module")
def on_debian(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Run the jobs with both engines of the glibc wheel, on this machine."""
    libc = current_platform().libc
    if libc is None or libc.family != "glibc":
        pytest.skip("this machine has no glibc")
    folder = tmp_path_factory.mktemp("glibc")
    (wheel,) = (index / "imageflow-loader").glob("*-manylinux_2_17_x86_64.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    for engine in (folder / "imageflow_loader" / "_native").iterdir():
        engine.chmod(0o755)
    folder.joinpath("jobs.json").write_text(json.dumps(jobs()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "jobs.json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "IMAGEFLOW_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made: Pictures = json.loads(done.stdout)
    return made


def differing(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """Return the names of the jobs whose pictures have other bytes."""
    assert left.keys() == right.keys()
    return [name for name in left if left[name] != right[name]]


def frames(data: str) -> list[np.ndarray]:
    """Return all frames of a file as Pillow sees them."""
    seen = []
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            seen.append(np.asarray(picture.convert("RGBA")))
    return seen


def worst_db(left: dict[str, str], right: dict[str, str]) -> float:
    """Return the PSNR of the two frames that are least alike; sizes must agree."""
    assert left.keys() == right.keys()
    found = [math.inf]
    for io_id in left:
        for one, other in zip(frames(left[io_id]), frames(right[io_id]), strict=True):
            assert one.shape == other.shape
            found.append(psnr(one, other))
    return min(found)


def test_the_sample_is_a_sample() -> None:
    assert len(jobs()) >= 50


def test_library_and_tool_of_the_musl_wheel_make_the_same_bytes(
    on_alpine: Pictures,
) -> None:
    assert differing(on_alpine["library"], on_alpine["tool"]) == []


def test_library_and_tool_of_the_glibc_wheel_make_pictures_alike(
    on_debian: Pictures,
) -> None:
    library, tool = on_debian["library"], on_debian["tool"]
    other = differing(library, tool)

    found = {name: worst_db(library[name], tool[name]) for name in other}

    assert {name: db for name, db in found.items() if db < LEAST_DB} == {}


def test_across_libcs_pictures_are_alike(
    on_alpine: Pictures, on_debian: Pictures
) -> None:
    musl, glibc = on_alpine["library"], on_debian["library"]
    other = differing(musl, glibc)

    found = {name: worst_db(musl[name], glibc[name]) for name in other}

    assert {name: db for name, db in found.items() if db < LEAST_DB} == {}


def test_the_static_tool_is_one_and_the_same_in_both_wheels(
    on_alpine: Pictures, on_debian: Pictures
) -> None:
    assert differing(on_alpine["tool"], on_debian["tool"]) == []
