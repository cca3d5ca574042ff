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
# Beyond, the idlest are closed; beyond the second, everybody is told to come back. Both stay well
# below the 1024 open files that a process usually may have.
MAX_CONNECTIONS = 400
_MOST_CONNECTIONS = 600
_MAX_HEADER_BYTES = 32 << 10


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose request does not arrive in time.

    uvicorn itself waits for ever for the rest of a request line, of headers or of a body, so that a
    few hundred idle sockets would keep everybody else out.
    """

    _deadline: asyncio.TimerHandle | None = None
    _awaited = ""
    _last_heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first headers; asyncio types it wider, as uvicorn notes too."""
        super().connection_made(transport)
        self._last_heard = self.loop.time()
        self._wait_for("headers")
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is still missing."""
        self._last_heard = self.loop.time()
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

    def _make_room(self) -> None:
        """Hang up on the idlest: who asks for something comes before who holds a connection."""
        others = [other for other in self.connections if isinstance(other, PatientProtocol)]
        still_open = [other for other in others if not other.transport.is_closing()]
        idle = [other for other in still_open if other is not self and other._is_idle()]
        if idle and len(still_open) > MAX_CONNECTIONS:
            min(idle, key=lambda other: other._last_heard)._give_up()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

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
        limit_concurrency=_MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        timeout_graceful_shutdown=grace_seconds,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    configuration.load()
    return uvicorn.Server(configuration)
