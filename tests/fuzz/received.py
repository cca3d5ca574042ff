"""Parsers of what senders push: bodies of every receiver, messages and datagrams of sockets."""

import asyncio
import gzip
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from tests.collect import flows
from tests.collect.counter import TOKEN, Counter, feed
from tests.fuzz.parser import Parser, each, is_reason
from tests.plugs.case import Case
from tests.plugs.receivers import CASES
from tocsin.collect import receiver_app
from tocsin.collect.flow_packets import FlowReader
from tocsin.collect.frames import Cutter
from tocsin.collect.intake import Intake
from tocsin.collect.lines import Found
from tocsin.collect.outlet import Outlet
from tocsin.collect.receivers.gelf import Gelf, GelfFeed, GelfSettings
from tocsin.collect.receivers.netflow import Netflow, NetflowFeed, NetflowSettings
from tocsin.collect.receivers.syslog import Syslog, SyslogFeed, SyslogSettings
from tocsin.collect.socket_server import SocketServer

RECORDS = (b'{"eventID":"1","n":1}', b'{"eventID":"2","text":"\xc3\xa4","a":{"b":[1,null]}}')
_SENDER = "203.0.113.7"


def parsers() -> dict[str, Parser]:
    """Return them by name."""
    found: dict[str, Parser] = {}
    for name, case in CASES.items():
        client = cache(partial(Client, case))
        seeds = partial(_bodies, case)
        found[f"receiver {name}"] = Parser(
            seeds,
            each(lambda body, client=client: client().send(body)),
            cost=4,
            once=lambda body, client=client: client().send(body),
            item_seconds=1.5e-5,
        )
        found[f"headers of {name}"] = Parser(
            lambda: [b"authorization: Bearer " + TOKEN.encode(), b"content-type: text/plain"],
            each(lambda line, client=client: client().send_as(line)),
            cost=8,
        )
    found |= _of_sockets()
    found["flows"] = Parser(lambda: FLOWS, _flow_messages, batch=4, once=_flow_message)
    return found


def _bodies(case: Case) -> list[bytes]:
    framed = case.frame(RECORDS)
    return [framed, framed, case.frame(RECORDS[:1]), b"\n".join(RECORDS)]


class Client:
    """Sends to the application of one receiver without a network between."""

    def __init__(self, case: Case) -> None:
        feeds = (
            feed(kind=case.kind, **case.settings),
            feed("other", "another-token-of-no-one-9876543210", kind=case.kind, **case.settings),
        )
        self._case = case
        self._counter = Counter()
        self._app = receiver_app([case.make(feeds)], self._counter.submit)
        self._headers = {
            name.lower().encode(): value.encode() for name, value in case.headers().items()
        }
        self._runner = asyncio.Runner()

    def send(self, body: bytes) -> int:
        """Send a body as its sender does; return how many records and rejects came of it.

        Nothing is answered that says that we failed.
        """
        status = self._post(body, self._headers)
        assert status < 500, status
        for batch in self._counter.batches:
            assert all(map(is_reason, batch.rejects.column("reason").to_pylist()))
        count = sum(each.records.num_rows + each.rejects.num_rows for each in self._counter.batches)
        self._counter.batches.clear()
        return count

    def send_as(self, line: bytes) -> None:
        """Send a good body with a strange header: a token that is none opens nothing."""
        name, _, value = line.partition(b":")
        name = name.strip().lower() or b"authorization"
        value = value.strip().replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
        body = self._case.frame(RECORDS[:1])
        status = self._post(body, {**self._headers, name: value})
        assert status < 500, status
        taken, self._counter.batches[:] = list(self._counter.batches), []
        if name == b"authorization" and TOKEN.encode() not in value:
            assert status in self._case.refused and not taken, (status, value)
        if status >= 400:
            assert not taken

    def _post(self, body: bytes, headers: dict[bytes, bytes]) -> int:
        return self._runner.run(self._answer(body, headers))

    async def _answer(self, body: bytes, headers: dict[bytes, bytes]) -> int:
        path = self._case.path
        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"},
            **{"method": "POST", "scheme": "http", "path": path, "raw_path": path.encode()},
            **{"query_string": b"", "root_path": "", "headers": list(headers.items())},
            **{"client": (_SENDER, 4711), "server": ("127.0.0.1", 80), "state": {}},
        }
        statuses: list[int] = []
        parts = [body[: len(body) // 2], body[len(body) // 2 :]]

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._app(scope, receive, send)
        return statuses[0]


def _of_sockets() -> dict[str, Parser]:
    found: dict[str, Parser] = {}
    for name, server, seeds in _servers():
        found[f"stream {name}"] = Parser(
            partial(tuple, seeds),
            each(partial(_stream, server.make_cutter)),
            once=partial(_take_whole, server.make_cutter),
        )
        datagram = partial(_datagram, server)
        found[f"datagram {name}"] = Parser(partial(tuple, seeds), each(datagram), once=datagram)
    return found


def _servers() -> list[tuple[str, SocketServer, Sequence[bytes]]]:
    syslog = [SyslogFeed("fuzz", "linux.syslog", 0, record=kind) for kind in ("line", "message")]
    gelf = [GelfFeed("fuzz", "x.y", 0, record_field=field) for field in (None, "short_message")]
    flow = NetflowFeed("fuzz", port=0)
    return [
        ("syslog", Syslog(SyslogSettings(())).server_of(syslog[0], _outlet(syslog[0])), SYSLOG),
        (
            "syslog text",
            Syslog(SyslogSettings(())).server_of(syslog[1], _outlet(syslog[1])),
            SYSLOG,
        ),
        ("gelf", Gelf(GelfSettings((gelf[0],))).server_of(gelf[0], _outlet(gelf[0])), GELF),
        ("gelf field", Gelf(GelfSettings((gelf[1],))).server_of(gelf[1], _outlet(gelf[1])), GELF),
        ("netflow", Netflow(NetflowSettings(())).server_of(flow, _outlet(flow)), FLOWS),
    ]


def _outlet(feed: Any) -> Outlet:
    return Outlet(feed, Intake(Counter().submit), Tally())


def _take_whole(make: Callable[[], Cutter], data: bytes) -> list[bytes]:
    cutter = make()
    return _checked(cutter.take(data)) + _checked(cutter.end())


def _stream(make: Callable[[], Cutter], data: bytes) -> None:
    """Cut what a connection sends whole and in pieces: the same messages come out."""
    whole = _take_whole(make, data)
    for size in {1 + len(data) // 2, 7}:
        cutter, found = make(), []
        for at in range(0, len(data), size):
            found += _checked(cutter.take(data[at : at + size]))
            if cutter.is_broken:
                break
        assert found + _checked(cutter.end()) == whole
        assert cutter.held_bytes == 0


def _datagram(server: SocketServer, data: bytes) -> None:
    found = server.on_datagram(data, _SENDER)
    if found is not None:
        _checked(found)


def _checked(found: Found) -> list[bytes]:
    assert len(found.raws) == len(found.positions)
    assert all(is_reason(row.reason) for row in found.rejects), found.rejects
    return found.raws


def _flow_message(message: bytes) -> None:
    _flow_messages([message])


def _flow_messages(messages: Sequence[bytes]) -> None:
    """Read messages of one exporter, with and without the template that they need."""
    for before in ((), FLOWS[:2]):
        reader = FlowReader(lambda what, many: None, 60.0, 10.0)
        for message in (*before, *messages):
            read = reader.read(message, _SENDER)
            assert read.problem is None or is_reason(read.problem), read.problem
            assert reader.held_bytes >= 0


SYSLOG = (
    b'<34>1 2026-11-02T08:34:27Z h a 1 - [x@1 k="v"] \xef\xbb\xbf{"a":1}\n'
    b"<13>Nov  2 08:34:27 h a[7]: t\n",
    b"41 <34>1 2026-11-02T08:34:27Z h a 1 - - hello37 <34>1 2026-11-02T08:34:27Z h a 1 - - x",
    b"no header at all\0<13>x\r\n",
)
GELF = (
    b'{"version":"1.1","host":"h","short_message":"{\\"a\\":1}","_x":1}\0{"version":"1.1"}\0',
    gzip.compress(b'{"version":"1.1","host":"h","short_message":"t"}', mtime=0),
    b"\x1e\x0f" + b"12345678" + b"\x00\x02" + b'{"version":"1.1",',
    b"\x1e\x0f" + b"12345678" + b"\x01\x02" + b'"short_message":"t"}',
)
_DATA = flows.flow_set(256, flows.packed(flows.FIELDS, flows.FLOW))
FLOWS = (
    flows.version9(flows.template(256, flows.FIELDS), _DATA),
    flows.ipfix(flows.template(256, flows.FIELDS, kind=2), _DATA),
    flows.version5(flows.flow5(), flows.flow5()),
    flows.version9(_DATA, sequence=1),
    flows.ipfix(flows.template(257, (*flows.FIELDS, (9, 9, 65535)), kind=2), _DATA),
)
