"""A file is whole or absent; a stream gets all the bytes and stays open."""

from __future__ import annotations

import errno
import io
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import UploadFile

import imageflow_loader as imf
from imageflow_loader._io import write_output, write_outputs
from imageflow_loader.errors import DestinationError
from tests.unprivileged import as_nobody, shared_folder

OLD, NEW = b"old", b"new" * 1000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_holds_the_bytes_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = write_output(tmp_path / "out.jpg", NEW)

    assert path == tmp_path / "out.jpg"
    assert path.read_bytes() == NEW
    assert names(tmp_path) == ["out.jpg"]


def test_a_path_may_be_a_str_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert write_output("out.jpg", NEW) == Path("out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == NEW


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_mode_of_a_new_file_follows_the_umask(
    tmp_path: Path, umask: int, expected: int
) -> None:
    before = os.umask(umask)
    try:
        write_output(tmp_path / "out.jpg", NEW)
    finally:
        os.umask(before)

    assert mode(tmp_path / "out.jpg") == expected


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(OLD)
    path.chmod(0o640)

    write_output(path, NEW)

    assert (path.read_bytes(), mode(path)) == (NEW, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another's file")
def test_a_file_that_root_replaces_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(OLD)
    os.chown(path, 1234, 5678)

    write_output(path, NEW)

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)


def test_a_symbolic_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.jpg", tmp_path / "folder" / "link.jpg"
    link.parent.mkdir()
    target.write_bytes(OLD)
    link.symlink_to("../real.jpg")

    write_output(link, NEW)

    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_a_link_to_nothing_makes_the_file_that_it_points_to(tmp_path: Path) -> None:
    link = tmp_path / "link.jpg"
    link.symlink_to("real.jpg")

    write_output(link, NEW)

    assert link.is_symlink()
    assert (tmp_path / "real.jpg").read_bytes() == NEW


def test_a_reader_of_the_old_file_goes_on_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(OLD)

    with path.open("rb") as reader:
        write_output(path, NEW)

        assert reader.read() == OLD


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".jpg")

    write_output(path, NEW)

    assert path.read_bytes() == NEW


def test_a_name_in_a_working_directory_that_is_gone_is_a_destination_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(DestinationError, match=r"out.jpg cannot be written: No such"):
        write_output("out.jpg", NEW)


@pytest.mark.parametrize(
    ("name", "number", "says"),
    [
        ("no/such/folder.jpg", errno.ENOENT, "there is no folder"),
        ("folder", errno.EISDIR, "it is a folder"),
        ("new/", errno.EISDIR, "it names a folder"),
        ("file/out.jpg", errno.ENOTDIR, "Not a directory"),
        ("x" * 300, errno.ENAMETOOLONG, "too long"),
        ("a\0b", None, "null"),
    ],
    ids=["no folder", "a folder", "ends in a slash", "in a file", "long", "null"],
)
def test_a_place_where_no_file_can_be_is_a_destination_error(
    tmp_path: Path, name: str, number: int | None, says: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(OLD)

    with pytest.raises(DestinationError, match=says) as caught:
        write_output(f"{tmp_path}/{name}", NEW)

    error = caught.value
    assert (error.errno, error.filename) == (number, f"{tmp_path}/{name}")
    assert (error.category, error.code, error.exit_code) == ("io_error", 16, 73)
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_that_is_not_ours_is_a_destination_error() -> None:
    with shared_folder() as folder:
        path = folder / "out.jpg"
        path.write_bytes(OLD)
        path.chmod(0o666)
        folder.chmod(0o555)

        with pytest.raises(DestinationError, match="a new file is made beside it") as e:
            as_nobody(lambda: write_output(path, NEW))

        assert e.value.errno == errno.EACCES
        assert path.read_bytes() == OLD
        assert names(folder) == ["out.jpg"]


def test_a_read_only_file_is_refused_as_open_refuses_it() -> None:
    with shared_folder() as folder:
        path = folder / "out.jpg"
        path.write_bytes(OLD)
        path.chmod(0o444)
        folder.chmod(0o777)

        with pytest.raises(DestinationError, match="it is read-only"):
            as_nobody(lambda: write_output(path, NEW))

        assert path.read_bytes() == OLD


WRITE_WITH_LITTLE_ROOM = """
import resource, sys
from imageflow_loader._io import write_output
from imageflow_loader.errors import DestinationError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_output(sys.argv[1], bytes(100_000))
except DestinationError as error:
    sys.exit(f"{error.errno} {error}")
"""


@pytest.mark.parametrize("before", [None, OLD], ids=["new file", "old file"])
def test_a_file_system_that_takes_no_more_leaves_what_was_there(
    tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "out.jpg"
    if before is not None:
        path.write_bytes(before)

    child = subprocess.run(
        [sys.executable, "-c", WRITE_WITH_LITTLE_ROOM, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert child.stderr.startswith(f"{errno.EFBIG} {path} cannot be written")
    assert (path.read_bytes() if path.exists() else None) == before
    assert names(tmp_path) == ([] if before is None else ["out.jpg"])


def test_a_full_device_is_a_destination_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")

    with pytest.raises(DestinationError) as caught:
        write_output("/dev/full", NEW)

    assert caught.value.errno == errno.ENOSPC


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as cat:  # noqa: S607 - any cat
        write_output(pipe, NEW)
        out, _ = cat.communicate()

    assert out == NEW
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_no_file_is_replaced_unless_every_output_can_be_written(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jpg", tmp_path / "no" / "second.jpg"
    first.write_bytes(OLD)
    stream = io.BytesIO()

    with pytest.raises(DestinationError):
        write_outputs([(first, NEW), (stream, NEW), (second, NEW)])

    assert first.read_bytes() == OLD
    assert stream.getvalue() == b""
    assert names(tmp_path) == ["first.jpg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another's file")
def test_what_was_replaced_is_put_back_when_a_later_file_cannot_be() -> None:
    with shared_folder() as folder:
        ours, new, others = (folder / name for name in ("1.jpg", "2.jpg", "3.jpg"))
        for path in (ours, others):
            path.write_bytes(OLD)
        ours.chmod(0o640)
        os.chown(ours, 65534, 65534)
        others.chmod(0o666)
        folder.chmod(0o1777)  # where only a file's owner may replace it

        with pytest.raises(DestinationError, match=r"3\.jpg cannot be written") as e:
            as_nobody(lambda: write_outputs([(p, NEW) for p in (ours, new, others)]))

        assert e.value.errno == errno.EPERM
        assert (ours.read_bytes(), mode(ours)) == (OLD, 0o640)
        assert names(folder) == ["1.jpg", "3.jpg"]


def test_several_files_are_replaced_and_nothing_lies_beside_them(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    paths[0].write_bytes(OLD)
    paths[2].write_bytes(OLD)

    assert write_outputs([(path, NEW) for path in paths]) == paths

    assert [path.read_bytes() for path in paths] == [NEW] * 3
    assert names(tmp_path) == ["a", "b", "c"]


def test_two_names_of_one_file_are_one_destination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    image = imf.decode()

    for one, other in (
        ("o.png", str(tmp_path / "o.png")),
        (Path("link/o.png"), "real/o.png"),
        ("a\0b", "a\0b"),
    ):
        with pytest.raises(ValueError, match="two outputs have one destination"):
            imf.Job(image.encode("png", one), image.encode("png", other))

    assert imf.Job(image.encode("png", "real/o.png"), image.encode("png", "o.png"))


def test_several_outputs_arrive_at_their_places(tmp_path: Path) -> None:
    stream = io.BytesIO()

    paths = write_outputs(
        [(tmp_path / "a", b"1"), (stream, b"2"), (tmp_path / "b", b"3")]
    )

    assert paths == [tmp_path / "a", None, tmp_path / "b"]
    assert (tmp_path / "a").read_bytes() == b"1"
    assert stream.getvalue() == b"2"
    assert (tmp_path / "b").read_bytes() == b"3"


def test_a_stream_gets_the_bytes_where_it_stands_and_stays_open() -> None:
    stream = io.BytesIO(b"head")
    stream.seek(4)

    assert write_output(stream, NEW) is None

    assert stream.getvalue() == b"head" + NEW
    assert not stream.closed


class Sip(io.RawIOBase):
    """An unbuffered stream that takes seven bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        sip = bytes(data)[:7]  # type: ignore[call-overload]  # bytes or a view
        self.taken += sip
        return len(sip)


def test_a_stream_that_takes_a_part_gets_the_rest_later() -> None:
    stream = Sip()

    write_output(stream, NEW)

    assert stream.taken == NEW


def test_a_pipe_that_is_full_and_does_not_block_is_a_destination_error() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with (
        os.fdopen(read, "rb"),
        os.fdopen(write, "wb", buffering=0) as stream,
        pytest.raises(DestinationError, match="it takes no more bytes") as e,
    ):
        write_output(stream, bytes(2**22))

    assert e.value.errno == errno.EAGAIN


def test_a_sink_that_does_not_count_is_believed() -> None:
    class Sink:
        def __init__(self) -> None:
            self.got: list[bytes] = []

        def write(self, data: bytes) -> None:
            self.got.append(data)

    sink = Sink()

    write_output(sink, NEW)

    assert sink.got == [NEW]


def test_a_broken_pipe_is_a_destination_error() -> None:
    read, write = os.pipe()
    os.close(read)

    with (
        os.fdopen(write, "wb", buffering=0) as stream,
        pytest.raises(DestinationError) as e,
    ):
        write_output(stream, NEW)

    assert e.value.errno == errno.EPIPE


def test_a_stream_that_is_closed_or_only_read_is_a_destination_error(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(OLD)
    with io.BytesIO() as closed:
        pass

    with pytest.raises(DestinationError, match=r"output stream .* it is closed"):
        write_output(closed, NEW)
    with (
        path.open("rb") as reader,
        pytest.raises(DestinationError, match=r"in\.jpg .* it is not open for writing"),
    ):
        write_output(reader, NEW)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("destination", [io.StringIO(), sys.__stdout__, 1, None])
def test_what_takes_no_bytes_is_a_type_error(destination: object) -> None:
    with pytest.raises(TypeError, match="binary"):
        write_output(destination, NEW)  # type: ignore[arg-type]  # on purpose


def test_a_stream_that_is_awaited_is_a_type_error_as_soon_as_it_is_named() -> None:
    inside = io.BytesIO()
    upload = UploadFile(inside)

    with pytest.raises(
        TypeError, match=r"written by awaiting: .* give the file inside"
    ):
        imf.decode().encode("png", upload)
    with pytest.raises(TypeError, match="written by awaiting"):
        write_output(upload, NEW)

    assert inside.getvalue() == b""


def test_the_limit_on_file_sizes_is_not_ours() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
