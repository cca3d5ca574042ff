"""Nothing is fetched but by plain https from hosts that are allowed, a little and soon."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tocsin.collect.fetching import Fetcher
from tocsin.errors import SourceError

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(HTTPServer):
    """Answers as a test says, over TLS."""

    answer: Answer
    asked: list[str]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: tests make them."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(tls) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    with Server(("127.0.0.1", 0), Handler) as opened:
        opened.socket = context.wrap_socket(opened.socket, server_side=True)
        opened.asked = []
        thread = threading.Thread(target=opened.serve_forever, args=(0.05,))
        thread.start()
        yield opened
        opened.shutdown()
        thread.join(120)


def fetcher(server: Server, trusted: str | None, **more: object) -> Fetcher:
    settings = {"port": server.server_port, "certificates": trusted} | more
    return Fetcher(lambda host: host == "localhost", **settings)  # type: ignore[arg-type]


def fetch(server: Server, trusted: str | None, path: str = "/", **more: object) -> bytes:
    url = f"https://localhost:{server.server_port}{path}"
    return asyncio.run(fetcher(server, trusted, **more)(url))


def gives(content: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def test_what_is_allowed_is_fetched(server, trusted):
    server.answer = gives(b"key")

    assert fetch(server, trusted) == b"key"


def test_a_certificate_of_nobody_is_refused(server):
    server.answer = gives(b"key")

    with pytest.raises(SourceError):
        fetch(server, None)
    assert server.asked == []


def test_redirects_are_not_followed(server, trusted):
    server.answer = gives(b"", 302, Location="/elsewhere")

    with pytest.raises(SourceError, match="302"):
        fetch(server, trusted)
    assert server.asked == ["/"]


def test_a_large_answer_is_not_read_to_its_end(server, trusted):
    server.answer = gives(b"x" * 2000)

    with pytest.raises(SourceError, match="too much"):
        fetch(server, trusted, max_bytes=1000)


def test_a_slow_answer_is_not_waited_for(server, trusted):
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not ended.wait(0.02):
            handler.wfile.write(b"x")

    server.answer = drip
    began = time.monotonic()
    with pytest.raises(SourceError, match="longer"):
        fetch(server, trusted, timeout_seconds=0.3)
    ended.set()

    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost/",
        "https://localhost:{port}@evil.example/",
        "https://user@localhost:{port}/",
        "https://localhost.evil.example:{port}/",
        "https://evil.example\\@localhost:{port}/",
        "https://localhost:{port}/ path",
        "https://lоcalhost:{port}/",
        "https://localhost:99999/",
        "https:///x",
        "ftp://localhost:{port}/",
        "",
    ],
)
def test_no_other_address_is_asked(server, trusted, url):
    server.answer = gives(b"key")

    with pytest.raises(SourceError):
        asyncio.run(fetcher(server, trusted)(url.format(port=server.server_port)))
    assert server.asked == []


def test_a_proxy_of_the_environment_is_not_used(server, trusted, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    server.answer = gives(b"key")

    assert fetch(server, trusted) == b"key"
