"""`process` and its kin: the main flow, on both backends alike."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader as imf
from imageflow_loader._cancel import _pool
from tests import pictures
from tests.conftest import engine_under_test
from tests.unprivileged import as_nobody, shared_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PHOTO = pictures.jpeg(300, 200)


def kind_of(data: bytes) -> str | None:
    return imf.sniff(data)


def test_a_photo_becomes_a_webp_of_the_size_that_is_asked_for(
    engine: imf.Engine, tmp_path: Path
) -> None:
    photo, out = tmp_path / "photo.jpg", tmp_path / "out.webp"
    photo.write_bytes(PHOTO)

    made = imf.process(photo, "w=72&h=58&mode=max&quality=80", to=out, engine=engine)

    data = out.read_bytes()
    assert kind_of(data) == "image/webp"
    assert pictures.size(data) == (72, 48) == made.size
    assert (made.mime_type, made.extension, made.suffix) == (
        "image/webp",
        "webp",
        ".webp",
    )
    assert (made.path, made.byte_count) == (out, len(data))
    with pytest.raises(ValueError, match=r"went to .*out\.webp"):
        _ = made.data


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp"])
def test_both_backends_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    made = []
    for kind in ("library", "tool"):
        path = engine_under_test(kind)
        with imf.load_engine(kind, path=path) as engine:
            out = tmp_path / f"{kind}.{suffix}"
            imf.process(PHOTO, "w=100&mode=max", to=out, engine=engine)
            made.append(out.read_bytes())

    assert made[0] == made[1]


def test_without_a_destination_the_bytes_come_back(engine: imf.Engine) -> None:
    made = imf.process(PHOTO, {"w": 30, "mode": "max", "format": "png"}, engine=engine)

    assert pictures.size(made.data) == (30, 20)
    assert bytes(made) == made.data == made.open().read()
    assert made.path is None


def test_a_stream_is_read_where_it_stands_and_written_without_being_closed(
    engine: imf.Engine,
) -> None:
    source, to = io.BytesIO(b"skip" + PHOTO), io.BytesIO()
    source.seek(4)

    imf.process(source, "w=30&mode=max", to=to, engine=engine)

    assert kind_of(to.getvalue()) == "image/jpeg"  # a stream keeps the source's format
    assert not source.closed
    assert not to.closed


def test_source_and_destination_may_be_the_same_file(
    engine: imf.Engine, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)

    imf.process(path, "w=30&mode=max", to=path, engine=engine)

    assert pictures.size(path.read_bytes()) == (30, 20)


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("w=20", "out.png", "image/png"),
        ("w=20", "out.JPG", "image/jpeg"),
        ("w=20&format=webp", "out.webp", "image/webp"),
        ("w=20&format=png", "out.dat", "image/png"),
        ("w=20&mode=max", "out.dat", "image/jpeg"),
        ("w=20&thumbnail=gif", "out", "image/gif"),
        ("srcset=webp-70,20w", "out.webp", "image/webp"),
        ("w=20&qp=good", "out.webp", "image/webp"),
    ],
)
def test_the_format_is_the_querys_else_the_suffixs_else_the_sources(
    engine: imf.Engine, tmp_path: Path, query: str, name: str, expected: str
) -> None:
    out = tmp_path / name

    imf.process(PHOTO, query, to=out, engine=engine)

    assert kind_of(out.read_bytes()) == expected


class Named:
    """A path that is not one of `pathlib`'s."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


@pytest.mark.parametrize("kind", [str, Path, Named])
def test_the_suffix_of_a_destination_that_is_told_late_names_the_format_too(
    tmp_path: Path, kind: Callable[[Path], Any]
) -> None:
    recipe = imf.command_string(None, "w=20&h=20")

    made = recipe.run(PHOTO, to=kind(tmp_path / "out.webp"))

    assert made.mime_type == "image/webp"
    with pytest.raises(ValueError, match="asks for png"):
        imf.command_string(None, "format=png").run(PHOTO, to=tmp_path / "out.webp")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("format=png", "out.jpg"),
        ("thumbnail=webp", "out.gif"),
        ("srcset=webp,20w", "out.png"),
        ("w=2", "out.avif"),
        ("format=bmp", "out.jpg"),
    ],
)
def test_a_suffix_that_contradicts_the_query_is_a_value_error_before_anything_runs(
    tmp_path: Path, query: str, name: str
) -> None:
    with pytest.raises(ValueError, match=r"asks for|no engine writes|no format"):
        imf.process("no such file", query, to=tmp_path / name)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("w=20&format=jpg", "image/jpeg"),
        ("w=20&format=png", "image/png"),
        ("w=20&srcset=webp", "image/webp"),
    ],
)
def test_a_still_from_an_animation_is_its_first_frame_alone(
    engine: imf.Engine, query: str, expected: str
) -> None:
    animation = pictures.gif(40, 30, frames=4)

    still = imf.process(animation, query, engine=engine)
    first = imf.process(animation, query + "&frame=0", engine=engine)

    assert kind_of(still.data) == expected
    assert still.data == first.data


def test_an_animation_stays_one_where_it_may(engine: imf.Engine) -> None:
    made = imf.process(pictures.gif(40, 30, frames=4), "w=20", engine=engine)

    assert imf.info(made.data).frames == 4


CUT = pictures.cut(pictures.png(200, 150))
TEXT = b"this is no picture, only text"


@pytest.mark.parametrize(
    ("source", "error", "category", "code", "exit_code"),
    [
        (CUT, "ImageDecodeError", "image_malformed", 4, 65),
        (TEXT, "ImageDecodeError", "image_malformed", 4, 65),
        (b"", "ImageDecodeError", "image_malformed", 4, 65),
        ("no.jpg", "SourceNotFoundError", "primary_resource_not_found", 12, 66),
        (".", "SourceError", "primary_resource_not_found", 12, 66),
    ],
    ids=["cut png", "text", "empty", "missing", "folder"],
)
def test_a_bad_source_has_one_class_category_and_code_on_both_backends(
    engine: imf.Engine,
    tmp_path: Path,
    source: bytes | str,
    error: str,
    category: str,
    code: int,
    exit_code: int,
) -> None:
    with pytest.raises(imf.ImageflowError) as caught:
        imf.process(source, "w=20", to=tmp_path / "out.png", engine=engine)

    found = caught.value
    assert type(found).__name__ == error
    assert (found.category, found.code, found.exit_code) == (category, code, exit_code)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(engine: imf.Engine) -> None:
    with shared_folder() as folder:
        out = folder / "out.jpg"
        out.write_bytes(b"old")
        made = imf.process(PHOTO, "w=20&mode=max", engine=engine)
        folder.chmod(0o555)

        with pytest.raises(imf.DestinationError) as caught:
            as_nobody(lambda: made.save(out))

        assert (caught.value.category, caught.value.exit_code) == ("io_error", 73)
        assert out.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("to", "number"),
    [("no/out.png", errno.ENOENT), ("/dev/full", errno.ENOSPC)],
    ids=["no folder", "a full disk"],
)
def test_a_destination_that_cannot_be_is_refused_alike(
    engine: imf.Engine, tmp_path: Path, to: str, number: int
) -> None:
    with pytest.raises(imf.DestinationError) as caught:
        imf.process(PHOTO, "w=20", to=tmp_path / to, engine=engine)

    assert (caught.value.category, caught.value.code) == ("io_error", 16)
    assert (caught.value.errno, caught.value.exit_code) == (number, 73)


def test_strict_refuses_what_an_engine_would_pass_over(engine: imf.Engine) -> None:
    with pytest.raises(imf.InvalidJobError, match=r"widht .*did you mean width\?") as e:
        imf.process(PHOTO, "widht=20&w=2x", strict=True, engine=engine)

    assert "w takes a whole number, not 2x" in e.value.message
    assert imf.process(PHOTO, "w=20", strict=True, engine=engine).width == 20


# Limits


def test_an_input_above_the_cap_is_refused(engine: imf.Engine) -> None:
    limits = imf.Security(max_input_bytes=100)

    with pytest.raises(imf.SourceTooLargeError) as caught:
        imf.process(PHOTO, "w=20", security=limits, engine=engine)

    assert caught.value.is_input_fault


@pytest.mark.parametrize(
    "name", ["max_decode_size", "max_frame_size", "max_encode_size"]
)
def test_a_picture_above_a_limit_is_refused(engine: imf.Engine, name: str) -> None:
    limits = imf.Security(**{name: imf.FrameLimit(w=299)})

    with pytest.raises(imf.SizeLimitError) as caught:
        imf.process(PHOTO, "format=png", security=limits, engine=engine)

    assert (caught.value.category, caught.value.code) == ("argument_invalid", 2)
    assert caught.value.is_input_fault


@pytest.mark.parametrize("side", [10_001, 20_000, 100_000])
def test_what_becomes_larger_than_the_engines_own_limits_is_refused(
    engine: imf.Engine, side: int
) -> None:
    image = imf.canvas(9, 9)

    for huge in (image.resize(side, side), image.expand_canvas(side, 0, 0, side)):
        with pytest.raises(imf.SizeLimitError):
            huge.encode("png").run(engine=engine)


def test_a_format_that_is_not_allowed_is_seen_by_no_decoder(engine: imf.Engine) -> None:
    limits = imf.Security(allowed_inputs=frozenset({"jpg", "png"}))

    with pytest.raises(imf.SourceTypeError, match="image/gif; allowed are jpg, png"):
        imf.process(pictures.gif(8, 8), "w=4", security=limits, engine=engine)

    assert imf.process(PHOTO, "w=4", security=limits, engine=engine).width == 4


def test_a_limit_on_all_frames_together_is_kept_or_refused(engine: imf.Engine) -> None:
    moving = pictures.gif(8, 8, frames=3)
    limits = [imf.Security(max_total_file_pixels=most) for most in (3 * 64 - 1, 3 * 64)]

    if not engine.supports("limit_total_pixels"):
        with pytest.raises(imf.UnsupportedFeatureError) as caught:
            imf.process(moving, "w=4", security=limits[1], engine=engine)
        assert caught.value.missing == {"limit_total_pixels"}
        return
    with pytest.raises(imf.SizeLimitError, match="max_total_file_pixels 191"):
        imf.process(moving, "w=4", security=limits[0], engine=engine)

    assert imf.process(moving, "w=4", security=limits[1], engine=engine).width == 4


def test_no_time_at_all_is_a_timeout(engine: imf.Engine, tmp_path: Path) -> None:
    with pytest.raises(imf.JobTimeoutError):
        imf.process(PHOTO, "w=4", to=tmp_path / "o.jpg", timeout=0, engine=engine)

    assert not list(tmp_path.iterdir())


def test_a_token_that_is_pulled_stops_the_job(engine: imf.Engine) -> None:
    token = imf.CancelToken()
    token.cancel()

    with pytest.raises(imf.JobCancelledError) as caught:
        imf.process(PHOTO, "w=4", cancel=token, engine=engine)

    assert not isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_time_that_cannot_be_is_a_value_error(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        imf.process(PHOTO, "w=4", timeout=timeout)


def test_a_time_that_is_no_number_is_a_type_error() -> None:
    seconds: Any = "3"  # as from a variable of the environment

    with pytest.raises(TypeError, match="timeout is a number, not '3'"):
        imf.process(PHOTO, "w=4", timeout=seconds)


def test_a_time_may_be_as_long_as_one_likes(engine: imf.Engine) -> None:
    imf.process(PHOTO, "w=4", timeout=10**400, engine=engine)


def test_a_source_without_memory_for_it_is_an_error_of_ours(
    engine: imf.Engine,
) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise MemoryError(size)

    with pytest.raises(imf.EngineMemoryError) as caught:
        imf.process(Endless(), "w=4", engine=engine)

    assert (caught.value.category, caught.value.exit_code) == ("out_of_memory", 71)


# The others


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"engine": "tool"}, "engine is of type Engine, not 'tool'"),
        ({"security": imf.Security}, "security is of type Security, not <class"),
        ({"cancel": True}, "cancel is of type CancelToken, not True"),
        ({"watermarks": ["logo.png"]}, "a watermark is a Watermark, not 'logo.png'"),
    ],
    ids=["engine", "security", "cancel", "watermarks"],
)
def test_an_option_of_another_type_is_said_so(
    options: dict[str, Any], says: str, engine: imf.Engine
) -> None:
    with pytest.raises(TypeError, match=says):
        imf.process(pictures.jpeg(), "w=5", **{"engine": engine, **options})


def test_a_thumbnail_fits_into_its_box_and_is_never_enlarged(
    engine: imf.Engine,
) -> None:
    assert imf.thumbnail(PHOTO, 60, engine=engine).size == (60, 40)
    assert imf.thumbnail(PHOTO, (400, 400), engine=engine).size == (300, 200)


def test_a_cropped_thumbnail_fills_its_box(engine: imf.Engine, tmp_path: Path) -> None:
    out = tmp_path / "square.webp"

    made = imf.thumbnail(PHOTO, 400, crop=True, quality=50, to=out, engine=engine)

    assert made.size == (400, 400)
    assert kind_of(out.read_bytes()) == "image/webp"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"size": 0}, ValueError, "width is 1 to"),
        ({"size": (9, -1)}, ValueError, "height is 1 to"),
        ({"size": 1.5}, TypeError, "width is a whole number"),
        ({"size": 9, "quality": 101}, ValueError, "quality is 0 to 100"),
        ({"size": 9, "format": "wepb"}, ValueError, "did you mean 'webp'"),
    ],
)
def test_a_thumbnail_that_cannot_be_fails_where_it_is_written(
    arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        imf.thumbnail("no such file", **arguments)


def test_info_needs_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEFLOW_LIBRARY", str(tmp_path / "nothing"))
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)

    assert imf.info(path).size == (300, 200)
    with pytest.raises(imf.SourceTooLargeError):
        imf.info(path, security=imf.Security(max_input_bytes=10))


def test_what_can_be_called_can_be_awaited(engine: imf.Engine) -> None:
    async def all_of_them() -> tuple[imf.EncodedImage, imf.ImageInfo, imf.JobResult]:
        output = imf.decode(PHOTO).constrain(20).encode("png")
        return await asyncio.gather(
            imf.aprocess(PHOTO, "w=30&mode=max", strict=True, engine=engine),
            imf.ainfo(PHOTO),
            imf.arun(output, engine=engine),
        )

    made, header, result = asyncio.run(all_of_them())

    assert (made.width, header.width, result[0].width) == (30, 300, 20)


def test_a_header_that_does_not_come_is_waited_for_no_longer_than_wanted(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pipe")

    async def impatient() -> None:
        await asyncio.wait_for(imf.ainfo(tmp_path / "pipe"), 0.1)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(impatient())


class Blocked(io.RawIOBase):
    """A source from which nothing comes until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def read(self, size: int = -1, /) -> bytes:
        self.go_on.wait(30)
        return PHOTO if size else b""


@contextlib.asynccontextmanager
async def no_thread_left(engine: imf.Engine) -> AsyncIterator[None]:
    """Have as many jobs at work as there are threads for what is awaited."""
    blocked = [Blocked() for _ in range(_pool()._max_workers)]
    jobs = [
        asyncio.create_task(imf.aprocess(each, "w=9", engine=engine))
        for each in blocked
    ]
    await asyncio.sleep(0)
    yield
    for each in blocked:
        each.go_on.set()
    await asyncio.wait(jobs)


def test_a_job_that_waits_for_a_thread_is_dropped_at_once(engine: imf.Engine) -> None:
    token = imf.CancelToken()

    async def late() -> None:
        async with no_thread_left(engine):
            with pytest.raises(imf.JobTimeoutError, match=r"within 0\.05 seconds"):
                await imf.aprocess(PHOTO, "w=9", timeout=0.05, engine=engine)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(imf.aprocess(PHOTO, "w=9", engine=engine), 0.05)
            waits = asyncio.create_task(
                imf.aprocess(PHOTO, "w=9", cancel=token, engine=engine)
            )
            await asyncio.sleep(0)
            token.cancel()
            with pytest.raises(imf.JobCancelledError):
                await waits

    asyncio.run(asyncio.wait_for(late(), 20))


def test_jobs_that_are_awaited_leave_asyncios_own_threads_alone(
    engine: imf.Engine,
) -> None:
    async def beside() -> str:
        async with no_thread_left(engine):
            return await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 20)

    assert asyncio.run(beside()) == "done"


def test_a_task_that_is_cancelled_again_and_again_ends_after_its_job(
    engine: imf.Engine,
) -> None:
    writing, go_on, ended = asyncio.Event(), threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.loop = loop

        def write(self, data: Any, /) -> int:
            self.loop.call_soon_threadsafe(writing.set)
            go_on.wait(30)
            ended.set()
            return len(data)

    async def cancelled() -> None:
        slow = Slow(asyncio.get_running_loop())
        task = asyncio.create_task(imf.aprocess(PHOTO, "w=9", to=slow, engine=engine))
        await writing.wait()
        for _ in range(5):  # as anyio does in a scope that is over
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(cancelled())


def test_a_job_that_is_refused_does_nothing(
    engine: imf.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.jpg"

    async def made(**options: Any) -> None:
        await imf.aprocess(PHOTO, "w=9", to=target, engine=engine, **options)

    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def refused() -> None:
        with pytest.raises(TypeError, match="cancel is of type CancelToken, not 'x'"):
            await made(cancel="x")
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            with pytest.raises(imf.EngineError, match="could not be started: can't"):
                await made()
        await imf.ainfo(
            PHOTO
        )  # which starts a thread, and finds the other in the queue

    asyncio.run(refused())

    assert not target.exists()


def test_a_source_may_itself_await_a_job(engine: imf.Engine) -> None:
    class Derived(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            made = asyncio.run(imf.aprocess(PHOTO, "w=99&format=png", engine=engine))
            self.read = lambda *_: b""  # type: ignore[method-assign]  # the end
            return made.data[:size]

    async def at_once() -> list[imf.EncodedImage]:
        count = _pool()._max_workers
        jobs = [imf.aprocess(Derived(), "w=9", engine=engine) for _ in range(count)]
        return await asyncio.gather(*jobs)

    assert {made.width for made in asyncio.run(at_once())} == {9}


def test_a_source_that_is_read_by_awaiting_is_said_so() -> None:
    class Upload:
        async def read(self, size: int = -1) -> bytes:
            return PHOTO[:size]

    with pytest.raises(TypeError, match=r"give `await source\.read\(\)`"):
        imf.process(Upload(), "w=9")  # type: ignore[arg-type]  # on purpose


def test_a_task_that_is_cancelled_sees_only_that_and_leaves_nothing(
    engine: imf.Engine, tmp_path: Path
) -> None:
    started = asyncio.Event()

    class Slow(io.RawIOBase):
        """Gives a byte at a time, so that the job is still reading."""

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.loop = loop

        def read(self, size: int = -1) -> bytes:
            self.loop.call_soon_threadsafe(started.set)
            return PHOTO[:1] if size else b""

    async def cancelled() -> None:
        slow = Slow(asyncio.get_running_loop())
        task = asyncio.create_task(
            imf.aprocess(slow, "w=30", to=tmp_path / "out.jpg", engine=engine)
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert not list(tmp_path.iterdir())


def test_a_token_stops_what_is_awaited_as_well(engine: imf.Engine) -> None:
    token = imf.CancelToken()

    class Pulling:
        def read(self, size: int = -1) -> bytes:
            token.cancel()
            return PHOTO[:size]

    with pytest.raises(imf.JobCancelledError):
        asyncio.run(imf.aprocess(Pulling(), "w=30", cancel=token, engine=engine))
