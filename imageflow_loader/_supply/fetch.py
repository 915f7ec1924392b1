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
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from .._cancel import Deadline
from ..errors import EngineDownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import BinaryIO

    import requests

Progress: TypeAlias = "Callable[[int, int | None], object]"
"""Called with the bytes that have arrived and, where known, those that will; on the
thread that uses the network."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""What is read at most, whatever is said of sizes; the archives have about 10 MB."""

_MOST_TEXT: Final = 4 * 1024 * 1024
_BLOCK: Final = 64 * 1024
_HEAD: Final = 1024
_MOST_REDIRECTS: Final = 10
_SLICE_S: Final = 0.1  # Ctrl-C does not end a wait on Windows
_LONGEST_PAUSE_S: Final = 60.0  # a server that asks for more is not asked again
_REMEDIES: Final = {
    401: "Give the user name and password in the mirror's URL, or in ~/.netrc.",
    403: "A proxy or a firewall may forbid it. IMAGEFLOW_MIRROR names another server.",
}
# GitHub, which says this, counts those who share an address together.
_USED_UP: Final = (
    "More questions without a login are answered in an hour. Pass --sha256 (sha256=…) "
    "from a source that you trust, or put a token for this host into ~/.netrc."
)
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Patience(NamedTuple):
    """How long to wait for a server, and how often to ask it again."""

    total_s: float = 600.0
    """For everything together."""
    silence_s: float = 15.0
    """Without a connection, or without a single byte."""
    attempts: int = 4
    pause_s: float = 0.5
    """Before the second attempt, and twice as long before each further one."""


class Expected(NamedTuple):
    """What a download must be."""

    sha256: str
    said_by: str
    """Who says so, as the subject of a sentence."""


class AbsentError(EngineDownloadError):
    """There is no such file."""


class _AgainError(Exception):
    """What went wrong, as a sentence; to ask again may help."""

    def __init__(
        self, message: str, *, pause_s: float = 0.0, attempts: int = sys.maxsize
    ) -> None:
        """Keep the sentence, when to ask again at the earliest, and how often."""
        super().__init__(message)
        self.pause_s, self.attempts = pause_s, attempts


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

    def text(self, url: str) -> str:
        """Return the small text that *url* holds; raises what `file` raises."""
        content = io.BytesIO()
        self.file(url, content, None)
        return content.getvalue().decode("utf-8", "replace")

    def file(self, url: str, target: BinaryIO, expected: Expected | None) -> None:
        """Write what *url* holds to *target*, a seekable file, if it is as expected.

        None is expected of a small text. When time is over, the thread is left to
        itself. It ends with the next byte that it gets, or when its socket has been
        silent for too long.

        Raises:
            AbsentError: There is no such file.
            EngineDownloadError: It could not be had, or is not what it must be.
            OSError: *target* cannot be written.
        """
        if url.startswith("file:"):
            self._persist(url, target, expected)
            return
        ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                self._persist(url, target, expected)
                ended.put(None)
            except BaseException as error:  # noqa: BLE001  # raised where it is awaited
                ended.put(error)

        thread = threading.Thread(target=work, name="imageflow-fetch", daemon=True)
        try:
            thread.start()
        except RuntimeError as no:
            raise EngineDownloadError(f"{shown(url)} is not fetched: {no}.") from no
        error: BaseException | None = self._too_late(url)
        while not self.deadline.expired:
            with contextlib.suppress(queue.Empty):
                error = ended.get(timeout=_SLICE_S)
                break
        if error is not None:
            raise error

    def _persist(self, url: str, target: BinaryIO, expected: Expected | None) -> None:
        """Receive until it works."""
        for attempt in range(self._patience.attempts):
            target.seek(0)
            target.truncate()
            try:
                self._receive(url, target, expected)
            except _AgainError as fault:
                last = attempt + 1 >= min(fault.attempts, self._patience.attempts)
                if last or url.startswith("file:") or not self._pause(fault, attempt):
                    raise EngineDownloadError(str(fault)) from None
            else:
                return

    def _receive(self, url: str, target: BinaryIO, expected: Expected | None) -> None:
        limit = _MOST_TEXT if expected is None else MOST_BYTES
        digest, size, head = hashlib.sha256(), 0, b""
        local = url.startswith("file:")
        parts = _local(url) if local else _remote(url, self._patience)
        with contextlib.closing(parts):
            for answer, block in parts:
                size += len(block)
                if max(size, answer.length or 0) > limit:
                    raise EngineDownloadError(
                        f"{shown(answer.url)} has more than the {limit} bytes that are "
                        "allowed. It is not used."
                    )
                if self.deadline.expired:
                    raise self._too_late(url)
                head += block[: _HEAD - len(head)]
                digest.update(block)
                target.write(block)
                if block and expected and self._progress:
                    self._progress(size, answer.length)
        if size == 0 or (answer.length is not None and size < answer.length):
            raise _AgainError(
                f"{shown(answer.url)} broke off after {size} of {answer.length or '?'} "
                "bytes."
            )
        found = digest.hexdigest()
        if expected is not None and found == expected.sha256:
            return
        _require_no_web_page(answer, head)
        if expected is not None:
            said = (
                f"its SHA-256 is {found} ({size} bytes), but {expected.said_by} says "
            )
            said += f"{expected.sha256}."
            if answer.encoding not in {None, "", "identity"}:
                said += f" The server sent it with Content-Encoding {answer.encoding}."
            raise _AgainError(f"{shown(answer.url)} is not used: {said}", attempts=2)

    def _too_late(self, url: str) -> EngineDownloadError:
        return EngineDownloadError(
            f"{shown(url)} did not arrive within {self.deadline.seconds:g} seconds."
        )

    def _pause(self, fault: _AgainError, attempt: int) -> bool:
        """Wait before the next attempt; return whether there is time for one."""
        # Spread out, so that a crowd that failed together does not return together.
        spread = random.uniform(0.5, 1.5)  # noqa: S311  # no secret depends on it
        seconds = max(fault.pause_s, self._patience.pause_s * 2**attempt * spread)
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


_Parts: TypeAlias = "Generator[tuple[_Answer, bytes]]"
"""The head of an answer with each block of its body, an empty one first."""


def _require_no_web_page(answer: _Answer, head: bytes) -> None:
    url, text = shown(answer.url), head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or (
        text.startswith(b"<") and b"<html" in text
    ):
        raise EngineDownloadError(
            f"{_host(url) or 'The mirror'} answered with a web page instead of the "
            f"file {url}: this may be the log-in page of a network, or a proxy's "
            "refusal. Look at that address in a browser."
        )


def _local(url: str) -> _Parts:
    from urllib.request import url2pathname

    host, slash, rest = url.removeprefix("file://").partition("/")
    where = "" if host in {"", "localhost"} else f"//{host}"
    name = where + slash + rest
    # Only Windows has files of other machines.
    if (where and not Path(name).drive) or not slash:
        raise EngineDownloadError(
            f"{shown(url)} names another machine, {host}. A folder of this one is "
            "named as file:///folder."
        )
    # From 3.14 on Python takes them for the start of a query and of a fragment.
    path = Path(url2pathname(name.replace("?", "%3F").replace("#", "%23")))
    try:
        with path.open("rb") as file:
            answer = _Answer(url, path.stat().st_size or None)
            yield answer, b""
            while block := file.read(_BLOCK):
                yield answer, block
    except FileNotFoundError:
        raise AbsentError(f"There is no {path}.") from None
    except OSError as error:
        why = error.strerror or error
        raise EngineDownloadError(f"{path} cannot be read ({why}).") from None


def _remote(url: str, patience: Patience) -> _Parts:
    import ssl

    import requests
    from urllib3.exceptions import HTTPError

    try:
        url, login = _without_login(url)
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            session.headers.update(
                {"Accept-Encoding": "identity", "User-Agent": "imageflow-loader"}
            )
            # Requests knows REQUESTS_CA_BUNDLE, but not OpenSSL's own SSL_CERT_FILE.
            trusted = ssl.get_default_verify_paths()
            if trusted.cafile and trusted.cafile != trusted.openssl_cafile:
                session.verify = trusted.cafile
            with session.get(
                url,
                stream=True,
                auth=login,
                timeout=patience.silence_s,
                hooks={"response": _require_secure_redirect},
            ) as response:
                _require_success(response)
                length = response.headers.get("Content-Length", "")
                answer = _Answer(
                    response.url,
                    int(length) if length.isdecimal() else None,
                    response.headers.get("Content-Encoding"),
                )
                yield answer, b""
                # read() waits until the whole block is there, however slowly it comes;
                # read1() does not, and urllib3 has it since 2.2.
                read: Any = getattr(response.raw, "read1", response.raw.read)
                while block := read(_BLOCK, decode_content=False):
                    yield answer, block
    except (OSError, ValueError, LookupError, TypeError, HTTPError) as error:
        raise _fault(error, url, patience) from None


def _require_secure_redirect(response: requests.Response, **_: object) -> None:
    if not response.is_redirect:
        return
    response.close()  # or all of its body would be read, and unpacked
    goal = response.headers["Location"]
    with contextlib.suppress(ValueError):
        goal = urljoin(response.url, goal)
    secure = {"https"} if response.url.startswith("https:") else {"https", "http"}
    if goal.partition(":")[0].lower() not in secure:
        raise EngineDownloadError(
            f"{shown(response.url)} is redirected to {shown(goal)}, which is not "
            "secure. It was not followed."
        )


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


def _require_success(response: requests.Response) -> None:
    status, place, host = response.status_code, shown(response.url), _host(response.url)
    if status == 200:
        return
    said = f"{host} answered {status} {response.reason or ''}".rstrip()
    if status in {404, 410}:
        raise AbsentError(f"There is no {place} ({status}).")
    if status == 407:
        raise _proxy_fault(response.url, f"{status} {response.reason}")
    if response.headers.get("X-RateLimit-Remaining") == "0":
        raise EngineDownloadError(f"{said} for {place}. {_USED_UP}")
    if status in _REMEDIES:
        raise EngineDownloadError(f"{said} for {place}. {_REMEDIES[status]}")
    if status not in _TRANSIENT:
        raise EngineDownloadError(f"{said} instead of the file {place}.")
    pause_s = _retry_after(response.headers.get("Retry-After", ""))
    if pause_s > _LONGEST_PAUSE_S:
        raise EngineDownloadError(
            f"{said} for {place}, and asks to wait {pause_s:.0f} s."
        )
    raise _AgainError(f"{said} for {place}.", pause_s=pause_s)


def _retry_after(value: str) -> float:
    """Return the seconds that a `Retry-After` asks for: a number, or a date."""
    from email.utils import parsedate_to_datetime

    if value.isdecimal():
        return float(value)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


def _fault(
    error: Exception, url: str, patience: Patience
) -> EngineDownloadError | _AgainError:
    """Return what *error* means, which no server said."""
    import ssl

    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    request = getattr(error, "request", None)  # after redirects it is another one
    url = getattr(request, "url", None) or url
    host, said = _host(url), _said(error)
    match error:
        case requests.exceptions.ProxyError():
            return _proxy_fault(url, said)
        case requests.exceptions.SSLError():
            cause = _root_cause(error)
            if not isinstance(cause, ssl.SSLCertVerificationError):
                return _AgainError(f"No secure connection to {host}: {said}.")
            return EngineDownloadError(
                f"The certificate of {host} is not trusted: {cause.verify_message}. "
                "Where a proxy inspects TLS, name the file with its CA certificate in "
                f"REQUESTS_CA_BUNDLE. This machine's clock says {time.ctime()}."
            )
        case requests.exceptions.Timeout() | ReadTimeoutError():
            return _AgainError(
                f"{host} sent nothing for {patience.silence_s:g} seconds."
            )
        # An impossible address, certificates that are not there.
        case ValueError() | LookupError() | TypeError():
            return EngineDownloadError(f"{shown(url)} cannot be asked for: {said}.")
    said = f"{shown(url)} could not be read from {host}: {said}."
    network = isinstance(error, requests.RequestException | HTTPError)
    if network and not isinstance(error, requests.TooManyRedirects):
        return _AgainError(said)
    return EngineDownloadError(said)


def _proxy_fault(url: str, said: str) -> EngineDownloadError | _AgainError:
    from requests.utils import get_environ_proxies, select_proxy

    # One that was named as HOST:PORT has no scheme, and then no host either.
    proxy = select_proxy(url, get_environ_proxies(url)) or ""
    place = shown(proxy if "://" in proxy else f"http://{proxy}")
    sentence = (
        f"The proxy {place} cannot be used ({said}). HTTPS_PROXY and HTTP_PROXY name "
        "it, as http://USER:PASSWORD@HOST:PORT where it asks for them; NO_PROXY names "
        "the hosts that need none."
    )
    # To ask again with a wrong password may lock its owner out.
    return EngineDownloadError(sentence) if "407" in said else _AgainError(sentence)


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
    words = map(_without_secrets, str(text).split())
    return " ".join(filter(None, words)).rstrip(".")


def _without_secrets(word: str) -> str:
    """Return *word* without the log-in and the query of a URL that is in it."""
    head, slashes, rest = word.partition("//")
    return (head + slashes + rest.rpartition("@")[2]).partition("?")[0]
