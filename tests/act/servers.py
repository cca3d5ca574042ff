"""Real servers on loopback that remember what reached them."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """A server, what it answers, and what it saw."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    """Method, Host, path and body of every request."""


@contextmanager
def serve(address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    state = Server()

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.seen.append((self.command, self.headers["Host"], self.path, body))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    class Listener(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    server = Listener((address, 0), Answer)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
