"""The table of the official release, and which row serves whom."""

from __future__ import annotations

import re

import pytest

from imageflow_loader._platform import Libc, Platform
from imageflow_loader._supply import releases
from imageflow_loader._supply.releases import ARTIFACTS, for_platform, for_suffix

X64 = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
ARM64 = X64._replace(arch="aarch64")
OLD_ARM64 = ARM64._replace(libc=Libc("glibc", (2, 31)))
MUSL = X64._replace(libc=Libc("musl", (1, 2)))
STATIC_PYTHON = X64._replace(libc=Libc("unknown", None), can_dlopen=False)
MAC = Platform("macos", "aarch64", None, can_dlopen=True)
WINDOWS = Platform("windows", "x86", None, can_dlopen=True)


@pytest.mark.parametrize("row", ARTIFACTS, ids=lambda row: row.name)
def test_a_row_names_its_archive_as_upstream_does(row: releases.Artifact) -> None:
    suffix = re.escape(row.suffix)
    exe = r"\.exe" if row.os == "windows" else ""
    packed = r"\.zip" if row.os == "windows" else r"\.tar\.gz"
    main = rf"imageflow-v2\.3\.1-rc01-0635e386-{suffix}{packed}"
    tool = rf"tool-v2\.3\.1-rc01-0635e386-{suffix}\.imageflow_tool{exe}{packed}"

    assert re.fullmatch(f"{main}|{tool}", row.name)
    assert row.url == (
        "https://github.com/imazen/imageflow/releases/download/v2.3.1-rc01/" + row.name
    )
    assert row.tool == ("imageflow_tool.exe" if exe else "imageflow_tool")
    assert (row.library is None) == ("musl" in row.suffix or "tool-" in row.name)


def test_every_platform_of_upstream_has_its_main_and_its_tool_archive() -> None:
    names = [(row.suffix, row.name.partition("-")[0]) for row in ARTIFACTS]

    assert len(releases.SUFFIXES) == 9
    assert sorted(names) == sorted(
        (suffix, word) for suffix in releases.SUFFIXES for word in ("imageflow", "tool")
    )


def test_pins_are_well_formed_and_no_two_alike() -> None:
    pins = [row.sha256 for row in ARTIFACTS if row.sha256 is not None]

    assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)
    assert len(set(pins)) == len(pins)
    assert "882910c6c9602e42365dcf1c2c412cb5d0ced4703bf861217e5ef242a615bbb3" in pins


@pytest.mark.parametrize(
    ("platform", "kind", "first"),
    [
        pytest.param(X64, None, "imageflow-*-linux-x64", id="glibc"),
        pytest.param(X64, "tool", "imageflow-*-linux-x64", id="the pinned tool"),
        pytest.param(ARM64, None, "imageflow-*-linux-arm64", id="glibc on ARM"),
        pytest.param(ARM64, "tool", "tool-*-linux-musl-arm64", id="the static tool"),
        pytest.param(OLD_ARM64, None, "tool-*-linux-musl-arm64", id="an old glibc"),
        pytest.param(MUSL, None, "tool-*-linux-musl-x64", id="musl"),
        pytest.param(STATIC_PYTHON, None, "tool-*-linux-musl-x64", id="static Python"),
        pytest.param(MAC, None, "imageflow-*-osx-arm64", id="macOS"),
        pytest.param(WINDOWS, "tool", "tool-*-win-x86", id="32-bit Windows"),
    ],
)
def test_each_platform_gets_the_archive_that_serves_it_best(
    platform: Platform, kind: str | None, first: str
) -> None:
    best = for_platform(platform, kind)[0]  # type: ignore[arg-type]  # a literal

    start, _, end = first.partition("-*-")
    assert best.name.startswith(f"{start}-v")
    assert best.suffix == end


@pytest.mark.parametrize(
    "platform",
    [
        X64._replace(arch="s390x"),
        X64._replace(os="freebsd"),
        X64._replace(arch="x86"),
    ],
    ids=str,
)
def test_a_platform_that_upstream_does_not_build_for_gets_nothing(
    platform: Platform,
) -> None:
    assert for_platform(platform) == ()


def test_musl_is_never_offered_a_library_of_glibc() -> None:
    assert for_platform(MUSL, "library") == ()


def test_a_library_must_fit_the_running_libc_whatever_was_chosen() -> None:
    pretending = X64._replace(running_libc=Libc("musl", None))

    assert for_platform(pretending, "library") == ()


def test_what_is_pinned_goes_before_what_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pinned = for_suffix("win-x86_64", "tool")[-1]._replace(sha256="0" * 64)
    rows = [pinned if row.name == pinned.name else row for row in ARTIFACTS]
    monkeypatch.setattr(releases, "ARTIFACTS", rows)

    assert for_suffix("win-x86_64", "tool")[0] == pinned
