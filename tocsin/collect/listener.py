"""Serve one web application on one address in a thread of its own."""

import ipaddress
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import SettingsError, WorldError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from tocsin.collect.services import Services

_START_SECONDS = 10.0
_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of the PEM files of a certificate chain and its key."""

    certificate: str
    key: str


class Listener:
    """A web server for one application; started and stopped once."""

    def __init__(self, app: "ASGIApp", host: str, port: int, tls: Tls | None = None) -> None:
        """Take what to serve and where; nothing is opened yet.

        Args:
            app: the application.
            host: name or address to listen on.
            port: 0 takes a free one; see `port` after the start.
            tls: required unless `host` is loopback.

        Raises:
            SettingsError: `host` is not loopback and there is no TLS.
        """
        if tls is None and not is_loopback(host):
            raise SettingsError(
                f"{host}:{port} is not loopback and has no TLS: give a certificate and its key,"
                " or listen on 127.0.0.1"
            )
        self._app = app
        self._services: Services | None = getattr(app, "services", None)
        self._host = host
        self._tls = tls
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers: `https://127.0.0.1:8443`."""
        scheme = "https" if self._tls else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self.port}"

    def start(self) -> None:
        """Open the address and answer; returns when it does.

        Raises:
            SettingsError: the address or the certificate cannot be used.
            WorldError: the server did not start in time.
        """
        if self._services is not None:
            self._services.bind()
        try:
            self._start()
        except BaseException:
            if self._services is not None and self._thread is None:
                self._services.close()
            raise

    def _start(self) -> None:
        from tocsin.collect.server import make_server

        opened = open_socket(self._host, self.port)
        try:
            server = make_server(self._app, self._tls, _GRACE_SECONDS)
        except (OSError, ValueError) as error:
            opened.close()
            raise SettingsError(f"the certificate or key cannot be used: {error}") from error
        self.port = opened.getsockname()[1]
        ready = threading.Event()
        thread = threading.Thread(
            target=_serve,
            args=(server, opened, ready, self._services),
            name=f"listen-{self.port}",
            daemon=True,
        )
        self._server, self._thread = server, thread
        thread.start()
        if not ready.wait(_START_SECONDS) or not server.started:
            self.stop()
            raise WorldError(f"{self.url} did not start")

    def stop(self) -> None:
        """Let open requests end for a few seconds, then close; harmless when not started."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(2 * _GRACE_SECONDS + 2)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(2)
        self._server = self._thread = None

    def problems(self) -> tuple[str, ...]:
        """Return what keeps receivers with sockets of their own from listening."""
        return self._services.problems() if self._services else ()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`; a name counts when all its addresses do."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)


def open_socket(
    host: str, port: int, wanted: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """Return a socket that is bound and, for streams, listens.

    Raises:
        SettingsError: the address cannot be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=wanted, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"{host}:{port} is not an address of this machine: {error}") from error
    try:
        if wanted == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        if wanted == socket.SOCK_STREAM:
            opened.listen(512)
    except OSError as error:
        opened.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port"
            " or stop the program that has it"
        ) from error
    return opened


def _serve(
    server: "uvicorn.Server",
    opened: socket.socket,
    ready: threading.Event,
    services: "Services | None",
) -> None:
    import asyncio

    async def serve() -> None:
        watch = asyncio.ensure_future(_tell_when_started(server, ready))
        beside = asyncio.ensure_future(services.run()) if services else None
        try:
            await server.serve(sockets=[opened])
        finally:
            watch.cancel()
            if beside is not None:
                beside.cancel()
                await asyncio.wait([beside], timeout=_GRACE_SECONDS)

    try:
        asyncio.run(serve())
    finally:
        ready.set()
        opened.close()


async def _tell_when_started(server: "uvicorn.Server", ready: threading.Event) -> None:
    import asyncio

    while not server.started:
        await asyncio.sleep(0.005)
    ready.set()
