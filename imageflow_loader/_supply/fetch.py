"""The bytes that were meant: fetched raw and in time, compared, and asked for again.

A body is taken raw. A server that labels a `.tar.gz` with `Content-Encoding: gzip`
(file servers and repository managers do) would otherwise have it unpacked on the way,
even though we ask for `identity`.

The network is used on a thread of its own, because nothing else bounds the time of a
DNS lookup, of a handshake or of a header that arrives byte by byte: the timeouts of
sockets start afresh with each byte.

Addresses may hold passwords and tokens. They are sent, and never said: what is said
goes through `shown`, and errors leave without the causes, whose texts we do not write.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import queue
import random
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from .._cancel import Deadline
from ..errors import EngineDownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import requests

Progress: TypeAlias = "Callable[[int, int | None], object]"
"""Called with the bytes that have arrived and, where known, those that will."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""What is read at most, whatever is said of sizes; the archives have about 10 MB."""

_MOST_TEXT: Final = 4 * 1024 * 1024
_BLOCK: Final = 64 * 1024
_BLOCKS_AHEAD: Final = 16
_HEAD: Final = 1024
_MOST_REDIRECTS: Final = 10
_LONGEST_NUMBER: Final = 15  # decimal digits of a size that anything could have
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GRACE_S: Final = 0.1  # for the network thread to close its connection
_NOT_YET_VALID, _EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_…


class Patience(NamedTuple):
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


class Expected(NamedTuple):
    """What a download must be."""

    sha256: str
    said_by: str
    """Who says so, as the subject of a sentence."""
    size: int | None = None


class AbsentError(EngineDownloadError):
    """There is no such file."""


class Fault(Exception):  # noqa: N818  # never leaves this module
    """What went wrong with one attempt, as a sentence."""

    def __init__(
        self,
        message: str,
        *,
        again: bool = False,
        pause_s: float | None = None,
        absent: bool = False,
        wrong: bool = False,
    ) -> None:
        """Keep the sentence, whether it may help to ask *again*, and when.

        *absent*: there is no such file; *wrong*: it is another than was meant.
        """
        super().__init__(message)
        self.again, self.pause_s = again, pause_s
        self.absent, self.wrong = absent, wrong


def shown(url: str) -> str:
    """Return *url* without its password and its query, which may be secret."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        _ = parts.port  # raises when the password has a slash, and all is misread
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def inside(folder: str, name: str) -> str:
    """Return the URL of the file *name* in a folder, whose query is kept."""
    if folder.startswith("file:"):
        return f"{folder}/{quote(name)}"
    place, mark, query = folder.partition("?")
    return f"{place.rstrip('/')}/{name}{mark}{query}"


class Downloads:
    """Downloads that serve one purpose, and share their patience and one deadline."""

    def __init__(self, patience: Patience, progress: Progress | None = None) -> None:
        """Start the clock; *progress* is told of each block of a file that arrives."""
        self._patience = patience
        self._progress = progress
        self.deadline = Deadline(patience.total_s)

    def file(self, url: str, target: BinaryIO, expected: Expected) -> None:
        """Write what *url* holds to *target*, a seekable file, if it is as expected.

        Raises:
            AbsentError: There is no such file.
            EngineDownloadError: It could not be had, or is not what it must be.
            OSError: *target* cannot be written.
        """
        self._persist(url, target, expected)

    def text(self, url: str) -> str:
        """Return the small text that *url* holds; raises what `file` raises."""
        content = io.BytesIO()
        self._persist(url, content, None)
        return content.getvalue().decode("utf-8", "replace")

    def _persist(self, url: str, target: BinaryIO, expected: Expected | None) -> None:
        """Receive until it works; None is expected of a small text."""
        wrong_before = False
        for attempt in range(self._patience.attempts):
            target.seek(0)
            target.truncate()
            try:
                self._receive(url, target, expected)
            except Fault as fault:
                last = attempt + 1 == self._patience.attempts or not fault.again
                hopeless = url.startswith("file:") or (fault.wrong and wrong_before)
                if last or hopeless or not self._pause(fault, attempt):
                    error = AbsentError if fault.absent else EngineDownloadError
                    raise error(str(fault)) from None
                wrong_before = fault.wrong
            else:
                return

    def _receive(self, url: str, target: BinaryIO, expected: Expected | None) -> None:
        limit, progress = _MOST_TEXT, None
        if expected is not None:
            limit = min(expected.size or MOST_BYTES, MOST_BYTES)
            progress = self._progress
        digest, size, head = hashlib.sha256(), 0, b""
        local = url.startswith("file:")
        opened = _local(url) if local else _remote(url, self._patience, self.deadline)
        with opened as (answer, blocks):
            _require_room(answer, answer.length or 0, limit)
            for block in blocks:
                size += len(block)
                _require_room(answer, size, limit)
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
        if expected is None or digest.hexdigest() != expected.sha256:
            _require_no_web_page(answer, head)
        if expected is not None:
            _require_equal(answer, size, digest.hexdigest(), expected)

    def _pause(self, fault: Fault, attempt: int) -> bool:
        """Wait before the next attempt; return whether there is time for one."""
        seconds = fault.pause_s
        if seconds is None:
            # Spread out, so that a crowd that failed together does not return together.
            spread = random.uniform(0.5, 1.5)  # noqa: S311  # no secret depends on it
            seconds = self._patience.pause_s * 2**attempt * spread
        left = self.deadline.remaining()
        if left is not None and seconds >= left:
            return False
        time.sleep(seconds)
        return True


class _Answer(NamedTuple):
    """The head of an answer."""

    url: str
    """Where the redirects ended."""
    length: int | None
    encoding: str | None = None
    """What the server says that it did to the file."""


def _require_room(answer: _Answer, size: int, limit: int) -> None:
    if size > limit:
        raise Fault(
            f"{shown(answer.url)} has more than the {limit} bytes that are allowed. It "
            "is not used."
        )


def _require_no_web_page(answer: _Answer, head: bytes) -> None:
    url, text = shown(answer.url), head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or (
        text.startswith(b"<") and b"<html" in text
    ):
        raise Fault(
            f"{_host(url) or 'The mirror'} answered with a web page instead of the "
            f"file {url}: this may be the log-in page of a network, or a proxy's "
            "refusal. Look at that address in a browser."
        )


def _require_equal(answer: _Answer, size: int, sha256: str, what: Expected) -> None:
    if sha256 == what.sha256:
        return
    if what.size is not None and size != what.size:
        said = f"it has {size} bytes instead of {what.size}."
    else:
        said = f"its SHA-256 is {sha256} ({size} bytes), but {what.said_by} says "
        said += f"{what.sha256}."
        if answer.encoding not in {None, "", "identity"}:
            said += f" The server sent it with Content-Encoding {answer.encoding}."
    raise Fault(f"{shown(answer.url)} is not used: {said}", again=True, wrong=True)


@contextlib.contextmanager
def _local(url: str) -> Iterator[tuple[_Answer, Iterator[bytes]]]:
    """Yield what `_remote` does, of a file."""
    from urllib.request import url2pathname

    host, slash, rest = url.removeprefix("file://").partition("/")
    where = "" if host in {"", "localhost"} else f"//{host}"
    path = Path(url2pathname(where + slash + rest))
    if where and not path.drive:  # only Windows has files of other machines
        raise Fault(
            f"{shown(url)} names another machine, {host}. A folder of this one is "
            "named as file:///folder."
        )
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Fault(f"There is no {path}.", absent=True) from error
    except OSError as error:
        raise Fault(f"{path} cannot be read ({error.strerror or error}).") from error

    def read() -> bytes:
        try:
            return file.read(_BLOCK)
        except OSError as error:
            why = error.strerror or error
            raise Fault(f"{path} cannot be read ({why}).") from error

    with file:
        yield _Answer(url, path.stat().st_size or None), iter(read, b"")


# The network, on a thread of its own.


@contextlib.contextmanager
def _remote(
    url: str, patience: Patience, deadline: Deadline
) -> Iterator[tuple[_Answer, Iterator[bytes]]]:
    """Yield the head of the answer and the blocks of its body, until *deadline*.

    When that passes, the thread is left to itself. It ends with the next byte that it
    gets, or when its socket has been silent for too long.
    """
    exchange = _Exchange(url, patience)
    exchange.start()

    def take() -> Any:
        with contextlib.suppress(queue.Empty):
            item = exchange.pipe.get(timeout=deadline.remaining())
            if isinstance(item, BaseException):
                raise item
            if not deadline.expired:
                return item
        raise Fault(f"{shown(url)} did not arrive within {deadline.seconds:g} seconds.")

    try:
        yield take(), iter(take, None)
    finally:
        exchange.stop.set()
        with contextlib.suppress(queue.Empty):  # the thread may wait for room in it
            while True:
                exchange.pipe.get_nowait()
        exchange.join(_GRACE_S)


class _Exchange(threading.Thread):
    """Puts an answer, the blocks of its body and None into a pipe, or what failed."""

    def __init__(self, url: str, patience: Patience) -> None:
        super().__init__(name="imageflow-fetch", daemon=True)
        self._url = url
        self._patience = patience
        self.pipe: queue.Queue[Any] = queue.Queue(_BLOCKS_AHEAD)
        self.stop = threading.Event()

    def run(self) -> None:
        try:
            self._exchange()
            self.pipe.put(None)
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            self.pipe.put(_fault(error, self._url, self._patience))

    def _exchange(self) -> None:
        import ssl

        import requests

        with requests.Session() as session:
            session.headers.update(
                {"Accept-Encoding": "identity", "User-Agent": "imageflow-loader"}
            )
            # Requests knows REQUESTS_CA_BUNDLE, but not OpenSSL's own SSL_CERT_FILE.
            trusted = ssl.get_default_verify_paths()
            if trusted.cafile and trusted.cafile != trusted.openssl_cafile:
                session.verify = trusted.cafile
            with contextlib.closing(self._followed(session)) as response:
                _require_success(response, self._url, self._patience)
                self._pass_on(response)

    def _followed(self, session: requests.Session) -> requests.Response:
        """Return the answer to which the redirects lead."""
        self._url, login = _without_login(self._url)
        first = urlsplit(self._url)
        for _ in range(_MOST_REDIRECTS):
            here = urlsplit(self._url)
            at_home = here[:2] == first[:2]
            response = session.get(
                self._url,
                stream=True,
                allow_redirects=False,
                auth=login if at_home else None,
                timeout=(self._patience.connect_s, self._patience.silence_s),
            )
            goal = session.get_redirect_target(response)
            if goal is None:
                return response
            response.close()
            goal, _ = _without_login(urljoin(self._url, goal))
            secure = {"https"} if here.scheme == "https" else {"https", "http"}
            if urlsplit(goal).scheme not in secure:
                raise Fault(
                    f"{shown(self._url)} is redirected to {shown(goal)}, which is not "
                    "secure. It was not followed."
                )
            self._url = goal
        raise Fault(f"{shown(self._url)} is redirected in circles.")

    def _pass_on(self, response: requests.Response) -> None:
        length = response.headers.get("Content-Length", "")
        plausible = length.isdecimal() and len(length) <= _LONGEST_NUMBER
        encoding = response.headers.get("Content-Encoding")
        self.pipe.put(_Answer(self._url, int(length) if plausible else None, encoding))
        # read() waits until the whole block is there, however slowly it comes; read1()
        # does not, and urllib3 has it since 2.2.
        raw: Any = response.raw
        read = getattr(raw, "read1", raw.read)
        while not self.stop.is_set() and (block := read(_BLOCK, decode_content=False)):
            self.pipe.put(block)


def _without_login(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return *url* without user name and password, and these.

    Requests would send them too, but would also have them in its errors.
    """
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    if not login:
        return url, None
    user, _, password = login.partition(":")
    return parts._replace(netloc=host).geturl(), (unquote(user), unquote(password))


# What a status or an exception means.


def _require_success(response: requests.Response, url: str, patience: Patience) -> None:
    status, place = response.status_code, shown(url)
    if status == 200:
        return
    said = f"{_host(url)} answered {status} {response.reason or ''}".rstrip()
    if status in {404, 410}:
        raise Fault(f"There is no {place} ({status}).", absent=True)
    if status == 407:
        raise _proxy_wants_password(url)
    if status == 401:
        raise Fault(
            f"{said} for {place}. Give the user name and password in the mirror's URL, "
            "or in ~/.netrc."
        )
    if status == 403:
        raise Fault(
            f"{said} for {place}: a proxy or a firewall may forbid it. "
            "IMAGEFLOW_MIRROR names another server."
        )
    if status not in _TRANSIENT:
        raise Fault(f"{said} instead of the file {place}.")
    pause_s = _retry_after(response.headers.get("Retry-After"))
    if pause_s is not None and pause_s > patience.longest_pause_s:
        raise Fault(f"{said} for {place}, and asks to wait {pause_s:.0f} s.")
    raise Fault(f"{said} for {place}.", again=True, pause_s=pause_s)


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


def _fault(error: BaseException, url: str, patience: Patience) -> BaseException:
    """Return what *error* means; itself where it is none of the network's."""
    import requests
    from urllib3 import exceptions as urllib3

    host, said = _host(url), _said(error)
    match error:
        case requests.exceptions.ProxyError():
            if "407" in str(error):
                return _proxy_wants_password(url)
            return Fault(
                f"The proxy {_proxy(url)} cannot be used ({said}). HTTPS_PROXY and "
                "HTTP_PROXY name it; NO_PROXY names the hosts that need none.",
                again=True,
            )
        case requests.exceptions.SSLError():
            return _tls_fault(_root_cause(error), host)
        case requests.exceptions.ConnectTimeout():
            return Fault(
                f"{host} did not answer within {patience.connect_s:g} seconds.",
                again=True,
            )
        case requests.exceptions.ReadTimeout() | urllib3.ReadTimeoutError():
            return Fault(
                f"{host} sent nothing for {patience.silence_s:g} seconds.", again=True
            )
        # What no server said: an impossible address, certificates that are not there.
        case ValueError() | LookupError() | TypeError():
            return Fault(f"{shown(url)} cannot be asked for: {said}.")
        case requests.RequestException() | urllib3.HTTPError() | OSError():
            return Fault(
                f"{shown(url)} could not be read from {host}: {said}.",
                again=isinstance(error, requests.RequestException | urllib3.HTTPError),
            )
    return error


def _tls_fault(cause: BaseException, host: str) -> Fault:
    import ssl

    if isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code in {_NOT_YET_VALID, _EXPIRED}:
            remedy = f"Look at this machine's clock, which says {time.ctime()}."
        else:
            remedy = (
                "Where a proxy inspects TLS, name the file with its CA certificate in "
                "REQUESTS_CA_BUNDLE."
            )
        return Fault(
            f"The certificate of {host} is not trusted: {cause.verify_message}. "
            + remedy
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


def _host(url: str) -> str:
    return shown(url).partition("://")[2].partition("/")[0]


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


def _said(error: BaseException) -> str:
    """Return what the cause of *error* says, as part of a sentence."""
    cause = _root_cause(error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    text = re.sub(r"//\S*@|\?\S*", lambda secret: secret[0][:2].strip("?"), str(text))
    return " ".join(text.split()).rstrip(".")
