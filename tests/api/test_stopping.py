"""Nothing is left of a job that is stopped in the engine, however that is done."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

import imageflow_loader as imf
from tests import pictures
from tests.backend.watch import (
    an_engine_is_at_work,
    children,
    needs_proc,
    threads,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = needs_proc


def by_token(output: imf.Output, engine: imf.Engine) -> None:
    token = imf.CancelToken()
    once_at_work(token.cancel)
    with pytest.raises(imf.JobCancelledError):
        output.run(cancel=token, engine=engine)


def by_timeout(output: imf.Output, engine: imf.Engine) -> None:
    with pytest.raises(imf.JobTimeoutError):
        output.run(timeout=0.3, engine=engine)


def by_ctrl_c(output: imf.Output, engine: imf.Engine) -> None:
    main = threading.main_thread().ident
    assert main is not None
    once_at_work(lambda: signal.pthread_kill(main, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        output.run(engine=engine)


def by_its_task(output: imf.Output, engine: imf.Engine) -> None:
    async def cancelled() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(output.arun(engine=engine))
        once_at_work(lambda: loop.call_soon_threadsafe(task.cancel))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def once_at_work(stop: Callable[[], object]) -> None:
    def wait() -> None:
        until(an_engine_is_at_work)
        stop()

    threading.Thread(target=wait).start()


@pytest.mark.parametrize("stopped", [by_token, by_timeout, by_ctrl_c, by_its_task])
def test_nothing_is_left_of_a_job_that_is_stopped(
    stopped: Callable[[imf.Output, imf.Engine], None],
    engine: imf.Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    until(lambda: not threads() and not children())  # of the test before
    folder, temporary = tmp_path / "web", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (folder / "kept.jpg").write_bytes(b"what was there")
    image = imf.decode(pictures.jpeg(300, 300)).resize(6000, 6000)

    stopped(image.encode(imf.MozJpeg(95), folder / "kept.jpg"), engine)

    assert [each.name for each in folder.iterdir()] == ["kept.jpg"]
    assert (folder / "kept.jpg").read_bytes() == b"what was there"
    assert not list(temporary.iterdir())
    assert not children()
