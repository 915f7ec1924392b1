"""An entry of the cache is there whole, or it is not there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from imageflow_loader._cancel import Deadline
from imageflow_loader._supply import Cache, Damaged, Entry, cache as cache_module
from imageflow_loader._supply.entry import Provenance
from imageflow_loader.errors import EngineDownloadError, EngineLoadError
from tests.unprivileged import as_nobody, shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY, TOOL = "libimageflow.so", "imageflow_tool"
PROVENANCE = Provenance(
    release="v2.3.1-rc01",
    suffix="linux-x64",
    url="https://mirror.example/imageflow.tar.gz",
    sha256="0123456789abcdef" * 4,
    compared_with="this package",
    fetched="2026-01-01T00:00:00+00:00",
)
NOBODY = 65534


def fill(
    cache: Cache, provenance: Provenance = PROVENANCE, data: bytes = b"engine"
) -> Entry:
    """Publish an entry."""
    with cache.staging() as scratch:
        staged = scratch / "entry"
        staged.mkdir()
        for name in (LIBRARY, TOOL):
            (staged / name).write_bytes(data + name.encode())
        return cache.publish(staged, provenance)


def found(cache: Cache) -> list[Entry | Damaged]:
    return cache.survey("v2.3.1-rc01", "linux-x64")


def test_what_was_published_is_found(cache: Cache) -> None:
    entry = fill(cache)

    assert found(cache) == [entry]
    assert entry.path("library") == entry.folder / LIBRARY
    assert entry.path("tool") == entry.folder / TOOL
    assert entry.folder == cache.root / PROVENANCE.place
    assert entry.provenance == PROVENANCE


def test_a_cache_that_does_not_exist_is_empty_and_stays_so(cache: Cache) -> None:
    assert found(cache) == []
    assert list(cache.survey()) == []
    assert cache.clear() == (0, 0)
    assert not cache.root.exists()


def test_a_folder_says_that_it_is_a_cache(cache: Cache) -> None:
    fill(cache)

    tag = (cache.root / "CACHEDIR.TAG").read_text()

    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


def test_the_users_own_cache_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))

    cache = Cache(None)
    fill(cache)

    assert cache.root == tmp_path / "caches" / "imageflow_loader"
    assert cache.root.stat().st_mode & 0o7777 == 0o700


def test_modes_do_not_depend_on_the_umask(cache: Cache) -> None:
    before = os.umask(0o077)
    try:
        entry = fill(cache)
    finally:
        os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o7777 for path in entry.paths}
    assert modes == {LIBRARY: 0o644, TOOL: 0o755}
    assert entry.folder.stat().st_mode & 0o7777 == 0o755
    assert cache.root.stat().st_mode & 0o7777 == 0o755


def test_the_users_own_cache_is_where_the_system_has_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))

    assert Cache(None).root == tmp_path / "caches" / "imageflow_loader"


def test_the_newest_of_several_entries_comes_first(cache: Cache) -> None:
    for digit, day in (("a", 2), ("b", 3), ("c", 1)):
        fill(
            cache,
            PROVENANCE._replace(sha256=digit * 64, fetched=f"2026-01-0{day}T00:00:00"),
        )

    assert [item.folder.name[0] for item in found(cache)] == ["b", "a", "c"]


def test_whoever_publishes_second_gets_what_the_first_one_put_there(
    cache: Cache,
) -> None:
    first = fill(cache)
    second = fill(cache, data=b"other bytes")

    assert second == first
    assert second.paths[0].read_bytes().startswith(b"engine")


def test_nothing_is_left_in_the_folder_of_work(cache: Cache) -> None:
    fill(cache)
    fill(cache)

    assert list((cache.root / "imageflow-tmp").iterdir()) == []


def test_leftovers_of_a_killed_process_are_swept_after_an_hour(cache: Cache) -> None:
    fill(cache)
    old, new = (
        cache.root / "imageflow-tmp" / "old",
        cache.root / "imageflow-tmp" / "new",
    )
    for folder in (old, new):
        (folder / "entry").mkdir(parents=True)
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))

    fill(cache)

    assert [path.name for path in (cache.root / "imageflow-tmp").iterdir()] == ["new"]


# Folders that are named in odd ways.


def test_a_relative_folder_is_below_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert Cache(Path("a/../engines")).root == tmp_path / "engines"


def test_a_link_in_the_caches_place_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    cache = Cache(tmp_path / "link")

    entry = fill(cache)

    assert found(cache) == [entry]
    assert (tmp_path / "real" / PROVENANCE.place / TOOL).is_file()
    assert cache.clear()[0] == 1


def test_a_link_to_where_everybody_may_write_is_not_followed(tmp_path: Path) -> None:
    entry = fill(Cache(tmp_path / "open" / "cache"))
    (tmp_path / "link").symlink_to("open/cache")
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(EngineLoadError, match=rf"everybody may write {tmp_path}/open"):
        found(Cache(tmp_path / "link"))

    assert entry.paths[0].exists()


def test_a_umask_of_nothing_opens_no_folder_to_others(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "a" / "b" / "cache")
    before = os.umask(0)
    try:
        entry = fill(cache)
    finally:
        os.umask(before)

    assert found(cache) == [entry]
    open_to_all = [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o002]
    assert open_to_all == []


# Damage.


def cut(entry: Entry) -> None:
    entry.paths[0].write_bytes(b"x")


def change(entry: Entry) -> None:
    path = entry.paths[0]
    path.write_bytes(bytes(len(path.read_bytes())))


def lose_a_file(entry: Entry) -> None:
    (entry.folder / TOOL).unlink()


def lose_the_marker(entry: Entry) -> None:
    (entry.folder / "entry.json").unlink()


def garble_the_marker(entry: Entry) -> None:
    (entry.folder / "entry.json").write_text('{"schema": 1, "files": {}')


def be_of_another_release(entry: Entry) -> None:
    edit_marker(entry, {"release": "v9"})


def make_a_file_a_folder(entry: Entry) -> None:
    entry.paths[0].unlink()
    entry.paths[0].mkdir()


def edit_marker(entry: Entry, changes: dict[str, object]) -> None:
    marker = entry.folder / "entry.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), **changes}))


DAMAGES = {
    cut: "has 1 bytes instead of",
    change: "another SHA-256",
    lose_a_file: "imageflow_tool is missing",
    lose_the_marker: r"entry\.json is missing",
    garble_the_marker: "marker cannot be understood",
    be_of_another_release: "belongs to v9/linux-x64",
    make_a_file_a_folder: "is not a file",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_never_given_and_makes_room_for_a_whole_one(
    damage: Callable[[Entry], None], cache: Cache
) -> None:
    damage(fill(cache))

    (item,) = found(cache)

    assert isinstance(item, Damaged)
    assert not item.folder.exists()
    assert DAMAGES[damage].replace("\\", "") in str(item)
    assert str(item).endswith(" and has been removed")
    assert found(cache) == []
    entry = fill(cache)
    assert found(cache) == [entry]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = ("release", "suffix", "sha256", "fetched", "files")


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    document=st.dictionaries(st.sampled_from(KEYS), ANY_JSON),
    files=st.dictionaries(
        st.text() | st.sampled_from((LIBRARY, "..", ".", "", "a\0", "/etc/hostname")),
        st.dictionaries(st.sampled_from(("size", "sha256", "mtime_ns")), ANY_JSON),
    ),
)
def test_whatever_a_marker_says_gives_an_entry_or_damage(
    document: dict[str, object], files: dict[str, object], tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "cache")
    entry = fill(cache)
    whole = json.loads((entry.folder / "entry.json").read_text())
    changed = {**whole, **document, "files": {**whole["files"], **files}}

    (entry.folder / "entry.json").write_text(json.dumps(changed))

    for item in found(cache):
        assert isinstance(item, Damaged) or item.provenance.place == PROVENANCE.place


@pytest.mark.parametrize(
    "marker",
    [b"[" * 60_000, b"\xff\xfe{}", b'{"files": 1e999}'],
    ids=["deep", "no text", "beyond numbers"],
)
def test_a_marker_that_no_reader_survives_is_damage(
    marker: bytes, cache: Cache
) -> None:
    (fill(cache).folder / "entry.json").write_bytes(marker)

    (item,) = found(cache)

    assert isinstance(item, Damaged)


def test_publishing_replaces_a_damaged_entry(cache: Cache) -> None:
    lose_a_file(fill(cache))

    entry = fill(cache)

    assert found(cache) == [entry]


def test_an_entry_that_another_process_has_just_replaced_is_not_removed(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = fill(cache)
    read_entry = cache_module.read_entry

    def look_too_early(folder: Path, *_: Path, **__: bool) -> Entry | Damaged:
        monkeypatch.setattr(cache_module, "read_entry", read_entry)
        return Damaged(folder, "as it was a moment ago")

    monkeypatch.setattr(cache_module, "read_entry", look_too_early)
    (item,) = found(cache)

    assert isinstance(item, Damaged)
    assert found(cache) == [entry]


def test_damage_that_keeps_size_and_time_is_found_by_a_thorough_look(
    cache: Cache,
) -> None:
    entry = fill(cache)
    times = entry.paths[0].stat()
    change(entry)
    os.utime(entry.paths[0], ns=(times.st_atime_ns, times.st_mtime_ns))

    assert found(cache) == [entry]
    (item,) = cache.survey(thorough=True)

    assert isinstance(item, Damaged)
    assert "another SHA-256" in item.reason


# Caches that were made elsewhere.


def test_a_tool_that_a_copy_has_made_a_plain_file_can_be_run_again(
    cache: Cache,
) -> None:
    entry = fill(cache)
    tool = entry.folder / TOOL
    tool.chmod(0o644)

    assert found(cache) == [entry]
    assert tool.stat().st_mode & 0o777 == 0o755


def test_a_copied_cache_is_hashed_once(cache: Cache, tmp_path: Path) -> None:
    entry = fill(cache)
    shutil.copytree(cache.root, tmp_path / "copy", copy_function=shutil.copy)
    tool = tmp_path / "copy" / PROVENANCE.place / TOOL
    os.utime(tool, (1, 1))

    (first,) = found(Cache(tmp_path / "copy"))

    assert isinstance(first, Entry)
    assert first.files == entry.files
    assert tool.stat().st_mtime_ns == first.files[TOOL].mtime_ns


def test_a_copied_cache_serves_even_where_it_cannot_be_written() -> None:
    with shared_folder() as folder:
        cache = Cache(folder / "cache")
        entry = fill(cache)
        os.utime(entry.paths[0], (1, 1))

        (item,) = as_nobody(lambda: found(cache))

    assert isinstance(item, Entry)
    assert item.path("tool") == entry.path("tool")


def test_a_damaged_entry_that_cannot_be_removed_is_said_to_be_there_still() -> None:
    with shared_folder() as folder:
        entry = fill(Cache(folder / "cache"))
        lose_a_file(entry)
        entry.folder.chmod(0o555)

        (item,) = as_nobody(lambda: found(Cache(folder / "cache")))

    assert str(item).endswith(
        "is damaged (imageflow_tool is missing) and cannot be removed"
    )


def test_clearing_counts_what_it_frees(cache: Cache) -> None:
    entry = fill(cache)
    fill(cache, PROVENANCE._replace(suffix="win-x86"))
    (cache.root / "mine").mkdir()
    (cache.root / "imageflow-tmp" / "left").mkdir()
    marker = (entry.folder / "entry.json").stat().st_size

    count, size = cache.clear()

    assert count == 2
    assert size == pytest.approx(2 * (entry.size + marker), abs=20)
    names = {path.name for path in cache.root.iterdir()}
    assert names == {"imageflow-tmp", "mine", "CACHEDIR.TAG"}
    assert list((cache.root / "imageflow-tmp").iterdir()) == []


def test_what_others_keep_in_the_folder_is_left_alone(cache: Cache) -> None:
    digest = "0123456789abcdef"
    theirs = [
        cache.root / place / "precious"
        for place in (
            "tmp/build",
            f"a/b/{digest}",
            f"var/lib/{digest}",
            f"v1.0/linux-x64-of-mine/{digest}",
            "v2.3.1-rc01/linux-x64/notes",
        )
    ]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.touch()
        for folder in (path, *path.parents[: len(path.relative_to(cache.root).parts)]):
            os.utime(folder, (0, 0))  # as nothing that a fetch has just left

    fill(cache)
    listed, verified = cache.survey(), cache.survey(thorough=True)
    cache.clear()

    assert len(listed) == len(verified) == 1
    assert all(path.exists() for path in theirs)
    assert not (cache.root / "CACHEDIR.TAG").exists()


# Whose is it?


@pytest.mark.parametrize(
    ("mode", "path_of"),
    [
        pytest.param(0o757, lambda entry: entry.folder.parents[2], id="the root"),
        pytest.param(0o757, lambda entry: entry.folder.parents[1], id="a folder"),
        pytest.param(0o757, lambda entry: entry.folder, id="the entry"),
        pytest.param(0o646, lambda entry: entry.paths[0], id="a file"),
    ],
)
def test_what_everybody_may_write_is_not_used(
    mode: int, path_of: Callable[[Entry], Path], cache: Cache
) -> None:
    path = path_of(fill(cache))
    path.chmod(mode)

    with pytest.raises(EngineLoadError, match=r"others may write it.*chmod") as caught:
        found(cache)

    assert str(path) in str(caught.value)
    assert caught.value.reason == "not_trusted"


def test_a_folder_above_that_everybody_may_write_is_named(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    cache = Cache(open_folder / "cache")
    fill(cache)
    open_folder.chmod(0o777)

    with pytest.raises(EngineLoadError, match="everybody may write") as caught:
        found(cache)

    assert str(open_folder) in str(caught.value)


def test_a_sticky_folder_above_is_no_danger(tmp_path: Path) -> None:
    sticky = tmp_path / "sticky"
    sticky.mkdir()
    cache = Cache(sticky / "cache")
    entry = fill(cache)
    sticky.chmod(0o1777)

    assert found(cache) == [entry]


def test_the_users_own_group_may_write(cache: Cache) -> None:
    entry = fill(cache)
    entry.folder.chmod(0o775)

    assert found(cache) == [entry]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["file", "entry", "root"])
def test_what_belongs_to_somebody_else_is_not_used(what: str, cache: Cache) -> None:
    entry = fill(cache)
    path = {"file": entry.paths[0], "entry": entry.folder, "root": cache.root}[what]
    os.chown(path, NOBODY, NOBODY)

    with pytest.raises(
        EngineLoadError, match=r"belongs to another user \(uid 65534\), who could"
    ):
        found(cache)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another as well")
def test_who_runs_with_anothers_rights_uses_no_cache(cache: Cache) -> None:
    fill(cache)
    text = (
        "import os, sys; from pathlib import Path; os.setresuid(65534, 0, 0)\n"
        "from imageflow_loader._supply import Cache\n"
        "Cache(Path(sys.argv[1])).survey()"
    )

    ended = subprocess.run(
        [sys.executable, "-c", text, cache.root],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "The cache is not used by a process that runs setuid" in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_makes_no_cache_in_a_users_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)

    with pytest.raises(EngineLoadError, match="so root keeps no engines there"):
        fill(Cache(home / ".cache" / "imageflow_loader"))

    assert list(home.iterdir()) == []


def test_what_root_has_put_there_serves_everybody() -> None:
    with shared_folder() as folder:
        cache = Cache(folder / "cache")
        entry = fill(cache)

        assert as_nobody(lambda: found(cache)) == [entry]


def test_a_cache_that_cannot_be_written_says_so_when_it_is_to_be_filled() -> None:
    with shared_folder() as folder:
        cache = Cache(folder / "cache")
        fill(cache)
        for each in (cache.root, *cache.root.rglob("*")):
            each.chmod(0o555)

        with pytest.raises(EngineDownloadError, match="cannot be written") as caught:
            as_nobody(lambda: fill(cache))

    assert "Set IMAGEFLOW_CACHE_DIR" in str(caught.value)


@pytest.mark.parametrize("closed", [".", "v2.3.1-rc01", "v2.3.1-rc01/linux-x64"])
def test_a_cache_that_cannot_be_read_says_so(closed: str) -> None:
    with shared_folder() as folder:
        cache = Cache(folder / "cache")
        fill(cache)
        (cache.root / closed).chmod(0o700 if os.geteuid() == 0 else 0o000)

        with pytest.raises(EngineLoadError, match="cannot be read"):
            as_nobody(lambda: found(cache))
        with pytest.raises(EngineLoadError, match="cannot be read"):
            as_nobody(cache.survey)


def test_a_file_in_the_caches_place_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    cache = Cache(tmp_path / "cache")

    assert found(cache) == []
    with pytest.raises(EngineDownloadError, match="cannot be written"):
        fill(cache)


# Locks.


def test_a_lock_that_somebody_holds_is_waited_for_no_longer_than_allowed(
    cache: Cache,
) -> None:
    fill(cache)
    told: list[str] = []

    with (
        cache.lock(Deadline(None), told.append),
        cache.lock(Deadline(0.05), told.append),
    ):
        done = True

    assert done
    assert told == ["waiting for another process to fetch"]


def test_a_cache_that_cannot_be_written_is_not_locked() -> None:
    with shared_folder() as folder:
        cache = Cache(folder / "cache")
        folder.chmod(0o555)

        def work() -> str:
            with cache.lock(Deadline(None), print):
                return "done"

        assert as_nobody(work) == "done"
        assert not cache.root.exists()
