"""Flows of NetFlow 5, NetFlow 9 and IPFIX, from friendly exporters and hostile ones."""

import json
import socket
import struct
import time
from collections import Counter as Counts
from contextlib import closing, contextmanager
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collect.counter import Counter, listening
from tests.collect.flows import (
    FIELDS,
    FLOW,
    SENT,
    flow5,
    flow_set,
    ipfix,
    packed,
    template,
    version5,
    version9,
)
from tests.collect.syslogs import eventually
from tocsin.collect import flow_packets, flow_templates
from tocsin.collect.flow_packets import FlowReader
from tocsin.collect.receivers.netflow import Netflow, NetflowFeed, NetflowSettings

EXPORTER = "192.0.2.1"
DATA = flow_set(256, packed(FIELDS, FLOW))


class Reading:
    """A reader with a clock and counts of its own."""

    def __init__(self):
        self.now, self.counts = 0.0, Counts()
        self.reader = FlowReader(self._count, 7200.0, 300.0, lambda: self.now)

    def _count(self, what, many):
        self.counts[what] += many

    def flows(self, *messages, exporter=EXPORTER):
        found = []
        for message in messages:
            read = self.reader.read(message, exporter)
            assert read.problem is None, read.problem
            found += read.flows
        return found

    def problem(self, message):
        return self.reader.read(message, EXPORTER).problem


@pytest.fixture
def reading():
    return Reading()


@contextmanager
def netflow(counter, **more):
    receiver = Netflow(NetflowSettings((NetflowFeed("flows", port=0, **more),)))
    with listening(counter, receiver):
        yield receiver


def send(receiver, *datagrams):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", receiver.port("flows")))


EXPECTED = {
    "exporter": EXPORTER,
    "exported": SENT,
    "sourceIPv4Address": "10.20.0.15",
    "destinationIPv4Address": "203.0.113.80",
    "sourceTransportPort": 50122,
    "destinationTransportPort": 443,
    "protocolIdentifier": 6,
    "tcpControlBits": 27,
    "octetDeltaCount": 2140,
    "packetDeltaCount": 12,
    "start": SENT - 60,
    "end": SENT,
}


def test_version_5_has_one_layout(reading):
    first, second = reading.flows(version5(flow5(), flow5("10.20.0.16")))

    assert first.items() >= (EXPECTED | {"version": 5, "domain": 258}).items()
    assert first["bgpSourceAsNumber"] == 64500
    assert second["sourceIPv4Address"] == "10.20.0.16"
    assert "sampling" not in first


def test_version_9_is_read_by_its_template(reading):
    [flow] = reading.flows(version9(template(256, FIELDS), DATA))

    assert flow == EXPECTED | {"version": 9, "domain": 7}


def test_templates_hold_for_later_messages_of_their_domain_only(reading):
    reading.flows(version9(template(256, FIELDS), sequence=1))

    assert len(reading.flows(version9(DATA + b"", DATA, sequence=2))) == 2
    assert not reading.flows(version9(DATA, domain=8, sequence=3))
    assert not reading.flows(version9(DATA, sequence=3), exporter="192.0.2.2")
    assert not reading.flows(ipfix(DATA))


def test_data_waits_for_its_template(reading):
    assert reading.flows(version9(DATA), version9(DATA, sequence=1)) == []

    reading.now = 299
    flows = reading.flows(version9(template(256, FIELDS), DATA, sequence=2))

    assert len(flows) == 3
    assert reading.reader.held_bytes == 0


def test_data_whose_template_does_not_come_is_given_up_and_counted(reading):
    reading.flows(version9(DATA))
    reading.now = 301

    assert reading.flows(version9(template(256, FIELDS), sequence=1)) == []
    assert reading.counts == {"sets_without_template": 1}


def test_held_data_is_bounded(reading, monkeypatch):
    monkeypatch.setattr(flow_packets, "MAX_HELD_BYTES", 10 * len(DATA))
    for number in range(50):
        reading.flows(version9(DATA, sequence=number))

    assert reading.reader.held_bytes <= 10 * len(DATA)
    assert reading.counts["sets_without_template"] == 39


def test_a_template_ends_where_it_is_not_repeated(reading):
    reading.flows(version9(template(256, FIELDS)))
    reading.now = 7201

    assert reading.flows(version9(DATA, sequence=1)) == []
    assert len(reading.flows(version9(template(256, FIELDS), sequence=2))) == 1


def test_a_template_may_change(reading):
    reading.flows(version9(template(256, FIELDS)))
    other = ((8, 4), (2, 4))
    changed = flow_set(256, packed(other, ("10.0.0.1", 5)))

    [flow] = reading.flows(version9(template(256, other), changed, sequence=1))

    assert (flow["sourceIPv4Address"], flow["packetDeltaCount"]) == ("10.0.0.1", 5)


def test_uptimes_begin_again_after_forty_nine_days(reading):
    flow = (*FLOW[:8], (1 << 32) - 1_000, 500)
    message = version9(template(256, FIELDS), flow_set(256, packed(FIELDS, flow)), uptime=1_500)

    [found] = reading.flows(message)

    assert (found["start"], found["end"]) == (SENT - 2.5, SENT - 1)


def test_ipfix_has_variable_lengths_enterprises_and_both_directions(reading):
    fields = (
        *((8, 4), (152, 8), (157, 8)),
        *((460, 65535), (1, 29305, 8), (100, 9, 4), (9999, 3), (1, 3)),
    )
    ntp = int((SENT + 2_208_988_800 + 0.5) * (1 << 32))
    values = (
        "10.0.0.1",
        SENT * 1000 + 250,
        ntp,
        b"\x0bexample.org",
        77,
        b"\1\2\3\4",
        b"\5\6\7",
        700,
    )
    long = (*values[:3], b"\xff\x01\x2c" + b"x" * 300, *values[4:])
    content = packed(fields, values) + packed(fields, long)

    first, second = reading.flows(ipfix(template(300, fields, 2), flow_set(300, content + b"\0\0")))

    assert first == {
        **{"version": 10, "exporter": EXPORTER, "domain": 7, "exported": SENT},
        **{"sourceIPv4Address": "10.0.0.1", "start": SENT + 0.25, "end": SENT + 0.5},
        **{"httpRequestHost": "example.org", "reverse.octetDeltaCount": 77},
        **{"9.100": "01020304", "9999": "050607", "octetDeltaCount": 700},
    }
    assert second["httpRequestHost"] == "x" * 300


@pytest.mark.parametrize("uptime", [90_000, (1 << 32) + 90_000])
def test_ipfix_tells_times_by_when_the_exporter_began(reading, uptime):
    began = SENT * 1000 - uptime - 10_000
    options = flow_set(3, struct.pack(">HHHHHHH", 257, 2, 1, 149, 4, 160, 8))
    said = flow_set(257, struct.pack(">IQ", 7, began))
    fields = ((8, 4), (12, 4), (22, 4), (21, 4))
    flow = flow_set(256, packed(fields, ("10.0.0.1", "10.0.0.2", 80_000, 90_000)))

    [untold] = reading.flows(ipfix(template(256, fields, 2), flow))
    [told] = reading.flows(ipfix(options, said, flow, sequence=1))

    assert "start" not in untold
    assert (told["start"], told["end"]) == (SENT - 20, SENT - 10)


def test_ipfix_withdraws_a_template(reading):
    reading.flows(ipfix(template(300, FIELDS, 2)))
    reading.flows(ipfix(flow_set(2, struct.pack(">HH", 300, 0))))

    assert reading.flows(ipfix(flow_set(300, packed(FIELDS, FLOW)))) == []


def options9(number, scope, fields):
    text = struct.pack(">HHH", number, 4 * len(scope), 4 * len(fields))
    return flow_set(1, text + b"".join(struct.pack(">HH", *each) for each in (*scope, *fields)))


def test_sampling_of_version_9_comes_as_an_option(reading):
    options = options9(257, ((1, 4),), ((34, 4), (35, 1)))
    told = flow_set(257, struct.pack(">IIB", 0, 100, 2) + b"\0\0\0")

    [flow] = reading.flows(version9(options, told, template(256, FIELDS), DATA))

    assert flow["sampling"] == 100
    assert flow["octetDeltaCount"] == 2140


def test_a_flow_that_names_its_sampler_has_its_rate(reading):
    fields = ((8, 4), (302, 2))
    layout = struct.pack(">HHHHHHHHH", 258, 3, 1, 302, 2, 305, 4, 306, 4)
    rates = b"".join(struct.pack(">HII", *each) for each in ((1, 1, 9), (2, 1, 999)))
    flows = b"".join(packed(fields, ("10.0.0.1", number)) for number in (1, 2, 3))

    found = reading.flows(
        ipfix(flow_set(3, layout), flow_set(258, rates)),
        ipfix(template(256, fields, 2), flow_set(256, flows), sequence=2),
    )

    assert [flow.get("sampling") for flow in found] == [10, 1000, None]


def test_sampling_of_version_5_stands_in_its_header(reading):
    [flow] = reading.flows(version5(flow5(), sampling=1 << 14 | 50))

    assert flow["sampling"] == 50


def test_what_was_lost_on_the_way_is_counted(reading):
    reading.flows(version5(flow5()), version5(flow5(), sequence=31))
    reading.flows(version9(sequence=5), version9(sequence=8), version9(sequence=1))
    ten = ipfix(template(256, FIELDS, 2), DATA, DATA, sequence=0)
    reading.flows(ten, ipfix(DATA, sequence=2), ipfix(DATA, sequence=13))

    assert reading.counts == {"lost_on_the_way": 30 + 2 + 10}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "bad_version: 0"),
        (b"\x00\x09", "bad_length"),
        (b"\x00\x07" + b"\0" * 30, "bad_version: 7"),
        (version5(flow5(), many=0), "bad_length"),
        (version5(flow5(), many=2), "bad_length"),
        (version5(*[flow5()] * 31), "bad_length"),
        (version9(struct.pack(">HH", 256, 3)), "bad_length: a set of 3 bytes"),
        (version9(struct.pack(">HH", 256, 0)), "bad_length: a set of 0 bytes"),
        (version9(struct.pack(">HH", 256, 900)), "bad_length: a set of 900 bytes"),
        (version9(template(256, ())), "bad_template: 0 fields"),
        (version9(template(256, ((8, 0),))), "bad_template: a field has no length"),
        (version9(template(256, ((8, 4),) * 257)), "bad_template: 257 fields"),
        (version9(flow_set(0, struct.pack(">HHHH", 256, 9, 8, 4))), "bad_length"),
        (ipfix(DATA)[:-1], "bad_length: the header says"),
        (ipfix(template(256, ((460, 65535),), 2), flow_set(256, b"\x09ab")), "bad_length: a field"),
        (ipfix(template(256, ((460, 65535),), 2), flow_set(256, b"\xff")), "bad_length: a field"),
    ],
)
def test_a_hostile_message_is_a_reject(reading, message, reason):
    assert reading.problem(message).startswith(reason)


@given(st.sampled_from([5, 9, 10]), st.binary(max_size=300))
def test_any_bytes_are_flows_or_a_reject(version, content):
    Reading().reader.read(version.to_bytes(2, "big") + content, EXPORTER)


@given(st.data())
def test_damaged_messages_are_flows_or_a_reject(data):
    message = bytearray(
        data.draw(
            st.sampled_from(
                [
                    version5(flow5()),
                    version9(template(256, FIELDS), DATA),
                    ipfix(
                        template(300, ((460, 65535), (8, 4)), 2), flow_set(300, b"\2ab" + b"\1" * 4)
                    ),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    Reading().reader.read(bytes(message), EXPORTER)


def test_a_bomb_of_templates_is_bounded(reading, monkeypatch):
    monkeypatch.setattr(flow_templates, "MAX_DOMAINS", 20)
    for number in range(2_000):
        reading.flows(version9(template(256 + number, ((8, 4),)), sequence=number))
    for number in range(100):
        reading.flows(version9(template(256, ((8, 4),)), domain=1_000 + number))

    assert reading.counts["templates_pushed_out"] == 2_000 - flow_templates.MAX_TEMPLATES
    assert len(reading.reader.domains) == 20


def test_a_bomb_of_flows_is_cut(reading):
    message = version9(template(256, ((4, 1),)), flow_set(256, b"\6" * 60_000))

    assert len(reading.flows(message)) == flow_packets.MAX_FLOWS
    assert reading.counts == {"too_many_flows": 1}


def test_flows_arrive_as_records():
    counter = Counter()
    with netflow(counter) as receiver:
        send(receiver, version9(template(256, FIELDS), DATA, DATA), version5(flow5()), b"\0\7rest")
        eventually(lambda: len(counter.raws) == 3 and len(counter.rejects) == 1)

    records = [json.loads(raw) for raw in counter.raws]
    assert [each["version"] for each in records] == [9, 9, 5]
    assert records[0] == EXPECTED | {"version": 9, "domain": 7, "exporter": "127.0.0.1"}
    assert counter.rejects[0]["reason"].startswith("bad_version: 7")


def test_exporters_that_are_not_allowed_are_refused():
    counter = Counter()
    with netflow(counter, allow=(ip_network("192.0.2.0/24"),)) as receiver:
        send(receiver, version5(flow5()))
        eventually(lambda: receiver.counts["flows/refused_address"] == 1)

    assert counter.raws == []


def test_a_flow_is_decoded_in_less_than_fifty_microseconds(reading):
    message = version9(template(256, FIELDS), flow_set(256, packed(FIELDS, FLOW) * 40))
    reading.flows(message)
    began = time.process_time()
    for number in range(1, 501):
        reading.flows(version9(flow_set(256, packed(FIELDS, FLOW) * 40), sequence=number))
    assert (time.process_time() - began) / 20_000 < 50e-6
