"""Send bytes over TCP or TLS: what forwarders that speak no HTTP have in common.

The guard is that of `Outbound`: every address of a name must be fit, and the connection goes to one
that was checked. Without TLS, bytes leave this machine only into ranges that are allowed by name.
"""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tocsin.act.addresses import Address, is_within
from tocsin.act.outbound import Outbound
from tocsin.act.posting import HttpSettings
from tocsin.errors import ActionError, SettingsError

_CLOSE_SECONDS = 2.0


class Stream:
    """Connections to one address, `tcp://host:port` or `tls://host:port`.

    Attributes:
        target: host and port.
    """

    def __init__(self, url: str, settings: HttpSettings) -> None:
        """Take where to connect; nothing is opened yet.

        Raises:
            SettingsError: the address can never be used.
        """
        self.target = stream_target(url)
        self._is_encrypted = url.startswith("tls:")
        self._settings = settings
        self._outbound = Outbound(settings.allow_private)

    def send(self, parts: Iterable[bytes]) -> None:
        """Send all parts over one connection and close it in order.

        Raises:
            ActionError: the other side does not answer, or ends before it has read all.
        """
        host = self.target[0]
        try:
            with self._connected() as connection:
                for part in parts:
                    connection.sendall(part)
                _close_in_order(connection)
        except (OSError, ValueError) as error:
            raise ActionError(f"{host} does not take it: {type(error).__name__}") from None

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        host, port = self.target
        address = self._fit(host, port)
        timeout = self._settings.timeout_seconds
        with socket.create_connection((str(address), port), timeout) as plain:
            if not self._is_encrypted:
                yield plain
                return
            authority = self._settings.certificates
            context = ssl.create_default_context(cafile=None if authority is None else authority)
            with context.wrap_socket(plain, server_hostname=host) as encrypted:
                yield encrypted

    def _fit(self, host: str, port: int) -> Address:
        found = self._outbound.addresses(host, port)
        if not self._is_encrypted:
            for address in found:
                if not is_within(address, self._settings.allow_private):
                    raise ActionError(f"{host}: only TLS leaves for public addresses; use tls://")
        return found[0]


def stream_target(url: str) -> tuple[str, int]:
    """Return host and port of `tcp://host:port` or `tls://host:port`.

    Raises:
        SettingsError: it is none of these.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError("`url`: the address is not a valid URL") from None
    is_whole = parts.hostname and port and not (parts.username or parts.path.strip("/"))
    if parts.scheme not in ("tcp", "tls") or not is_whole:
        raise SettingsError("`url`: expected an address such as tls://siem.example.org:6514")
    return parts.hostname or "", port or 0


def _close_in_order(connection: socket.socket) -> None:
    """Say that all is sent, and wait until the other side has read it or closes.

    What a receiver has not read when its connection breaks is lost without a word; and it breaks
    where the sender closes before it has read what came, such as the session tickets of TLS. One
    that keeps its side open is not waited for long.
    """
    connection.settimeout(_CLOSE_SECONDS)
    try:
        # What `unwrap` gives is the plain connection below.
        plain = connection.unwrap() if isinstance(connection, ssl.SSLSocket) else connection
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(4096):
            pass
    except (TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return
