"""Sockets of receivers that do not speak HTTP: who may send, how they are opened and counted."""

import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal

from tocsin.collect.listener import is_loopback, open_socket
from tocsin.errors import SettingsError
from tocsin.ocsf.reading import LineReader
from tocsin.values import Network, Port, Within

Transport = Literal["udp", "tcp"]

_RECEIVE_BUFFER_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ClientTls:
    """A certificate of one's own, and whose certificates senders must show.

    Attributes:
        certificate: PEM file of the certificate and its chain.
        key: PEM file of the private key.
        client_authority: PEM file of the authorities whose certificates senders must show; without
            it, any sender from an allowed address may send.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None


@dataclass(frozen=True, slots=True)
class SocketFeed:
    """A feed with a port of its own.

    Attributes:
        feed: unique name.
        source: the type of its records, which names the mapping.
        port: the port to listen on, for UDP and TCP alike; 0 takes a free one.
        host: address to listen on; one that is not loopback needs `allow`, or `tls` with
            `client_authority`.
        transports: `udp`, `tcp` or both; with `tls` only `tcp`.
        tls: certificate and key for TCP.
        allow: address ranges of the senders, such as `10.0.0.0/8`; others are refused and counted.
        max_connections: how many TCP connections may be open; beyond, the idlest is closed.
        idle: how long a TCP connection may be silent.
        unwrap: where a payload holds many records, as the mapping says.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    port: Port
    host: str = "127.0.0.1"
    transports: tuple[Transport, ...] = ("udp", "tcp")
    tls: ClientTls | None = None
    allow: tuple[Network, ...] = ()
    max_connections: Annotated[int, Within(1, 10_000)] = 300
    idle: timedelta = timedelta(hours=1)
    unwrap: str | None = None
    reader: LineReader | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody should open.

        Raises:
            SettingsError: the settings do not fit together.
        """
        if not self.transports:
            raise SettingsError("`transports`: expected `udp`, `tcp` or both")
        if self.tls is not None and "udp" in self.transports:
            raise SettingsError("`tls` is for TCP: write `transports: [tcp]`")
        is_guarded = self.allow or (self.tls is not None and self.tls.client_authority)
        if not is_guarded and not is_loopback(self.host):
            raise SettingsError(
                f"`host`: anybody could send to {self.host}: give `allow` with the addresses of the"
                " senders, or `tls` with `client_authority`"
            )

    def allows(self, address: str) -> bool:
        """Tell whether records of this sender are taken."""
        return not self.allow or allowed(address, self.allow)


def allowed(address: str, ranges: Iterable[Network]) -> bool:
    """Tell whether an address, as the system spells it, lies in one of the ranges."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in each for each in ranges if each.version == found.version)


def open_feed(feed: SocketFeed) -> dict[Transport, socket.socket]:
    """Open the sockets of a feed, on one port.

    Raises:
        SettingsError: the address cannot be used.
    """
    opened: dict[Transport, socket.socket] = {}
    port = feed.port
    try:
        for transport in sorted(feed.transports):
            kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
            found = open_socket(feed.host, port, kind)
            found.setblocking(False)
            opened[transport] = found
            port = found.getsockname()[1]
            if transport == "udp":
                _widen(found)
    except SettingsError as error:
        for each in opened.values():
            each.close()
        raise SettingsError(f"feed {feed.feed!r}: {error}") from error
    return opened


def _widen(opened: socket.socket) -> None:
    """Ask for a large buffer: what does not fit while a turn runs is lost."""
    forced = getattr(socket, "SO_RCVBUFFORCE", 33)  # Linux: beyond net.core.rmem_max, for root
    try:
        opened.setsockopt(socket.SOL_SOCKET, forced, _RECEIVE_BUFFER_BYTES)
    except OSError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)


def tls_context(feed: SocketFeed) -> ssl.SSLContext | None:
    """Return how TCP connections of a feed are encrypted; `None` in clear.

    Raises:
        SettingsError: a file cannot be used.
    """
    if feed.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(feed.tls.certificate, feed.tls.key)
        if feed.tls.client_authority is not None:
            context.load_verify_locations(feed.tls.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"feed {feed.feed!r}: certificate, key or authority cannot be used: {error}"
        ) from error
    return context


def kernel_drops(opened: socket.socket) -> int | None:
    """Return how many datagrams the kernel dropped because nobody read fast enough.

    Source: `man 5 proc`, /proc/net/udp; `None` where there is no such file.
    """
    name = "udp6" if opened.family == socket.AF_INET6 else "udp"
    inode = str(os.fstat(opened.fileno()).st_ino)
    try:
        with Path(f"/proc/net/{name}").open(encoding="ascii") as table:
            rows = [line.split() for line in table]
    except OSError:
        return None
    # The columns: sl local rem st queues tr tm->when retrnsmt uid timeout inode ref pointer drops
    return next((int(row[12]) for row in rows if len(row) > 12 and row[9] == inode), None)
