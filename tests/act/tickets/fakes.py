"""Jira, ServiceNow, GitHub and GitLab on loopback, by their kind."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.act.tickets.desks import FakeJira, FakeServiceNow
from tests.act.tickets.faking import Fake
from tests.act.tickets.forges import FakeGitHub, FakeGitLab

__all__ = ["FAKES", "Fake", "running"]

FAKES = {one.kind: one for one in (FakeJira, FakeServiceNow, FakeGitHub, FakeGitLab)}


@contextmanager
def running(kind: str) -> Iterator[Fake]:
    """Serve one of them; a request that was not as published fails the test at the end."""
    fake = FAKES[kind]()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(length)
            parts = urlsplit(self.path)
            fake.sent.append((self.command, parts.path))
            fault = fake.next_fault(self.command, parts.path)
            if fault and not fault.startswith("+"):
                self.reply(int(fault), {"message": "not now"})
                return
            status, found = fake.taken(self.command, self.path, self.headers, content)
            if fault == "+cut":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.reply(int(fault) if fault else status, found)

        def reply(self, status: int, found: Any) -> None:
            content = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - what http.server looks for

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert fake.wrong == []
