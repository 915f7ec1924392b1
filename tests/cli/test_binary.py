"""`doctor --binary FILE`: what a binary needs, and whether it would run here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from build_ffi import ABI_3_1, ABI_3_2, BASELINE
from imageflow_loader._cli import main
from imageflow_loader._platform import Libc, Platform, current_platform
from imageflow_loader._supply import ABI, examine
from tests import wrong_engines
from tests.data.elf_heads import EXEC, GLIBC_LIBRARY, IMAGEFLOW, MUSL_LIBRARY, ElfFile

if TYPE_CHECKING:
    from tests.alpine_root import Alpine

KEYS = [
    "schema",
    "file",
    "kind",
    "runs",
    "code",
    "message",
    "remedy",
    "platform",
    "linkage",
]
GLIBC = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
MUSL = GLIBC._replace(libc=Libc("musl", (1, 2)))


def asked(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the JSON and the text for *path*."""
    status = main(["doctor", "--json", "--binary", str(path)])
    document = json.loads(capsys.readouterr().out)
    assert main(["doctor", "--binary", str(path)]) == status
    assert list(document) == KEYS
    return status, document, capsys.readouterr().out


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where to put a binary."""
    return tmp_path / "engine"


def put(place: Path, content: ElfFile | bytes) -> Path:
    place.write_bytes(bytes(content))
    place.chmod(0o755)
    return place


def needs_glibc() -> None:
    libc = current_platform().libc
    if libc is None or libc.family != "glibc":
        pytest.skip("not a machine with glibc")


def test_the_list_of_functions_is_that_of_the_declarations() -> None:
    declared = BASELINE + ABI_3_1 + ABI_3_2

    assert [name for name in ABI if f"{name}(" not in declared] == []
    assert declared.count(");") == len(ABI)


def test_our_own_library_would_run_and_exports_the_whole_abi(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document, text = asked(library, capsys)

    linkage = document["linkage"]
    assert (status, document["runs"], document["kind"]) == (0, True, "library")
    assert set(linkage["exports"]) == set(ABI)
    assert linkage["interpreter"] is None
    assert linkage["tls"] in {"none", "dynamic"}
    assert not linkage["executable_stack"]
    assert [name for name, found in linkage["needed"] if found is None] == []
    assert f"exports   {len(ABI)} of {len(ABI)} functions" in text
    assert text.endswith(f"verdict   would run here ({current_platform()})\n")


def test_our_own_tool_would_run(tool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, document, text = asked(tool, capsys)

    assert (status, document["runs"], document["kind"]) == (0, True, "tool")
    assert f"kind      tool, for {current_platform().arch}\n" in text


def test_what_is_said_of_this_interpreter_is_what_its_loader_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = wrong_engines.program("ldd")
    python = Path(sys.executable).resolve()
    said = subprocess.run(
        [program, python], capture_output=True, text=True, check=False
    ).stdout

    _, document, _ = asked(python, capsys)

    for name, _ in document["linkage"]["needed"]:
        assert name in said
    if (interpreter := document["linkage"]["interpreter"]) is not None:
        assert interpreter in said


def test_somebody_elses_library_is_described_but_would_not_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wrong_engines.build(tmp_path, "libother.so", wrong_engines.NO_SYMBOLS)

    status, document, _ = asked(path, capsys)

    assert (status, document["code"]) == (69, "not_imageflow")
    assert document["linkage"]["arch"] == current_platform().arch
    assert document["linkage"]["exports"] == []


def test_nothing_is_loaded_to_find_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = wrong_engines.constructor("abort();")
    path = wrong_engines.build(tmp_path, "libimageflow.so", code)

    status, _, _ = asked(path, capsys)

    assert status == 0


def test_a_library_that_a_musl_compiler_has_linked_is_for_musl(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ziglang")
    needs_glibc()
    source, path = tmp_path / "engine.c", tmp_path / "libimageflow.so"
    source.write_text(wrong_engines.constructor("static __thread int n; n++;"))
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl"]
    subprocess.run([*zig, "-shared", "-fPIC", "-o", path, source], check=True)

    status, document, _ = asked(path, capsys)
    _, linkage, verdict = examine(path, MUSL)

    assert (status, document["code"]) == (69, "wrong_libc")
    assert document["linkage"]["libc"] == "musl"
    assert verdict.ok
    assert linkage is not None
    assert linkage.needed == (("libc.so", "a part of musl"),)
    assert linkage.min_glibc is None


def test_what_alpine_runs_is_for_musl(
    alpine: Alpine, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document, _ = asked(alpine.root / "bin/busybox", capsys)

    assert document["linkage"]["libc"] == "musl"
    here = Path(document["linkage"]["interpreter"]).exists()
    assert (status == 0) == here


def test_what_is_needed_and_not_here_is_a_no(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_glibc()
    put(place, replace(GLIBC_LIBRARY, needed=("libc.so.6", "libgone.so.7")))

    status, document, text = asked(place, capsys)

    assert (status, document["code"]) == (69, "missing_dependency")
    assert ["libgone.so.7", None] in document["linkage"]["needed"]
    assert "          libgone.so.7: NOT FOUND\n" in text
    assert "verdict   would not run here" in text


@pytest.mark.parametrize("name", ["libgone.so.7", "gone"])
def test_another_doubt_does_not_hide_what_is_missing(place: Path, name: str) -> None:
    musl = replace(MUSL_LIBRARY, needed=("libc.so", name), executable_stack=True)

    _, linkage, verdict = examine(put(place, musl), MUSL)

    assert (verdict.ok, verdict.code) == (False, "missing_dependency")
    assert linkage is not None
    assert linkage.executable_stack


def test_a_folder_that_the_loader_was_told_of_is_looked_in(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, replace(MUSL_LIBRARY, needed=("libgone.so.7",)))
    folder = place.parent / "told"
    folder.mkdir()
    (folder / "libgone.so.7").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/nowhere:{folder}")

    _, linkage, verdict = examine(place, MUSL)

    assert verdict.ok
    assert linkage is not None
    assert linkage.needed == (("libgone.so.7", str(folder / "libgone.so.7")),)


@pytest.mark.parametrize(
    ("content", "platform", "code", "facts"),
    [
        pytest.param(
            replace(GLIBC_LIBRARY, versions={"libc.so.6": ("GLIBC_2.99",)}),
            GLIBC,
            "old_glibc",
            {"libc": "glibc", "min_glibc": (2, 99)},
            id="a newer glibc",
        ),
        pytest.param(
            replace(MUSL_LIBRARY, needed=(), arch="aarch64"),
            MUSL,
            "wrong_arch",
            {"arch": "aarch64", "libc": None},
            id="another architecture",
        ),
        pytest.param(
            replace(MUSL_LIBRARY, executable_stack=True),
            MUSL,
            "executable_stack",
            {"executable_stack": True, "exports": IMAGEFLOW},
            id="an executable stack",
        ),
        pytest.param(
            ElfFile(type=EXEC, dynamic=False, entry=0x1000),
            MUSL,
            "ok",
            {"interpreter": None, "libc": None, "needed": (), "exports": ()},
            id="a static tool",
        ),
        pytest.param(
            ElfFile(
                interpreter="/absent/ld-musl-x86_64.so.1",
                needed=("libc.so",),
                is_program=True,
            ),
            GLIBC,
            "missing_interpreter",
            {"interpreter": "/absent/ld-musl-x86_64.so.1", "libc": "musl"},
            id="a tool without its loader",
        ),
    ],
)
def test_each_need_is_told_beside_the_verdict(
    place: Path,
    content: ElfFile,
    platform: Platform,
    code: str,
    facts: dict[str, object],
) -> None:
    _, linkage, verdict = examine(put(place, content), platform)

    assert verdict.code == code
    assert linkage is not None
    found = linkage._asdict()
    assert {name: found[name] for name in facts} == facts


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"<html></html>", "html"),
        (bytes(GLIBC_LIBRARY)[:-9], "cut_off"),
        (bytes(GLIBC_LIBRARY)[:70], "cut_off"),
        (None, "not_found"),
    ],
    ids=["empty", "a page", "cut off", "cut in its header", "absent"],
)
def test_what_is_no_binary_is_a_no_in_one_sentence(
    place: Path,
    content: bytes | None,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        put(place, content)

    status, document, text = asked(place, capsys)

    assert (status, document["code"], document["runs"]) == (69, code, False)
    assert f"note      {place} " in text


def test_the_help_has_the_exit_codes_and_every_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])

    text = capsys.readouterr().out
    assert "69 none is, or it would" in text
    assert [key for key in KEYS if key not in text] == []
