"""In what order engines are tried: what is named first, what is nearest next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imageflow_loader._platform import Libc, Platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import Candidate, candidates
from imageflow_loader._supply.candidates import file_name
from imageflow_loader._supply.preflight import kind_of
from tests.data.elf_heads import EXEC, GLIBC_LIBRARY, ElfFile

if TYPE_CHECKING:
    from pathlib import Path

    from imageflow_loader.types import Attempt, Edition, EngineKind

LINUX = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings under which nothing was fetched and nothing will be."""
    return Settings(cache_dir=tmp_path / "cache", download="never")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a folder with both engines, as a wheel has it."""
    folder = tmp_path / "_native"
    folder.mkdir()
    (folder / "libimageflow.so").write_bytes(bytes(GLIBC_LIBRARY))
    (folder / "imageflow_tool").write_bytes(bytes(ElfFile(type=EXEC, dynamic=False)))
    return folder


def found(items: list[Candidate | Attempt]) -> list[tuple[str, str, Path]]:
    return [
        (item.origin, item.kind, item.obtain())
        for item in items
        if isinstance(item, Candidate)
    ]


def passed_over(items: list[Candidate | Attempt]) -> dict[str, str | None]:
    return {
        item.origin: item.error for item in items if not isinstance(item, Candidate)
    }


def test_the_wheel_offers_its_library_before_its_tool(
    settings: Settings, bundle: Path
) -> None:
    items = list(candidates(LINUX, settings, bundle=bundle))

    assert found(items) == [
        ("wheel", "library", bundle / "libimageflow.so"),
        ("wheel", "tool", bundle / "imageflow_tool"),
    ]


def test_what_the_wheel_offers_is_not_final(settings: Settings, bundle: Path) -> None:
    items = candidates(LINUX, settings, bundle=bundle)

    assert not any(item.named_by for item in items if isinstance(item, Candidate))


@pytest.mark.parametrize("kind", ["library", "tool"])
def test_a_kind_that_is_asked_for_leaves_out_the_other(
    settings: Settings, bundle: Path, kind: EngineKind
) -> None:
    items = list(candidates(LINUX, settings._replace(backend=kind), bundle=bundle))

    assert {name for _, name, _ in found(items)} == {kind}


def test_an_edition_that_is_asked_for_leaves_out_the_other(
    settings: Settings, bundle: Path
) -> None:
    official = list(
        candidates(LINUX, settings._replace(edition="official"), bundle=bundle)
    )

    assert found(official) == []
    assert passed_over(official)["wheel"] == (
        "holds the embedded edition, not the official one"
    )


@pytest.mark.parametrize("edition", ["official", "embedded"])
def test_every_origin_that_was_passed_over_says_why(
    settings: Settings, tmp_path: Path, edition: Edition
) -> None:
    items = list(
        candidates(LINUX, settings._replace(edition=edition), bundle=tmp_path / "no")
    )

    assert list(passed_over(items)) == ["cache", "wheel", "download"]
    assert all(passed_over(items).values())


def test_a_pure_wheel_says_that_it_is_one(settings: Settings, tmp_path: Path) -> None:
    items = list(candidates(LINUX, settings, bundle=tmp_path / "absent"))

    assert passed_over(items)["wheel"] == "nothing bundled: this is the pure wheel"


def test_half_a_wheel_says_what_it_lacks(settings: Settings, bundle: Path) -> None:
    (bundle / "libimageflow.so").unlink()

    items = list(candidates(LINUX, settings, bundle=bundle))

    assert found(items) == [("wheel", "tool", bundle / "imageflow_tool")]
    assert passed_over(items)["wheel"] == "no library"


def test_a_path_is_the_one_candidate_and_is_final(
    settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    named = settings._replace(library=tmp_path / "other.so")

    items = list(
        candidates(LINUX, named, path=bundle / "imageflow_tool", bundle=bundle)
    )

    assert found(items) == [("argument", "tool", bundle / "imageflow_tool")]
    assert [item.named_by for item in items if isinstance(item, Candidate)] == ["path"]


def test_a_variable_is_the_one_candidate_and_is_final(
    settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    named = settings._replace(library=tmp_path / "other.so")

    items = list(candidates(LINUX, named, bundle=bundle))

    assert found(items) == [("environment", "library", tmp_path / "other.so")]
    named_by = [item.named_by for item in items if isinstance(item, Candidate)]
    assert named_by == ["IMAGEFLOW_LIBRARY"]


def test_of_both_variables_the_library_counts(
    settings: Settings, tmp_path: Path
) -> None:
    named = settings._replace(library=tmp_path / "a.so", tool=tmp_path / "b")

    assert found(list(candidates(LINUX, named))) == [
        ("environment", "library", tmp_path / "a.so")
    ]


def test_of_both_variables_the_tool_counts_where_a_tool_is_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    named = settings._replace(
        library=tmp_path / "a.so", tool=tmp_path / "b", backend="tool"
    )

    items = list(candidates(LINUX, named))

    assert found(items) == [("environment", "tool", tmp_path / "b")]


def test_a_variable_for_the_other_kind_is_ignored_and_listed(
    settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    named = settings._replace(library=tmp_path / "a.so", backend="tool")

    items = list(candidates(LINUX, named, bundle=bundle))

    assert found(items) == [("wheel", "tool", bundle / "imageflow_tool")]
    assert passed_over(items)["environment"] == (
        "IMAGEFLOW_LIBRARY is ignored: a tool was asked for"
    )


def test_a_relative_path_stays_what_it_was_when_the_folder_changes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = settings._replace(tool=type(tmp_path)("imageflow_tool"))

    items = list(candidates(LINUX, named))
    monkeypatch.chdir("/")

    assert found(items) == [("environment", "tool", tmp_path / "imageflow_tool")]


def test_nothing_further_away_is_looked_at_before_it_is_asked_for(
    bundle: Path, tmp_path: Path
) -> None:
    forbidden = Settings(cache_dir=tmp_path / "cache")

    first = next(
        item
        for item in candidates(LINUX, forbidden, bundle=bundle)
        if isinstance(item, Candidate)
    )

    assert first.origin == "wheel"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("engine", bytes(GLIBC_LIBRARY), "library"),
        ("engine", bytes(ElfFile(type=EXEC, dynamic=False)), "tool"),
        ("engine", bytes(ElfFile(is_program=True)), "tool"),
        ("libimageflow.so", b"<html>", "library"),
        ("libimageflow.so.3", b"", "library"),
        ("imageflow.dll", b"", "library"),
        ("libimageflow.dylib", b"", "library"),
        ("imageflow_tool", b"<html>", "tool"),
        ("run.sh", b"#!/bin/sh\n", "tool"),
        ("libz.so.1", bytes(ElfFile(soname="libz.so.1")), "library"),
        ("libcut.so", bytes(GLIBC_LIBRARY)[:100], "library"),
    ],
)
def test_a_file_is_taken_for_what_it_exports_and_else_for_what_it_is_called(
    tmp_path: Path, name: str, content: bytes, kind: EngineKind
) -> None:
    (tmp_path / name).write_bytes(content)

    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize(
    ("system", "library", "tool"),
    [
        ("linux", "libimageflow.so", "imageflow_tool"),
        ("macos", "libimageflow.dylib", "imageflow_tool"),
        ("windows", "imageflow.dll", "imageflow_tool.exe"),
    ],
)
def test_each_system_has_its_own_names_for_the_files(
    system: str, library: str, tool: str
) -> None:
    assert (file_name("library", system), file_name("tool", system)) == (library, tool)
