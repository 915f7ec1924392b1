"""A download ends in a verified entry or in one clear sentence, whatever the server."""

from __future__ import annotations

import base64
import gzip
import os
import ssl
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import trustme

from imageflow_loader._platform import Libc, Platform
from imageflow_loader._settings import Settings
from imageflow_loader._supply import Entry, fetch_engine
from imageflow_loader._supply.fetch import Patience
from imageflow_loader.errors import EngineDownloadError
from tests.supply import server as web
from tests.supply.server import Answer, Proxy, Server
from tests.supply.upstream import archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imageflow_loader._supply import Cache
    from imageflow_loader.types import FetchedEngine

LINUX = Platform("linux", "x86_64", Libc("glibc", (2, 36)), can_dlopen=True)
# Long enough for a busy machine: what is to run out of time says so itself.
PATIENCE = Patience(total_s=60, silence_s=20, attempts=3, pause_s=0.001)
IMPATIENCE = PATIENCE._replace(silence_s=0.5)

ARCHIVE = archive(library=b"\x7fELF" + bytes(range(256)) * 20)
DATA = ARCHIVE.data
PATH = f"/{ARCHIVE.name}"
LOGIN_PAGE = b"<!DOCTYPE html><html><title>Welcome to our network</title></html>"
WRONG = bytes(len(DATA))


def fetch(
    mirror: str,
    cache: Cache,
    *,
    sha256: str | None = ARCHIVE.sha256,
    patience: Patience = PATIENCE,
) -> FetchedEngine:
    """Fetch the archive from *mirror*."""
    return fetch_engine(
        Settings(cache_dir=cache.root, mirror=mirror),
        LINUX,
        suffix=ARCHIVE.artifact.suffix,
        sha256=sha256,
        patience=patience,
    )


def require_whole(cache: Cache, fetched: FetchedEngine) -> None:
    """Insist on one entry, verified byte by byte, and nothing beside it."""
    (entry,) = cache.survey(thorough=True)
    assert isinstance(entry, Entry)
    assert fetched.library == entry.path("library")
    assert fetched.library is not None
    assert fetched.library.read_bytes() == b"\x7fELF" + bytes(range(256)) * 20
    assert not list((cache.root / "imageflow-tmp").iterdir())


def require_empty(cache: Cache) -> None:
    """Insist on a cache without an entry, and without leftovers."""
    assert not list(cache.survey())
    scratch = cache.root / "imageflow-tmp"
    assert not scratch.exists() or not list(scratch.iterdir())


@dataclass(frozen=True)
class Case:
    """What a server does, and what becomes of it."""

    id: str
    answers: tuple[Answer, ...]
    says: str | None = None
    """Part of the sentence; None where the fetch succeeds."""
    asked: int = 1
    """How often the server is asked."""

    @property
    def patience(self) -> Patience:
        """How long to wait for this server."""
        return IMPATIENCE if "stalls" in self.id else PATIENCE


def ends(id: str, *answers: Answer, asked: int = 1) -> Case:  # noqa: A002 - pytest's word
    return Case(id, answers, None, asked)


def fails(id: str, *answers: Answer, says: str, asked: int = 1) -> Case:  # noqa: A002
    return Case(id, answers, says, asked)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA)
SMALL_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"
TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n"
OLD = b"HTTP/1.0 200 OK\r\n\r\n"
MANY_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000
CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n"
    % (
        len(DATA),
        DATA,
        b"X-Digest: none\r\nContent-Length: 3\r\n",
    )
)
NO_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(200 << 20), 1)
TOMORROW = f"{datetime.now(timezone.utc) + timedelta(days=1):%a, %d %b %Y %X} GMT"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /moved%s\r\nContent-Length: 9\r\n\r\n"
ODD_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"

CASES = [
    # Bodies that are right, however they come.
    ends("a body with its length", web.body(DATA)),
    ends("a body that ends with the connection", web.without_length(DATA)),
    ends("a body in chunks", web.chunked(DATA)),
    ends("a file labelled as gzip", web.body(DATA, Content_Encoding="gzip")),
    ends("a length that is no number", web.raw(ODD_LENGTH + DATA)),
    ends("a length below nothing", web.raw(SMALL_LENGTH + DATA)),
    ends("from a server of 1996", web.raw(OLD + DATA)),
    ends("in chunks with a trailer", web.raw(CHUNKS)),
    ends(
        "with a cookie and a login",
        web.body(DATA, Set_Cookie="a=b", WWW_Authenticate="Basic"),
    ),
    # Bodies that are not.
    fails("two lengths", web.raw(TWO_LENGTHS + DATA), says="unmatching values"),
    fails(
        "chunks of no size",
        web.raw(NO_CHUNKS + b"x\r\n"),
        says="could not be read",
        asked=3,
    ),
    fails(
        "chunks of negative size",
        web.raw(NO_CHUNKS + b"-5\r\nhello"),
        says="could not be read",
        asked=3,
    ),
    fails(
        "a bomb of zeros",
        web.body(BOMB, Content_Encoding="gzip"),
        says="sent it with Content-Encoding gzip",
        asked=2,
    ),
    fails(
        "a thousand headers",
        web.raw(MANY_HEADERS),
        says="could not be read",
        asked=3,
    ),
    fails(
        "packed on the way",
        web.body(gzip.compress(DATA), Content_Encoding="gzip"),
        says="The server sent it with Content-Encoding gzip",
        asked=2,
    ),
    ends("cut off once", web.cut(DATA), web.body(DATA), asked=2),
    fails("always cut off", web.cut(DATA), says="could not be read|broke off", asked=3),
    ends(
        "cut off once, with no length",
        web.without_length(DATA[:99]),
        web.body(DATA),
        asked=2,
    ),
    fails(
        "always cut off, with no length",
        web.without_length(DATA[:99]),
        says="but the caller .* says",
        asked=2,
    ),
    ends(
        "cut off once, in chunks",
        web.chunked(DATA[:250], end=False),
        web.body(DATA),
        asked=2,
    ),
    fails(
        "always cut off, in chunks",
        web.chunked(DATA[:250], end=False),
        says="could not be read",
        asked=3,
    ),
    ends("wrong bytes once", web.body(WRONG), web.body(DATA), asked=2),
    fails(
        "wrong bytes twice",
        web.body(WRONG),
        web.body(WRONG),
        web.body(DATA),
        says="its SHA-256 is [0-9a-f]{64}",
        asked=2,
    ),
    fails(
        "a log-in page",
        web.body(LOGIN_PAGE),
        says="answered with a web page instead of the file",
    ),
    fails(
        "a page of XHTML",
        web.body(b"\n<?xml version='1.0'?><html></html>"),
        says="answered with a web page",
    ),
    ends("empty once", web.body(b""), web.body(DATA), asked=2),
    fails("always empty", web.body(b""), says="broke off after 0", asked=3),
    fails(
        "empty, with no length",
        web.without_length(b""),
        says="broke off after 0",
        asked=3,
    ),
    fails(
        "too large, and says so",
        web.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
        says="more than the 268435456 bytes",
    ),
    fails(
        "too large, and does not say so",
        web.without_length(bytes(257 << 20)),
        says="more than the 268435456 bytes",
    ),
    # Servers that take their time.
    fails(
        "stalls within the body",
        web.raw(HEAD + DATA[:99], then_stall=True),
        says="sent nothing for 0.5 seconds",
        asked=3,
    ),
    fails(
        "stalls before the answer",
        web.raw(b"", then_stall=True),
        says="sent nothing for 0.5 seconds",
        asked=3,
    ),
    ends("stalls once", web.raw(HEAD, then_stall=True), web.body(DATA), asked=2),
    # Redirects.
    ends("elsewhere", web.redirect(f"/moved{PATH}")),
    ends(
        "elsewhere, with a body that stalls",
        web.raw(MOVED % PATH.encode(), then_stall=True),
    ),
    ends(
        "elsewhere, with a bomb for a body",
        web.status(302, BOMB, Location=f"/moved{PATH}", Content_Encoding="gzip"),
    ),
    ends("elsewhere for good", web.redirect(f"moved{PATH}", 308)),
    fails("in circles", web.redirect(PATH), says="Exceeded 10 redirects", asked=11),
    fails(
        "to a file of ours",
        web.redirect("file:///etc/passwd"),
        says="file:///etc/passwd, which is not secure",
    ),
    fails("to another scheme", web.redirect("ftp://x.example/"), says="not secure"),
    fails("to a script", web.redirect("javascript:alert(1)"), says="not secure"),
    fails("to a port beyond", web.redirect("//127.0.0.1:99999/"), says="could|cannot"),
    fails("to nowhere", web.status(302), says="answered 302 Found instead of the file"),
    fails("to no address", web.redirect("http://[::1"), says="cannot be|not secure"),
    # Statuses.
    fails(
        "404",
        web.status(404),
        says=r"There is no https?://127.0.0.1:\d+/imageflow-\S+ \(404\)",
    ),
    fails("410", web.status(410), says=r"There is no .* \(410\)"),
    fails("400", web.status(400), says="answered 400 Bad Request instead of the file"),
    fails(
        "401",
        web.status(401),
        says="user name and password in the mirror's URL, or in ~/.netrc",
    ),
    fails("403", web.status(403), says="A proxy or a firewall may forbid it"),
    fails(
        "403, asked too often",
        web.status(403, X_RateLimit_Remaining=0),
        says="without a login are answered in an hour",
    ),
    fails(
        "429, asked too often",
        web.status(429, X_RateLimit_Remaining=0),
        says="Pass --sha256",
    ),
    fails("407", web.status(407), says=r"cannot be used \(407 .*USER:PASSWORD"),
    fails("204", web.status(204), says="answered 204 No Content instead"),
    fails(
        "a range nobody asked for",
        web.status(206, DATA, Content_Range=f"bytes 0-{len(DATA) - 1}/{len(DATA)}"),
        says="answered 206",
    ),
    fails("206", web.status(206, DATA), says="answered 206 Partial Content instead"),
    fails("304", web.status(304), says="answered 304 Not Modified instead"),
    ends("500 once", web.status(500), web.body(DATA), asked=2),
    ends("502, then 504", web.status(502), web.status(504), web.body(DATA), asked=3),
    fails(
        "always 503", web.status(503), says="answered 503 Service Unavailable", asked=3
    ),
    ends("429, come at once", web.status(429, Retry_After=0), web.body(DATA), asked=2),
    fails(
        "429, come when the sun is cold",
        web.status(429, Retry_After="9" * 400),
        says="asks to wait inf s",
    ),
    ends(
        "429, come whenever",
        web.status(429, Retry_After="soon"),
        web.body(DATA),
        asked=2,
    ),
    fails(
        "429, come tomorrow",
        web.status(429, Retry_After=86400),
        says="answered 429 .* asks to wait 86400 s",
    ),
    fails(
        "503, come tomorrow by date",
        web.status(503, Retry_After=TOMORROW),
        says=r"answered 503 .* asks to wait 8\d{4} s",
    ),
    # Connections.
    ends("reset at once", web.reset(), web.body(DATA), asked=2),
    fails("always reset at once", web.reset(), says="could not be read from", asked=3),
    ends("reset within the body", web.reset(DATA), web.body(DATA), asked=2),
    fails(
        "always reset within the body",
        web.reset(DATA),
        says="could not be read from|broke off",
        asked=3,
    ),
    ends("closed without an answer", web.raw(b""), web.body(DATA), asked=2),
    fails(
        "never HTTP",
        web.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        says="could not be read from",
        asked=3,
    ),
    fails(
        "a header without end",
        web.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000),
        says="could not be read from",
        asked=3,
    ),
]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("fixture", ["server", "secure_server"], ids=["http", "https"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_fetch_ends_verified_or_in_one_sentence(
    case: Case, fixture: str, cache: Cache, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(fixture)
    server.on(PATH, *case.answers)
    server.on(f"/moved{PATH}", web.body(DATA))

    if case.says is None:
        require_whole(cache, fetch(server.url, cache, patience=case.patience))
    else:
        with pytest.raises(EngineDownloadError, match=case.says) as caught:
            fetch(server.url, cache, patience=case.patience)
        assert "\n" not in caught.value.message
        require_empty(cache)
    assert server.hits[PATH] == case.asked


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.trickled(DATA), id="the body"),
        pytest.param(web.raw(HEAD + DATA, slowly=True), id="the head"),
    ],
)
def test_a_deadline_holds_where_bytes_keep_trickling(
    answer: Answer, server: Server, cache: Cache
) -> None:
    server.on(PATH, answer)

    with pytest.raises(EngineDownloadError, match=r"not arrive within 0\.5 seconds"):
        fetch(server.url, cache, patience=PATIENCE._replace(total_s=0.5))

    require_empty(cache)


def test_a_pause_that_outlasts_the_deadline_is_not_waited_for(
    server: Server, cache: Cache
) -> None:
    server.on(PATH, web.status(503, Retry_After=30))

    with pytest.raises(EngineDownloadError, match="answered 503"):
        fetch(server.url, cache, patience=PATIENCE._replace(total_s=20))

    assert server.hits[PATH] == 1


def test_a_cache_that_is_cleared_meanwhile_is_said_so(
    server: Server, cache: Cache
) -> None:
    def answer(handler: web.Handler) -> None:
        cache.clear()
        web.body(DATA)(handler)

    server.on(PATH, answer)

    with pytest.raises(EngineDownloadError, match="was cleared while it was being"):
        fetch(server.url, cache)

    require_empty(cache)


def test_nobody_at_the_address_is_said_so(cache: Cache) -> None:
    with Server() as gone:
        url = gone.url

    with pytest.raises(EngineDownloadError, match="Connection refused"):
        fetch(url, cache)

    require_empty(cache)


@pytest.mark.parametrize("mirror", ["http://", "http://[::1", "https://a..b"])
def test_an_address_that_cannot_be_is_said_so(mirror: str, cache: Cache) -> None:
    with pytest.raises(EngineDownloadError, match=r"cannot be asked for|not be read"):
        fetch(mirror, cache)

    require_empty(cache)


def test_progress_is_told_of_every_block(server: Server, cache: Cache) -> None:
    server.on(PATH, web.body(DATA))
    told: list[tuple[int, int | None]] = []

    fetch_engine(
        Settings(cache_dir=cache.root, mirror=server.url),
        LINUX,
        sha256=ARCHIVE.sha256,
        progress=lambda done, total: told.append((done, total)),
    )

    assert told[-1] == (len(DATA), len(DATA))
    assert told == sorted(told)


SECRETS = [
    pytest.param("{0}://me:hunter2@{1}", "me:hunter2", id="a password"),
    pytest.param("{0}://me:hun%2Fter2@{1}", "me:hun/ter2", id="one with a slash"),
    pytest.param("{0}://me:hun@ter2@{1}", "me:hun@ter2", id="one with an at sign"),
    pytest.param("{0}://hunter2@{1}", "hunter2:", id="a token for a name"),
    pytest.param("{0}://{1}?sig=hunter2&b=1", None, id="a token in the query"),
]


@pytest.mark.parametrize(("pattern", "login"), SECRETS)
@pytest.mark.parametrize("code", [200, 401, 404, 503])
def test_what_is_secret_in_the_mirror_is_sent_and_never_shown(
    pattern: str, login: str | None, code: int, server: Server, cache: Cache
) -> None:
    seen: list[tuple[str | None, str]] = []

    def answer(handler: web.Handler) -> None:
        seen.append((handler.headers.get("Authorization"), handler.path))
        (web.body(DATA) if code == 200 else web.status(code))(handler)

    server.on(f"/a{PATH}", answer)
    mirror = pattern.format("http", f"127.0.0.1:{server.port}/a")

    try:
        said = [repr(fetch(mirror, cache))]
        said += [path.read_text() for path in cache.root.rglob("entry.json")]
    except EngineDownloadError as error:
        said = traceback.format_exception(error)

    assert code != 200 or len(said) == 2
    authorization, path = seen[0]
    token = None if login is None else base64.b64encode(login.encode()).decode()
    assert authorization == (token and f"Basic {token}")
    assert path == f"/a{PATH}" + ("" if login else "?sig=hunter2&b=1")
    assert "ter2" not in "".join(said)


@pytest.mark.parametrize(
    "mirror",
    [
        "http://me:hunter2@",
        "http://me:hunter2@[::1",
        "http://me:hunter2@a..b",
        "http://me:hun/ter2@127.0.0.1:1",
        "http://me:hunter2@127.0.0.1:x",
        "http://me:hunter2@127.0.0.1:1/?hunter2#hunter2",
        "https://me:hunter2@127.0.0.1:1/",
    ],
)
def test_an_address_that_cannot_be_gives_no_secret_away(
    mirror: str, cache: Cache
) -> None:
    with pytest.raises(EngineDownloadError) as caught:
        fetch(mirror, cache)

    assert "ter2" not in "".join(traceback.format_exception(caught.value))


def test_a_login_is_for_the_mirror_alone(server: Server, cache: Cache) -> None:
    seen: list[str | None] = []

    def answer(handler: web.Handler) -> None:
        seen.append(handler.headers.get("Authorization"))
        web.body(DATA)(handler)

    with Server() as elsewhere:
        server.on(PATH, web.redirect(f"{elsewhere.url}/there"))
        elsewhere.on("/there", web.redirect(f"{server.url}/back"))
        server.on("/back", answer)
        elsewhere.on("/there", answer)
        fetch(server.url.replace("://", "://me:secret@"), cache)

    assert seen == [None]


def test_the_list_of_a_mirror_is_asked_for_with_the_same_token(
    server: Server, cache: Cache
) -> None:
    asked: list[str] = []

    def answer(handler: web.Handler) -> None:
        asked.append(handler.path)
        web.status(404)(handler)

    server.on("/a/SHA256SUMS", answer)

    with pytest.raises(EngineDownloadError, match=r"nor http://[^?]*/a/SHA256SUMS\."):
        fetch_engine(
            Settings(cache_dir=cache.root, mirror=f"{server.url}/a?sig=secret"),
            LINUX,
            suffix="linux-musl-x64",
            patience=PATIENCE,
        )

    assert asked == ["/a/SHA256SUMS?sig=secret"]


def test_a_mirror_may_have_an_address_of_ipv6(cache: Cache) -> None:
    try:
        server = Server(address="::1")
    except OSError:
        pytest.skip("no IPv6 here")

    with server:
        server.on(PATH, web.body(DATA))
        require_whole(cache, fetch(server.url, cache))
        server.script.clear()
        with pytest.raises(EngineDownloadError, match=r"There is no http://\[::1\]:"):
            fetch(server.url, cache, sha256="0" * 64)


# TLS.


@pytest.mark.usefixtures("trusted")
def test_a_companys_certificate_is_trusted_when_it_is_named(
    secure_server: Server, cache: Cache
) -> None:
    secure_server.on(PATH, web.body(DATA))

    require_whole(cache, fetch(secure_server.url, cache))


def test_what_openssl_is_told_to_trust_is_trusted(
    secure_server: Server,
    authority: trustme.CA,
    tmp_path: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secure_server.on(PATH, web.body(DATA))
    bundle = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))

    require_whole(cache, fetch(secure_server.url, cache))


@pytest.mark.usefixtures("trusted")
def test_requests_own_variable_goes_before_openssls(
    secure_server: Server, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure_server.on(PATH, web.body(DATA))
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))

    require_whole(cache, fetch(secure_server.url, cache))


def test_an_unknown_authority_is_not_trusted(
    secure_server: Server, cache: Cache
) -> None:
    secure_server.on(PATH, web.body(DATA))

    with pytest.raises(EngineDownloadError, match="REQUESTS_CA_BUNDLE") as caught:
        fetch(secure_server.url, cache)

    assert "is not trusted: unable to get local issuer" in str(caught.value)
    assert not secure_server.hits
    require_empty(cache)


def expired(authority: trustme.CA) -> trustme.LeafCert:
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    return authority.issue_cert("127.0.0.1", not_after=yesterday)


def of_the_future(authority: trustme.CA) -> trustme.LeafCert:
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    return authority.issue_cert("127.0.0.1", not_before=tomorrow)


def of_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("elsewhere.example")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        pytest.param(expired, "certificate has expired.*clock says", id="expired"),
        pytest.param(of_the_future, "not yet valid.*clock says", id="not yet valid"),
        pytest.param(of_another_host, "IP address mismatch", id="of another host"),
    ],
)
def test_a_wrong_certificate_is_not_trusted(
    certificate: Callable[[trustme.CA], trustme.LeafCert],
    says: str,
    authority: trustme.CA,
    cache: Cache,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(authority).configure_cert(context)

    with (
        Server(context) as server,
        pytest.raises(EngineDownloadError, match=f"is not trusted: .*{says}"),
    ):
        fetch(server.url, cache)

    require_empty(cache)


def test_a_server_without_tls_at_a_secure_address_is_said_so(
    server: Server, cache: Cache
) -> None:
    with pytest.raises(EngineDownloadError, match="No secure connection to"):
        fetch(server.url.replace("http:", "https:"), cache)

    require_empty(cache)


def test_a_file_of_certificates_that_is_not_there_is_said_so(
    secure_server: Server, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/authority.pem")

    with pytest.raises(EngineDownloadError, match=r"/nowhere/authority\.pem"):
        fetch(secure_server.url, cache)

    require_empty(cache)


@pytest.mark.usefixtures("trusted")
def test_a_secure_address_never_redirects_to_one_that_is_not(
    secure_server: Server, server: Server, cache: Cache
) -> None:
    secure_server.on(PATH, web.redirect(f"{server.url}{PATH}"))
    server.on(PATH, web.body(DATA))

    with pytest.raises(EngineDownloadError, match=r"not secure\. It was not"):
        fetch(secure_server.url, cache)

    assert not server.hits
    require_empty(cache)


# Proxies.


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("fixture", ["server", "secure_server"], ids=["http", "https"])
@pytest.mark.parametrize("login", [None, "user:secret", "us%40er:s%2Fe:cret"])
def test_a_proxy_is_used_with_and_without_a_password(
    fixture: str,
    login: str | None,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    server: Server = request.getfixturevalue(fixture)
    server.on(PATH, web.body(DATA))

    with Proxy(login and unquote(login)) as proxy:
        address = proxy.url.replace("://", f"://{login}@" if login else "://")
        monkeypatch.setenv(f"{server.scheme}_proxy", address)
        require_whole(cache, fetch(server.url, cache))

    assert proxy.hits == {"GET" if server.scheme == "http" else "CONNECT": 1}


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:hun/ter2@127.0.0.1:1",
        "http://me:hunter2@127.0.0.1:x",
        "http://me:hunter2@",
        "me:hunter2@127.0.0.1:1",
        "gopher://me:hunter2@127.0.0.1:1",
        "socks5://me:hunter2@127.0.0.1:1",
    ],
)
def test_a_proxy_that_cannot_be_is_a_sentence_without_its_password(
    proxy: str, server: Server, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)

    with pytest.raises(EngineDownloadError) as caught:
        fetch(server.url, cache)

    assert "ter2" not in "".join(traceback.format_exception(caught.value))
    require_empty(cache)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "secure"])
def test_a_proxy_that_wants_another_password_is_named_without_the_one_it_got(
    secure: bool,
    server: Server,
    secure_server: Server,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goal = secure_server if secure else server

    with Proxy("user:secret") as proxy:
        address = proxy.url.replace("://", "://user:guess@")
        monkeypatch.setenv(f"{goal.scheme}_proxy", address)
        with pytest.raises(EngineDownloadError) as caught:
            fetch(goal.url, cache)

    assert f"The proxy {proxy.url} cannot be used (" in str(caught.value)
    assert "guess" not in str(caught.value)
    assert sum(proxy.hits.values()) == 1
    require_empty(cache)


def test_a_proxy_that_is_not_there_is_named(
    server: Server, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy() as gone:
        monkeypatch.setenv("http_proxy", gone.url)

    with pytest.raises(EngineDownloadError, match=f"The proxy {gone.url} cannot be"):
        fetch(server.url, cache)

    require_empty(cache)


def test_a_host_that_needs_no_proxy_gets_none(
    server: Server, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on(PATH, web.body(DATA))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    require_whole(cache, fetch(server.url, cache))


def test_the_environment_is_as_it_was() -> None:
    assert not [name for name in os.environ if name.lower().endswith("_proxy")]
