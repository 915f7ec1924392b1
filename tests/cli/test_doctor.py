"""`doctor` says which engine would run here, or why none would."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader import _engine
from imageflow_loader._cli import doctor
from tests import wrong_engines

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [
    "schema",
    "usable",
    "package",
    "python",
    "platform",
    "settings",
    "cache",
    "engine",
    "attempts",
    "notes",
    "error",
]


def the_text(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = doctor.doctor.run(as_json=False, binary=None)
    return status, capsys.readouterr().out


def the_json(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = doctor.doctor.run(as_json=True, binary=None)
    return status, json.loads(capsys.readouterr().out)


def test_a_working_library_is_described_and_has_made_a_picture(
    monkeypatch: pytest.MonkeyPatch, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_LIBRARY", str(library))

    status, report = the_json(capsys)

    assert (status, report["usable"], report["error"]) == (0, True, None)
    assert report["engine"]["kind"] == "library"
    assert report["engine"]["origin"] == "environment"
    assert report["engine"]["path"] == str(library)
    assert report["engine"]["abi"][0] == 3
    assert report["settings"]["IMAGEFLOW_LIBRARY"] == str(library)
    assert [attempt["ok"] for attempt in report["attempts"]] == [True]


def test_a_working_tool_is_described_and_has_made_a_picture(
    monkeypatch: pytest.MonkeyPatch, tool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))

    status, report = the_json(capsys)

    assert (status, report["usable"], report["error"]) == (0, True, None)
    assert report["engine"]["kind"] == "tool"
    assert report["engine"]["abi"] is None


def test_the_text_says_what_the_json_says(
    monkeypatch: pytest.MonkeyPatch, tool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))

    status, text = the_text(capsys)

    assert status == 0
    assert f"tried     environment tool {tool}: used\n" in text
    assert "verdict   this engine works: it has just made a picture\n" in text


@pytest.mark.parametrize("variable", ["IMAGEFLOW_LIBRARY", "IMAGEFLOW_TOOL"])
def test_schema_1_has_these_keys_whatever_is_wrong(
    monkeypatch: pytest.MonkeyPatch, variable: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "/absent/engine")

    status, report = the_json(capsys)

    assert list(report) == KEYS
    assert report["schema"] == 1
    assert status == 69
    assert report["error"] == {
        "type": "EngineLoadError",
        "code": "not_found",
        "message": f"{variable}: /absent/engine does not exist.",
        "exit_code": 69,
    }


def test_a_variable_that_is_not_understood_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_BACKEND", "native")

    status, report = the_json(capsys)

    assert status == 2
    assert list(report) == KEYS
    assert report["settings"] is None
    assert report["error"]["type"] == "SettingsError"


def test_the_text_ends_with_what_is_wrong_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_LIBRARY", "/dev")

    status, text = the_text(capsys)

    assert status == 69
    assert text.splitlines()[-1] == (
        "verdict   IMAGEFLOW_LIBRARY: /dev is a directory. Name the file itself."
    )


@pytest.mark.parametrize(
    "mirror",
    [
        "https://me:secret@mirror.example/a",
        "https://me:sec@secret@mirror.example/a",
        "https://me:sec/ret@mirror.example/a",
        "https://mirror.example/a?sig=secret",
    ],
)
def test_a_login_for_a_mirror_is_not_shown(
    mirror: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_MIRROR", mirror)
    monkeypatch.setenv("IMAGEFLOW_TOOL", "/absent")

    _, report = the_json(capsys)

    assert report["settings"]["IMAGEFLOW_MIRROR"] == "https://mirror.example/a"


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        (
            "raise(SIGSEGV);",
            "crashes_on_load",
            "kills a process that loads it (SIGSEGV).",
        ),
        ("abort();", "crashes_on_load", "kills a process that loads it (SIGABRT)."),
        (
            "_exit(3);",
            "exits_on_load",
            "ends a process that loads it (exit status 3).",
        ),
        ("for (;;) pause();", "hangs_on_load", "is not loaded within 1 seconds"),
    ],
    ids=["segmentation fault", "abort", "exit", "endless"],
)
def test_a_library_that_would_kill_us_is_loaded_by_a_child_only(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    body: str,
    code: str,
    sentence: str,
) -> None:
    path = wrong_engines.build(
        tmp_path, "libimageflow.so", wrong_engines.constructor(body)
    )
    monkeypatch.setenv("IMAGEFLOW_LIBRARY", str(path))
    module = sys.modules["imageflow_loader._supply.preflight"]
    monkeypatch.setattr(module, "SECONDS_TO_LOAD", 1.0)

    status, report = the_json(capsys)

    assert status == 69
    assert report["error"]["code"] == code
    assert sentence in report["error"]["message"]
    assert report["attempts"][0]["path"] == str(path)


def test_an_engine_that_cannot_do_a_job_is_not_called_usable(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "imageflow_tool"
    script.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && { echo "imageflow_tool release 2.3.1"; exit 0; }\n'
        "exit 70\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(script))

    status, report = the_json(capsys)

    assert status == 69
    assert report["engine"]["path"] == str(script)
    assert not report["usable"]
    assert report["error"]["type"] == "EngineInternalError"


def test_the_report_asks_for_the_engine_that_everyone_gets(
    monkeypatch: pytest.MonkeyPatch, tool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))

    _, report = the_json(capsys)

    with _engine.load_engine() as engine:
        assert report["engine"]["reason"] == engine.info.reason
