"""Odd machines: the job still runs from the wheel, or one sentence says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.supply.installation import STRANGER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.supply.installation import Installation
    from tests.supply.server import Server

AS_STRANGER = {"uid": STRANGER, "preload": True}
REMEDY = "IMAGEFLOW_CACHE_DIR to a"


@cache
def can(*command: str) -> bool:
    """Return whether this machine lets us do that."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(
    not can("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
    reason="this machine lets us mount nothing",
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become somebody else"
)


def with_mount(folder: Path, options: str) -> list[str]:
    """Return what runs a command beside an empty file system at *folder*."""
    folder.mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o {options} tmpfs {folder} && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, "sh"]


def with_read_only(folder: Path) -> list[str]:
    """Return what runs a command where *folder* cannot be written by anybody."""
    mount = (
        f"mount --bind {folder} {folder} && "
        f'mount -o remount,bind,ro {folder} && exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", mount, "sh"]


def cache_of(installation: Installation) -> Path:
    return Path(installation.variables["IMAGEFLOW_CACHE_DIR"])


def require_sentence(answer: dict[str, Any], *parts: str) -> None:
    """Insist on an error that says these things, the remedy among them."""
    assert answer["error"] == "EngineNotFoundError", answer
    for part in parts:
        assert part in answer["message"]


# A cache that cannot hold an engine: full, read-only, noexec.


@needs_mounts
@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param("size=2m", "is on a full disk (No space left", id="full"),
        pytest.param("nr_inodes=6", "is on a full disk (No space left", id="no inode"),
        pytest.param("ro", "cannot be written (Read-only file system)", id="read-only"),
        pytest.param("noexec", "mounted noexec, from which no engine", id="noexec"),
    ],
)
def test_a_cache_that_cannot_hold_an_engine_is_no_hindrance_to_the_wheel(
    options: str, says: str, pure: Installation, bundled: Installation
) -> None:
    before = with_mount(cache_of(pure), options)

    require_sentence(pure.job(before=before), says, REMEDY)
    fetch = bundled.command("fetch", before=before)
    assert fetch.returncode == 69
    assert says in fetch.stderr
    assert bundled.job(before=before)["origin"] == "wheel"


@needs_mounts
def test_a_full_disk_is_left_as_it_was(pure: Installation) -> None:
    folder = cache_of(pure)
    before = with_mount(folder, "size=2m")
    look = f'"$@"; find {folder} -type f -printf "%f\\n" >&2'

    answer = pure.job(before=[*before, "sh", "-c", look, "sh"])

    assert "is on a full disk" in answer["message"]
    assert answer["stderr"].splitlines()[-1] == "imageflow-lock"


@needs_mounts
def test_a_disk_that_fills_up_while_the_archive_is_unpacked_is_left_as_it_was(
    pure: Installation, library: Path
) -> None:
    folder = cache_of(pure)
    room = len(pure.archive.data) + library.stat().st_size // 2
    before = with_mount(folder, f"size={room // 1024}k")
    look = f'"$@"; find {folder} -type f -printf "%f\\n" >&2'

    answer = pure.job(before=[*before, "sh", "-c", look, "sh"])

    require_sentence(answer, "is on a full disk (No space left", REMEDY)
    assert answer["stderr"].splitlines()[-1] == "imageflow-lock"


@needs_mounts
def test_a_read_only_cache_that_was_filled_serves(
    pure: Installation, server: Server
) -> None:
    assert pure.command("fetch").returncode == 0
    server.script.clear()

    answer = pure.job(before=with_read_only(cache_of(pure)))

    assert answer["origin"] == "cache"
    assert answer["stderr"] == ""


@needs_mounts
def test_a_filled_cache_on_a_noexec_mount_gives_way_to_the_wheel(
    bundled: Installation,
) -> None:
    folder = cache_of(bundled)
    assert bundled.command("fetch").returncode == 0
    mount = (
        f"mount --bind {folder} {folder} && "
        f'mount -o remount,bind,noexec {folder} && exec "$@"'
    )

    answer = bundled.job(before=["unshare", "--mount", "sh", "-c", mount, "sh"])

    assert answer["origin"] == "wheel"
    assert any("noexec" in (error or "") for error in answer["attempts"])


@needs_mounts
def test_a_filled_and_read_only_cache_serves_a_user_without_a_name(
    pure: Installation,
) -> None:
    assert pure.command("fetch").returncode == 0

    answer = pure.job(before=with_read_only(cache_of(pure)), wish=AS_STRANGER)

    assert answer["origin"] == "cache"


# Users.


@needs_root
@pytest.mark.parametrize(
    "home", ["", "/nonexistent", "/proc/version", "relative"], ids=str
)
def test_a_user_without_a_home_gets_the_wheel_or_a_sentence(
    home: str, pure: Installation, bundled: Installation
) -> None:
    variables: dict[str, str] = {
        "HOME": home,
        "IMAGEFLOW_CACHE_DIR": "",
        "XDG_CACHE_HOME": "",
    }

    require_sentence(pure.job(wish=AS_STRANGER, **variables), "IMAGEFLOW_CACHE_DIR")
    assert bundled.job(wish=AS_STRANGER, **variables)["origin"] == "wheel"
    assert not Path("~").exists()


@needs_root
def test_a_user_without_a_name_fills_a_cache_of_their_own(
    pure: Installation, open_folder: Path
) -> None:
    own = open_folder / "own"
    own.mkdir()
    os.chown(own, STRANGER, STRANGER)

    answers = [
        pure.job(wish=AS_STRANGER, IMAGEFLOW_CACHE_DIR=own / "cache") for _ in range(2)
    ]

    assert [answer.get("origin", answer) for answer in answers] == ["download", "cache"]
    assert (own / "cache").stat().st_uid == STRANGER


@needs_root
def test_a_cache_of_somebody_else_is_not_used(
    pure: Installation, bundled: Installation
) -> None:
    folder = cache_of(pure)
    assert pure.command("fetch").returncode == 0
    for path in (folder, *folder.rglob("*")):
        os.chown(path, STRANGER + 1, STRANGER + 1)

    answer = pure.job(wish=AS_STRANGER)

    says = f"(uid {STRANGER + 1}), who could change what it holds"
    require_sentence(answer, says, "Set IMAGEFLOW_CACHE_DIR to a folder of your own")
    assert bundled.job(wish=AS_STRANGER)["origin"] == "wheel"
    assert bundled.job()["origin"] == "wheel"  # root does not trust them either


@needs_root
def test_a_cache_that_others_cannot_write_says_so(
    pure: Installation, bundled: Installation
) -> None:
    cache_of(pure).mkdir(mode=0o755)

    answer = pure.job(wish=AS_STRANGER)

    require_sentence(answer, "cannot be written (Permission denied)", REMEDY)
    assert bundled.job(wish=AS_STRANGER)["origin"] == "wheel"


@needs_root
def test_what_root_fetched_into_a_shared_folder_serves_every_user(
    pure: Installation, server: Server
) -> None:
    assert pure.command("fetch").returncode == 0
    server.script.clear()

    answer = pure.job(wish=AS_STRANGER)

    assert answer["origin"] == "cache"


@needs_root
def test_in_a_folder_like_tmp_nobody_uses_what_another_has_fetched(
    pure: Installation, bundled: Installation, open_folder: Path
) -> None:
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    other = {"uid": STRANGER + 1, "preload": True}

    first = pure.job(wish=AS_STRANGER, IMAGEFLOW_CACHE_DIR=shared)
    again = pure.job(wish=AS_STRANGER, IMAGEFLOW_CACHE_DIR=shared)
    another = pure.job(wish=other, IMAGEFLOW_CACHE_DIR=shared)

    assert (first["origin"], again["origin"]) == ("download", "cache")
    require_sentence(another, f"another user (uid {STRANGER})", "a folder of your own")
    theirs = bundled.job(wish=other, IMAGEFLOW_CACHE_DIR=shared)
    assert theirs["origin"] == "wheel"


# Networks.


@pytest.mark.skipif(
    not can("unshare", "--net", "true"), reason="this machine has no namespaces for us"
)
@pytest.mark.parametrize("origin", ["wheel", "cache"])
def test_what_is_there_needs_no_network_interface(
    origin: str, bundled: Installation
) -> None:
    if origin == "cache":
        assert bundled.command("fetch").returncode == 0

    answer = bundled.job(before=["unshare", "--net"], wish={"watch": True})

    assert answer["origin"] == origin
    assert answer["sockets"] == []


def test_a_watcher_sees_the_sockets_of_a_fetch(pure: Installation) -> None:
    answer = pure.job(wish={"watch": True})

    assert answer["origin"] == "download"
    assert "socket.connect" in answer["sockets"]


@pytest.mark.skipif(
    not can("unshare", "--net", "true"), reason="this machine has no namespaces for us"
)
def test_a_machine_without_a_network_is_told_the_command(pure: Installation) -> None:
    answer = pure.job(before=["unshare", "--net"])

    require_sentence(answer, "could not be read from", "imageflow-loader fetch")


@pytest.mark.skipif(not can("strace", "true"), reason="no strace")
@pytest.mark.parametrize("arguments", [["--version"], ["cache", "list"]], ids=str)
def test_no_socket_is_opened_where_nothing_is_fetched(
    arguments: Sequence[str], bundled: Installation, open_folder: Path
) -> None:
    log = open_folder / "sockets"
    trace = ["strace", "-f", "-e", "trace=socket,connect", "-o", str(log)]

    assert bundled.command(*arguments, before=trace).returncode == 0

    assert "AF_INET" not in log.read_text()
