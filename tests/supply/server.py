"""A real server on loopback that does what it is told, right or wrong."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import struct
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

Answer: TypeAlias = "Callable[[Handler], None]"

_BYTE_EVERY_S = 0.02
_LONGEST_S = 30.0  # a handler that waits for the end of its test waits no longer


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's script says."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        count = self.server.hits[path]
        self.server.hits[path] += 1
        answers = self.server.script.get(path, (status(404),))
        answers[min(count, len(answers) - 1)](self)

    def head(self, code: int = 200, **headers: object) -> None:
        """Send a status and headers; `_` stands for `-` in their names."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def break_off(self) -> None:
        """End the connection after what was sent."""
        self.wfile.flush()
        self.close_connection = True

    def reset(self) -> None:
        """Tear the connection down, as a crash or a firewall does."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.break_off()
        # The request's own file objects keep the descriptor open for a while.
        self.connection.shutdown(socket.SHUT_RD)

    def trickle(self, data: bytes) -> None:
        """Send *data* byte by byte, until the test is over."""
        for index in range(len(data)):
            self.wfile.write(data[index : index + 1])
            self.wfile.flush()
            if self.server.over.wait(_BYTE_EVERY_S):
                break
        self.close_connection = True

    def stall(self) -> None:
        """Send nothing more until the test is over."""
        self.wfile.flush()
        self.server.over.wait(_LONGEST_S)
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server whose answers are set path by path.

    The answers of a path are given in turn, the last one from then on.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        handler: type[BaseHTTPRequestHandler] = Handler,
        address: str = "127.0.0.1",
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), handler)
        self._host = f"[{address}]" if ":" in address else address
        self.script: dict[str, tuple[Answer, ...]] = {}
        self.hits: Counter[str] = Counter()
        self.over = threading.Event()
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self._host}:{self.port}"

    def on(self, path: str, *answers: Answer) -> None:
        """Set what is answered to requests for *path*, one after the other."""
        self.script[path] = answers

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what these tests are about."""

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


# Answers.


def body(data: bytes, **headers: object) -> Answer:
    """Answer with *data* and its length."""
    return lambda handler: _send(handler, 200, data, headers)


def status(code: int, data: bytes = b"no", **headers: object) -> Answer:
    """Answer with a status and a short text."""
    return lambda handler: _send(handler, code, data, headers)


def redirect(goal: str, code: int = 302) -> Answer:
    """Send the client elsewhere."""
    return status(code, b"", Location=goal)


def without_length(data: bytes) -> Answer:
    """Answer with a body that ends where the connection does."""

    def answer(handler: Handler) -> None:
        handler.head(Connection="close")
        handler.wfile.write(data)
        handler.break_off()

    return answer


def chunked(data: bytes, *, end: bool = True) -> Answer:
    """Answer in chunks; without *end* the last one never comes."""

    def answer(handler: Handler) -> None:
        handler.head(Transfer_Encoding="chunked")
        for start in range(0, len(data), 100):
            part = data[start : start + 100]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.break_off()

    return answer


def cut(data: bytes) -> Answer:
    """Promise the whole, send half of it and break off."""

    def answer(handler: Handler) -> None:
        handler.head(Content_Length=len(data))
        handler.wfile.write(data[: len(data) // 2])
        handler.break_off()

    return answer


def reset(data: bytes = b"") -> Answer:
    """Tear the connection down: at once, or within the body."""

    def answer(handler: Handler) -> None:
        if data:
            handler.head(Content_Length=len(data))
            handler.wfile.write(data[: len(data) // 2])
        handler.reset()

    return answer


def trickled(data: bytes) -> Answer:
    """Answer with a body that comes byte by byte."""

    def answer(handler: Handler) -> None:
        handler.head(Content_Length=len(data))
        handler.trickle(data)

    return answer


def raw(data: bytes, *, slowly: bool = False, then_stall: bool = False) -> Answer:
    """Answer with bytes that need not be HTTP."""

    def answer(handler: Handler) -> None:
        if slowly:
            handler.trickle(data)
        else:
            handler.wfile.write(data)
            handler.stall() if then_stall else handler.break_off()

    return answer


def _send(
    handler: Handler, code: int, data: bytes, headers: Mapping[str, object]
) -> None:
    handler.head(code, **{"Content_Length": len(data), **headers})
    if code not in {204, 304}:
        handler.wfile.write(data)


# A proxy.


class _ProxyHandler(BaseHTTPRequestHandler):
    """Forwards plain requests and tunnels secure ones, to this machine alone."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        if not self._admitted():
            return
        goal = urlsplit(self.path)
        onward = http.client.HTTPConnection("127.0.0.1", goal.port or 80, timeout=5)
        onward.request("GET", goal.path)
        response = onward.getresponse()
        data = response.read()
        self.send_response(response.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        onward.close()

    def do_CONNECT(self) -> None:
        if not self._admitted():
            return
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as onward:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pour, args=(onward, self.connection))
            back.start()
            _pour(self.connection, onward)
            back.join()
        self.close_connection = True

    def _admitted(self) -> bool:
        self.server.hits[self.command] += 1
        wanted = self.server.password
        if wanted is None:
            return True
        token = base64.b64encode(wanted.encode()).decode()
        if self.headers.get("Proxy-Authorization") == f"Basic {token}":
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Proxy(Server):
    """A proxy that may ask for "user:password"."""

    def __init__(self, password: str | None = None) -> None:
        super().__init__(handler=_ProxyHandler)
        self.password = password


def _pour(source: socket.socket, goal: socket.socket) -> None:
    """Copy bytes until either side is done."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            goal.sendall(data)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
    with contextlib.suppress(OSError):
        goal.shutdown(socket.SHUT_WR)
