"""The bytes that were meant: fetched or copied, compared, and asked for again."""

from __future__ import annotations

import hashlib
import io
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..errors import EngineDownloadError
from .fetch import Body, Fault, host_of, receive, shown

if TYPE_CHECKING:
    from typing import BinaryIO

    from .._cancel import Deadline
    from .fetch import Patience, Progress

UNKNOWN_SIZE_LIMIT: Final = 64 * 1024 * 1024
"""The most bytes that are read where nothing says how many there are."""

_BLOCK: Final = 1024 * 1024
_HEAD: Final = 1024


@dataclass(frozen=True, slots=True)
class Expected:
    """What a download must be."""

    sha256: str
    said_by: str
    """Who says so, as the subject of a sentence."""
    size: int | None = None


class AbsentError(EngineDownloadError):
    """There is no such file."""


class _WrongBytes(Fault):
    """What arrived is not what was meant."""


def download(
    url: str,
    target: BinaryIO,
    *,
    expected: Expected | None,
    patience: Patience,
    deadline: Deadline,
    limit: int = UNKNOWN_SIZE_LIMIT,
    progress: Progress | None = None,
) -> Body:
    """Write what *url* holds to *target*, once it is what it must be.

    Args:
        url: `https`, `http` or `file`.
        target: A seekable file; it is emptied before each attempt.
        expected: What it must be; None takes whatever comes.
        patience: How long to wait during and between attempts.
        deadline: When everything must be done.
        limit: The most bytes to read, where *expected* does not say how many.
        progress: Told of each block that arrives.

    Raises:
        AbsentError: There is no such file.
        EngineDownloadError: It could not be had, or is not what it must be.
        OSError: *target* cannot be written.
    """
    if expected is not None and expected.size is not None:
        limit = expected.size
    wrong_before = False
    for attempt in range(patience.attempts):
        target.seek(0)
        target.truncate()
        try:
            body = _read(url, target, limit, patience, deadline, progress)
            _compare(body, expected)
        except Fault as fault:
            wrong = isinstance(fault, _WrongBytes)
            last = attempt + 1 == patience.attempts or (wrong and wrong_before)
            if (
                last
                or not fault.again
                or not _pause(fault, attempt, patience, deadline)
            ):
                error = AbsentError if fault.absent else EngineDownloadError
                raise error(str(fault)) from (fault.__cause__ or fault)
            wrong_before = wrong
        else:
            return body
    raise ValueError("patience.attempts must be at least 1")


def download_text(
    url: str, *, limit: int, patience: Patience, deadline: Deadline
) -> str:
    """Return the small text that *url* holds; raises what `download` raises."""
    content = io.BytesIO()
    download(
        url,
        content,
        expected=None,
        patience=patience,
        deadline=deadline,
        limit=limit,
    )
    return content.getvalue().decode("utf-8", "replace")


def _read(
    url: str,
    target: BinaryIO,
    limit: int,
    patience: Patience,
    deadline: Deadline,
    progress: Progress | None,
) -> Body:
    if url.startswith("file:"):
        return _copy(url, target, limit, progress)
    return receive(url, target, limit, patience, deadline, progress)


def _copy(url: str, target: BinaryIO, limit: int, progress: Progress | None) -> Body:
    path = path_of(url)
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Fault(f"There is no {path}.", absent=True) from error
    except OSError as error:
        raise Fault(f"{path} cannot be read ({error.strerror or error}).") from error
    with file:
        total = path.stat().st_size
        while block := _read_block(file, path):
            size += len(block)
            if size > limit:
                raise Fault(f"{path} has more than the {limit} bytes that are allowed.")
            head = head or block[:_HEAD]
            digest.update(block)
            target.write(block)
            if progress is not None:
                progress(size, total)
    return Body(url, size, digest.hexdigest(), head)


def _read_block(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.read(_BLOCK)
    except OSError as error:
        raise Fault(f"{path} cannot be read ({error.strerror or error}).") from error


def path_of(url: str) -> Path:
    """Return the path that a `file` URL names."""
    from urllib.request import url2pathname

    parts = urlsplit(url)
    host = "" if parts.netloc in {"", "localhost"} else f"//{parts.netloc}"
    return Path(url2pathname(host + parts.path))


def _compare(body: Body, expected: Expected | None) -> None:
    if expected is not None and body.sha256 == expected.sha256:
        return
    if _is_web_page(body.head):
        raise Fault(
            f"{host_of(body.url) or 'The mirror'} answered with a web page instead of "
            f"the file {shown(body.url)}: this may be the log-in page of a network, or "
            "a proxy's refusal. Look at that address in a browser."
        )
    if expected is None:
        return
    if expected.size is not None and body.size != expected.size:
        raise _WrongBytes(
            f"{shown(body.url)} has {body.size} bytes instead of {expected.size}. It "
            "is not used.",
            again=True,
        )
    packed = ""
    if body.encoding not in {None, "", "identity"}:
        packed = f" The server sent it with Content-Encoding {body.encoding}."
    raise _WrongBytes(
        f"{shown(body.url)} is not used: its SHA-256 is {body.sha256} ({body.size} "
        f"bytes), but {expected.said_by} says {expected.sha256}.{packed}",
        again=True,
    )


def _is_web_page(head: bytes) -> bool:
    text = head.lstrip().lower()
    return text.startswith((b"<!doctype html", b"<html")) or (
        text.startswith(b"<") and b"<html" in text
    )


def _pause(fault: Fault, attempt: int, patience: Patience, deadline: Deadline) -> bool:
    """Wait before the next attempt; return whether there is time for one."""
    seconds = fault.pause_s
    if seconds is None:
        # Spread out, so that a crowd that failed together does not return together.
        spread = random.uniform(0.5, 1.5)  # noqa: S311  # no secret depends on it
        seconds = patience.pause_s * 2**attempt * spread
    left = deadline.remaining()
    if left is not None and seconds >= left:
        return False
    time.sleep(seconds)
    return True
