"""What the environment may ask for, and how it is told that it is not understood."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imageflow_loader._settings import Settings, library_path, preloads
from imageflow_loader.errors import SettingsError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the developer's own settings away."""
    for name in list(os.environ):
        if name.startswith(("IMAGEFLOW_", "LD_")):
            monkeypatch.delenv(name)


def settings_of(environ: dict[str, str]) -> Settings:
    """Return what a process is asked for that has these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        return Settings.from_environment()


def test_an_empty_environment_leaves_every_choice_open() -> None:
    assert settings_of({}) == Settings()


def test_every_variable_reaches_its_setting() -> None:
    settings = settings_of(
        {
            "IMAGEFLOW_LIBRARY": "/a/libimageflow.so",
            "IMAGEFLOW_TOOL": "/a/imageflow_tool",
            "IMAGEFLOW_BACKEND": "tool",
            "IMAGEFLOW_EDITION": "official",
            "IMAGEFLOW_CACHE_DIR": "/cache",
            "IMAGEFLOW_DOWNLOAD": "manual",
            "IMAGEFLOW_OFFLINE": "1",
            "IMAGEFLOW_MIRROR": "file:///mirror/",
            "IMAGEFLOW_LIBC": "musl",
        }
    )

    assert settings == Settings(
        library=Path("/a/libimageflow.so"),
        tool=Path("/a/imageflow_tool"),
        backend="tool",
        edition="official",
        cache_dir=Path("/cache"),
        download="manual",
        offline=True,
        mirror="file:///mirror",
        libc="musl",
    )


@pytest.mark.parametrize(
    "name",
    [
        "IMAGEFLOW_LIBRARY",
        "IMAGEFLOW_TOOL",
        "IMAGEFLOW_BACKEND",
        "IMAGEFLOW_EDITION",
        "IMAGEFLOW_CACHE_DIR",
        "IMAGEFLOW_DOWNLOAD",
        "IMAGEFLOW_OFFLINE",
        "IMAGEFLOW_MIRROR",
        "IMAGEFLOW_LIBC",
    ],
)
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert settings_of({name: ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "IMAGEFLOW_BACKEND",
            "native",
            "IMAGEFLOW_BACKEND is 'native'. Set it to auto, library or tool.",
        ),
        (
            "IMAGEFLOW_EDITION",
            "Official",
            "IMAGEFLOW_EDITION is 'Official'. Set it to auto, official or embedded.",
        ),
        (
            "IMAGEFLOW_DOWNLOAD",
            "no",
            "IMAGEFLOW_DOWNLOAD is 'no'. Set it to auto, manual or never.",
        ),
        (
            "IMAGEFLOW_OFFLINE",
            "maybe",
            "IMAGEFLOW_OFFLINE is 'maybe'. Set it to 1 or 0.",
        ),
        (
            "IMAGEFLOW_LIBC",
            "bionic",
            "IMAGEFLOW_LIBC is 'bionic'. Set it to glibc or musl.",
        ),
        (
            "IMAGEFLOW_MIRROR",
            "/mirror",
            "IMAGEFLOW_MIRROR is '/mirror'. "
            "Set it to a URL or to a folder as file:///folder.",
        ),
    ],
)
def test_a_value_that_is_not_understood_is_an_error_that_names_it(
    name: str, value: str, sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of({name: value})

    assert str(caught.value) == sentence


@pytest.mark.parametrize("word", ["1", "true", "Yes", "ON"])
def test_a_switch_is_turned_on_by_any_usual_word(word: str) -> None:
    assert settings_of({"IMAGEFLOW_OFFLINE": word}).offline


@pytest.mark.parametrize("word", ["0", "false", "No", "OFF"])
def test_a_switch_is_turned_off_by_any_usual_word(word: str) -> None:
    assert not settings_of({"IMAGEFLOW_OFFLINE": word}).offline


def test_an_argument_wins_over_the_environment() -> None:
    settings = Settings(backend="tool", edition="official", cache_dir=Path("/a"))

    assert settings.overridden(
        kind="library", edition="embedded", cache_dir="/b"
    ) == Settings(backend="library", edition="embedded", cache_dir=Path("/b"))


def test_no_argument_leaves_what_the_environment_says() -> None:
    settings = Settings(backend="tool", edition="official", download="manual")

    assert settings.overridden() == settings


@pytest.mark.parametrize(
    ("environment", "argument", "result"),
    [
        ("auto", None, "auto"),
        ("auto", False, "never"),
        ("manual", True, "auto"),
        ("manual", False, "never"),
        ("never", True, "never"),
    ],
)
def test_an_argument_allows_a_download_that_waits_but_none_that_is_forbidden(
    environment: str, argument: bool | None, result: str
) -> None:
    settings = settings_of({"IMAGEFLOW_DOWNLOAD": environment})

    assert settings.overridden(download=argument).download == result


@pytest.mark.parametrize(
    ("environ", "answer"),
    [({}, False), ({"LD_PRELOAD": ""}, False), ({"LD_PRELOAD": "/shim.so"}, True)],
)
def test_a_preloaded_library_is_noticed(
    environ: dict[str, str], answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert preloads() is answer


@pytest.mark.parametrize("mirror", ["htps://me:secret@host/a", "host/a?sig=secret"])
def test_a_mirror_that_is_not_understood_gives_no_secret_away(mirror: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of({"IMAGEFLOW_MIRROR": mirror})

    assert "'host/a'" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_mirror_keeps_the_end_of_its_query() -> None:
    settings = settings_of({"IMAGEFLOW_MIRROR": "https://host/a?sig=b/"})

    assert settings.mirror == "https://host/a?sig=b/"


def test_the_loaders_folders_are_told_without_the_empty_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert library_path() == ()

    monkeypatch.setenv("LD_LIBRARY_PATH", "/a::/b;/c:")

    assert library_path() == ("/a", "/b", "/c")


def test_a_tilde_that_no_shell_expanded_is_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    names = ("library", "tool", "cache_dir")

    settings = settings_of({f"IMAGEFLOW_{name.upper()}": "~/it" for name in names})

    assert {getattr(settings, name) for name in names} == {tmp_path / "it"}
    assert Settings().overridden(cache_dir="~/it").cache_dir == tmp_path / "it"
