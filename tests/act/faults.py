"""A proxy in front of a stand-in for AWS that throttles, cuts, repeats, fails and lies."""

import http.client
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import urlsplit

FAULTS = ("throttle", "cut", "twice", "unavailable", "old")
"""What can happen to a request: refused as too many; passed on and its answer lost; passed on two
times; not passed on, and nobody says so; answered with what was true before the last change."""

_READING = ("Describe", "Get", "List", "Head", "Lookup")
_NEVER_TWICE = ("EnterStandby", "ExitStandby")
"""AWS refuses the second of these; moto does it again."""

_DROPPED = ("transfer-encoding", "connection", "content-length", "date", "server")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Faults:
    """What the proxy does and what it has seen.

    Attributes:
        random: decides; the same seed and the same requests give the same faults.
        most: faults that are still to come.
        took_effect: how often a change that the client sent was done, by request.
        happened: which faults there were.
    """

    random: Random
    most: int
    took_effect: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    _answers: dict[tuple[str, bytes], Answer] = field(default_factory=dict)
    _may_lie: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def later(self, most: int) -> None:
        """Let time pass: what was read so far is forgotten, new faults are to come."""
        self._answers.clear()
        self._may_lie = False
        self.took_effect.clear()
        self.most = most

    def choose(self, key: tuple[str, bytes], *, is_reading: bool) -> str:
        if self.most <= 0 or self.random.random() < 0.5:
            return ""
        fault = self.random.choice(FAULTS)
        if fault == "old" and not (is_reading and self._may_lie and key in self._answers):
            return ""
        if fault == "twice" and (is_reading or key[0] in _NEVER_TWICE):
            return ""
        self.most -= 1
        self.happened[fault] += 1
        return fault

    def note(self, key: tuple[str, bytes], answer: Answer, *, is_reading: bool) -> None:
        if is_reading:
            self._answers.setdefault(key, answer)
        elif answer.status < 300:
            self.took_effect[key] += 1
            self._may_lie = True

    def old(self, key: tuple[str, bytes]) -> Answer:
        # Once after each change: a service that lies longer is not told from one that did nothing.
        self._may_lie = False
        return self._answers.pop(key)

    def answer(self, request: "_Handler", pass_on: "PassOn") -> Answer | None:
        """Return what the client is told, `None` where the connection ends instead."""
        with self._lock:
            key = (request.operation, request.content)
            fault = self.choose(key, is_reading=request.is_reading)
            if fault == "throttle":
                return _throttled(request)
            if fault == "unavailable":
                return Answer(503, [("Content-Type", "text/plain")], b"")
            if fault == "old":
                return self.old(key)
            answer = pass_on()
            self.note(key, answer, is_reading=request.is_reading)
            if fault == "twice":
                pass_on()
            return None if fault == "cut" else answer


class PassOn:
    """Sends one request on to what stands behind."""

    def __init__(self, request: "_Handler", host: str, port: int) -> None:
        self._request, self._host, self._port = request, host, port

    def __call__(self) -> Answer:
        behind = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            headers = dict(self._request.headers.items())
            behind.request(
                self._request.command, self._request.path, self._request.content, headers
            )
            got = behind.getresponse()
            kept = [pair for pair in got.getheaders() if pair[0].lower() not in _DROPPED]
            return Answer(got.status, kept, got.read())
        finally:
            behind.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: Faults
    behind: tuple[str, int]

    def handle_any(self) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.faults.answer(self, PassOn(self, *self.behind))
        self.close_connection = True
        if answer is None:
            return
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any  # noqa: N815 - names of the library

    @property
    def operation(self) -> str:
        named = re.search(rb"(?:^|&)Action=(\w+)", self.content)
        if named:
            return named[1].decode()
        aimed = self.headers.get("X-Amz-Target", "")
        if aimed:
            return aimed.rpartition(".")[2]
        spoken = re.search(r"/operation/(\w+)", self.path)
        return spoken[1] if spoken else f"{self.command} {self.path}"

    @property
    def is_reading(self) -> bool:
        return self.operation.startswith((*_READING, "GET ", "HEAD "))

    @property
    def service(self) -> str:
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", self.headers["Authorization"])
        return scope[1] if scope else ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of the library
        """Say nothing."""


def _throttled(request: _Handler) -> Answer:
    """Return the refusal as the service writes it."""
    xml = [("Content-Type", "text/xml")]
    if request.service == "ec2":
        inner = "<Error><Code>RequestLimitExceeded</Code><Message>slow</Message></Error>"
        text = f"<Response><Errors>{inner}</Errors><RequestID>1</RequestID></Response>"
        return Answer(503, xml, text.encode())
    if request.service == "s3":
        text = "<Error><Code>SlowDown</Code><Message>slow</Message></Error>"
        return Answer(503, xml, text.encode())
    if b"Action=" in request.content:
        inner = "<Error><Code>Throttling</Code><Message>slow</Message></Error>"
        return Answer(400, xml, f"<ErrorResponse>{inner}</ErrorResponse>".encode())
    kind = ("X-Amzn-ErrorType", "ThrottlingException")
    body = b'{"__type": "ThrottlingException", "message": "slow"}'
    return Answer(429, [("Content-Type", "application/x-amz-json-1.1"), kind], body)


@contextmanager
def faulty(url: str, faults: Faults) -> Iterator[str]:
    """Give the address of a proxy before `url`."""
    parts = urlsplit(url)
    place = {"faults": faults, "behind": (parts.hostname, parts.port)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), place))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
