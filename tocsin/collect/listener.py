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
        from tocsin.collect.server import make_server

        opened = _open_socket(self._host, self.port)
        try:
            server = make_server(self._app, self._tls, _GRACE_SECONDS)
        except (OSError, ValueError) as error:
            opened.close()
            raise SettingsError(f"the certificate or key cannot be used: {error}") from error
        self.port = opened.getsockname()[1]
        ready = threading.Event()
        thread = threading.Thread(
            target=_serve, args=(server, opened, ready), name=f"listen-{self.port}", daemon=True
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
        self._thread.join(_GRACE_SECONDS + 2)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(2)
        self._server = self._thread = None


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


def _open_socket(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"{host}:{port} is not an address of this machine: {error}") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(512)
    except OSError as error:
        opened.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port"
            " or stop the program that has it"
        ) from error
    return opened


def _serve(server: "uvicorn.Server", opened: socket.socket, ready: threading.Event) -> None:
    import asyncio

    async def serve() -> None:
        watch = asyncio.ensure_future(_tell_when_started(server, ready))
        try:
            await server.serve(sockets=[opened])
        finally:
            watch.cancel()

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
