"""An installation without an engine gets one at its first use, once, for everybody."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._platform import current_platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import Cache, Entry, fetch_engine

if TYPE_CHECKING:
    from tests.supply.installation import Installation
    from tests.supply.server import Server

PROCESSES = 64


def test_the_first_use_fetches_and_says_so_the_second_uses_what_is_there(
    pure: Installation, server: Server
) -> None:
    url = f"{server.url}/{pure.archive.name}"
    cache = pure.variables["IMAGEFLOW_CACHE_DIR"]

    first, second = pure.job(), pure.job()

    assert (first["origin"], first["kind"]) == ("download", "library")
    assert first["stderr"] == f"imageflow_loader: fetching {url} into {cache}\n"
    assert (second["origin"], second["stderr"]) == ("cache", "")
    assert first["path"] == second["path"]
    assert first["size"] == second["size"] == [4, 3]
    assert server.hits == {f"/{pure.archive.name}": 1}


def test_the_tool_is_fetched_in_the_same_archive(pure: Installation) -> None:
    answer = pure.job(IMAGEFLOW_BACKEND="tool")

    assert (answer["origin"], answer["kind"]) == ("download", "tool")
    assert pure.job(IMAGEFLOW_BACKEND="library")["origin"] == "cache"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"IMAGEFLOW_OFFLINE": "1"}, "offline (IMAGEFLOW_OFFLINE)"),
        ({"IMAGEFLOW_DOWNLOAD": "never"}, "forbidden (IMAGEFLOW_DOWNLOAD=never"),
        ({"IMAGEFLOW_DOWNLOAD": "manual"}, "left to a command"),
        ({"IMAGEFLOW_EDITION": "embedded"}, "only the official edition is published"),
    ],
    ids=["offline", "never", "manual", "embedded"],
)
def test_nothing_is_fetched_where_that_is_not_wanted(
    variables: dict[str, str], says: str, pure: Installation, server: Server
) -> None:
    answer = pure.job(**variables)

    assert answer["error"] == "EngineNotFoundError"
    assert says in answer["message"]
    assert "imageflow-loader fetch" in answer["message"]
    assert not server.hits


def test_what_is_not_pinned_is_not_fetched_by_itself(
    pure: Installation, server: Server
) -> None:
    table = pure.folder / "imageflow_loader" / "_supply" / "releases.py"
    table.write_text(table.read_text().replace(repr(pure.archive.sha256), "None"))

    answer = pure.job()

    assert "not pinned by this package" in answer["message"]
    assert not server.hits


def test_a_download_that_fails_is_tried_once_and_every_attempt_is_told(
    pure: Installation, server: Server
) -> None:
    server.script.clear()

    answer = pure.job()

    assert f"There is no {server.url}/{pure.archive.name} (404)" in answer["message"]
    assert "nothing bundled: this is the pure wheel" in answer["message"]
    assert server.hits == {f"/{pure.archive.name}": 1}


def test_sixty_four_processes_fetch_once(lean: Installation, server: Server) -> None:
    answers = lean.crowd(PROCESSES)

    require_jobs_by_the_fetched_library(answers, lean)
    assert server.hits == {f"/{lean.archive.name}": 1}


def test_sixty_four_processes_without_locks_corrupt_nothing(
    lean: Installation, server: Server
) -> None:
    answers = lean.crowd(PROCESSES, wish={"locks": False})

    require_jobs_by_the_fetched_library(answers, lean)
    assert server.hits[f"/{lean.archive.name}"] > 1


def require_jobs_by_the_fetched_library(
    answers: list[dict[str, Any]], installation: Installation
) -> None:
    """Insist on a picture from each process, all by the one library in the cache."""
    assert [answer.get("size", answer) for answer in answers] == [[4, 3]] * PROCESSES
    assert {answer["origin"] for answer in answers} <= {"download", "cache"}
    assert {answer["kind"] for answer in answers} == {"library"}
    cache = Cache(Path(installation.variables["IMAGEFLOW_CACHE_DIR"]))
    (entry,) = cache.survey(thorough=True)
    assert isinstance(entry, Entry)
    assert {answer["path"] for answer in answers} == {str(entry.path("library"))}
    assert list((cache.root / "imageflow-tmp").iterdir()) == []


# With an engine in the wheel.


def test_jobs_run_while_the_cache_is_filled_and_cleared(
    bundled: Installation, tmp_path: Path
) -> None:
    settings = Settings(cache_dir=Path(bundled.variables["IMAGEFLOW_CACHE_DIR"]))
    file = tmp_path / bundled.archive.name
    file.write_bytes(bundled.archive.data)
    done = threading.Event()

    def fill_and_clear() -> int:
        turns = 0
        while not done.is_set():
            fetch_engine(
                settings, current_platform(), source=file, sha256=bundled.archive.sha256
            )
            Cache(settings.cache_dir).clear()
            turns += 1
        return turns

    with ThreadPoolExecutor(1) as pool:
        turning = pool.submit(fill_and_clear)
        try:
            answers = bundled.crowd(16)
        finally:
            done.set()
        turns = turning.result()

    assert [answer.get("size", answer) for answer in answers] == [[4, 3]] * 16
    assert turns > 1


def test_a_wheel_with_an_engine_fetches_nothing(
    bundled: Installation, server: Server
) -> None:
    assert bundled.job()["origin"] == "wheel"
    assert not server.hits
    assert not Path(bundled.variables["IMAGEFLOW_CACHE_DIR"]).exists()


def test_what_is_fetched_goes_before_the_wheel_until_it_is_cleared(
    bundled: Installation,
) -> None:
    fetched = bundled.command("fetch")
    after_fetch = bundled.job()
    report = json.loads(bundled.command("doctor", "--json").stdout)
    embedded = bundled.job(IMAGEFLOW_EDITION="embedded")
    official = bundled.job(IMAGEFLOW_EDITION="official")
    cleared = bundled.command("cache", "clear")
    after_clear = bundled.job()

    assert fetched.returncode == cleared.returncode == 0
    assert bundled.archive.sha256 in fetched.stdout
    assert after_fetch["path"] in fetched.stdout
    assert after_fetch["origin"] == official["origin"] == "cache"
    assert after_fetch["path"] in json.dumps(report, ensure_ascii=False)
    assert embedded["origin"] == after_clear["origin"] == "wheel"


def test_the_official_edition_is_fetched_for_those_who_want_it(
    bundled: Installation,
) -> None:
    answer = bundled.job(IMAGEFLOW_EDITION="official")

    assert answer["origin"] == "download"
    assert "holds the embedded edition, not the official one" in answer["attempts"]


def test_doctor_knows_what_is_in_the_cache_and_whether_it_is_whole(
    bundled: Installation,
) -> None:
    def cache() -> dict[str, Any]:
        report = json.loads(bundled.command("doctor", "--json").stdout)
        assert isinstance(report["cache"], dict)
        return report["cache"]

    bundled.command("fetch", "--quiet")
    (whole,) = cache()["entries"]
    library = Path(whole["folder"]) / bundled.archive.artifact.library
    times = library.stat()
    library.write_bytes(bytes(times.st_size))
    os.utime(library, ns=(times.st_atime_ns, times.st_mtime_ns))
    (damaged,) = cache()["entries"]

    assert whole["damage"] is None
    assert whole["sha256"] == bundled.archive.sha256
    assert whole["compared_with"] == "this package"
    assert "another SHA-256 than when it was fetched" in damaged["damage"]
    assert bundled.job()["origin"] == "wheel"
