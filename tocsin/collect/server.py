"""The web server behind a listener: uvicorn with short patience for slow senders."""

import asyncio

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tocsin.collect.listener import Tls

HEADER_SECONDS = 10.0
BODY_SECONDS = 60.0
# Shippers keep a connection between their batches.
_KEEP_ALIVE_SECONDS = 75
_MAX_CONNECTIONS = 512
_MAX_HEADER_BYTES = 32 << 10


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose request does not arrive in time.

    uvicorn itself waits for ever for the rest of a request line, of headers or of a body, so that a
    few hundred idle sockets would keep everybody else out.
    """

    _deadline: asyncio.TimerHandle | None = None
    _awaited = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first headers; asyncio types it wider, as uvicorn notes too."""
        super().connection_made(transport)
        self._wait_for("headers")

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is still missing."""
        super().data_received(data)
        waiting = {h11.IDLE: "headers", h11.SEND_BODY: "body"}
        self._wait_for(waiting.get(self.conn.their_state, ""))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._wait_for("")
        super().connection_lost(exc)

    def _wait_for(self, awaited: str) -> None:
        # A new byte of the same thing does not buy more time.
        if awaited == self._awaited:
            return
        self._awaited = awaited
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if awaited:
            seconds = HEADER_SECONDS if awaited == "headers" else BODY_SECONDS
            self._deadline = self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


def make_server(app: ASGIApp, tls: Tls | None, grace_seconds: int) -> uvicorn.Server:
    """Return a server that is not started yet.

    Raises:
        OSError: the certificate or key cannot be read, or they do not belong together
            (`ssl.SSLError`).
    """
    configuration = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        limit_concurrency=_MAX_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        timeout_graceful_shutdown=grace_seconds,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    configuration.load()
    return uvicorn.Server(configuration)
