"""Serve the sockets of one feed: connections with limits and patience, and datagrams."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from socket import socket
from typing import Any, ClassVar, Generic, TypeVar

from tocsin.collect.frames import Cutter
from tocsin.collect.intake import Intake, new_origin
from tocsin.collect.lines import Found
from tocsin.collect.outlet import Outlet
from tocsin.collect.sockets import (
    SocketFeed,
    Transport,
    kernel_drops,
    open_feed,
    tls_context,
)

MAX_HELD_BYTES = 64 << 20
"""Of messages that are not complete, over all connections of a feed."""

MESSAGE_SECONDS = 60.0
"""In which a message that has begun must be complete."""

_BLOCK_BYTES = 256 << 10
_HANDSHAKE_SECONDS = 10.0
_PARTING_SECONDS = 3.0
_LAST_WORDS_SECONDS = 0.2
_LOOK_SECONDS = 5.0

FeedType = TypeVar("FeedType", bound=SocketFeed)

Datagram = Callable[[bytes, str], Found | None]
"""Makes records of a datagram and its sender's address; `None` while more of it must come."""


@dataclass(slots=True, eq=False)
class _Connection:
    """One sender over TCP."""

    address: str
    writer: asyncio.StreamWriter
    cutter: Cutter
    origin: str
    task: "asyncio.Task[None] | None"
    last_heard: float
    is_waiting: bool = False

    def abort(self) -> None:
        self.writer.transport.abort()


@dataclass(slots=True)
class SocketServer:
    """The sockets of one feed at work.

    Attributes:
        feed: whose sockets these are.
        outlet: where records go.
        make_cutter: gives a new cutter for each connection.
        on_datagram: makes records of datagrams.
    """

    feed: SocketFeed
    outlet: Outlet
    make_cutter: Callable[[], Cutter]
    on_datagram: Datagram
    _open: "set[_Connection]" = field(default_factory=set)
    _dropped_before: int = 0

    async def serve(self, sockets: dict[Any, socket], context: ssl.SSLContext | None) -> None:
        """Serve until cancelled; then wait a little for the commit of what was read."""
        loop = asyncio.get_running_loop()
        sending = asyncio.ensure_future(self.outlet.run())
        # The sockets stay the receiver's: what is closed here are copies.
        copies = {transport: each.dup() for transport, each in sockets.items()}
        server = datagrams = None
        try:
            if "udp" in copies:
                datagrams, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), sock=copies["udp"]
                )
            if "tcp" in copies:
                patience = _HANDSHAKE_SECONDS if context else None
                server = await asyncio.start_server(
                    self._connected,
                    sock=copies["tcp"],
                    limit=_BLOCK_BYTES,
                    ssl=context,
                    ssl_handshake_timeout=patience,
                )
            looking = asyncio.ensure_future(self._look(sockets.get("udp")))
            try:
                await asyncio.wait([sending, looking], return_when=asyncio.FIRST_COMPLETED)
                sending.result()
            finally:
                looking.cancel()
        finally:
            if datagrams is not None:
                datagrams.close()
            if server is not None:
                server.close()
            await self._part(sending)

    async def _part(self, sending: "asyncio.Future[None]") -> None:
        """Hang up on everybody, and wait for the commit of what they sent."""
        tasks = [each.task for each in self._open if each.task is not None]
        for task in tasks:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PARTING_SECONDS):
                await asyncio.gather(*tasks, return_exceptions=True)
                if not sending.done():
                    await self.outlet.drained()
        for each in tuple(self._open):
            each.abort()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def _look(self, opened: socket | None) -> None:
        """Count what the kernel dropped, every few seconds."""
        while True:
            if opened is not None and (dropped := kernel_drops(opened)) is not None:
                self.outlet.count("dropped_by_kernel", max(0, dropped - self._dropped_before))
                self._dropped_before = dropped
            await asyncio.sleep(_LOOK_SECONDS)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str(writer.get_extra_info("peername")[0])
        if not self.feed.allows(address):
            self.outlet.count("refused_address")
            writer.transport.abort()
            return
        origin = new_origin(f"{self.feed.feed}/{address}")
        now = asyncio.get_running_loop().time()
        task = asyncio.current_task()
        one = _Connection(address, writer, self.make_cutter(), origin, task, now)
        self._open.add(one)
        self._make_room(one)
        try:
            await self._receive(one, reader)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            self.outlet.count("broken_connections")
            await self._hand_on(one, one.cutter.end())
        except asyncio.CancelledError:
            # Tocsin stops. The task ends now; asyncio 3.11 would log a canceled one as a fault.
            await self._last_words(one, reader)
        finally:
            self._open.discard(one)
            one.abort()

    async def _receive(self, one: _Connection, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        began: float | None = None
        while not one.cutter.is_broken:
            patience = self.feed.idle.total_seconds()
            if began is not None:
                patience = max(began + MESSAGE_SECONDS - loop.time(), 0.0)
            async with asyncio.timeout(patience):
                block = await reader.read(_BLOCK_BYTES)
            if not block:
                break
            one.last_heard = loop.time()
            found = one.cutter.take(block)
            if not one.cutter.held_bytes:
                began = None
            elif found.raws or began is None:
                began = loop.time()
            # Nothing more is read before this is committed: the sender is held back.
            await self._hand_on(one, found)
            if sum(each.cutter.held_bytes for each in self._open) > MAX_HELD_BYTES:
                self.outlet.count("hung_up_memory")
                break
        await self._hand_on(one, one.cutter.end())

    async def _hand_on(self, one: _Connection, found: Found) -> None:
        if found.raws or found.rejects:
            one.is_waiting = True
            try:
                await asyncio.shield(self.outlet.put(found.span(one.origin, 0)))
            finally:
                one.is_waiting = False

    async def _last_words(self, one: _Connection, reader: asyncio.StreamReader) -> None:
        """Keep what has come when Tocsin stops: its sender believes it has arrived."""
        with suppress(TimeoutError, ConnectionError, ssl.SSLError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                while not one.cutter.is_broken and (block := await reader.read(_BLOCK_BYTES)):
                    self._put(one, one.cutter.take(block))
        self._put(one, one.cutter.end())

    def _put(self, one: _Connection, found: Found) -> None:
        if found.raws or found.rejects:
            self.outlet.put(found.span(one.origin, 0))

    def _make_room(self, newest: _Connection) -> None:
        """Hang up on the idlest: who sends comes before who holds a connection."""
        if len(self._open) <= self.feed.max_connections:
            return
        self.outlet.count("hung_up_too_many")
        idle = [each for each in self._open if each is not newest and not each.is_waiting]
        victim = min(idle, key=lambda each: each.last_heard, default=newest)
        victim.abort()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: SocketServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - asyncio's own
        server, address = self._server, str(addr[0])
        if not server.feed.allows(address):
            server.outlet.count("refused_address")
            return
        found = server.on_datagram(data, address)
        if found is not None and (found.raws or found.rejects):
            server.outlet.offer(found.span(new_origin(f"{server.feed.feed}/{address}"), 0))


class SocketReceiver(ABC, Generic[FeedType]):
    """A receiver whose feeds have ports of their own.

    Attributes:
        counts: what was lost or refused, by `{feed}/{what}`.
    """

    guarantee: ClassVar[str] = "lossy"

    def __init__(self, feeds: Sequence[FeedType]) -> None:
        """Take the feeds; nothing is opened yet."""
        self._feeds = tuple(feeds)
        self._sockets: dict[str, dict[Transport, socket]] = {}
        self._contexts: dict[str, ssl.SSLContext | None] = {}
        self.counts: Counter[str] = Counter()

    @abstractmethod
    def server_of(self, feed: FeedType, outlet: Outlet) -> SocketServer:
        """Return what serves the sockets of one feed."""

    def bind(self) -> None:
        """Open the ports; see `ListeningReceiver.bind`."""
        for feed in self._feeds:
            if feed.feed not in self._sockets:
                self._contexts[feed.feed] = tls_context(feed)
                self._sockets[feed.feed] = open_feed(feed)

    def close(self) -> None:
        """Close the ports."""
        for opened in self._sockets.values():
            for each in opened.values():
                each.close()
        self._sockets.clear()

    def port(self, feed: str) -> int:
        """Return the port of a feed that is open."""
        (port,) = {each.getsockname()[1] for each in self._sockets[feed].values()}
        return int(port)

    async def serve(self, intake: Intake) -> None:
        """Receive until cancelled; see `ListeningReceiver.serve`."""
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                server = self.server_of(feed, Outlet(feed, intake, self.counts))
                group.create_task(server.serve(self._sockets[feed.feed], self._contexts[feed.feed]))
