"""What a download is compared with, and the roads by which an archive comes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imageflow_loader._platform import Libc, Platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import (
    Entry,
    acquire,
    cache as cache_room,
    fetch_engine,
    releases,
)
from imageflow_loader._supply.acquire import Fetch, _with, digest, listed
from imageflow_loader._supply.cache import _taken
from imageflow_loader._supply.fetch import Patience
from imageflow_loader.errors import EngineDownloadError
from tests.supply import server as web
from tests.supply.upstream import Archive, archive

if TYPE_CHECKING:
    from imageflow_loader._supply import Cache
    from imageflow_loader.types import FetchedEngine
    from tests.supply.server import Server

LINUX = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
PATIENCE = Patience(attempts=2, pause_s=0.001)

PINNED = archive("linux-x64")
UNPINNED = archive("linux-musl-x64", tool_only=True)
WINDOWS = archive("win-x86_64")
OTHER = "f" * 64


def fetch(
    archive: Archive, cache: Cache, mirror: str | None, **arguments: Any
) -> FetchedEngine:
    """Fetch the archive's platform as a user would."""
    settings = Settings(cache_dir=cache.root, mirror=mirror)
    return fetch_engine(
        settings,
        LINUX,
        suffix=archive.artifact.suffix,
        kind="library" if archive.artifact.library else "tool",
        patience=PATIENCE,
        **arguments,
    )


def from_upstream(
    archive: Archive, cache: Cache, server: Server, **row: Any
) -> FetchedEngine:
    """Fetch an archive from *server* as if it were upstream's own."""
    url = f"{server.url}/{archive.name}"
    artifact = archive.artifact._replace(url=url, **row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(releases, "RELEASE_API", f"{server.url}/api")
        return Fetch(Settings(), artifact, patience=PATIENCE).into_cache(cache)


def entries(cache: Cache) -> list[Entry]:
    found = list(cache.survey(thorough=True))
    assert all(isinstance(item, Entry) for item in found)
    return [item for item in found if isinstance(item, Entry)]


# Whose word counts: the caller's, the pin, the mirror's list, the release API.


def test_the_callers_word_goes_before_the_pin(server: Server, cache: Cache) -> None:
    server.on(f"/{PINNED.name}", web.body(PINNED.data))

    fetched = fetch(PINNED, cache, server.url, sha256=PINNED.sha256.upper())

    assert fetched.compared_with == "the caller (--sha256)"
    assert not server.hits["/SHA256SUMS"]


def test_the_pin_goes_before_the_mirrors_list(server: Server, cache: Cache) -> None:
    server.on(f"/{PINNED.name}", web.body(PINNED.data))
    server.on("/SHA256SUMS", web.body(PINNED.sums))

    with pytest.raises(EngineDownloadError, match="but this package says 882910c6c9"):
        fetch(PINNED, cache, server.url)

    assert entries(cache) == []
    assert not server.hits["/SHA256SUMS"]


def test_a_mirrors_list_speaks_for_what_is_not_pinned(
    server: Server, cache: Cache
) -> None:
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))
    server.on("/SHA256SUMS", web.body(UNPINNED.sums))

    fetched = fetch(UNPINNED, cache, server.url)

    assert fetched.compared_with == f"{server.url}/SHA256SUMS"
    (entry,) = entries(cache)
    assert fetched.tool == entry.path("tool")
    assert fetched.library is None


def test_a_mirror_whose_list_is_wrong_is_not_believed(
    server: Server, cache: Cache
) -> None:
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))
    server.on("/SHA256SUMS", web.body(f"{OTHER}  {UNPINNED.name}\n".encode()))

    with pytest.raises(EngineDownloadError, match=f"/SHA256SUMS says {OTHER}"):
        fetch(UNPINNED, cache, server.url)

    assert entries(cache) == []


@pytest.mark.parametrize(
    ("sums", "says"),
    [
        pytest.param(None, "nothing says what it must be", id="none"),
        pytest.param(b"", "could not|broke off", id="empty"),
        pytest.param(b"hello\n", "nor http://.*/SHA256SUMS", id="another text"),
        pytest.param(PINNED.sums, "nor http://.*/SHA256SUMS", id="another archive"),
        pytest.param(b"<!doctype html>", "answered with a web page", id="a page"),
        pytest.param(bytes(5 << 20), "more than the 4194304 bytes", id="too much"),
        pytest.param(UNPINNED.sums[:99], "nor http://.*/SHA256SUMS", id="cut off"),
        pytest.param(UNPINNED.sums[1:], "nor http://.*/SHA256SUMS", id="a digit short"),
        pytest.param(b"\0" * 999, "nor http://.*/SHA256SUMS", id="zeros"),
        pytest.param(
            f"{'0' * 64}  /tmp/../{UNPINNED.name}\n".encode(),
            "nor http://.*/SHA256SUMS",
            id="another folder's",
        ),
    ],
)
def test_a_mirror_without_a_list_is_not_asked_for_the_archive(
    sums: bytes | None, says: str, server: Server, cache: Cache
) -> None:
    if sums is not None:
        server.on("/SHA256SUMS", web.body(sums))

    with pytest.raises(EngineDownloadError, match=says):
        fetch(UNPINNED, cache, server.url)

    assert not server.hits[f"/{UNPINNED.name}"]
    assert not cache.root.joinpath("v2.3.1-rc01").exists()


def test_a_mirror_that_lacks_the_archive_says_so(server: Server, cache: Cache) -> None:
    server.on("/SHA256SUMS", web.body(UNPINNED.sums))

    with pytest.raises(EngineDownloadError, match=rf"There is no .*{UNPINNED.name}"):
        fetch(UNPINNED, cache, server.url)

    assert entries(cache) == []


def api_answer(archive: Archive, **changes: Any) -> web.Answer:
    asset = {
        "name": archive.name,
        "digest": f"sha256:{archive.sha256}",
        **changes,
    }
    document = {"tag_name": "v2.3.1-rc01", "assets": [{"name": "x"}, asset]}
    return web.body(json.dumps(document).encode())


def test_the_release_api_speaks_where_nobody_else_does(
    server: Server, cache: Cache
) -> None:
    server.on("/api", api_answer(UNPINNED))
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))

    fetched = from_upstream(UNPINNED, cache, server)

    assert fetched.compared_with == f"{server.url}/api"
    assert len(entries(cache)) == 1


def test_a_pin_makes_the_release_api_needless(server: Server, cache: Cache) -> None:
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))

    fetched = from_upstream(UNPINNED, cache, server, sha256=UNPINNED.sha256)

    assert fetched.compared_with == "this package"
    assert not server.hits["/api"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(
            api_answer(UNPINNED, digest=None), "nor http://.*/api", id="no digest"
        ),
        pytest.param(
            api_answer(UNPINNED, digest="md5:0"), "nor http://.*/api", id="an MD5"
        ),
        pytest.param(
            api_answer(UNPINNED, name="y"), "nor http://.*/api", id="not listed"
        ),
        pytest.param(web.body(b"[]"), "nor http://.*/api", id="another document"),
        pytest.param(web.body(b"{"), "nor http://.*/api", id="no document"),
        pytest.param(web.status(404), "nor http://.*/api", id="no release"),
        pytest.param(web.status(403), "answered 403", id="too many requests"),
        pytest.param(
            api_answer(UNPINNED, digest=f"sha256:{OTHER}"),
            f"/api says {OTHER}",
            id="another digest",
        ),
    ],
)
def test_a_download_that_nobody_vouches_for_is_refused(
    answer: web.Answer, says: str, server: Server, cache: Cache
) -> None:
    server.on("/api", answer)
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))

    with pytest.raises(EngineDownloadError, match=says):
        from_upstream(UNPINNED, cache, server)

    assert entries(cache) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("{0}  a.zip", "a.zip"),
        ("{0} *a.zip", "a.zip"),
        ("{0}  ./a.zip", "a.zip"),
        ("{1}  a.zip", "a.zip"),
        ("\ufeff{0}  a.zip\r", "a.zip"),
        ("# made by hand\n\n{0}  a.zip", "a.zip"),
        ("{0}  a b.zip", "a b.zip"),
    ],
)
def test_a_list_is_read_as_sha256sum_writes_it(line: str, name: str) -> None:
    text = line.format("ab" * 32, "AB" * 32)

    assert listed(text, name) == "ab" * 32
    assert listed(text, "b.zip") is None


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "0" * 63, "0" * 65, "md5:0"])
def test_what_is_no_sha256_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        digest(text)


# What was fetched is not fetched again.


def test_what_is_there_is_not_fetched_again(server: Server, cache: Cache) -> None:
    server.on(f"/{PINNED.name}", web.body(PINNED.data))
    first = fetch(PINNED, cache, server.url, sha256=PINNED.sha256)
    second = fetch(PINNED, cache, server.url, sha256=PINNED.sha256)

    assert first.fresh
    assert second == first._replace(fresh=False)
    assert server.hits[f"/{PINNED.name}"] == 1


def test_what_is_there_needs_no_network(server: Server, cache: Cache) -> None:
    server.on(f"/{PINNED.name}", web.body(PINNED.data))
    fetch(PINNED, cache, server.url, sha256=PINNED.sha256)

    offline = Settings(cache_dir=cache.root, offline=True)
    fetched = fetch_engine(
        offline, LINUX, suffix="linux-x64", kind="library", sha256=PINNED.sha256
    )

    assert fetched.fresh is False


def test_what_is_damaged_is_fetched_again(server: Server, cache: Cache) -> None:
    server.on(f"/{PINNED.name}", web.body(PINNED.data))
    fetched = fetch(PINNED, cache, server.url, sha256=PINNED.sha256)
    assert fetched.library is not None
    fetched.library.write_bytes(b"damaged")

    again = fetch(PINNED, cache, server.url, sha256=PINNED.sha256)

    assert again.fresh
    assert again.library == fetched.library
    assert fetched.library.read_bytes() == b"\x7fELF library"


# Files and folders instead of servers.


def a_mirror(folder: Path, *archives: Archive) -> str:
    folder.mkdir()
    for one in archives:
        (folder / one.name).write_bytes(one.data)
    (folder / "SHA256SUMS").write_bytes(b"".join(one.sums for one in archives))
    return folder.as_uri()


def test_a_folder_is_a_mirror(tmp_path: Path, cache: Cache) -> None:
    mirror = a_mirror(tmp_path / "mir ror", UNPINNED, WINDOWS)

    fetched = fetch(WINDOWS, cache, mirror)

    assert fetched.library is not None
    assert fetched.library.name == "imageflow.dll"
    assert fetched.tool is not None
    assert fetched.tool.name == "imageflow_tool.exe"
    assert fetched.url == f"{mirror}/{WINDOWS.name}"


@pytest.mark.parametrize(
    "name", ["a b", "100%", "a#b", "a?b=c", "a@b", "ü", "a+b", "%20"]
)
def test_a_folder_may_be_called_anything(
    name: str, tmp_path: Path, cache: Cache
) -> None:
    assert fetch(UNPINNED, cache, a_mirror(tmp_path / name, UNPINNED)).fresh


@pytest.mark.parametrize("start", ["file://", "file://localhost"])
@pytest.mark.parametrize("name", ["a b", "100%", "a#b", "a?b", "a@b"])
def test_a_folder_may_be_written_as_it_is(
    start: str, name: str, tmp_path: Path, cache: Cache
) -> None:
    a_mirror(tmp_path / name, UNPINNED)

    assert fetch(UNPINNED, cache, f"{start}{tmp_path}/{name}").fresh


@pytest.mark.parametrize("mirror", ["file://server/share", "file://relative", "file:"])
def test_a_folder_of_another_machine_is_refused(mirror: str, cache: Cache) -> None:
    with pytest.raises(EngineDownloadError, match="names another machine"):
        fetch(UNPINNED, cache, mirror)


def test_a_folder_in_the_archives_place_says_so(tmp_path: Path, cache: Cache) -> None:
    mirror = a_mirror(tmp_path / "mirror", UNPINNED)
    (tmp_path / "mirror" / UNPINNED.name).unlink()
    (tmp_path / "mirror" / UNPINNED.name).mkdir()

    with pytest.raises(EngineDownloadError, match=r"cannot be read \(Is a directory"):
        fetch(UNPINNED, cache, mirror)


def test_an_endless_file_is_read_to_the_limit(cache: Cache) -> None:
    with pytest.raises(EngineDownloadError, match="more than the 268435456 bytes"):
        fetch(UNPINNED, cache, None, source=Path("/dev/zero"), sha256=OTHER)


def test_a_folder_needs_no_network(tmp_path: Path, cache: Cache) -> None:
    mirror = a_mirror(tmp_path / "mirror", UNPINNED)
    settings = Settings(cache_dir=cache.root, mirror=mirror, offline=True)

    fetched = fetch_engine(settings, LINUX, suffix="linux-musl-x64")

    assert fetched.fresh


def test_a_folder_that_lacks_the_archive_says_so(tmp_path: Path, cache: Cache) -> None:
    mirror = a_mirror(tmp_path / "mirror", UNPINNED)
    (tmp_path / "mirror" / UNPINNED.name).unlink()

    with pytest.raises(EngineDownloadError, match=f"There is no .*{UNPINNED.name}"):
        fetch(UNPINNED, cache, mirror)


def test_an_archive_is_taken_from_a_file(tmp_path: Path, cache: Cache) -> None:
    file = tmp_path / "download.bin"
    file.write_bytes(PINNED.data)

    fetched = fetch(PINNED, cache, None, source=file, sha256=PINNED.sha256)

    assert fetched.fresh
    assert fetched.url == file.as_uri()


def test_a_files_name_says_which_archive_it_is(tmp_path: Path, cache: Cache) -> None:
    a_mirror(tmp_path / "mirror", WINDOWS)
    settings = Settings(cache_dir=cache.root, offline=True, download="never")

    fetched = fetch_engine(settings, LINUX, source=tmp_path / "mirror" / WINDOWS.name)

    assert fetched.platform == "win-x86_64"
    assert fetched.compared_with.endswith("/mirror/SHA256SUMS")


def test_a_file_that_has_not_what_is_wanted_is_not_taken_for_it(
    tmp_path: Path, cache: Cache
) -> None:
    a_mirror(tmp_path / "mirror", UNPINNED)
    file, musl = (
        tmp_path / "mirror" / UNPINNED.name,
        LINUX._replace(libc=Libc("musl", None)),
    )

    with pytest.raises(EngineDownloadError, match="publishes no library for"):
        fetch_engine(Settings(cache_dir=cache.root), musl, kind="library", source=file)


def test_a_file_that_nobody_vouches_for_is_refused(
    tmp_path: Path, cache: Cache
) -> None:
    file = tmp_path / UNPINNED.name
    file.write_bytes(UNPINNED.data)

    with pytest.raises(EngineDownloadError, match="nothing says what it must be"):
        fetch(UNPINNED, cache, None, source=file)


def test_a_list_beside_the_file_may_vouch_for_whatever_it_is_called(
    tmp_path: Path, cache: Cache
) -> None:
    file = tmp_path / "my copy.tgz"
    file.write_bytes(UNPINNED.data)
    (tmp_path / "SHA256SUMS").write_text(f"{UNPINNED.sha256}  my copy.tgz\n")

    assert fetch(UNPINNED, cache, None, source=file).compared_with.endswith(
        "SHA256SUMS"
    )


def test_a_folder_in_the_files_place_is_named(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(EngineDownloadError, match=f"{tmp_path} cannot be read"):
        fetch(UNPINNED, cache, None, source=Path(), sha256=OTHER)


@pytest.mark.parametrize("sha256", [None, OTHER])
def test_a_file_that_is_not_there_is_said_so(
    sha256: str | None, tmp_path: Path, cache: Cache
) -> None:
    file = tmp_path / "gone.tar.gz"

    with pytest.raises(EngineDownloadError, match=f"There is no {file}"):
        fetch(UNPINNED, cache, None, source=file, sha256=sha256)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(offline=True), "IMAGEFLOW_OFFLINE forbids the network"),
        (Settings(download="never"), "IMAGEFLOW_DOWNLOAD=never forbids the network"),
    ],
    ids=["offline", "never"],
)
@pytest.mark.parametrize("sha256", [None, OTHER], ids=["not vouched for", "vouched"])
def test_a_forbidden_network_is_not_used(
    settings: Settings, says: str, sha256: str | None, server: Server, cache: Cache
) -> None:
    settings = settings._replace(mirror=server.url, cache_dir=cache.root)

    with pytest.raises(EngineDownloadError, match=says) as caught:
        fetch_engine(settings, LINUX, suffix="linux-musl-x64", sha256=sha256)

    assert "--from FILE" in str(caught.value)
    assert not server.hits


@pytest.mark.parametrize(
    ("suffix", "kind", "error", "says"),
    [
        ("linux-s390x", None, ValueError, "is no platform of the official release"),
        ("linux-musl-x64", "library", EngineDownloadError, "publishes no library for"),
    ],
)
def test_what_is_not_published_cannot_be_fetched(
    suffix: str, kind: Any, error: type[Exception], says: str, cache: Cache
) -> None:
    with pytest.raises(error, match=says):
        fetch_engine(Settings(cache_dir=cache.root), LINUX, suffix=suffix, kind=kind)


def test_a_platform_that_nothing_is_published_for_is_named(cache: Cache) -> None:
    mainframe = LINUX._replace(arch="s390x")

    with pytest.raises(EngineDownloadError, match="no engine for linux-s390x, glibc"):
        fetch_engine(Settings(cache_dir=cache.root), mainframe)


# Making a mirror.


def test_what_is_fetched_into_a_folder_is_a_mirror(
    server: Server, tmp_path: Path, cache: Cache
) -> None:
    mirror = tmp_path / "new" / "mirror"
    for one in (UNPINNED, WINDOWS, PINNED):
        server.on(f"/{one.name}", web.body(one.data))
        fetched = fetch(one, cache, server.url, sha256=one.sha256, destination=mirror)
        assert fetched.archive == mirror / one.name
        assert fetched.library is fetched.tool is None

    sums = (mirror / "SHA256SUMS").read_text().splitlines()
    assert sorted(sums) == sorted(
        f"{one.sha256}  {one.name}" for one in (UNPINNED, WINDOWS, PINNED)
    )
    assert {path.name for path in mirror.iterdir()} == {
        "SHA256SUMS",
        UNPINNED.name,
        WINDOWS.name,
        PINNED.name,
    }
    assert entries(cache) == []
    assert fetch(WINDOWS, cache, mirror.as_uri()).fresh


@pytest.mark.parametrize("folders_open", [True, False])
def test_two_that_fetch_into_one_mirror_both_stand_in_its_list(
    folders_open: bool, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not folders_open:  # as on Windows
        monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    source, mirror = a_mirror(tmp_path / "source", UNPINNED, WINDOWS), tmp_path / "m"
    met, calls = threading.Event(), []

    def another() -> None:
        fetch(WINDOWS, cache, source, sha256=WINDOWS.sha256, destination=mirror)
        met.set()

    second = threading.Thread(target=another)

    def with_line(*line: Any) -> str:
        text = _with(*line)
        calls.append(line)
        if len(calls) == 1:  # the second comes between the first's reading and writing
            second.start()
            assert met.wait(60)
        return text

    def taken(descriptor: int) -> bool:
        answer = _taken(descriptor)
        if not answer:
            met.set()
        return answer

    monkeypatch.setattr(acquire, "_with", with_line)
    monkeypatch.setattr(cache_room, "_taken", taken)
    fetch(UNPINNED, cache, source, sha256=UNPINNED.sha256, destination=mirror)
    second.join(60)

    names = [line[66:] for line in (mirror / "SHA256SUMS").read_text().splitlines()]
    assert sorted(names) == sorted([UNPINNED.name, WINDOWS.name])


def test_a_mirror_keeps_what_is_right_and_replaces_what_is_not(
    server: Server, tmp_path: Path, cache: Cache
) -> None:
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))
    file, sums = tmp_path / UNPINNED.name, tmp_path / "SHA256SUMS"
    file.write_bytes(b"old")
    ours = f"# \udce9\n{OTHER}  {UNPINNED.name}\n{OTHER}  mine.zip\n"
    sums.write_text(ours, errors="surrogateescape")  # \xe9: no UTF-8

    fresh = [
        fetch(
            UNPINNED, cache, server.url, sha256=UNPINNED.sha256, destination=tmp_path
        ).fresh
        for _ in range(2)
    ]

    assert fresh == [True, False]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == UNPINNED.sha256
    assert file.stat().st_mode & 0o7777 == 0o644
    assert set(sums.read_text(errors="surrogateescape").splitlines()) == {
        "# \udce9",
        f"{OTHER}  mine.zip",
        f"{UNPINNED.sha256}  {UNPINNED.name}",
    }


def test_a_failed_fetch_leaves_a_mirror_as_it_was(
    server: Server, tmp_path: Path, cache: Cache
) -> None:
    mirror = tmp_path / "mirror"
    a_mirror(mirror, WINDOWS)
    before = {path: path.read_bytes() for path in mirror.iterdir()}
    server.on(f"/{WINDOWS.name}", web.cut(WINDOWS.data))

    with pytest.raises(EngineDownloadError):
        fetch(WINDOWS, cache, server.url, sha256=OTHER, destination=mirror)

    assert {path: path.read_bytes() for path in mirror.iterdir()} == before


def test_a_mirror_that_cannot_be_written_says_so(
    server: Server, tmp_path: Path, cache: Cache
) -> None:
    server.on(f"/{UNPINNED.name}", web.body(UNPINNED.data))
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(EngineDownloadError, match=r"file cannot be written \("):
        fetch(
            UNPINNED,
            cache,
            server.url,
            sha256=UNPINNED.sha256,
            destination=tmp_path / "file",
        )
