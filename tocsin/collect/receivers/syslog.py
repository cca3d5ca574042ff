"""Take syslog over UDP, TCP and TLS, each feed on a port of its own.

RFC 5424 and RFC 3164 messages; over TCP with counted octets or line breaks, mixed as RFC 6587
allows; over TLS as RFC 5425 says. Syslog has no tokens: a port is guarded by the addresses of its
senders or by their certificates. A sender over TCP is held back until what it sent is committed,
but syslog tells it nothing; datagrams that nobody reads in time are lost and counted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.routing import BaseRoute

from tocsin.collect.frames import Cutter, SyslogCutter
from tocsin.collect.intake import Intake
from tocsin.collect.lines import Found
from tocsin.collect.outlet import Outlet
from tocsin.collect.socket_server import SocketReceiver, SocketServer
from tocsin.collect.sockets import SocketFeed

_BETWEEN = b"\r\n\0"
# RFC 5424, 6: `<PRI>VERSION TIME HOST APP PROCID MSGID` and structured data, `-` where absent. In
# values of structured data a quote is escaped by a backslash.
_NEW = re.compile(
    rb'<\d{1,3}>\d{1,2}(?: \S{1,255}){5} (?:-|(?:\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+)(?: |\Z)',
    re.DOTALL,
)
# RFC 3164, 4.1: `<PRI>Mmm dd hh:mm:ss HOST TAG[pid]:`, also with the times that daemons write now.
_OLD = re.compile(
    rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d+)?:?"
    rb"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?) (?:[^\s:\[]+ )?"
    rb"[^\s:\[]{1,64}(?:\[[^\]\s]*\])?: ?"
)
_PRIORITY = re.compile(rb"<\d{1,3}>(?:[^\s:\[<{]{1,64}(?:\[[^\]\s]*\])?: )?")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SyslogFeed(SocketFeed):
    """A port that takes syslog.

    Attributes:
        record: `line` keeps the message as received; `message` leaves out the header of syslog, for
            senders of JSON such as Wazuh and Falco.
    """

    record: Literal["line", "message"] = "line"


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """The feeds that it serves, each on a port of its own."""

    feeds: tuple[SyslogFeed, ...]


class Syslog(SocketReceiver[SyslogFeed]):
    """Receives syslog."""

    def __init__(self, settings: SyslogSettings) -> None:
        """Take the feeds; nothing is opened yet."""
        super().__init__(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return none: syslog is no HTTP."""
        return ()

    def server_of(self, feed: SyslogFeed, outlet: Outlet) -> SocketServer:
        """See `SocketReceiver`."""
        return SocketServer(
            feed,
            outlet,
            partial(_MessageCutter, feed.record),
            partial(_datagram, feed.record),
        )


def message_of(line: bytes) -> bytes:
    """Return a line of syslog without its header; a line without one as it is."""
    match = _NEW.match(line) or _OLD.match(line) or _PRIORITY.match(line)
    return line[match.end() :].removeprefix(_BOM).strip() if match else line


def _datagram(record: str, data: bytes, address: str) -> Found:
    found, raw = Found(), data.rstrip(_BETWEEN)
    if raw.strip():
        found.add(0, raw)
    return _chosen(record, found)


def _chosen(record: str, found: Found) -> Found:
    if record == "message":
        # A header without a message says nothing: the line stays, so that somebody sees it.
        found.raws = [message_of(raw) or raw for raw in found.raws]
    return found


class _MessageCutter:
    """Cuts messages and leaves out their headers."""

    def __init__(self, record: str) -> None:
        self._record = record
        self._inner: Cutter = SyslogCutter()

    @property
    def is_broken(self) -> bool:
        return self._inner.is_broken

    @property
    def held_bytes(self) -> int:
        return self._inner.held_bytes

    def take(self, block: bytes) -> Found:
        return _chosen(self._record, self._inner.take(block))

    def end(self) -> Found:
        return _chosen(self._record, self._inner.end())
