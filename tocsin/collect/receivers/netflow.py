"""Take NetFlow version 5, version 9 and IPFIX over UDP, each feed on a port of its own.

Each flow becomes one record, under the names that IANA gives the information elements. Templates
are learned by exporter and observation domain; data that comes before its template waits for it.
Nothing in these protocols proves who sends: name the exporters in `allow`, and receive on a network
where nobody else can send in their name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

import msgspec
from starlette.routing import BaseRoute

from tocsin.collect.flow_packets import FlowReader
from tocsin.collect.frames import MarkCutter
from tocsin.collect.intake import Intake
from tocsin.collect.lines import Found
from tocsin.collect.outlet import Outlet
from tocsin.collect.records import reject
from tocsin.collect.socket_server import SocketReceiver, SocketServer
from tocsin.collect.sockets import SocketFeed
from tocsin.values import Port


@dataclass(frozen=True, slots=True)
class NetflowFeed(SocketFeed):
    """A port that takes flows.

    Attributes:
        port: the UDP port to listen on; 0 takes a free one.
        transports: only `udp`.
        templates_for: how long a template holds that its exporter does not repeat.
        data_waits: how long data waits for a template that has not come.
    """

    source: str = "netflow.flow"
    port: Port = 2055
    transports: tuple[Literal["udp"], ...] = ("udp",)
    templates_for: timedelta = timedelta(hours=2)
    data_waits: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NetflowSettings:
    """The feeds that it serves, each on a port of its own."""

    feeds: tuple[NetflowFeed, ...]


class Netflow(SocketReceiver[NetflowFeed]):
    """Receives flows."""

    def __init__(self, settings: NetflowSettings) -> None:
        """Take the feeds; nothing is opened yet."""
        super().__init__(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return none: flows do not come by HTTP."""
        return ()

    def server_of(self, feed: NetflowFeed, outlet: Outlet) -> SocketServer:
        """See `SocketReceiver`."""
        reader = FlowReader(
            outlet.count, feed.templates_for.total_seconds(), feed.data_waits.total_seconds()
        )
        return SocketServer(feed, outlet, MarkCutter, partial(_datagram, reader))


def _datagram(reader: FlowReader, data: bytes, address: str) -> Found:
    """Return a record for each flow of a message; what cannot be read of it is one reject."""
    read, found = reader.read(data, address), Found()
    for position, flow in enumerate(read.flows):
        told = {name: value for name, value in flow.items() if value is not None}
        found.add(position, msgspec.json.encode(told))
    if read.problem is not None:
        found.rejects.append(reject(len(read.flows), read.problem, data))
    return found
