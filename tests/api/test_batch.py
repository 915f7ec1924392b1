"""One recipe on many sources: in order or not, bounded, on threads and processes."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader as imf
from imageflow_loader.testing import FakeEngine
from tests import pictures
from tests.conftest import engine_under_test

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPE = imf.decode().constrain(10).encode("png")
BAD = b"this is no picture, only text"


def photos(count: int) -> list[bytes]:
    return [pictures.png(20 + number, 20) for number in range(count)]


def test_a_machine_without_another_thread_is_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    recipe, engine = imf.decode().encode("png"), FakeEngine()
    monkeypatch.setattr(threading.Thread, "start", no_more)

    with pytest.raises(imf.EngineError, match="could not be started: can't start"):
        next(imf.batch(recipe, [b"any"], engine=engine))


def test_results_come_in_the_order_of_the_sources(engine: imf.Engine) -> None:
    items = list(imf.batch(RECIPE, photos(9), workers=3, engine=engine))

    assert [item.index for item in items] == list(range(9))
    heights = [item.unwrap()[0].height for item in items]
    assert heights == [round(10 * 20 / (20 + number)) for number in range(9)]


def test_results_may_come_as_they_are_done(engine: imf.Engine) -> None:
    items = imf.batch(RECIPE, photos(9), workers=3, ordered=False, engine=engine)

    assert sorted(item.index for item in items) == list(range(9))


def test_one_that_is_slow_does_not_hold_up_the_others() -> None:
    release = threading.Event()

    class Slow:
        def opened(self) -> bytes:
            assert release.wait(30)
            return pictures.png()

    sources = [Slow(), *photos(5)]
    items = imf.batch(RECIPE, sources, workers=2, ordered=False, engine=FakeEngine())

    first = next(items)
    release.set()
    assert first.index != 0
    assert {first.index, *(item.index for item in items)} == set(range(6))


def test_an_error_is_an_item_where_that_is_asked_for(engine: imf.Engine) -> None:
    sources = [*photos(2), BAD, *photos(2)]

    items = list(imf.batch(RECIPE, sources, on_error="yield", engine=engine))

    assert [item.error is None for item in items] == [True, True, False, True, True]
    assert items[2].source == BAD
    assert items[2].result is None
    with pytest.raises(imf.ImageDecodeError):
        items[2].unwrap()


def test_the_first_error_is_raised_where_nothing_is_said(engine: imf.Engine) -> None:
    items = imf.batch(RECIPE, [*photos(2), BAD, *photos(2)], engine=engine)

    assert [next(items).index, next(items).index] == [0, 1]
    with pytest.raises(imf.ImageDecodeError):
        next(items)


def test_each_output_goes_to_its_place(engine: imf.Engine, tmp_path: Path) -> None:
    sources = []
    for number, photo in enumerate(photos(4)):
        sources.append(tmp_path / f"{number}.png")
        sources[-1].write_bytes(photo)

    def target(source: Any) -> Path:
        return tmp_path / f"{source.stem}.webp"

    recipe = imf.command_string(None, "w=10&format=webp")
    paths = [
        item.unwrap()[0].path
        for item in imf.batch(recipe, sources, to=target, engine=engine)
    ]

    assert paths == [tmp_path / f"{number}.webp" for number in range(4)]
    assert {imf.info(path).mime_type for path in paths if path} == {"image/webp"}


def test_no_source_overwrites_what_was_made_of_another(
    engine: imf.Engine, tmp_path: Path
) -> None:
    def target(photo: Any) -> Any:
        return f"{tmp_path}/./same.png" if photo is first else tmp_path / "same.png"

    first, second = photos(2)
    here = {"to": target, "engine": engine}

    one, other = imf.batch(RECIPE, [first, second], on_error="yield", **here)

    assert one.unwrap()[0].path == tmp_path / "same.png"
    assert pictures.size((tmp_path / "same.png").read_bytes()) == one.unwrap()[0].size
    assert isinstance(other.error, imf.InvalidJobError)
    assert "Sources 0 and 1 have one destination" in str(other.error)
    with pytest.raises(ValueError, match="one destination"):
        list(imf.batch(RECIPE, [first, second], **here))


def test_a_file_by_another_way_is_the_same_destination(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    ways = {b"1": tmp_path / "real" / "a.png", b"2": tmp_path / "link" / "a.png"}

    items = imf.batch(
        RECIPE, ways, to=ways.__getitem__, on_error="yield", engine=FakeEngine()
    )

    assert [type(item.error) for item in items] == [type(None), imf.InvalidJobError]


def test_a_stream_may_take_the_outputs_of_many_sources() -> None:
    whole = io.BytesIO()

    items = list(imf.batch(RECIPE, photos(3), to=lambda _: whole, engine=FakeEngine()))

    assert len(whole.getvalue()) == sum(i.unwrap()[0].byte_count for i in items)


@pytest.mark.parametrize("ordered", [True, False])
def test_no_more_sources_are_taken_than_there_is_room_for(ordered: bool) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield pictures.png()

    items = imf.batch(
        RECIPE, endless(), workers=3, ordered=ordered, engine=FakeEngine()
    )
    for number in range(1, 50):
        next(items)
        assert taken <= number + 2 * 3
    items.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_done_comes_before_more_than_one_source_is_waited_for(
    ordered: bool,
) -> None:
    jobs: list[Future[Any]] = []
    taken = 0

    class Watched(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            jobs.append(super().submit(*args, **options))
            return jobs[-1]

    def slow() -> Iterator[bytes]:
        nonlocal taken
        for taken, photo in enumerate(photos(8)):  # noqa: B007 - it is looked at below
            assert not wait(jobs, 30).not_done
            yield photo

    with Watched(4) as pool:
        items = imf.batch(
            RECIPE, slow(), ordered=ordered, executor=pool, engine=FakeEngine()
        )
        for number in range(7):
            assert next(items).index == number
            assert taken <= number + 1
        assert next(items).index == 7


@pytest.mark.parametrize("fault", ["sources", "to"])
def test_an_error_of_the_sources_comes_behind_the_items_of_those_before(
    fault: str, engine: imf.Engine, tmp_path: Path
) -> None:
    def broken() -> Iterator[int]:
        yield from range(3)
        if fault == "sources":
            raise LookupError("no more")
        yield 3

    def target(photo: Any) -> Path:
        return tmp_path / ["0.png", "1.png", "2.png"][photo.number]

    class Photo(io.BytesIO):
        def __init__(self, number: int) -> None:
            super().__init__(pictures.png())
            self.number = number

    items = imf.batch(
        RECIPE,
        map(Photo, broken()),
        to=target,
        workers=2,
        on_error="yield",
        engine=engine,
    )

    assert [next(items).unwrap()[0].path for _ in range(3)] == [
        tmp_path / f"{number}.png" for number in range(3)
    ]
    with pytest.raises(LookupError):
        next(items)


def test_progress_is_told_with_the_number_of_all_where_it_is_known() -> None:
    told: list[tuple[int, int | None]] = []

    def progress(done: int, total: int | None) -> None:
        told.append((done, total))

    for sources in (photos(2), iter(photos(2))):
        list(imf.batch(RECIPE, sources, progress=progress, engine=FakeEngine()))

    assert told == [(1, 2), (2, 2), (1, None), (2, None)]


def test_closing_stops_what_runs_and_leaves_no_thread(engine: imf.Engine) -> None:
    before = threading.active_count()
    reading = threading.Event()

    class Endless:
        def read(self, size: int = -1) -> bytes:
            reading.set()
            return bytes(min(size, 1))

    items = imf.batch(RECIPE, [*photos(1), *[Endless()] * 3], workers=1, engine=engine)
    next(items)
    assert reading.wait(30)
    items.close()  # type: ignore[attr-defined]  # a generator

    assert threading.active_count() <= before + 1  # a worker that the engine keeps


def test_a_token_stops_it_all() -> None:
    token = imf.CancelToken()
    items = imf.batch(RECIPE, photos(20), cancel=token, engine=FakeEngine())
    next(items)

    token.cancel()

    with pytest.raises(imf.JobCancelledError):
        list(items)


def test_a_pool_of_the_caller_is_used_and_left_open(engine: imf.Engine) -> None:
    with ThreadPoolExecutor(2) as pool:
        items = list(imf.batch(RECIPE, photos(5), executor=pool, engine=engine))

        assert len(items) == 5
        assert pool.submit(int).result() == 0


@pytest.fixture
def processes(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ProcessPoolExecutor]:
    monkeypatch.setenv("IMAGEFLOW_LIBRARY", str(engine_under_test("library")))
    context = multiprocessing.get_context("spawn")
    count = getattr(request, "param", 2)
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        yield pool


def test_processes_give_the_same_results_and_errors(
    processes: ProcessPoolExecutor,
) -> None:
    sources = [*photos(5), BAD]

    with imf.load_engine("library", path=engine_under_test("library")) as engine:
        here = list(imf.batch(RECIPE, sources, on_error="yield", engine=engine))
    there = list(imf.batch(RECIPE, sources, on_error="yield", executor=processes))

    assert [i.result and i.result[0].data for i in here] == [
        i.result and i.result[0].data for i in there
    ]
    assert isinstance(there[-1].error, imf.ImageDecodeError)
    assert there[-1].error.kind == getattr(here[-1].error, "kind", "")


def test_an_engine_cannot_go_to_other_processes(processes: ProcessPoolExecutor) -> None:
    with pytest.raises(ValueError, match="cannot go to other processes"):
        imf.batch(RECIPE, [], executor=processes, engine=FakeEngine())


@pytest.mark.parametrize(
    "arguments",
    [
        {"workers": 0},
        {"on_error": "ignore"},
        {
            "recipe": imf.Job(RECIPE, imf.decode().encode("gif")),
            "to": lambda source: source,
        },
    ],
)
def test_arguments_that_do_not_fit_are_a_value_error_at_once(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"workers is 1 to|'yield'|one output"):
        imf.batch(**{"recipe": RECIPE, "sources": [], **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {"recipe": "w=100"},
        {"recipe": imf.decode()},
        {"sources": "one.jpg"},
        {"sources": Path("one.jpg")},
        {"sources": b"a picture"},
        {"sources": bytearray(b"a picture")},
        {"sources": memoryview(b"a picture")},
        {"sources": io.BytesIO(b"a\npicture")},
        {"sources": imf.Source(b"a picture")},
        {"sources": 3},
        {"cancel": "x"},
        {"executor": "x"},
    ],
)
def test_what_is_of_a_wrong_type_is_a_type_error_at_once(
    arguments: dict[str, Any],
) -> None:
    says = r"a Job or an Output|into a list|not iterable|(cancel|executor) is of type"
    with pytest.raises(TypeError, match=says):
        imf.batch(**{"recipe": RECIPE, "sources": [], **arguments})


@pytest.mark.parametrize("processes", [1], indirect=True)
def test_a_worker_process_that_dies_costs_no_item_of_what_was_taken(
    processes: ProcessPoolExecutor,
) -> None:
    sources = [*photos(2), Deadly(), *photos(40)]
    items = imf.batch(RECIPE, sources, on_error="yield", executor=processes)

    outcomes = []
    with pytest.raises(imf.EngineError, match="could not be started: A child process"):
        outcomes.extend(item.error for item in items)

    done, lost = outcomes[:2], outcomes[2:]
    assert done == [None, None]
    assert {type(error) for error in lost} == {imf.EngineCrashedError}
    assert "workers died" in str(lost[0])


def test_a_source_that_cannot_go_to_another_process_is_an_error_of_its_own(
    processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(pictures.png())
    with (tmp_path / "a.png").open("rb") as file:
        sources = [*photos(1), file, *photos(1)]
        items = list(imf.batch(RECIPE, sources, on_error="yield", executor=processes))

    assert [item.error is None for item in items] == [True, False, True]
    assert isinstance(items[1].error, imf.EngineError)
    assert "could not be started: cannot pickle" in str(items[1].error)


# A Dask cluster of two worker processes


class Deadly:
    """A source that takes its worker along."""

    def opened(self) -> bytes:
        os._exit(9)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # None is port 8787, which may be taken
            silence_logs=logging.CRITICAL,
            env={"IMAGEFLOW_LIBRARY": str(engine_under_test("library"))},
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_cluster_that_loses_a_worker_finishes_all_the_same(cluster: Any) -> None:
    photo = pictures.jpeg(320, 240)
    sources = [photo if number % 10 else BAD for number in range(200)]
    items = imf.batch(
        RECIPE,
        sources,
        workers=4,
        on_error="yield",
        executor=cluster.get_executor(),
    )

    outcomes = []
    for item in items:
        outcomes.append(item.error is None)
        if item.index == 60:
            process = next(iter(cluster.run(os.getpid).values()))
            os.kill(process, signal.SIGKILL)

    assert outcomes == [source is photo for source in sources]


def test_a_picture_that_kills_every_worker_is_an_error_and_the_cluster_goes_on(
    cluster: Any,
) -> None:
    executor = cluster.get_executor()

    def items(source: Any) -> list[imf.BatchItem[Any]]:
        return list(imf.batch(RECIPE, [source], on_error="yield", executor=executor))

    # One after the other: Dask blames whatever shares a worker that dies.
    (deadly,), (good,) = items(Deadly()), items(pictures.jpeg())

    assert isinstance(deadly.error, imf.EngineCrashedError)
    assert "workers died" in str(deadly.error)
    assert good.unwrap()[0].extension == "png"


def test_an_item_is_a_value_that_can_be_pickled() -> None:
    items = list(imf.batch(RECIPE, [BAD], engine=FakeEngine()))
    again = pickle.loads(pickle.dumps(items))  # noqa: S301 - our own

    assert again == items
    assert type(items[0]) is imf.BatchItem
    assert repr(items[0]).startswith("BatchItem(index=0, source=b'this is no picture")
    assert imf.BatchItem[bytes](0, BAD, None, None).source is BAD


def test_no_sources_give_no_items() -> None:
    assert list(imf.batch(RECIPE, [], engine=FakeEngine())) == []
