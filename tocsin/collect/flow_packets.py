"""Read the messages of flow exporters: NetFlow versions 5 and 9, and IPFIX.

Source: Cisco, NetFlow Export Datagram Format (version 5); RFC 3954 (version 9); RFC 7011 (IPFIX),
RFC 5103 (both directions in one record).
"""

import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from socket import inet_ntoa

from tocsin.collect.flow_fields import END, START
from tocsin.collect.flow_templates import (
    BadFlow,
    Domain,
    Domains,
    Field,
    Fields,
    Template,
)

MAX_FLOWS = 20_000
"""Flows of one message, also of what has waited for its template; the rest is counted."""

MAX_HELD_BYTES = 8 << 20
"""Of data that waits for its template; the oldest goes first."""

_V5_HEAD = struct.Struct(">HHIIIIBBH")
_V5_FLOW = struct.Struct(">4s4s4sHHIIIIHHxBBBHHBBxx")
_V9_HEAD = struct.Struct(">HHIIII")
_IPFIX_HEAD = struct.Struct(">HHIII")
_SET = struct.Struct(">HH")
_V5_NAMES = (
    *("sourceIPv4Address", "destinationIPv4Address", "ipNextHopIPv4Address", "ingressInterface"),
    *("egressInterface", "packetDeltaCount", "octetDeltaCount", "flowStartSysUpTime"),
    *("flowEndSysUpTime", "sourceTransportPort", "destinationTransportPort", "tcpControlBits"),
    *("protocolIdentifier", "ipClassOfService", "bgpSourceAsNumber", "bgpDestinationAsNumber"),
    *("sourceIPv4PrefixLength", "destinationIPv4PrefixLength"),
)
_V5_MAX_FLOWS = 30
_FIRST_DATA_SET = 256
_WRAP = 1 << 32
_ENTERPRISE = 0x8000
_TEMPLATE_SETS = {9: (0, 1), 10: (2, 3)}
_BEGAN = "systemInitTimeMilliseconds"
_UPTIMES = ((START, "flowStartSysUpTime"), (END, "flowEndSysUpTime"))


@dataclass(frozen=True, slots=True)
class Head:
    """What the header of a message says.

    Attributes:
        exporter: address of the sender.
        version: 5, 9 or 10 (IPFIX).
        domain: number of the observation domain.
        sent: seconds since 1970.
        uptime: of the exporter, milliseconds; `None` in IPFIX.
    """

    exporter: str
    version: int
    domain: int
    sent: float
    uptime: int | None = None


@dataclass(slots=True)
class Read:
    """What a message holds: flows, and why the rest of it could not be read."""

    flows: list[Fields] = field(default_factory=list)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    key: tuple[str, int, int, int]
    since: float
    head: Head
    content: bytes


class FlowReader:
    """Reads messages of any number of exporters, each with templates of its own."""

    def __init__(
        self,
        count: Callable[[str, int], None],
        template_seconds: float,
        held_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what counts losses, how long templates and data without one stay, and a clock."""
        self._count = count
        self._template_seconds = template_seconds
        self._held_seconds = held_seconds
        self._now = now
        self.domains = Domains()
        self._held: deque[_Held] = deque()
        self.held_bytes = 0

    def read(self, message: bytes, exporter: str) -> Read:
        """Return what one message holds; nothing makes it raise."""
        found = Read()
        self._forget_old()
        try:
            for flow in islice(self._flows(message, exporter), MAX_FLOWS + 1):
                found.flows.append(flow)
        except BadFlow as bad:
            found.problem = str(bad)
        except struct.error:
            found.problem = "bad_length: the message ends early"
        if len(found.flows) > MAX_FLOWS:
            found.flows.pop()
            self._count("too_many_flows", 1)
        return found

    def _flows(self, message: bytes, exporter: str) -> Iterator[Fields]:
        version = int.from_bytes(message[:2], "big")
        if version == 5:
            yield from self._version5(message, exporter)
        elif version in _TEMPLATE_SETS:
            yield from self._templated(message, exporter, version)
        else:
            raise BadFlow(f"bad_version: {version} is neither NetFlow 5 or 9 nor IPFIX")

    def _version5(self, message: bytes, exporter: str) -> Iterator[Fields]:
        _, many, uptime, sent, rest, number, kind, engine, sampling = _V5_HEAD.unpack_from(message)
        if not 0 < many <= _V5_MAX_FLOWS or len(message) < _V5_HEAD.size + many * _V5_FLOW.size:
            raise BadFlow(f"bad_length: {many} flows in {len(message)} bytes")
        head = Head(exporter, 5, kind << 8 | engine, sent + rest / 1e9, uptime)
        domain = self.domains.of(exporter, 5, head.domain)
        self._follow(domain, number, many)
        # Two bits say how it samples, fourteen one of how many packets.
        if sampling & 0x3FFF > 1:
            domain.sampling[0] = sampling & 0x3FFF
        else:
            domain.sampling.pop(0, None)
        for values in _V5_FLOW.iter_unpack(
            message[_V5_HEAD.size : _V5_HEAD.size + many * _V5_FLOW.size]
        ):
            addresses = map(inet_ntoa, values[:3])
            flow: Fields = dict(zip(_V5_NAMES, (*addresses, *values[3:]), strict=True))
            yield _told(flow, head, domain)

    def _templated(self, message: bytes, exporter: str, version: int) -> Iterator[Fields]:
        head, number, offset, end = _opened(message, exporter, version)
        domain = self.domains.of(exporter, version, head.domain)
        self._compare(domain.expected, number)
        # Messages of version 9 are numbered, the records of IPFIX.
        domain.expected = (number + 1) % _WRAP if version == 9 else number
        while end - offset >= _SET.size:
            kind, length = _SET.unpack_from(message, offset)
            if not _SET.size <= length <= end - offset:
                raise BadFlow(f"bad_length: a set of {length} bytes with {end - offset} left")
            content = message[offset + _SET.size : offset + length]
            offset += length
            if kind in _TEMPLATE_SETS[version]:
                is_options = kind == _TEMPLATE_SETS[version][1]
                yield from self._define(head, domain, content, is_options=is_options)
            elif kind >= _FIRST_DATA_SET:
                yield from self._data(head, domain, kind, content)

    def _define(
        self, head: Head, domain: Domain, content: bytes, *, is_options: bool
    ) -> Iterator[Fields]:
        """Take the templates of a set, and yield the flows that have waited for them."""
        offset = 0
        least = 6 if is_options else 4
        while len(content) - offset >= least:
            number, many = _SET.unpack_from(content, offset)
            offset += _SET.size
            if number < _FIRST_DATA_SET:
                # Padding in version 9; in IPFIX 2 and 3 withdraw every template.
                return
            if not many and head.version == 10:
                domain.templates.pop(number, None)
                continue
            offset, fields = _fields(content, offset, many, head.version, is_options=is_options)
            template = Template(fields, is_options, self._now())
            if pushed_out := domain.define(number, template):
                self._count("templates_pushed_out", pushed_out)
            yield from self._released(head, domain, number)

    def _data(self, head: Head, domain: Domain, number: int, content: bytes) -> Iterator[Fields]:
        template = domain.templates.get(number)
        if template is None or template.since + self._template_seconds < self._now():
            domain.templates.pop(number, None)
            if head.version == 10:
                # Nobody knows how many records these are, and so which number comes next.
                domain.expected = None
            self._hold(head, number, content)
            return
        for values in template.records(content):
            if head.version == 10 and domain.expected is not None:
                domain.expected = (domain.expected + 1) % _WRAP
            if template.is_options:
                _learn(domain, values)
            else:
                yield _told(values, head, domain)

    def _hold(self, head: Head, number: int, content: bytes) -> None:
        key = (head.exporter, head.version, head.domain, number)
        self._held.append(_Held(key, self._now(), head, content))
        self.held_bytes += len(content)
        while self.held_bytes > MAX_HELD_BYTES:
            self._give_up()

    def _released(self, head: Head, domain: Domain, number: int) -> Iterator[Fields]:
        key = (head.exporter, head.version, head.domain, number)
        ready = [each for each in self._held if each.key == key]
        if not ready:
            return
        self._held = deque(each for each in self._held if each.key != key)
        for each in ready:
            self.held_bytes -= len(each.content)
        expected = domain.expected
        for each in ready:
            yield from self._data(each.head, domain, number, each.content)
        domain.expected = expected

    def _forget_old(self) -> None:
        limit = self._now() - self._held_seconds
        while self._held and self._held[0].since < limit:
            self._give_up()

    def _give_up(self) -> None:
        self.held_bytes -= len(self._held.popleft().content)
        self._count("sets_without_template", 1)

    def _follow(self, domain: Domain, number: int, many: int) -> None:
        self._compare(domain.expected, number)
        domain.expected = (number + many) % _WRAP

    def _compare(self, expected: int | None, number: int) -> None:
        """Count what an exporter has sent and nobody received; one that began anew is no loss."""
        missing = 0 if expected is None else (number - expected) % _WRAP
        if 0 < missing < 1 << 20:
            self._count("lost_on_the_way", missing)


def _opened(message: bytes, exporter: str, version: int) -> tuple[Head, int, int, int]:
    """Return header, number, where the sets begin and where they end."""
    if version == 9:
        _, _, uptime, sent, number, observed = _V9_HEAD.unpack_from(message)
        return Head(exporter, 9, observed, sent, uptime), number, _V9_HEAD.size, len(message)
    _, end, sent, number, observed = _IPFIX_HEAD.unpack_from(message)
    if not _IPFIX_HEAD.size <= end <= len(message):
        raise BadFlow(f"bad_length: the header says {end} of {len(message)} bytes")
    return Head(exporter, 10, observed, sent), number, _IPFIX_HEAD.size, end


def _fields(
    content: bytes, offset: int, many: int, version: int, *, is_options: bool
) -> tuple[int, tuple[Field, ...]]:
    """Return where a template ends, and its fields."""
    if is_options:
        (more,) = struct.unpack_from(">H", content, offset)
        offset += 2
        # Version 9 gives the lengths of both parts in bytes, IPFIX the fields with those of scope.
        many = (many + more) // 4 if version == 9 else many
        scopes = (0 if version == 10 else (many * 4 - more) // 4) if many else 0
    else:
        scopes = 0
    found = []
    for place in range(many):
        number, length = _SET.unpack_from(content, offset)
        offset += _SET.size
        enterprise = 0
        if version == 10 and number & _ENTERPRISE:
            (enterprise,) = struct.unpack_from(">I", content, offset)
            number, offset = number & ~_ENTERPRISE, offset + 4
        if place < scopes:
            # Scopes of version 9 have numbers of their own (RFC 3954, 6.1).
            enterprise = -1
        found.append(Field(number, enterprise, length))
    return offset, tuple(found)


def _learn(domain: Domain, values: Fields) -> None:
    """Take the rate of sampling, and when the exporter began, that an options record tells."""
    began = values.get(_BEGAN)
    if isinstance(began, int):
        domain.began = began
    sampler = values.get("selectorId", values.get("samplerId", 0))
    rate = _rate(values)
    if rate is not None and isinstance(sampler, int) and len(domain.sampling) < 256:
        domain.sampling[sampler] = rate


def _uptime(values: Fields, head: Head, domain: Domain) -> int | None:
    """Return the exporter's uptime when it sent, in milliseconds; `None` where nothing tells it."""
    if head.uptime is not None:
        return head.uptime
    # IPFIX says when the exporter began, in the flow itself or once as an option (RFC 5102).
    began = values.get(_BEGAN, domain.began)
    return round(head.sent * 1000) - began if isinstance(began, int) else None


def _rate(values: Fields) -> float | None:
    def number(name: str) -> float:
        value = values.get(name)
        return value if isinstance(value, int | float) else 0

    if number("samplingPacketInterval") > 0:
        taken = number("samplingPacketInterval")
        return (taken + number("samplingPacketSpace")) / taken
    if number("samplingSize") > 0 and number("samplingPopulation") > 0:
        return number("samplingPopulation") / number("samplingSize")
    if 0 < number("samplingProbability") <= 1:
        return 1 / number("samplingProbability")
    return number("samplingInterval") or number("samplerRandomInterval") or None


def _told(values: Fields, head: Head, domain: Domain) -> Fields:
    """Return a flow as its record tells it: with exporter, times since 1970 and sampling."""
    now = _uptime(values, head, domain)
    for name, uptime in _UPTIMES:
        since = values.pop(uptime, None)
        if isinstance(since, int) and now is not None:
            # Uptimes begin again after 49 days: what counts is how long before the message it was.
            ago = (now - since) % _WRAP
            values[name] = round(head.sent - (ago - _WRAP if ago > _WRAP // 2 else ago) / 1000, 3)
    sampler = values.get("selectorId", values.get("samplerId", 0))
    rate = _rate(values) or domain.sampling.get(
        sampler if isinstance(sampler, int) else 0, domain.sampling.get(0)
    )
    told: Fields = {
        "version": head.version,
        "exporter": head.exporter,
        "domain": head.domain,
        "exported": head.sent,
    }
    if rate is not None and rate > 1:
        told["sampling"] = rate
    told.update(values)
    return told
