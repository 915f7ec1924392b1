"""The recorded answers of the official engine, asked of the engine under test.

Three roads: *recorded* drives the C ABI or the command line as the case was recorded;
*library* and *tool* go through the package. What the embedded edition, or the package
on its behalf, answers otherwise stands in known_misses.txt, and nothing else may.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest

from imageflow_loader._engine import load_engine

from ..conftest import engine_under_test
from .comparing import differences
from .driving import (
    message_of,
    through_the_abi,
    through_the_command_line,
    through_the_package,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imageflow_loader._engine import Engine
    from imageflow_loader.types import EngineKind

    from .comparing import Outcome
    from .driving import Case, Inputs

Road = Literal["recorded", "library", "tool"]

HERE = Path(__file__).parent
MISSES = HERE / "known_misses.txt"
ROADS: tuple[Road, ...] = ("recorded", "library", "tool")

# What `Engine.send_json` takes on both backends.
ENDPOINTS = {
    "v1/execute",
    "v1/get_image_info",
    "v1/get_version_info",
    "v1/schema/riapi/latest/validate",
}


class Trial(NamedTuple):
    """One case on one road."""

    corpus: Path
    case: Case
    road: Road

    @property
    def case_name(self) -> str:
        """The case's name, with that of its corpus if it is not ours."""
        prefix = "" if self.corpus == HERE else f"{self.corpus.name}/"
        return f"{prefix}{self.case['id']}"

    @property
    def known_miss(self) -> tuple[str, str] | None:
        """The entry of known_misses.txt that is about this trial, and its reason."""
        entries = (f"all {self.case_name}", f"{self.road} {self.case_name}")
        listed = known_misses()
        return next(((name, listed[name]) for name in entries if name in listed), None)


def trials(corpus: Path) -> Iterator[Trial]:
    """Yield each case of *corpus* on each road that can take it."""
    for line in (corpus / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        for road in ROADS:
            if road == "recorded" or _fits_the_package(case):
                yield Trial(corpus, case, road)


def _fits_the_package(case: Case) -> bool:
    """Tell whether *case* is one message, in good JSON, to one of our endpoints."""
    if "tool" in case or "raw" in case or "before" in case:
        return False
    return message_of(case)[0] in ENDPOINTS


@functools.cache
def known_misses() -> dict[str, str]:
    """Return "road case" → reason, as known_misses.txt has them."""
    lines = MISSES.read_text(encoding="utf-8").splitlines()
    entries = (line.split("#", 1) for line in lines if not line.startswith("#"))
    return {entry[0].strip(): entry[1].strip() for entry in entries if entry[0].strip()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each trial."""
    if "trial" in metafunc.fixturenames:
        corpora = [HERE, *(path.resolve() for path in metafunc.config.option.corpus)]
        every = [trial for corpus in corpora for trial in trials(corpus)]
        names = [f"{trial.road}-{trial.case_name}" for trial in every]
        metafunc.parametrize("trial", every, ids=names)


def inputs_of(trial: Trial) -> Inputs:
    """Return the bytes of a case's inputs."""
    folders = (trial.corpus / "inputs", trial.corpus.parent / "images")
    found = {}
    for io_id, name in (trial.case.get("inputs") or {}).items():
        files = (folder / name for folder in folders)
        found[int(io_id)] = next(filter(Path.is_file, files)).read_bytes()
    return found


@functools.cache
def engine_of(path: Path) -> Engine:
    """Return the engine at *path*, opened once for all trials."""
    return load_engine(path=path)


def run(trial: Trial) -> Outcome:
    """Ask the engine under test."""
    inputs = inputs_of(trial)
    if trial.road == "recorded" and "tool" in trial.case:
        return through_the_command_line(trial.case, inputs, engine_under_test("tool"))
    if trial.road == "recorded":
        return through_the_abi(trial.case, inputs, engine_under_test("library"))
    engine = engine_of(engine_under_test(trial.road))
    return through_the_package(trial.case, inputs, engine)


def is_embedded(trial: Trial) -> bool:
    """Tell whether the engine that runs *trial* is ours, with words of its own."""
    by_tool = trial.road == "tool" or "tool" in trial.case
    kind: EngineKind = "tool" if by_tool else "library"
    return engine_of(engine_under_test(kind)).info.edition == "embedded"


def answered_by_the_package(trial: Trial) -> bool:
    """Tell whether *trial* asks a tool for what it does not have, whoever made it."""
    return trial.road == "tool" and message_of(trial.case)[0] != "v1/execute"


def test_an_answer_is_the_recorded_one(trial: Trial) -> None:
    ours = is_embedded(trial)

    outcome = run(trial)

    found = list(differences(trial.case, outcome, trial.corpus, own_words=ours))
    if trial.road != "recorded":  # the package hides some, and has words of its own
        found = [difference for difference in found if not difference.untold]
    problems = "\n".join(difference.what for difference in found)
    listed = ours or answered_by_the_package(trial)
    miss = trial.known_miss if listed else None
    if miss is None:
        assert not problems
    else:
        assert problems, f"mended: take {miss[0]!r} off {MISSES.name}"
        pytest.xfail(f"{miss[1]}\n{problems}")


def test_a_known_miss_is_a_case_of_our_own_or_of_a_named_corpus() -> None:
    ours = {f"{trial.road} {trial.case_name}" for trial in trials(HERE)}
    ours |= {f"all {trial.case_name}" for trial in trials(HERE)}

    unknown = {name for name in known_misses() if "/" not in name} - ours

    assert not unknown


def test_a_known_miss_has_a_reason() -> None:
    assert all(known_misses().values())
