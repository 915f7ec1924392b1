"""A fetch that is killed, at whatever moment, leaves nothing that is used."""

from __future__ import annotations

import os
import queue
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from imageflow_loader._platform import Libc, Platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import Cache, Entry, fetch_engine
from tests.supply.server import body
from tests.supply.upstream import archive

if TYPE_CHECKING:
    from pathlib import Path

    from tests.supply.server import Answer, Handler, Server

LINUX = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
RANDOM = random.Random(20260331)  # noqa: S311  # the same moments in every run
ARCHIVE = archive(library=RANDOM.randbytes(300_000))
MOMENTS, DOWNLOADS = 50, 10
NEVER = -1

# Counts the moments before and after each thing that is asked of the system or done to
# a file, and kills its own process at a chosen one. So a moment is the same in each run
# of this test, and none is left out because it is short. What lies between two of them
# changes nothing on the disk. First a run is counted to its end.
KILLED = """
import os, signal, sys
from pathlib import Path
from imageflow_loader._platform import Libc, Platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import acquire, fetch_engine

platform = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
cache, mirror, sha256 = sys.argv[1:4]
settings = Settings(cache_dir=Path(cache), mirror=mirror)
QUIET = {"fspath", "getpid", "geteuid", "getuid", "getegid", "tell", "decode"}
arguments = dict(suffix="linux-x64", sha256=sha256)


def touches_files(function):
    owner = function.__self__
    named = function.__module__ or type(owner).__module__
    return named in {"posix", "io", "_io"} and function.__name__ not in QUIET


def run(moment):
    count = 0

    def tick(_, event, function):
        nonlocal count
        if not event.startswith("c_") or not touches_files(function):
            return
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(tick)
    try:
        fetch_engine(settings, platform, **arguments)
    finally:
        sys.setprofile(None)
    return count


def forked(moment):
    pid = os.fork()
    if pid == 0:
        run(moment)
        os._exit(0)
    print(pid, flush=True)
    return os.waitpid(pid, 0)[1]


if __name__ == "__main__":
    fetch_engine(settings, platform, **arguments)  # imports what is imported late
    print("ready", flush=True)
    for line in sys.stdin:
        moment = int(line)
        print(run(0) if moment == 0 else forked(moment), flush=True)
"""


class Victim:
    """A process that fetches, once for each moment, and is killed then."""

    def __init__(self, cache: Cache, mirror: str) -> None:
        self.cache = cache
        self.mirror = mirror
        self.pid: queue.Queue[int] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-c", KILLED, cache.root, mirror, ARCHIVE.sha256],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def __enter__(self) -> Victim:
        assert self._line() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def moments(self) -> int:
        """Return how many moments a fetch has that is not killed."""
        self._ask(0)
        return int(self._line())

    def killed_at(self, moment: int) -> bool:
        """Fetch until then; return whether it was killed, as it should."""
        self._ask(moment)
        self.pid.put(int(self._line()))
        return os.WTERMSIG(int(self._line())) == signal.SIGKILL

    def require_recovery(self) -> None:
        """Insist on nothing that is damaged, and on success the next time."""
        left = list(self.cache.survey(thorough=True))
        assert all(isinstance(item, Entry) for item in left)

        fetched = fetch_engine(
            Settings(cache_dir=self.cache.root, mirror=self.mirror),
            LINUX,
            suffix="linux-x64",
            sha256=ARCHIVE.sha256,
        )

        assert fetched.fresh is not bool(left)
        (entry,) = self.cache.survey(thorough=True)
        assert isinstance(entry, Entry)

    def _ask(self, moment: int) -> None:
        assert self._process.stdin is not None
        self.cache.clear()
        print(moment, file=self._process.stdin, flush=True)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def test_a_fetch_killed_at_fifty_moments_is_repeated_with_success(
    tmp_path: Path,
) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / ARCHIVE.name).write_bytes(ARCHIVE.data)

    with Victim(Cache(tmp_path / "cache"), mirror.as_uri()) as victim:
        last = victim.moments()
        for moment in sorted(RANDOM.sample(range(1, last), MOMENTS)):
            assert victim.killed_at(moment)
            victim.require_recovery()


def test_a_fetch_killed_while_bytes_arrive_is_repeated_with_success(
    tmp_path: Path, server: Server
) -> None:
    lengths = sorted(RANDOM.sample(range(len(ARCHIVE.data)), DOWNLOADS))

    def part_then_kill(length: int) -> Answer:
        def answer(handler: Handler) -> None:
            handler.head(Content_Length=len(ARCHIVE.data))
            handler.wfile.write(ARCHIVE.data[:length])
            handler.wfile.flush()
            os.kill(victim.pid.get(timeout=30), signal.SIGKILL)
            handler.close_connection = True

        return answer

    whole = body(ARCHIVE.data)
    turns = [turn for length in lengths for turn in (part_then_kill(length), whole)]
    server.on(f"/{ARCHIVE.name}", whole, *turns)

    with Victim(Cache(tmp_path / "cache"), server.url) as victim:
        for _ in lengths:
            assert victim.killed_at(NEVER)
            victim.require_recovery()

    assert server.hits[f"/{ARCHIVE.name}"] == 1 + len(turns)


def test_a_fetch_that_is_interrupted_says_nothing_and_leaves_nothing(
    tmp_path: Path, server: Server
) -> None:
    command = [sys.executable, "-m", "imageflow_loader", "fetch", "--quiet"]
    command += ["--platform", "linux-x64", "--sha256", ARCHIVE.sha256]
    variables = {
        "IMAGEFLOW_MIRROR": server.url,
        "IMAGEFLOW_CACHE_DIR": str(tmp_path),
        "IMAGEFLOW_OFFLINE": "",
        "IMAGEFLOW_DOWNLOAD": "",
    }
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stderr=subprocess.PIPE
    )

    def answer(handler: Handler) -> None:
        handler.head(Content_Length=len(ARCHIVE.data))
        handler.wfile.write(ARCHIVE.data[:1000])
        process.send_signal(signal.SIGINT)
        handler.stall()

    server.on(f"/{ARCHIVE.name}", answer)
    _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (130, b"")
    assert list((tmp_path / "imageflow-tmp").iterdir()) == []
    assert list(Cache(tmp_path).survey()) == []
