"""The official edition among the candidates: what was fetched, and what could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imageflow_loader._platform import Libc, Platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import Cache, Candidate, candidates, fetch_engine
from imageflow_loader._supply.candidates import from_cache, from_download
from imageflow_loader.errors import EngineDownloadError
from tests.supply.upstream import archive
from tests.unprivileged import as_nobody, shared_folder

if TYPE_CHECKING:
    from pathlib import Path

    from imageflow_loader.types import Attempt

GLIBC = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
TOO_OLD = GLIBC._replace(libc=Libc("glibc", (2, 12)))
MUSL = GLIBC._replace(libc=Libc("musl", (1, 2)))
STATIC = GLIBC._replace(can_dlopen=False)
MAINFRAME = GLIBC._replace(arch="s390x")
ARM = GLIBC._replace(arch="aarch64")

MAIN, STATIC_TOOL = "linux-x64", "linux-musl-x64"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a cache, and a mirror with both archives for x86-64."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with (mirror / "SHA256SUMS").open("wb") as sums:
        for packed in (archive(MAIN), archive(STATIC_TOOL, tool_only=True)):
            (mirror / packed.name).write_bytes(packed.data)
            sums.write(packed.sums)
    return Settings(cache_dir=tmp_path / "cache", mirror=mirror.as_uri())


def fetch(settings: Settings, *suffixes: str) -> None:
    for suffix in suffixes:
        sha256 = archive(suffix, tool_only=suffix == STATIC_TOOL).sha256
        fetch_engine(settings, GLIBC, suffix=suffix, sha256=sha256)


def offered(items: list[Candidate | Attempt]) -> list[tuple[str, str]]:
    """Return kind and platform of what is offered."""
    found = [item for item in items if isinstance(item, Candidate)]
    assert all(item.edition == "official" and not item.named_by for item in found)
    return [(item.kind, item.obtain().parts[-3]) for item in found]


@pytest.mark.parametrize(
    ("platform", "cached", "expected"),
    [
        pytest.param(GLIBC, [MAIN], [("library", MAIN), ("tool", MAIN)], id="glibc"),
        pytest.param(
            GLIBC,
            [MAIN, STATIC_TOOL],
            [("library", MAIN), ("tool", MAIN), ("tool", STATIC_TOOL)],
            id="glibc, both",
        ),
        pytest.param(
            GLIBC, [STATIC_TOOL], [("tool", STATIC_TOOL)], id="glibc, static tool"
        ),
        pytest.param(
            MUSL, [MAIN, STATIC_TOOL], [("tool", STATIC_TOOL)], id="musl, both"
        ),
        pytest.param(MUSL, [MAIN], [], id="musl, for glibc only"),
        pytest.param(
            TOO_OLD, [MAIN, STATIC_TOOL], [("tool", STATIC_TOOL)], id="an old glibc"
        ),
        pytest.param(
            STATIC,
            [MAIN, STATIC_TOOL],
            [("tool", MAIN), ("tool", STATIC_TOOL)],
            id="no dlopen",
        ),
        pytest.param(ARM, [MAIN, STATIC_TOOL], [], id="another architecture"),
    ],
)
def test_the_cache_offers_what_serves_the_process(
    platform: Platform,
    cached: list[str],
    expected: list[tuple[str, str]],
    settings: Settings,
) -> None:
    fetch(settings, *cached)

    items = list(from_cache(platform, settings))

    assert sorted(offered(items)) == sorted(expected)
    assert [kind for kind, _ in offered(items)] == [kind for kind, _ in expected]


@pytest.mark.parametrize("kind", ["library", "tool"])
def test_a_kind_that_is_asked_for_leaves_out_the_other(
    kind: str, settings: Settings
) -> None:
    fetch(settings, MAIN)

    chosen = settings._replace(backend=kind)  # type: ignore[arg-type]  # a literal

    assert offered(list(from_cache(GLIBC, chosen))) == [(kind, MAIN)]


def test_what_was_fetched_goes_before_the_wheel(
    settings: Settings, tmp_path: Path
) -> None:
    fetch(settings, MAIN)
    (tmp_path / "libimageflow.so").touch()

    items = candidates(GLIBC, settings, bundle=tmp_path)

    origins = [item.origin for item in items if isinstance(item, Candidate)]
    assert origins == ["cache", "cache", "wheel", "download", "download"]


def test_a_damaged_entry_is_told_of_and_passed_over(settings: Settings) -> None:
    fetch(settings, MAIN)
    library = next(Cache(settings.cache_dir).root.rglob("libimageflow.so"))
    library.write_bytes(b"cut")

    first, second = from_cache(GLIBC, settings)

    assert not isinstance(first, Candidate)
    assert first.error is not None
    assert "was damaged (libimageflow.so has 3 bytes instead of" in first.error
    assert first.hint == "Run `imageflow-loader fetch` once with a network."
    assert not isinstance(second, Candidate)
    assert second.error == f"nothing for this platform in {settings.cache_dir}"


def test_what_cannot_be_removed_is_to_be_removed_by_hand(settings: Settings) -> None:
    with shared_folder() as folder:
        shared = settings._replace(cache_dir=folder)
        fetch(shared, MAIN)
        library = next(folder.rglob("libimageflow.so"))
        library.write_bytes(b"cut")
        library.parent.chmod(0o555)

        first, _ = as_nobody(lambda: list(from_cache(GLIBC, shared)))

        library.parent.chmod(0o755)

    assert first.hint == f"Remove {library.parent} and fetch again."


@pytest.mark.parametrize(
    ("platform", "changes", "says"),
    [
        (GLIBC, {"edition": "embedded"}, "only the official edition is published"),
        (GLIBC, {"download": "manual"}, "left to a command"),
        (GLIBC, {"download": "never"}, "forbidden"),
        (GLIBC, {"offline": True, "mirror": "https://m.example"}, "offline"),
        (GLIBC, {"offline": True, "mirror": None}, "offline"),
        (MUSL, {}, "not pinned by this package"),
        (ARM, {}, "not pinned by this package"),
        (MAINFRAME, {}, "publishes no engine for linux-s390x, glibc 2.36"),
    ],
    ids=lambda value: str(value) if isinstance(value, str | dict) else "",
)
def test_nothing_is_fetched_by_itself_that_is_not_pinned_and_allowed(
    platform: Platform, changes: dict[str, object], says: str, settings: Settings
) -> None:
    chosen = settings._replace(**changes)  # type: ignore[arg-type]  # of many types

    (attempt,) = from_download(platform, chosen)

    assert not isinstance(attempt, Candidate)
    assert attempt.error is not None
    assert says in attempt.error


def test_a_folder_is_fetched_from_even_without_a_network(settings: Settings) -> None:
    offline = settings._replace(offline=True)

    items = list(from_download(GLIBC, offline))

    assert [item.kind for item in items] == ["library", "tool"]


def test_one_archive_that_failed_is_not_asked_for_again(settings: Settings) -> None:
    items = from_download(GLIBC, settings)  # pinned to upstream's bytes, not ours
    first = next(items)
    assert isinstance(first, Candidate)

    with pytest.raises(EngineDownloadError, match="but this package says"):
        first.obtain()

    assert list(items) == []
