"""Take GELF of Graylog's senders over UDP (chunked, gzip, zlib), TCP, TLS and HTTP `POST /gelf`.

The record is the GELF message, or the text in one of its fields. Over HTTP the answer is 202 once
the message is committed. A sender over TCP is held back until what it sent is committed, but GELF
tells it nothing; datagrams that nobody reads in time are lost and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed, token_hash
from tocsin.collect.frames import MarkCutter
from tocsin.collect.gelf_chunks import Chunks, Damage, inflated
from tocsin.collect.intake import (
    Delivery,
    Intake,
    delivery,
    new_origin,
    refuse_unless_committed,
)
from tocsin.collect.lines import Found
from tocsin.collect.outlet import Outlet
from tocsin.collect.records import reject
from tocsin.collect.socket_server import SocketReceiver, SocketServer
from tocsin.collect.sockets import SocketFeed
from tocsin.values import Port, Secret, Written


def _hash_of(token: Secret) -> bytes:
    return token_hash(token.reveal())


@dataclass(frozen=True, slots=True)
class GelfFeed(SocketFeed):
    """A port that takes GELF, and an address for GELF over HTTP.

    Attributes:
        port: the port to listen on, for UDP and TCP alike; 0 takes a free one.
        transports: `udp`, `tcp` or both; with `tls` only `tcp`; empty for HTTP alone.
        record_field: the field of the message whose text is the record, such as `short_message` or
            `full_message`; otherwise the message itself.
        token_hash: what senders over HTTP show as `Authorization: Bearer ...` or as password;
            without it, there is no HTTP.
    """

    port: Port = 12201
    record_field: str | None = None
    token_hash: Annotated[bytes | None, Written("token", Secret, _hash_of)] = None

    def __post_init__(self) -> None:
        """Refuse what nobody should open; see `SocketFeed`."""
        if self.transports or self.token_hash is None:
            # Dataclasses with slots are made anew, which breaks `super()`.
            SocketFeed.__post_init__(self)


@dataclass(frozen=True, slots=True)
class GelfSettings:
    """The feeds that it serves."""

    feeds: tuple[GelfFeed, ...]


class Gelf(SocketReceiver[GelfFeed]):
    """Receives GELF."""

    def __init__(self, settings: GelfSettings) -> None:
        """Take the feeds; nothing is opened yet."""
        super().__init__(settings.feeds)
        self._fields = {feed.feed: feed.record_field for feed in settings.feeds}
        self._pushed = tuple(
            PushFeed(feed.feed, feed.source, feed.token_hash)
            for feed in settings.feeds
            if feed.token_hash is not None
        )

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /gelf`, where a feed has a token."""

        async def take_message(request: Request) -> Response:
            feed, *_ = intake.authorize(request, self._pushed)
            async with intake.body(request) as body:
                taken = await intake.cut(_take, body, feed, self._fields[feed.feed])
                del body
                outcome = await intake.deliver(taken)
            refuse_unless_committed(outcome)
            return Response(status_code=202)

        return [Route("/gelf", take_message, methods=["POST"])] if self._pushed else ()

    def server_of(self, feed: GelfFeed, outlet: Outlet) -> SocketServer:
        """See `SocketReceiver`."""
        chunks = Chunks(outlet.count)
        return SocketServer(
            feed,
            outlet,
            partial(_FieldCutter, feed.record_field),
            partial(_datagram, chunks, feed.record_field),
        )


def record_of(message: bytes, record_field: str | None) -> bytes:
    """Return the text of a field of a message; the message itself where there is none."""
    if record_field is None or not message.lstrip().startswith(b"{"):
        return message
    try:
        held = msgspec.json.decode(message, type=dict[str, msgspec.Raw]).get(record_field)
        text = msgspec.json.decode(held, type=str) if held is not None else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return message
    return text.encode("utf-8", "replace") or message


def _take(body: bytes, feed: PushFeed, record_field: str | None) -> Delivery:
    found = Found()
    if body.strip():
        found.add(0, record_of(body.strip(), record_field))
    return delivery(feed, [found.span(new_origin(feed.feed), 0)])


def _datagram(chunks: Chunks, record_field: str | None, data: bytes, address: str) -> Found | None:
    message = chunks.take(data, address)
    if message is None:
        return None
    found = Found()
    try:
        text = inflated(message).strip(b"\0 \r\n\t")
        if text:
            found.add(0, record_of(text, record_field))
    except Damage as damage:
        found.rejects.append(reject(0, str(damage), message))
    return found


class _FieldCutter(MarkCutter):
    """Cuts messages at their zero bytes and takes a field of each."""

    def __init__(self, record_field: str | None) -> None:
        super().__init__()
        self._field = record_field

    def take(self, block: bytes) -> Found:
        return self._chosen(super().take(block))

    def end(self) -> Found:
        return self._chosen(super().end())

    def _chosen(self, found: Found) -> Found:
        found.raws = [record_of(raw, self._field) for raw in found.raws]
        return found
