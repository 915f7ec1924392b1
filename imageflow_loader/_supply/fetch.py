"""One answer of one server: all its bytes, raw, and in time.

The body is taken raw. A server that labels a `.tar.gz` with `Content-Encoding: gzip`
(file servers and repository managers do) would otherwise have it unpacked on the way,
even though we ask for `identity`.

The network is used on a thread of its own, because nothing else bounds the time of a
DNS lookup, of a handshake or of a header that arrives byte by byte: the timeouts of
sockets start afresh with each byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import requests

    from .._cancel import Deadline

Progress: TypeAlias = "Callable[[int, int | None], object]"
"""Called with the bytes that have arrived and, where known, those that will."""

_BLOCK: Final = 64 * 1024
_BLOCKS_AHEAD: Final = 16
_HEAD: Final = 1024
_MOST_REDIRECTS: Final = 10
_LONGEST_NUMBER: Final = 15  # decimal digits of a size that anything could have
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GRACE_S: Final = 0.1  # for the network thread to close its connection


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to ask it again."""

    total_s: float = 600.0
    """For everything together."""
    connect_s: float = 10.0
    silence_s: float = 30.0
    """Without a single byte."""
    attempts: int = 4
    pause_s: float = 0.5
    """Before the second attempt, and twice as long before each further one."""
    longest_pause_s: float = 60.0
    """A server that asks for a longer pause is not asked again."""


class Fault(Exception):  # noqa: N818  # never leaves this room
    """What went wrong with one attempt, as a sentence."""

    def __init__(
        self,
        message: str,
        *,
        again: bool = False,
        pause_s: float | None = None,
        absent: bool = False,
    ) -> None:
        """Keep the sentence.

        Args:
            message: The sentence.
            again: Whether it may help to ask again.
            pause_s: How long the server asks to wait before that.
            absent: Whether there simply is no such file.
        """
        super().__init__(message)
        self.again = again
        self.pause_s = pause_s
        self.absent = absent


@dataclass(frozen=True, slots=True)
class Body:
    """What has arrived."""

    url: str
    size: int
    sha256: str
    head: bytes
    """Its first bytes."""
    encoding: str | None = None
    """What the server says that it did to the file."""


def shown(url: str) -> str:
    """Return *url* without its password and its query, which may be secret."""
    try:
        parts = urlsplit(url)
    except ValueError:  # an impossible address
        return url.rpartition("@")[2]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def host_of(url: str) -> str:
    """Return the host and port of *url*."""
    return shown(url).partition("://")[2].partition("/")[0]


def receive(
    url: str,
    target: BinaryIO,
    limit: int,
    patience: Patience,
    deadline: Deadline,
    progress: Progress | None,
) -> Body:
    """Write what *url* holds to *target*.

    Args:
        url: `https` or `http`.
        target: Where the bytes go.
        limit: The most bytes to take.
        patience: How long to wait for the connection and for the next byte.
        deadline: When everything must be done.
        progress: Told of each block that arrives.

    Raises:
        Fault: It could not be had.
        OSError: *target* cannot be written.
    """
    digest, size, head = hashlib.sha256(), 0, b""
    with _transfer(url, patience, deadline) as (answer, blocks):
        if answer.length is not None and answer.length > limit:
            raise _too_large(answer.url, limit)
        for block in blocks:
            size += len(block)
            if size > limit:
                raise _too_large(answer.url, limit)
            head += block[: _HEAD - len(head)]
            digest.update(block)
            target.write(block)
            if progress is not None:
                progress(size, answer.length)
    if size == 0 or (answer.length is not None and size < answer.length):
        raise Fault(
            f"{shown(answer.url)} broke off after {size} of {answer.length or '?'} "
            "bytes.",
            again=True,
        )
    return Body(answer.url, size, digest.hexdigest(), head, answer.encoding)


def _too_large(url: str, limit: int) -> Fault:
    return Fault(
        f"{shown(url)} has more than the {limit} bytes that are allowed. It is not "
        "used."
    )


# The network, on a thread of its own.


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    """Where the redirects ended."""
    length: int | None
    encoding: str | None


@contextlib.contextmanager
def _transfer(
    url: str, patience: Patience, deadline: Deadline
) -> Iterator[tuple[_Answer, Iterator[bytes]]]:
    """Yield the head of the answer and the blocks of its body, until *deadline*.

    When that passes, the thread is left to itself. It ends with the next byte that it
    gets, or when its socket has been silent for too long.
    """
    pipe: queue.Queue[Any] = queue.Queue(_BLOCKS_AHEAD)
    stop = threading.Event()
    thread = threading.Thread(
        target=_pump,
        args=(url, patience, pipe, stop),
        name="imageflow-fetch",
        daemon=True,
    )
    thread.start()

    def take() -> Any:
        with contextlib.suppress(queue.Empty):
            item = pipe.get(timeout=deadline.remaining())
            if isinstance(item, BaseException):
                raise item
            if not deadline.expired:
                return item
        raise Fault(f"{shown(url)} did not arrive within {deadline.seconds:g} seconds.")

    try:
        yield take(), iter(take, None)
    finally:
        stop.set()
        with contextlib.suppress(queue.Empty):  # the thread may wait for room in it
            while True:
                pipe.get_nowait()
        thread.join(_GRACE_S)


def _pump(
    url: str, patience: Patience, pipe: queue.Queue[Any], stop: threading.Event
) -> None:
    """Put the answer, its blocks and None into *pipe*; or what went wrong."""
    try:
        with _opened(url, patience) as (response, place):
            pipe.put(_answer(response, place))
            with _translated(place, patience):
                for block in _raw_blocks(response.raw):
                    if stop.is_set():
                        return
                    pipe.put(block)
        pipe.put(None)
    except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
        pipe.put(error)


@contextlib.contextmanager
def _opened(url: str, patience: Patience) -> Iterator[tuple[requests.Response, str]]:
    """Yield the answer with status 200, and where the redirects ended."""
    import requests

    with requests.Session() as session:
        session.headers.update(
            {"Accept-Encoding": "identity", "User-Agent": "imageflow-loader"}
        )
        for _ in range(_MOST_REDIRECTS):
            with _translated(url, patience):
                response = session.get(
                    url,
                    stream=True,
                    allow_redirects=False,
                    timeout=(patience.connect_s, patience.silence_s),
                )
                goal = session.get_redirect_target(response)
            with contextlib.closing(response):
                if goal is None:
                    _require_success(response, url, patience)
                    yield response, url
                    return
            with _translated(url, patience):
                url = _redirected(url, goal)
    raise Fault(f"{shown(url)} is redirected in circles.")


def _redirected(url: str, goal: str) -> str:
    goal = urljoin(url, goal)
    allowed = {"https"} if urlsplit(url).scheme == "https" else {"https", "http"}
    if urlsplit(goal).scheme not in allowed:
        raise Fault(
            f"{shown(url)} is redirected to {shown(goal)}, which is not secure. It was "
            "not followed."
        )
    return goal


def _answer(response: requests.Response, url: str) -> _Answer:
    length = response.headers.get("Content-Length", "")
    plausible = length.isdecimal() and len(length) <= _LONGEST_NUMBER
    return _Answer(
        url,
        int(length) if plausible else None,
        response.headers.get("Content-Encoding"),
    )


def _raw_blocks(raw: Any) -> Iterator[bytes]:
    """Yield the body as it comes, undecoded."""
    # read() waits until the whole block is there, however slowly it comes; read1()
    # does not, and urllib3 has it since 2.2.
    read = raw.read1 if hasattr(raw, "read1") else raw.read
    while block := read(_BLOCK, decode_content=False):
        yield block


# What a status or an exception means.


def _require_success(response: requests.Response, url: str, patience: Patience) -> None:
    status = response.status_code
    if status == 200:
        return
    said = f"{host_of(url)} answered {status} {response.reason or ''}".rstrip()
    if status in {404, 410}:
        raise Fault(f"There is no {shown(url)} ({status}).", absent=True)
    if status == 407:
        raise _proxy_wants_password(url)
    if status == 401:
        raise Fault(
            f"{said} for {shown(url)}. Give the user name and password in the "
            "mirror's URL, or in ~/.netrc."
        )
    if status == 403:
        raise Fault(
            f"{said} for {shown(url)}: a proxy or a firewall may forbid it. "
            "IMAGEFLOW_MIRROR names another server."
        )
    if status not in _TRANSIENT:
        raise Fault(f"{said} instead of the file {shown(url)}.")
    pause_s = _retry_after(response.headers.get("Retry-After"))
    if pause_s is not None and pause_s > patience.longest_pause_s:
        raise Fault(f"{said} for {shown(url)}, and asks to wait {pause_s:.0f} s.")
    raise Fault(f"{said} for {shown(url)}.", again=True, pause_s=pause_s)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for."""
    from email.utils import parsedate_to_datetime

    if value is None:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, float(int(value)))
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None


@contextlib.contextmanager
def _translated(url: str, patience: Patience) -> Iterator[None]:
    """Turn what requests and urllib3 raise into faults."""
    import requests
    import urllib3

    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _fault(error, url, patience) from error
    except (ValueError, LookupError) as error:  # of a URL that nobody foresaw
        raise Fault(f"{shown(url)} cannot be asked for: {error}.") from error


def _fault(error: Exception, url: str, patience: Patience) -> Fault:
    import requests
    from urllib3.exceptions import ReadTimeoutError

    host, cause = host_of(url), _root_cause(error)
    if isinstance(error, requests.exceptions.ProxyError):
        if "407" in str(error):
            return _proxy_wants_password(url)
        return Fault(
            f"The proxy {_proxy(url)} cannot be used ({_said(cause)}). HTTPS_PROXY "
            "and HTTP_PROXY name it; NO_PROXY names the hosts that need none.",
            again=True,
        )
    if isinstance(error, requests.exceptions.SSLError):
        return _tls_fault(cause, host)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Fault(
            f"{host} did not answer within {patience.connect_s:g} seconds.",
            again=True,
        )
    if isinstance(error, requests.exceptions.ReadTimeout | ReadTimeoutError):
        return Fault(
            f"{host} sent nothing for {patience.silence_s:g} seconds.", again=True
        )
    # Requests raises plain ValueErrors and OSErrors for what no server said: an
    # impossible URL, a file of certificates that does not exist.
    final = isinstance(error, ValueError) or (
        isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    )
    return Fault(
        f"{shown(url)} could not be read from {host}: {_said(cause)}.", again=not final
    )


def _tls_fault(cause: BaseException, host: str) -> Fault:
    import ssl

    if isinstance(cause, ssl.SSLCertVerificationError):
        return Fault(
            f"The certificate of {host} is not trusted: {cause.verify_message}. Where "
            "a proxy inspects TLS, name the file with its CA certificate in "
            "REQUESTS_CA_BUNDLE."
        )
    return Fault(
        f"No secure connection to {host}: {_said(cause)}.",
        again=not isinstance(cause, ssl.SSLError)
        or isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError),
    )


def _proxy_wants_password(url: str) -> Fault:
    return Fault(
        f"The proxy {_proxy(url)} asks for a user name and password (407). Set "
        "HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT."
    )


def _proxy(url: str) -> str:
    from requests.utils import get_environ_proxies, select_proxy

    # One that was named as HOST:PORT has no scheme, and then no host either.
    proxy = select_proxy(url, get_environ_proxies(url)) or ""
    return shown(proxy if "://" in proxy else f"http://{proxy}")


def _root_cause(error: BaseException) -> BaseException:
    """Return the innermost reason of *error*: libraries wrap, and wrap again."""
    for _ in range(10):
        inner = [getattr(error, "reason", None), *error.args]
        inner = [item for item in inner if isinstance(item, BaseException)]
        deeper = inner[0] if inner else error.__cause__ or error.__context__
        if deeper is None:
            break
        error = deeper
    return error


def _said(cause: BaseException) -> str:
    """Return what *cause* says, as part of a sentence."""
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split()).rstrip(".")
