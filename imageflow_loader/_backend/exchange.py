"""How pictures get to a child and back: through memory files, else through a folder.

The tool seeks in its inputs, so pipes will not do. On Linux nothing touches a disk: the
job comes through standard input, each picture is an anonymous file that the child opens
as `/proc/self/fd/N`. Elsewhere, and where a sandbox has no memory files, job and inputs
are files in a private folder, and outputs come back inside the answer: a tool that
writes to a full disk may say that all is well (imageflow_tool v2.3.1-rc01, run).
"""

from __future__ import annotations

import base64
import errno
import functools
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_ANSWER: Final = 64 * 2**20  # the answer without pictures: about 1 kB a frame
_MOST_ANSWER_WITH_PICTURES: Final = 2**31
_LAST_STANDARD_STREAM: Final = 2


class Exchange(Protocol):
    """One job's traffic with one child; everything of it is gone when it closes."""

    most_answer: int
    """The most bytes that an honest answer has."""

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Descriptors that the child needs."""
        ...

    def __enter__(self) -> Exchange: ...
    def __exit__(self, kind: object, error: object, trace: object) -> None: ...

    def add_input(self, data: bytes | memoryview) -> Any:
        """Lay out an input, and return what the job calls it."""
        ...

    def add_output(self, io_id: int) -> Any:
        """Make room for an output, and return what the job calls it."""
        ...

    def add_job(self, document: bytes) -> tuple[str, bytes]:
        """Return a file name for `--json`, and what standard input holds."""
        ...

    def outputs(self, encodes: Mapping[int, Any]) -> dict[int, bytes]:
        """Return what was encoded; *encodes* is the `bytes` of each in the answer."""
        ...


def open_exchange() -> Exchange:
    """Return the best way there is on this machine.

    Raises:
        OSError: There is no room for the folder.
    """
    return MemoryFiles() if memory_files_work() else Folder()


def way_there() -> str:
    """Return what an error calls the way that the pictures take."""
    if memory_files_work():
        return "memory files"
    return "the folder for temporary files, which TMPDIR names"


@functools.cache
def memory_files_work() -> bool:
    """Whether a child can open an anonymous file by name, found out by doing it."""
    try:
        descriptor = os.memfd_create("imageflow")
    except AttributeError:  # another system
        return False
    except OSError as error:  # a sandbox
        if error.errno == errno.EMFILE:
            raise  # which says nothing of other times
        return False
    try:
        os.close(os.open(_name(descriptor), os.O_RDWR | os.O_CLOEXEC))
    except OSError:  # no /proc
        return False
    finally:
        os.close(descriptor)
    return True


def _name(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _memory_file(name: str) -> int:
    """Make an anonymous file whose number the child has for nothing else.

    Where this process has closed its standard streams their numbers are free, but in
    the child they are pipes to us.
    """
    import fcntl

    descriptor = os.memfd_create(name)
    if descriptor > _LAST_STANDARD_STREAM:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LAST_STANDARD_STREAM + 1)
    finally:
        os.close(descriptor)


class MemoryFiles:
    """Anonymous files, which the child opens by the numbers it inherits (Linux)."""

    most_answer = _MOST_ANSWER

    def __init__(self) -> None:
        """Make nothing yet."""
        self._inputs: list[int] = []
        self._outputs: dict[int, int] = {}

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """The numbers that the child inherits."""
        return (*self._inputs, *self._outputs.values())

    def __enter__(self) -> MemoryFiles:
        """Return this."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Give the memory back."""
        for descriptor in self.pass_fds:
            os.close(descriptor)

    def add_input(self, data: bytes | memoryview) -> Any:
        """Copy an input into a file of its own."""
        descriptor = _memory_file("imageflow-input")
        self._inputs.append(descriptor)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        return {"file": _name(descriptor)}

    def add_output(self, io_id: int) -> Any:
        """Make an empty file."""
        descriptor = _memory_file("imageflow-output")
        self._outputs[io_id] = descriptor
        return {"file": _name(descriptor)}

    def add_job(self, document: bytes) -> tuple[str, bytes]:
        """Have the job read from standard input; /dev may be missing, /proc is not."""
        return _name(0), document

    def outputs(self, encodes: Mapping[int, Any]) -> dict[int, bytes]:
        """Return what each file holds now."""
        del encodes  # they name the files, which we know
        written = {io_id: _read(file) for io_id, file in self._outputs.items()}
        return {io_id: data for io_id, data in written.items() if data}


def _read(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = os.pread(descriptor, size, 0)
    while len(data) < size:  # one read gives at most 2 GiB
        data += os.pread(descriptor, size - len(data), len(data))
    return data


class Folder:
    """A private folder, which goes away."""

    most_answer = _MOST_ANSWER_WITH_PICTURES

    def __init__(self) -> None:
        """Make the folder; only this user may look into it."""
        self._path = Path(tempfile.mkdtemp(prefix="imageflow-"))
        self._files: list[Path] = []

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Nothing."""
        return ()

    def __enter__(self) -> Folder:
        """Return this."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Remove the folder and what is in it; that needs no descriptor."""
        with suppress(OSError):
            for path in self._files:
                path.unlink(missing_ok=True)
            self._path.rmdir()

    def add_input(self, data: bytes | memoryview) -> Any:
        """Write an input to a file."""
        return {"file": self._write(f"input-{len(self._files)}", data)}

    def add_output(self, io_id: int) -> Any:
        """Have the output come back in the answer."""
        del io_id  # the answer names it
        return "output_base_64"

    def add_job(self, document: bytes) -> tuple[str, bytes]:
        """Write the job to a file."""
        return self._write("job.json", document), b""

    def outputs(self, encodes: Mapping[int, Any]) -> dict[int, bytes]:
        """Return what the answer carries.

        Raises:
            ValueError: It is not base64.
        """
        return {
            io_id: base64.b64decode(carried["base_64"], validate=True)
            for io_id, carried in encodes.items()
            if isinstance(carried, dict) and carried.get("base_64")
        }

    def _write(self, name: str, data: bytes | memoryview) -> str:
        path = self._path / name
        with path.open("wb") as file:
            self._files.append(path)
            file.write(data)
        return str(path)
