"""How an engine is found, what it says of itself, and what is said without one."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader as imf
import imageflow_loader._engine.loading as loading
from imageflow_loader._engine import Engine, get_engine, load_engine, use_engine
from imageflow_loader._platform import current_platform
from imageflow_loader.errors import (
    EngineError,
    EngineLoadError,
    EngineNotFoundError,
    InvalidJobError,
    SettingsError,
    SourceNotFoundError,
)
from tests.data.elf_heads import MUSL_LIBRARY, ElfFile
from tests.shortage import few_descriptors
from tests.wrong_engines import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imageflow_loader.types import EngineKind

ONE_PIXEL = {
    "framewise": {
        "steps": [
            {
                "create_canvas": {
                    "format": "bgra_32",
                    "w": 1,
                    "h": 1,
                    "color": {"srgb": {"hex": "FF0000FF"}},
                }
            },
            {"encode": {"io_id": 1, "preset": {"libpng": {}}}},
        ]
    }
}


@pytest.fixture(autouse=True)
def no_default_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_default", None)


@pytest.fixture
def no_engine_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hide the bundled engine and the network; return the folder that is looked at."""
    bundle = tmp_path / "_native"
    module = importlib.import_module("imageflow_loader._supply.candidates")
    monkeypatch.setattr(module, "bundled_folder", lambda: bundle)
    monkeypatch.setenv("IMAGEFLOW_OFFLINE", "1")
    return bundle


@pytest.fixture(params=["library", "tool"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    path: Path = request.getfixturevalue(request.param)
    with load_engine(path=path) as opened:
        yield opened


def test_a_file_of_either_kind_is_known_for_what_it_is(
    library: Path, tool: Path
) -> None:
    kinds = []
    for path in (library, tool):
        with load_engine(path=path) as engine:
            kinds.append(engine.info.kind)

    assert kinds == ["library", "tool"]


def test_an_engine_says_where_it_came_from_and_why_it_was_chosen(
    monkeypatch: pytest.MonkeyPatch, library: Path
) -> None:
    monkeypatch.setenv("IMAGEFLOW_LIBRARY", str(library))

    with load_engine() as engine:
        info = engine.info

    assert (info.kind, info.origin, info.path) == ("library", "environment", library)
    assert info.edition in ("official", "embedded")
    assert info.platform == current_platform().name
    assert info.libc == str(current_platform().libc)
    assert info.abi is not None
    assert info.reason == (
        f"{current_platform()}; using the library named by the environment: "
        f"{info.version.long_version_string.strip()}"
    )
    assert [(a.origin, a.ok, a.path) for a in info.attempts] == [
        ("environment", True, str(library))
    ]


def test_a_tool_has_no_abi(tool: Path) -> None:
    with load_engine(path=tool) as engine:
        assert engine.info.abi is None


def test_both_kinds_answer_a_message_in_one_shape(engine: Engine) -> None:
    answer = engine.send_json("v1/execute", ONE_PIXEL, outputs=[1])

    assert answer.status == 200
    assert answer.json["success"] is True
    encoded = answer.json["data"]["job_result"]["encodes"][0]
    assert (encoded["w"], encoded["h"]) == (1, 1)
    assert answer.outputs[1].startswith(b"\x89PNG")


def test_both_kinds_raise_what_the_engine_answers(engine: Engine) -> None:
    with pytest.raises(InvalidJobError) as caught:
        engine.send_json("v1/execute", {"framewise": {"steps": [{"no_such": {}}]}})

    assert (caught.value.category, caught.value.http_status) == ("invalid_json", 400)


def test_an_input_that_is_not_there_is_a_source_error(engine: Engine) -> None:
    with pytest.raises(SourceNotFoundError):
        engine.send_json("v1/get_image_info", {"io_id": 0}, inputs={0: "/absent.jpg"})


def test_a_closed_engine_refuses_jobs(engine: Engine) -> None:
    engine.close()
    engine.close()

    assert engine.closed
    with pytest.raises(EngineError, match="closed"):
        engine.send_json("v1/execute", ONE_PIXEL, outputs=[1])


def test_an_engine_knows_what_it_supports(engine: Engine) -> None:
    for capability in engine.info.capabilities:
        assert engine.supports(capability)
    assert not engine.supports("memory_budget")


def test_the_wheel_is_used_when_nothing_is_said(
    no_engine_anywhere: Path, tool: Path
) -> None:
    no_engine_anywhere.mkdir()
    bundled = no_engine_anywhere / "imageflow_tool"
    bundled.symlink_to(tool)

    with load_engine() as engine:
        info = engine.info

    assert (info.kind, info.origin, info.path) == ("tool", "wheel", bundled)
    assert [(a.origin, a.ok) for a in info.attempts] == [
        ("cache", False),
        ("wheel", False),
        ("wheel", True),
    ]
    assert "; wheel: no library; using the tool in the wheel: " in info.reason


def test_a_bundled_library_that_does_not_fit_gives_way_to_the_bundled_tool(
    no_engine_anywhere: Path, tool: Path
) -> None:
    no_engine_anywhere.mkdir()
    library = no_engine_anywhere / "libimageflow.so"
    library.write_bytes(bytes(ElfFile(arch="s390x", symbols=MUSL_LIBRARY.symbols)))
    (no_engine_anywhere / "imageflow_tool").symlink_to(tool)

    with load_engine() as engine:
        info = engine.info

    assert info.kind == "tool"
    assert f"{library} is built for s390x, but this process is" in info.reason


def test_without_any_engine_every_origin_is_listed_with_its_reason(
    no_engine_anywhere: Path,
) -> None:
    with pytest.raises(EngineNotFoundError) as caught:
        load_engine()

    lines = str(caught.value).splitlines()
    assert lines[0] == f"No imageflow engine could be used on {current_platform()}."
    assert lines[1].startswith("  cache     nothing for this platform in ")
    assert lines[2] == "  wheel     nothing bundled: this is the pure wheel"
    assert lines[3] == "  download  offline (IMAGEFLOW_OFFLINE)"
    assert lines[4] == (
        "Set IMAGEFLOW_TOOL to an imageflow_tool, run `imageflow-loader fetch` once "
        "with a network, or install from source with Rust 1.93 or newer."
    )
    assert [a.origin for a in caught.value.attempts] == ["cache", "wheel", "download"]
    assert not no_engine_anywhere.exists()


@pytest.mark.usefixtures("no_engine_anywhere")
def test_what_was_asked_for_is_named_when_it_is_not_there() -> None:
    with pytest.raises(EngineNotFoundError, match=r"^No official imageflow tool could"):
        load_engine("tool", edition="official")


def test_the_other_edition_than_the_one_asked_for_is_refused(tool: Path) -> None:
    with load_engine(path=tool) as engine:
        edition = engine.info.edition
    other = "official" if edition == "embedded" else "embedded"

    with pytest.raises(EngineLoadError) as caught:
        load_engine(path=tool, edition=other)

    assert caught.value.reason == "wrong_edition"
    assert caught.value.message.startswith(
        f"path: {tool} is the {edition} edition, but the {other} one was asked for."
    )


@pytest.mark.parametrize("free", [0, 2, 5])
def test_what_this_process_lacks_is_no_reason_to_fetch_another_engine(
    free: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("IMAGEFLOW_LIBRARY", "IMAGEFLOW_TOOL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMAGEFLOW_MIRROR", tmp_path.as_uri())

    with few_descriptors(free), pytest.raises(EngineError) as caught:
        load_engine("tool", cache_dir=tmp_path)

    assert not isinstance(caught.value, EngineNotFoundError)
    assert "download" not in {each.origin for each in caught.value.attempts}


def test_without_cffi_the_tool_is_taken() -> None:
    program = (
        "import sys; sys.modules['_cffi_backend'] = None\n"
        "import imageflow_loader as imf\n"
        "info = imf.load_engine().info; print(info.kind, info.reason)"
    )
    plain = {k: v for k, v in os.environ.items() if not k.startswith("IMAGEFLOW_")}

    done = subprocess.run(
        [sys.executable, "-c", program], env=plain, capture_output=True, check=True
    )

    assert done.stdout.startswith(b"tool ")
    assert b"cffi cannot be imported" in done.stdout


@pytest.mark.parametrize(
    ("kind", "variable"), [("library", "IMAGEFLOW_TOOL"), ("tool", "IMAGEFLOW_LIBRARY")]
)
@pytest.mark.usefixtures("no_engine_anywhere")
def test_a_variable_for_the_other_kind_is_among_the_attempts(
    monkeypatch: pytest.MonkeyPatch, kind: EngineKind, variable: str
) -> None:
    monkeypatch.setenv(variable, "/some/file")

    with pytest.raises(EngineNotFoundError) as caught:
        load_engine(kind)

    assert caught.value.attempts[0].origin == "environment"
    assert f"{variable} is ignored: a {kind} was asked for" in caught.value.message


def test_a_setting_that_is_not_understood_stops_everything(
    monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.setenv("IMAGEFLOW_OFFLINE", "perhaps")

    with pytest.raises(SettingsError):
        load_engine(path=tool)


def test_an_override_of_the_libc_does_not_load_what_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running = current_platform().libc
    assert running is not None
    other = "musl" if running.family == "glibc" else "glibc"
    foreign = tmp_path / "libimageflow.so"
    foreign.write_bytes(
        bytes(
            ElfFile(
                arch=current_platform().arch,
                needed=("libc.so" if other == "musl" else "libc.so.6",),
                symbols=MUSL_LIBRARY.symbols,
            )
        )
    )
    monkeypatch.setenv("IMAGEFLOW_LIBC", other)

    with pytest.raises(EngineLoadError) as caught:
        load_engine(path=foreign)

    assert caught.value.reason == "wrong_libc"
    assert f"is built for {other}, but this process runs on" in caught.value.message


def test_what_is_chosen_and_passed_over_is_logged_at_debug_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
    tool: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG, "imageflow_loader"):
        load_engine(path=tool).close()
        monkeypatch.setenv("IMAGEFLOW_TOOL", "/absent")
        with pytest.raises(EngineLoadError):
            load_engine()

    assert [record.getMessage() for record in caplog.records] == [
        f"using the tool {tool}",
        "passed over /absent: /absent does not exist.",
    ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "libary"},
        {"edition": "Official"},
        {"download": "no"},
        {"max_concurrency": 0},
        {"max_concurrency": "2"},
        {"tool_limits": 2**30},
    ],
    ids=str,
)
def test_options_that_are_none_are_refused(options: dict[str, Any]) -> None:
    (name,) = options

    with pytest.raises((TypeError, ValueError), match=f"^{name} is "):
        load_engine(**options)


@pytest.mark.parametrize("options", [{"kind": "libary"}, {"sha256": 5}], ids=str)
def test_so_are_those_of_a_fetch(options: dict[str, Any]) -> None:
    (name,) = options

    with pytest.raises((TypeError, ValueError), match=f"^{name} is "):
        imf.fetch(**options)


def test_the_default_engine_is_found_once(
    monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))
    found: list[Engine] = []

    threads = [
        threading.Thread(target=lambda: found.append(get_engine())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_a_default_engine_that_was_closed_is_found_anew(
    monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))
    first = get_engine()
    first.close()

    assert get_engine() is not first


def test_a_failure_to_find_one_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", "/absent")
    with pytest.raises(EngineLoadError):
        get_engine()

    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))

    assert get_engine().info.path == tool


def test_an_engine_is_chosen_for_a_block_and_for_its_tasks(tool: Path) -> None:
    async def of_a_task() -> Engine:
        return get_engine()

    outer, inner = load_engine(path=tool), load_engine(path=tool)
    with use_engine(outer) as entered:
        assert entered is get_engine() is outer
        with use_engine(inner):
            assert asyncio.run(of_a_task()) is inner
        assert get_engine() is outer


def test_another_thread_keeps_to_the_default_engine(
    monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.setenv("IMAGEFLOW_TOOL", str(tool))
    seen: list[Engine] = []

    with load_engine(path=tool) as mine, use_engine(mine):
        thread = threading.Thread(target=lambda: seen.append(get_engine()))
        thread.start()
        thread.join()

    assert seen[0] is not mine


def test_a_library_of_the_users_own_may_lie_in_any_folder(
    library: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "a folder with ünïcode & spaces"
    odd.mkdir()
    (odd / "engine.bin").symlink_to(library)

    with load_engine(path=odd / "engine.bin") as engine:
        assert engine.info.kind == "library"


def test_a_named_file_that_others_may_write_is_used_with_a_warning(
    tool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / tool.name
    copy.write_bytes(tool.read_bytes())
    copy.chmod(0o777)

    with load_engine("tool", path=copy):
        pass

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"path: {copy} can be changed by every user" in record.getMessage()


def test_a_relative_path_is_looked_up_from_here(
    monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.chdir(tool.parent)

    with load_engine(path=tool.name) as engine:
        monkeypatch.chdir("/")
        assert engine.send_json("v1/execute", ONE_PIXEL, outputs=[1]).status == 200


def test_an_engine_that_says_nothing_we_know_is_of_unknown_edition(
    tmp_path: Path,
) -> None:
    odd = build(
        tmp_path,
        "imageflow_tool",
        '#include <stdio.h>\nint main(void) { puts("imageflow_tool 9 mine"); }',
    )

    with load_engine(path=odd) as engine:
        assert engine.info.edition == "unknown"


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 1e10])
def test_a_time_that_no_clock_can_wait_for_is_as_good_as_no_end(
    engine: Engine, seconds: float
) -> None:
    answer = engine.send_json("v1/execute", ONE_PIXEL, outputs=[1], timeout=seconds)

    assert answer.status == 200


@pytest.mark.parametrize("method", ["v1/execute\0", "v1/\udcff", "v1/exécute"])
def test_a_method_that_c_would_cut_or_not_take_is_no_endpoint(
    engine: Engine, method: str
) -> None:
    with pytest.raises(InvalidJobError) as caught:
        engine.send_json(method, ONE_PIXEL, outputs=[1])

    assert caught.value.kind == "InvalidMessageEndpoint"


@pytest.mark.parametrize(
    ("io_id", "error"),
    [
        (2**31, ValueError),
        (-(2**31) - 1, ValueError),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_an_io_id_is_an_integer_of_32_bits(
    engine: Engine, io_id: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match="io_id"):
        engine.send_json("v1/execute", ONE_PIXEL, outputs=[io_id])
    with pytest.raises(error, match="io_id"):
        engine.send_json("v1/execute", ONE_PIXEL, inputs={io_id: b"GIF89a"})


def test_a_message_that_is_no_json_is_said_to_be_none(engine: Engine) -> None:
    with pytest.raises(TypeError, match="a mapping, not list"):
        engine.send_json("v1/execute", [ONE_PIXEL])  # type: ignore[arg-type]  # wrong
    with pytest.raises(TypeError, match=r"set.* has no place in JSON"):
        engine.send_json("v1/execute", {**ONE_PIXEL, "security": {1}}, outputs=[1])


def test_a_message_of_a_hundred_thousand_floors_is_refused(engine: Engine) -> None:
    tower: dict[str, object] = {}
    for _ in range(100_000):
        tower = {"framewise": tower}

    with pytest.raises(InvalidJobError, match="nested too deeply") as caught:
        engine.send_json("v1/execute", tower)

    assert caught.value.category == "invalid_json"
