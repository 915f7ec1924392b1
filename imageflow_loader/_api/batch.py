"""One recipe, many sources: bounded memory, errors as items, on any executor."""

from __future__ import annotations

import os
from collections.abc import Sized
from itertools import islice
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from .._cancel import CancelToken, Deadline, go_on
from .._checks import instance, one_of, whole
from .._engine import get_engine
from .._io import file_of
from .._job import Job, JobResult, Output
from .._value import Value
from ..errors import EngineCrashedError, EngineError, ImageflowError, InvalidJobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from typing_extensions import Unpack

    from .._job import RunOptions
    from ..types import Destination, SourceLike

_SourceLikeT = TypeVar("_SourceLikeT", bound="SourceLike", covariant=True)
Outcome: TypeAlias = tuple[JobResult | None, ImageflowError | None]

_IN_FLIGHT = 2  # jobs for each worker: one that runs, one that waits for it


class BatchItem(Generic[_SourceLikeT], Value):
    """What came of one source: a result, or an error. Made by `batch`."""

    index: int
    """The source's place in the order they were given."""
    source: _SourceLikeT
    """As it was given."""
    result: JobResult | None
    """None where there is an error."""
    error: ImageflowError | None
    """None where there is a result."""

    def unwrap(self) -> JobResult:
        """Return the result.

        Raises:
            ImageflowError: The job failed; this is its error.
        """
        if self.error is not None:
            raise self.error
        assert self.result is not None  # noqa: S101 - one of the two is there
        return self.result


def batch(
    recipe: Job | Output,
    sources: Iterable[_SourceLikeT],
    *,
    to: Callable[[_SourceLikeT], Destination] | None = None,
    workers: int | None = None,
    ordered: bool = True,
    on_error: Literal["raise", "yield"] = "raise",
    progress: Callable[[int, int | None], object] | None = None,
    executor: Executor | None = None,
    **options: Unpack[RunOptions],
) -> Iterator[BatchItem[_SourceLikeT]]:
    """Run a recipe on many sources, some at a time.

    Sources are taken one by one as there is room for them, so there may be any number.
    At most twice as many results as workers wait to be taken. Where *sources* or *to*
    raise an error, it comes behind the items of all that was taken before. When the
    iterator is closed, what runs is stopped, and nothing half done is left.

    Args:
        recipe: What to do; its `decode()` has no source.
        sources: Bytes, paths or streams.
        to: Where the output of a source goes; None for bytes. A path that another
            source had is an `InvalidJobError`: all are kept, some 200 bytes each.
        workers: How many run at once: those of a pool, else one for each processor of
            this machine. Say how many a cluster has.
        ordered: Whether items come in the order of the sources, or as they are done.
        on_error: "raise" the first error, or "yield" each as an item.
        progress: Called with the number of items done and, where it is known, the
            number of all.
        executor: Where the jobs run, not shut down: any of `concurrent.futures`, or a
            Dask cluster's (`Client.get_executor()`). Threads of ours unless given. When
            a process of a pool dies, what it was given is an `EngineCrashedError` each,
            and then the batch ends with an `EngineError`, for it takes no more.
        **options: How they are run: `RunOptions`. `timeout` is for each source,
            `engine` for threads: other processes find their own.

    Raises:
        ImageflowError: A job failed, and *on_error* is "raise".
        JobCancelledError: *cancel* was pulled.
        TypeError: *recipe* is no recipe, or *sources* are a single one.
        ValueError: An argument does not fit the others.
    """
    if not isinstance(recipe, Job | Output):
        raise TypeError(f"recipe is a Job or an Output, not {recipe!r:.80}")
    if hasattr(sources, "read") or isinstance(
        sources, str | bytes | bytearray | memoryview | os.PathLike
    ):
        raise TypeError("sources are many: put the only one into a list")
    from concurrent.futures import (  # 10 ms, and only here
        FIRST_COMPLETED,
        Executor,
        Future,
        ThreadPoolExecutor,
        wait,
    )

    job = Job(recipe) if isinstance(recipe, Output) else recipe
    if to is not None and len(job.outputs) != 1:
        raise ValueError("`to` is for a recipe with one output")
    if workers is None:
        workers = getattr(executor, "_max_workers", None) or _processors()
    whole(1, workers=workers)
    one_of(Literal["raise", "yield"], on_error=on_error)
    cancel = options.pop("cancel", None)
    instance(CancelToken, cancel=cancel)
    instance(Executor, executor=executor)
    stop = None
    if executor is None or isinstance(executor, ThreadPoolExecutor):
        options["cancel"] = stop = CancelToken()
        options["engine"] = options.get("engine") or get_engine()
    elif options.get("engine") is not None:
        raise ValueError(
            "an engine cannot go to other processes: choose theirs in their "
            "environment (IMAGEFLOW_BACKEND …)"
        )
    work = _Work(job, options)
    total = len(sources) if isinstance(sources, Sized) else None
    waiting, window = enumerate(sources), _IN_FLIGHT * workers
    places: dict[str, int] = {}

    def submitted(
        pool: Executor, index: int, source: SourceLike, target: Destination | None
    ) -> Future[Outcome]:
        if (
            isinstance(target, str | os.PathLike)
            and (first := places.setdefault(str(file_of(target)), index)) != index
        ):
            text = f"Sources {first} and {index} have one destination: {target}."
            future: Future[Outcome] = Future()
            future.set_result((None, InvalidJobError(text)))
            return future
        try:
            return pool.submit(work.run, source, target)
        except RuntimeError as error:  # too many threads, or the pool was shut down
            raise EngineError(f"The job could not be started: {error}.") from error

    def items() -> Iterator[BatchItem[_SourceLikeT]]:
        forever, done = Deadline(None), 0
        pool = executor or ThreadPoolExecutor(workers, "imageflow-batch")
        flight: dict[Future[Outcome], tuple[int, _SourceLikeT]] = {}  # in their order
        forget = cancel._on_cancel(stop.cancel) if cancel and stop else lambda: None
        more, failure = True, None
        try:
            while more or flight:
                go_on(forever, cancel)
                # One only, which may be long in coming: then see what is done.
                if more and len(flight) < window:
                    try:
                        if (taken := next(waiting, None)) is None:
                            more = False
                        else:
                            target = None if to is None else to(taken[1])
                            flight[submitted(pool, *taken, target)] = taken
                    except Exception as error:  # noqa: BLE001 - raised behind the items
                        more, failure = False, error
                heads = list(islice(flight, 1 if ordered else None))
                if not more or len(flight) == window:
                    wait(heads, None, FIRST_COMPLETED)
                future = next((each for each in heads if each.done()), None)
                if future is None:
                    continue
                go_on(forever, cancel)
                item = BatchItem(*flight.pop(future), *_outcome(future))
                done += 1
                if progress is not None:
                    progress(done, total)
                if item.error is not None and on_error == "raise":
                    raise item.error
                yield item
            if failure is not None:
                raise failure
        finally:
            forget()
            if stop is not None:
                stop.cancel()
            wait([future for future in flight if not future.cancel()])
            if executor is None:
                pool.shutdown()

    return items()


class _Work(NamedTuple):
    """What is the same for every source."""

    job: Job
    options: RunOptions

    def run(self, source: SourceLike, to: Destination | None) -> Outcome:
        """Run the job on *source*; an error is a result like others."""
        job = self.job
        if to is not None:
            job = Job(job.outputs[0]._sent(to), security=job.security)
        try:
            return job.run(source, **self.options), None
        except ImageflowError as error:
            return None, error


def _outcome(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except Exception as error:
        from concurrent.futures import BrokenExecutor

        # Dask's is known by its name: it is no dependency.
        if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
            return None, EngineCrashedError(f"Its workers died: {error}")
        if "pickle" not in str(error):
            raise
        return None, EngineError(f"The job could not be started: {error}.")


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
