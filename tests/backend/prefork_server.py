"""A server as gunicorn is one: it runs jobs, forks, and its children run more.

Usage: prefork_server.py LIBRARY
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imageflow_loader._backend import Backend, open_backend
from imageflow_loader._platform import current_platform
from tests import pictures
from tests.backend.jobs import thumbnail

CHILDREN = 4
JOBS = 200

# Python 3.12 warns of what is tried here.
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)


def serve(backend: Backend) -> int:
    """Run jobs on three threads, and return how many came out right."""

    def work(n: int) -> bool:
        job = thumbnail(pictures.jpeg(32, 24, seed=n % 4))
        return pictures.size(backend.execute(job).outputs[1]) == (16, 12)

    with ThreadPoolExecutor(3) as pool:
        return sum(pool.map(work, range(JOBS)))


def in_a_child(backend: Backend) -> int:
    """Fork; the child serves and says so."""
    if child := os.fork():
        return child
    status = 1
    try:
        done = serve(backend)
        after = "forked after use" if backend.forked_after_use else "not forked"
        os.write(1, f"child: {done} jobs, {after}\n".encode())
        status = 0
    finally:
        os._exit(status)


def main() -> int:
    """Fork between jobs and in the middle of them."""
    library = Path(sys.argv[1])
    backend = open_backend("library", library, platform=current_platform())
    backend.execute(thumbnail(pictures.jpeg()))
    at_work = threading.Thread(target=serve, args=(backend,))
    at_work.start()
    children = [in_a_child(backend) for _ in range(CHILDREN)]
    statuses = [os.waitpid(child, 0)[1] for child in children]
    at_work.join()
    backend.execute(thumbnail(pictures.jpeg()))
    sys.stdout.write(f"parent: forked after use is {backend.forked_after_use}\n")
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
