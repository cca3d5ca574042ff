"""A proxy on loopback that does to answers what networks do."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Fault = Callable[[bytes, bytes], bytes | None]
"""Request and answer → what the client gets; `None` hangs up on it at once."""


def passed(request: bytes, answer: bytes) -> bytes:
    return answer


def cut_short(request: bytes, answer: bytes) -> bytes:
    """Hang up in the middle of the body."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    return head + blank + body[: len(body) // 2]


def reset(request: bytes, answer: bytes) -> None:
    return None


def throttled(request: bytes, answer: bytes) -> bytes:
    code = b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>"
    size = b"Content-Length: %d\r\n" % len(code)
    return b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\n" + size + b"\r\n" + code


def denied(request: bytes, answer: bytes) -> bytes:
    code = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    size = b"Content-Length: %d\r\n" % len(code)
    return b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\n" + size + b"\r\n" + code


@dataclass
class Faulty:
    """The proxy; `fault` is applied to requests whose first line contains `where`."""

    url: str
    where: bytes = b""
    fault: Fault = passed
    times: list[bytes] = field(default_factory=list)

    def answer(self, request: bytes, answer: bytes) -> bytes | None:
        line = request.partition(b"\r\n")[0]
        if self.where not in line:
            return answer
        self.times.append(line)
        return self.fault(request, answer)


@contextmanager
def faulty(target: str) -> Iterator[Faulty]:
    where = urlsplit(target)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Faulty(f"http://127.0.0.1:{listening.getsockname()[1]}")
        ended = threading.Event()

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                if ended.is_set():
                    client.close()
                    return
                arguments = (proxy, client, (where.hostname, where.port))
                threading.Thread(target=carry, args=arguments, daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield proxy
        ended.set()
        with suppress(OSError), socket.create_connection(listening.getsockname(), 2):
            pass
        thread.join(120)


def carry(proxy: Faulty, client: socket.socket, target: tuple[str, int]) -> None:
    """Carry one request and its answer; every answer ends its connection."""
    with client, suppress(OSError):
        request = whole(client)
        with socket.create_connection(target, 10) as server:
            head, blank, body = request.partition(b"\r\n\r\n")
            server.sendall(head + b"\r\nConnection: close" + blank + body)
            parts = list(iter(lambda: server.recv(1 << 16), b""))
        answer = proxy.answer(request, b"".join(parts))
        if answer is not None:
            client.sendall(answer)


def whole(client: socket.socket) -> bytes:
    """Read one request with its body."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += client.recv(1 << 16)
    head, _, body = content.partition(b"\r\n\r\n")
    sizes = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    if b"100-continue" in head.lower():
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while sizes and len(body) < sizes[0]:
        part = client.recv(1 << 16)
        content += part
        body += part
    return content
