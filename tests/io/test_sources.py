"""What a source may be, that it is read whole, under a cap, and never closed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imageflow_loader._cancel import CancelToken, Deadline
from imageflow_loader._io import read_source
from imageflow_loader.errors import (
    ImageDecodeError,
    JobCancelledError,
    JobTimeoutError,
    SourceError,
    SourceNotFoundError,
    SourceTooLargeError,
)
from tests import pictures
from tests.unprivileged import as_nobody, shared_folder

DATA = bytes(range(256)) * 10_000  # more than one chunk


def test_bytes_are_lent_and_not_copied() -> None:
    assert read_source(DATA) is DATA


def test_a_read_only_view_is_lent_and_not_copied() -> None:
    view = memoryview(DATA)[10:20]

    assert read_source(view) is view


@pytest.mark.parametrize(
    "source",
    [
        bytearray(DATA),
        memoryview(bytearray(DATA)),
        memoryview(DATA * 2)[::2],
        memoryview(DATA).cast("I"),
    ],
    ids=["bytearray", "writable view", "every second byte", "view of numbers"],
)
def test_any_other_buffer_gives_its_bytes(source: bytearray | memoryview) -> None:
    assert bytes(read_source(source)) == bytes(source)


def test_a_buffer_that_changes_later_does_not_change_what_was_read() -> None:
    source = bytearray(b"before")

    data = read_source(source)
    source[:] = b"after!"

    assert data == b"before"


@pytest.mark.parametrize("as_source", [str, Path], ids=["str", "Path"])
def test_a_file_is_read_whole(tmp_path: Path, as_source: type) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(DATA)

    assert read_source(as_source(path)) == DATA


def test_a_stream_is_read_from_where_it_stands_and_stays_open() -> None:
    stream = io.BytesIO(b"skipped" + DATA)
    stream.seek(7)

    assert read_source(stream) == DATA
    assert not stream.closed


class Trickle:
    """A stream that gives less than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int = -1) -> bytes:
        give = max(1, min(size, 1000))
        chunk, self.rest = self.rest[:give], self.rest[give:]
        return chunk


def test_a_stream_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    assert read_source(Trickle(DATA)) == DATA


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.write_bytes(DATA)
    feed = ["sh", "-c", 'cat "$1" > "$2"', "sh", str(file), str(pipe)]
    with subprocess.Popen(feed):
        assert read_source(pipe) == DATA


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "path", "stream", "trickle"])
def test_a_source_of_just_the_cap_is_read_and_one_byte_more_is_not(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(DATA)
    sources = {
        "bytes": lambda: DATA,
        "bytearray": lambda: bytearray(DATA),
        "path": lambda: path,
        "stream": lambda: io.BytesIO(DATA),
        "trickle": lambda: Trickle(DATA),
    }

    assert read_source(sources[kind](), max_bytes=len(DATA)) == DATA
    with pytest.raises(SourceTooLargeError, match="2,559,999 bytes") as caught:
        read_source(sources[kind](), max_bytes=len(DATA) - 1)
    assert caught.value.is_input_fault


def test_a_stream_without_end_is_read_no_further_than_the_cap() -> None:
    class Endless:
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    stream = Endless()

    with pytest.raises(SourceTooLargeError):
        read_source(stream, max_bytes=5_000_000)

    assert stream.given == 5_000_001


@pytest.mark.parametrize("source", [b"", bytearray(), io.BytesIO(), "empty.jpg"])
def test_nothing_at_all_is_no_picture(
    source: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.jpg").touch()

    with pytest.raises(ImageDecodeError, match="is empty") as caught:
        read_source(source)  # type: ignore[arg-type]  # several kinds

    error = caught.value
    assert (error.category, error.kind) == ("image_malformed", "NoEnabledDecoderFound")


def test_a_file_that_is_missing_is_a_file_not_found_error(tmp_path: Path) -> None:
    path = tmp_path / "no.jpg"

    with pytest.raises(FileNotFoundError, match="There is no file") as caught:
        read_source(path)

    error = caught.value
    assert isinstance(error, SourceNotFoundError)
    assert (error.filename, error.exit_code) == (str(path), 66)


def test_a_url_is_taken_for_a_path_and_the_error_says_so() -> None:
    with pytest.raises(SourceNotFoundError, match="never a URL"):
        read_source("https://example.com/cat.jpg")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is a folder"),
        ("file/in.jpg", "Not a directory"),
        ("x" * 300, "too long"),
        ("a\0b", "null"),
    ],
    ids=["a folder", "in a file", "long", "null"],
)
def test_what_cannot_be_opened_is_a_source_error(
    tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SourceError, match=says) as caught:
        read_source(f"{tmp_path}/{name}")

    assert not isinstance(caught.value, FileNotFoundError)
    assert (caught.value.category, caught.value.exit_code) == (
        "primary_resource_not_found",
        66,
    )


def test_a_file_that_may_not_be_read_is_a_source_error() -> None:
    with shared_folder() as folder:
        path = folder / "in.jpg"
        path.write_bytes(DATA)
        path.chmod(0o000)

        with pytest.raises(SourceError, match="Permission denied"):
            as_nobody(lambda: read_source(path))


def test_a_stream_that_fails_is_a_source_error_that_keeps_the_reason() -> None:
    class Broken:
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError(f"lost before {size} bytes")

    with pytest.raises(SourceError, match="the input cannot be read: lost") as caught:
        read_source(Broken())

    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_a_stream_that_is_closed_is_a_source_error_that_names_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(DATA)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        pass
    with io.BytesIO(DATA) as nameless:
        pass

    for stream, name in ((file, path), (raw, path), (nameless, "the input")):
        with pytest.raises(SourceError) as caught:
            read_source(stream)
        assert str(caught.value) == f"{name} cannot be read: it is closed."


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_stream_that_only_takes_bytes_is_a_source_error_that_says_so(
    tmp_path: Path, buffering: int
) -> None:
    path = tmp_path / "in.jpg"

    with path.open("wb", buffering) as stream, pytest.raises(SourceError) as caught:
        read_source(stream)  # type: ignore[arg-type]  # on purpose

    assert str(caught.value) == f"{path} cannot be read: it is not open for reading."


def test_a_stream_that_would_block_is_a_source_error() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with (
        os.fdopen(read, "rb", buffering=0) as stream,
        os.fdopen(write, "wb"),
        pytest.raises(SourceError, match="nothing to read yet"),
    ):
        read_source(stream)


@pytest.mark.parametrize("source", [io.StringIO("text"), 3, None, ["in.jpg"]])
def test_what_gives_no_bytes_is_a_type_error(source: object) -> None:
    with pytest.raises(TypeError, match="bytes"):
        read_source(source)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_picture_that_is_opened_as_text_is_a_type_error(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(pictures.jpeg(8, 6))

    with (
        path.open(encoding=encoding) as stream,
        pytest.raises(TypeError, match=r"in\.jpg gave str, .* open it in binary mode"),
    ):
        read_source(stream)  # type: ignore[arg-type]  # on purpose


def test_reading_ends_when_the_token_is_pulled() -> None:
    token = CancelToken()

    class Pulls:
        reads = 0

        def read(self, size: int = -1) -> bytes:
            self.reads += 1
            token.cancel()
            return bytes(min(size, 10))

    stream = Pulls()

    with pytest.raises(JobCancelledError):
        read_source(stream, cancel=token)

    assert stream.reads == 1


def test_reading_does_not_begin_when_time_has_run_out() -> None:
    with pytest.raises(JobTimeoutError, match="within 0 seconds"):
        read_source(io.BytesIO(DATA), deadline=Deadline(0))


def test_a_file_is_not_blamed_when_time_has_run_out(tmp_path: Path) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(DATA)

    with pytest.raises(JobTimeoutError):
        read_source(path, deadline=Deadline(0))


@pytest.mark.parametrize("writer", ["nobody", "somebody who says nothing"])
def test_a_pipe_that_gives_nothing_is_given_up_in_time(
    tmp_path: Path, writer: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR) if writer != "nobody" else None

    with pytest.raises(JobTimeoutError):
        read_source(pipe, deadline=Deadline(0.1))

    if held is not None:
        os.close(held)


def test_so_is_one_that_is_open_without_a_buffer() -> None:
    read, write = os.pipe()

    with os.fdopen(read, "rb", 0) as pipe, os.fdopen(write, "wb", 0) as writer:
        writer.write(b"a part")
        with pytest.raises(JobTimeoutError):
            read_source(pipe, deadline=Deadline(0.1))


def test_an_end_of_a_pipe_that_is_not_for_reading_is_refused() -> None:
    read, write = os.pipe()

    with (
        os.fdopen(read, "rb", 0),
        os.fdopen(write, "wb", 0) as writer,
        pytest.raises(SourceError, match="not open for reading"),
    ):
        read_source(writer)


def test_standard_input_is_read_by_its_path() -> None:
    code = (
        "import sys; from imageflow_loader._io import read_source;"
        "sys.stdout.buffer.write(read_source('/dev/stdin'))"
    )

    child = subprocess.run(
        [sys.executable, "-c", code], input=DATA, capture_output=True, check=True
    )

    assert child.stdout == DATA
