"""One child process: started, fed, limited, timed, and dead when we return.

On POSIX the child leads a session of its own, so that whatever it starts is ended with
it, and Ctrl-C at the terminal reaches us and not it.
"""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from .._cancel import go_on
from .protocol import NO_LIMITS, ToolLimits
from .talk import Heard, talk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .._cancel import CancelToken, Deadline

    Child = subprocess.Popen[bytes]

_MOST_STDERR: Final = 2**20  # kept; the rest is read and dropped

_PIPES_OF_A_CHILD: Final = 4  # its standard streams, and whether it could be started

# A file that is being written cannot be run, and a thread that forks at that moment
# holds it open for a little longer than the writer (13 of 400 first runs, measured).
_PAUSES_WHILE_BUSY: Final = (0.01, 0.02, 0.04, 0.08)


class Ended(NamedTuple):
    """How a child ended, and what it said."""

    status: int
    """As `subprocess` has it: minus the signal's number when killed by one."""
    stdout: bytes
    stderr: str
    """Its first MiB."""


def can_limit() -> bool:
    """Whether `ToolLimits` work here: the system limits another process (Linux)."""
    try:
        import resource
    except ImportError:
        return False
    return hasattr(resource, "prlimit")


def run(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    stdin: bytes,
    most_stdout: int,
    deadline: Deadline,
    cancel: CancelToken | None = None,
    limits: ToolLimits = NO_LIMITS,
    pass_fds: Sequence[int] = (),
) -> Ended:
    """Run a program to its end and return what it said.

    Args:
        arguments: The program's path and its arguments.
        stdin: What it reads; then its standard input ends.
        most_stdout: It is ended when it writes more bytes than this.
        deadline: It is ended when this is past.
        cancel: Who else may end it.
        limits: Put on it before it gets the first byte of *stdin*.
        pass_fds: Descriptors that it has under the same numbers (POSIX).

    Raises:
        OSError: It could not be started.
        EngineCrashedError: It wrote more than *most_stdout* bytes.
        JobCancelledError: It was stopped; `JobTimeoutError` when time ran out.
    """
    go_on(deadline, cancel)
    with _started(arguments, pass_fds) as child:
        if can_limit():
            _limit(child.pid, limits)
        stdout, stderr = Heard(most_stdout, fatal=True), Heard(_MOST_STDERR)
        talk(child, stdin, (stdout, stderr), deadline, cancel)
    said = stderr.kept().decode("utf-8", "replace")
    return Ended(child.returncode, stdout.kept(), said)


@contextmanager
def _started(
    arguments: Sequence[str | os.PathLike[str]], pass_fds: Sequence[int]
) -> Iterator[Child]:
    """Start a child; it has ended and is reaped, with all its kin, when this closes."""
    child = _start(arguments, pass_fds)
    try:
        yield child
    finally:
        _end(child)


def _start(
    arguments: Sequence[str | os.PathLike[str]],
    pass_fds: Sequence[int],
    pause: Callable[[float], object] = time.sleep,
) -> Child:
    """Start a child, again while somebody still has its file open for writing."""
    for seconds in _PAUSES_WHILE_BUSY:
        try:
            return _spawn(arguments, pass_fds)
        except OSError as error:
            if error.errno != errno.ETXTBSY:
                raise
        pause(seconds)
    return _spawn(arguments, pass_fds)


def _spawn(
    arguments: Sequence[str | os.PathLike[str]], pass_fds: Sequence[int]
) -> Child:
    if sys.version_info < (3, 11, 4):
        _see_that_there_are_descriptors()
    # No `preexec_fn`: it may deadlock where there are threads, and it prevents vfork.
    # The flags are Windows' alone: no console window, no Ctrl-C from ours.
    return subprocess.Popen(
        arguments,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
        | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _see_that_there_are_descriptors() -> None:
    """Raise OSError where there are too few for a child.

    This Python never closes those that it has opened when it lacks the next.
    """
    opened: list[int] = []
    try:
        for _ in range(_PIPES_OF_A_CHILD):
            opened += os.pipe()
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _end(child: Child) -> None:
    """Kill what is left of a child and its kin, and reap it."""
    # Before it is reaped, while its number can be nobody else's.
    if child.returncode is None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):  # macOS: all are dead
                os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    try:
        child.wait()
    except BaseException:  # Ctrl-C at this moment: it is dead, so this takes no time
        child.wait()
        raise
    finally:
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def _limit(pid: int, limits: ToolLimits) -> None:
    """Limit a child that still waits for its standard input."""
    import resource

    wanted = {resource.RLIMIT_CORE: 0}  # a crash leaves no core file behind
    if limits.memory_bytes is not None:
        wanted[resource.RLIMIT_AS] = limits.memory_bytes
    if limits.cpu_seconds is not None:
        wanted[resource.RLIMIT_CPU] = math.ceil(limits.cpu_seconds)
    with suppress(ProcessLookupError):  # it has died already, as we shall see
        for what, most in wanted.items():
            _, hard = resource.prlimit(pid, what)
            if hard != resource.RLIM_INFINITY:
                most = min(most, hard)
            resource.prlimit(pid, what, (most, hard))
