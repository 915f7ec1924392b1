"""`fetch` and `cache` on the command line, and how a download shows its progress."""

from __future__ import annotations

import fcntl
import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from imageflow_loader._cli import main
from imageflow_loader._cli.shell import reporting
from tests.supply.upstream import Archive, archive
from tests.terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

ARCHIVE = archive("linux-musl-x64", tool_only=True)
PLATFORM = ("--platform", ARCHIVE.artifact.suffix)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the mirror in use, with one archive."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    put(folder, ARCHIVE)
    monkeypatch.setenv("IMAGEFLOW_MIRROR", folder.as_uri())
    monkeypatch.setenv("IMAGEFLOW_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def put(folder: Path, archive: Archive) -> None:
    (folder / archive.name).write_bytes(archive.data)
    (folder / "SHA256SUMS").write_bytes(archive.sums)


def test_fetch_says_what_it_trusts_and_where_the_files_are(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", *PLATFORM]) == 0

    tool = next((tmp_path / "cache").rglob("imageflow_tool"))
    out, err = capsys.readouterr()
    assert out == (
        f"linux-musl-x64: fetched from {mirror.as_uri()}/{ARCHIVE.name}\n"
        f"  SHA-256  {ARCHIVE.sha256}\n"
        f"  as said by {mirror.as_uri()}/SHA256SUMS\n"
        f"  tool     {tool}\n"
    )
    assert err == "100 % of 0.0 MB\n"


def test_a_second_fetch_says_that_it_was_there(
    mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fetch", *PLATFORM, "--quiet"])

    assert main(["fetch", *PLATFORM]) == 0

    assert f"was there already, from {mirror.as_uri()}" in capsys.readouterr().out


@pytest.mark.usefixtures("mirror")
def test_a_quiet_fetch_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", *PLATFORM, "--quiet"]) == 0

    assert capsys.readouterr() == ("", "")


def test_a_fetch_that_waits_for_another_one_says_so(
    mirror: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "cache" / "imageflow-lock"
    lock.parent.mkdir()
    command = [sys.executable, "-m", "imageflow_loader", "fetch", *PLATFORM]

    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert child.stderr is not None
        said = child.stderr.readline()
    rest = child.communicate(timeout=60)[1]

    assert child.returncode == 0
    assert said == "imageflow-loader: waiting for another process to fetch\n"
    assert rest.startswith(f"imageflow-loader: fetching {mirror.as_uri()}/")


def test_a_failed_fetch_is_one_line_and_the_code_for_no_engine(
    mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mirror / ARCHIVE.name).write_bytes(b"changed")

    assert main(["fetch", *PLATFORM, "--quiet"]) == 69

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"imageflow-loader: {mirror.as_uri()}/{ARCHIVE.name} is not")
    assert err.count("\n") == 1


def test_fetch_takes_a_file_and_the_callers_word(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = (mirror / ARCHIVE.name).rename(tmp_path / ARCHIVE.name)

    status = main(["fetch", "--from", str(file), "--sha256", ARCHIVE.sha256])

    assert status == 0
    assert "as said by the caller (--sha256)" in capsys.readouterr().out


def test_fetch_makes_a_mirror(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"

    assert main(["fetch", *PLATFORM, "--dest", str(copy)]) == 0

    assert f"  archive  {copy / ARCHIVE.name}\n" in capsys.readouterr().out
    for path in mirror.iterdir():
        assert (copy / path.name).read_bytes() == path.read_bytes()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (["--platform", "win-arm64"], "imageflow-v2.3.1-rc01-0635e386-win-arm64.zip"),
        (["--platform", "osx-arm64", "--kind", "tool"], ".imageflow_tool.tar.gz"),
    ],
    ids=["main archive", "tool archive"],
)
def test_print_url_says_where_upstream_has_it_and_fetches_nothing(
    arguments: list[str],
    end: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fetch", "--print-url", *arguments]) == 0

    (url,) = capsys.readouterr().out.splitlines()
    assert url.startswith("https://github.com/imazen/imageflow/releases/download/v2.3")
    assert url.endswith(end)
    assert list(tmp_path.iterdir()) == []


def test_print_url_keeps_a_login_to_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEFLOW_MIRROR", "https://me:secret@host/a?sig=secret")

    assert main(["fetch", "--print-url", *PLATFORM]) == 0

    assert capsys.readouterr().out == f"https://host/a/{ARCHIVE.name}\n"


def test_print_url_knows_the_mirror(
    mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "--print-url", *PLATFORM]) == 0

    assert capsys.readouterr().out == f"{mirror.as_uri()}/{ARCHIVE.name}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--platform", "linux-s390x"], "invalid choice: 'linux-s390x'"),
        (["--kind", "staticlib"], "invalid choice: 'staticlib'"),
        (["--sha256", "abc"], "'abc' is no SHA-256: that has 64 hexadecimal digits"),
    ],
    ids=["platform", "kind", "digest"],
)
def test_a_wrong_argument_is_a_usage_error(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: object = main(["fetch", *arguments])
    except SystemExit as ended:  # argparse's own
        status = ended.code

    assert status == 2
    assert says in capsys.readouterr().err


# cache


def test_an_empty_cache_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "no-cache"

    assert [main(["cache", action]) for action in ("list", "verify", "clear")] == [
        0
    ] * 3

    assert capsys.readouterr().out == (
        f"{cache}: nothing fetched\n" * 2 + f"{cache}: nothing to remove\n"
    )


def test_cache_lists_what_was_fetched(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fetch", *PLATFORM, "--quiet"])

    assert main(["cache", "list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'cache'}: 1 entry"
    assert lines[1] == "  v2.3.1-rc01 linux-musl-x64: imageflow_tool (0.0 MB)"
    assert lines[3].endswith(f" from {mirror.as_uri()}/{ARCHIVE.name}")
    assert lines[4].startswith(f"    SHA-256 {ARCHIVE.sha256}, as said by ")


@pytest.mark.usefixtures("mirror")
def test_cache_verify_finds_damage_that_a_start_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fetch", *PLATFORM, "--quiet"])
    assert main(["cache", "verify"]) == 0
    tool = next((tmp_path / "cache").rglob("imageflow_tool"))
    tool.write_bytes(bytes(tool.stat().st_size))

    assert main(["cache", "verify"]) == 1

    assert "was damaged (imageflow_tool has another" in capsys.readouterr().out
    assert main(["cache", "list"]) == 0
    assert not tool.exists()


@pytest.mark.usefixtures("mirror")
def test_cache_clear_removes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fetch", *PLATFORM, "--quiet"])

    assert main(["cache", "clear"]) == 0

    assert capsys.readouterr().out == f"{tmp_path / 'cache'}: removed 1 entry, 0.0 MB\n"
    assert not list((tmp_path / "cache").rglob("imageflow_tool"))


# progress


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, *steps: tuple[int, int | None]) -> str:
    with reporting(stream) as progress:
        assert progress is not None
        for step in steps:
            progress(*step)
    return stream.getvalue()


def test_a_terminal_sees_a_bar_that_ends_full() -> None:
    text = shown(Terminal(), (1_000_000, 4_000_000), (4_000_000, 4_000_000))

    first, last = text.removesuffix("\n").split("\r")[1:]
    assert first == "[#######-----------------------]  25 % of 4.0 MB"
    assert last == "[##############################] 100 % of 4.0 MB"
    assert text.endswith("\n")


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("quiet", [False, True], ids=["shown", "quiet"])
def test_the_command_draws_its_bar_on_a_real_terminal(quiet: bool) -> None:
    pytest.importorskip("pty")

    code, said = on_terminal(
        ["fetch", *PLATFORM, *["--quiet"] * quiet], with_stdout=True
    )

    assert code == 0
    assert (said == "") is quiet
    if not quiet:
        first, bar, *lines = said.replace("\r\n", "\n").split("\n")
        assert first.startswith("imageflow-loader: fetching file:///")
        assert f"[{'#' * 30}] 100 % of 0.0 MB" in bar
        assert lines[0].startswith("linux-musl-x64: fetched from file:///")


def test_a_bar_without_a_known_size_counts() -> None:
    assert shown(Terminal(), (1_500_000, None)) == "\r1.5 MB\n"


def test_a_bar_that_was_never_drawn_leaves_no_empty_line() -> None:
    assert shown(Terminal()) == ""


def test_a_log_sees_a_line_for_each_tenth_and_again_for_another_attempt() -> None:
    steps = [(done, 1000) for done in range(0, 1001, 25)]

    lines = shown(io.StringIO(), *steps, *steps[:5]).splitlines()

    assert lines == [
        *(f"{percent:3} % of 0.0 MB" for percent in range(0, 101, 10)),
        "  0 % of 0.0 MB",
        " 10 % of 0.0 MB",
    ]


def test_a_closed_standard_error_sees_nothing() -> None:
    with reporting(None) as progress:
        assert progress is None


def test_nobody_to_watch_is_no_reason_to_fail() -> None:
    stream = io.StringIO()
    stream.close()

    with reporting(stream, quiet=True) as progress:
        assert progress is None
