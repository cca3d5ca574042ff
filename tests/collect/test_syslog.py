"""Syslog from real senders and hostile ones: what was read over TCP is never lost."""

import socket
import ssl
import time
from contextlib import closing, suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collect.counter import Counter, fail, listening
from tests.collect.syslogs import NEW, OLD, connected, eventually, send_tcp, send_udp, syslog
from tocsin.collect import Outcome, intake, outlet, socket_server
from tocsin.collect.frames import SyslogCutter
from tocsin.collect.receivers.syslog import Syslog, SyslogFeed, SyslogSettings, message_of
from tocsin.collect.sockets import ClientTls
from tocsin.errors import SettingsError
from tocsin.settings import load


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_counted_and_line_framing_mix_on_one_connection(counter):
    counted = str(len(NEW)).encode() + b" " + NEW
    with syslog(counter) as receiver:
        send_tcp(receiver, OLD + b"\n" + counted + NEW + b"\n" + counted + OLD + b"\0" + OLD)
        eventually(lambda: len(counter.raws) == 6)

    assert counter.raws == [OLD, NEW, NEW, NEW, OLD, OLD]
    rows = [row for batch in counter.batches for row in batch.records.to_pylist()]
    assert len({(row["origin"], row["position"]) for row in rows}) == 6
    assert all(row["origin"].startswith("hosts/127.0.0.1/") for row in rows)


def test_datagrams_arrive_with_the_address_of_their_sender(counter):
    with syslog(counter) as receiver:
        send_udp(receiver, NEW, OLD + b"\n", b"", b"\n\0")
        eventually(lambda: len(counter.raws) == 2)

    assert sorted(counter.raws) == sorted([NEW, OLD])
    origins = [row["origin"] for batch in counter.batches for row in batch.records.to_pylist()]
    assert all(origin.startswith("hosts/127.0.0.1/") for origin in origins)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (NEW, b"'su root' failed for dana"),
        (OLD, b"'su root' failed for dana"),
        (b'<14>1 - - - - - [a@1 b="c\\"] d"][e] {"a":1}', b'{"a":1}'),
        (b"<14>1 - - - - - - \xef\xbb\xbf{}", b"{}"),
        (b'<132>Nov  3 01:02:03 wazuh ossec: {"rule":{"level":7}}', b'{"rule":{"level":7}}'),
        (b'<134>2026-11-23T10:00:00.1+01:00 host falco[9]: {"rule":"x"}', b'{"rule":"x"}'),
        (b'<134>Nov  3 01:02:03 falco: {"rule":"x: y"}', b'{"rule":"x: y"}'),
        (b'<13>{"a": "b: c"}', b'{"a": "b: c"}'),
        (b"<13>tag: text", b"text"),
        (b'{"a":1}', b'{"a":1}'),
        (b"no header at all", b"no header at all"),
        (b"", b""),
    ],
)
def test_the_header_can_be_left_out(line, message):
    assert message_of(line) == message


def test_a_feed_may_keep_only_messages(counter):
    with syslog(counter, record="message") as receiver:
        send_tcp(
            receiver, b'<13>Nov 23 10:00:00 host falco: {"a":1}\n<13>Nov 23 10:00:00 host x: \n'
        )
        send_udp(receiver, b'<13>1 - - - - - - {"b":2}')
        eventually(lambda: len(counter.raws) == 3)

    assert sorted(counter.raws) == [b"<13>Nov 23 10:00:00 host x: ", b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("answer", [fail, lambda batch: Outcome("busy", retry_after_seconds=0)])
def test_what_was_read_over_tcp_is_tried_again_until_it_is_committed(counter, answer, monkeypatch):
    monkeypatch.setattr(intake, "_RETRY_AFTER_SECONDS", 0)
    refused: list[int] = []

    def sometimes(batch: object) -> Outcome:
        refused.append(1)
        return answer(batch) if len(refused) < 3 else Outcome("committed")

    counter.answer = sometimes
    lines = [b"<13>Nov 23 10:00:00 host app: %d" % number for number in range(5_000)]
    with syslog(counter) as receiver:
        send_tcp(receiver, b"".join(line + b"\n" for line in lines))
        eventually(lambda: len(counter.raws) >= 5_000)

    assert counter.raws == lines
    assert len(refused) >= 3


def test_a_sender_over_tcp_is_held_back_while_nothing_is_committed(counter, growth_mib):
    counter.gate.clear()
    block = (b"<13>Nov 23 10:00:00 host app: " + b"x" * 993 + b"\n") * 256
    with syslog(counter) as receiver, closing(connected(receiver)) as sender, growth_mib() as grown:
        sender.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400 << 20:
                sent += sender.send(block)
        # What stands in the buffers of both ends, and two blocks in the receiver.
        assert sent < 64 << 20
        assert grown() < 64
        counter.gate.set()


def test_what_was_sent_before_the_stop_is_kept(counter):
    line = b"<13>Nov 23 10:00:00 host app: last words"
    with syslog(counter) as receiver, closing(connected(receiver)) as sender:
        sender.sendall(line + b"\n" + line)
        eventually(lambda: len(counter.raws) == 1)

    assert counter.raws == [line, line]


def test_forged_counts_and_half_frames_are_rejects_and_harm_nobody_else(counter):
    with syslog(counter) as receiver, closing(connected(receiver)) as neighbor:
        neighbor.sendall(NEW[:20])
        send_tcp(receiver, b"999999999 <13>too much")
        send_tcp(receiver, b"500 <13>half")
        send_tcp(receiver, b"0 <13>zero\n", b"-5 <13>minus\n", b"007 <13>bond\n")
        send_tcp(receiver, b"3 <13>short\n")
        neighbor.sendall(NEW[20:] + b"\n")
        eventually(lambda: NEW in counter.raws and len(counter.rejects) == 2)
        eventually(lambda: len(counter.raws) == 6)

    reasons = sorted(str(row["reason"]).partition(":")[0] for row in counter.rejects)
    assert reasons == ["incomplete", "too_long"]
    assert {b"0 <13>zero", b"-5 <13>minus", b"007 <13>bond"} <= set(counter.raws)


def test_a_line_without_end_is_a_reject_and_is_never_held(counter, growth_mib):
    with syslog(counter) as receiver, growth_mib() as grown:
        block = b"x" * (1 << 20)
        send_tcp(receiver, b"<13>", *[block] * 30, b"\n" + OLD + b"\n")
        eventually(lambda: counter.raws == [OLD])
        assert grown() < 40

    (row,) = counter.rejects
    assert row["size_bytes"] == (30 << 20) + 4


def test_the_idlest_connection_makes_room(counter):
    with syslog(counter, max_connections=3) as receiver:
        crowd = [connected(receiver) for _ in range(3)]
        crowd[1].sendall(OLD + b"\n")
        eventually(lambda: len(counter.raws) == 1)
        crowd += [connected(receiver) for _ in range(40)]
        crowd[-1].sendall(NEW + b"\n")
        eventually(lambda: NEW in counter.raws)
        eventually(lambda: receiver.counts["hosts/hung_up_too_many"] == 40)
        for each in crowd:
            each.close()


def test_thousands_of_connections_come_and_go(counter):
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with syslog(counter) as receiver:
        for number in range(500):
            send_tcp(receiver, b"<13>%d\n" % number)
        eventually(lambda: len(counter.raws) == 500)
        eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) < descriptors + 20)

    assert sorted(counter.raws) == sorted(b"<13>%d" % number for number in range(500))


def test_a_slow_sender_is_hung_up_on(counter, monkeypatch):
    monkeypatch.setattr(socket_server, "MESSAGE_SECONDS", 0.3)
    with syslog(counter) as receiver, closing(connected(receiver)) as slow:
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe, as the system likes
            for byte in b"<13>" + b"x" * 5_000:
                slow.send(bytes([byte]))
                time.sleep(0.02)
        eventually(lambda: len(counter.raws) == 1)

    assert receiver.counts["hosts/broken_connections"] == 1


def test_a_silent_connection_is_closed(counter):
    with (
        syslog(counter, idle=timedelta(milliseconds=100)) as receiver,
        closing(connected(receiver)) as silent,
    ):
        assert silent.recv(1) == b""


@pytest.mark.parametrize("send", [send_tcp, send_udp])
def test_other_addresses_are_refused_and_counted(counter, send):
    with syslog(counter, allow=(ip_network("192.0.2.0/24"),)) as receiver:
        with suppress(ConnectionError):  # hung up on before everything was sent
            send(receiver, OLD)
        eventually(lambda: receiver.counts["hosts/refused_address"] == 1)

    assert counter.raws == []


def test_allowed_addresses_are_taken_also_through_ipv6_sockets(counter):
    allow = (ip_network("127.0.0.0/8"),)
    with syslog(counter, host="::", allow=allow) as receiver:
        send_udp(receiver, OLD)
        send_tcp(receiver, NEW)
        eventually(lambda: len(counter.raws) == 2)


def test_datagrams_that_nobody_reads_in_time_are_counted(counter, monkeypatch):
    monkeypatch.setattr(outlet, "MAX_QUEUED_DATAGRAMS", 10)
    counter.gate.clear()
    with syslog(counter) as receiver:
        for number in range(200):
            send_udp(receiver, b"<13>%d" % number)
        eventually(lambda: receiver.counts["hosts/dropped_queue_full"] > 0)
        counter.gate.set()
        eventually(lambda: len(counter.raws) + receiver.counts["hosts/dropped_queue_full"] == 200)


def test_what_the_kernel_drops_is_read():
    from tocsin.collect.sockets import kernel_drops

    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        taker.bind(("127.0.0.1", 0))
        if kernel_drops(taker) is None:
            # Only Linux counts drops by socket; under TOCSIN_TEST_REQUIRE=all this is a failure.
            pytest.skip("this system has no /proc/net/udp")
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for _ in range(200):
                sender.sendto(b"x" * 1_000, taker.getsockname())

        assert 0 < (kernel_drops(taker) or 0) < 200


def test_a_taken_port_is_one_clear_line_and_nothing_stays_open(counter):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        free = SyslogFeed("free", "linux.syslog", 0)
        feed = SyslogFeed("hosts", "linux.syslog", port, transports=("tcp",))
        receiver = Syslog(SyslogSettings((free, feed)))
        with (
            pytest.raises(SettingsError, match=f"feed 'hosts': cannot listen on 127.0.0.1:{port}"),
            listening(counter, receiver),
        ):
            pass
        with pytest.raises(KeyError):
            receiver.port("free")


def test_a_receiver_that_fails_starts_again_on_its_port(counter, monkeypatch):
    monkeypatch.setattr("tocsin.collect.services._FIRST_PAUSE_SECONDS", 0.01)
    calls = []
    real = Syslog.server_of

    def once_broken(self, feed, outlet):
        calls.append(feed)
        if len(calls) == 1:
            raise RuntimeError("broken on purpose")
        return real(self, feed, outlet)

    monkeypatch.setattr(Syslog, "server_of", once_broken)
    with syslog(counter, transports=("udp",)) as receiver:
        eventually(lambda: len(calls) == 2 and bool(receiver._sockets))
        send_udp(receiver, OLD)
        eventually(lambda: counter.raws == [OLD])


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_bytes_in_any_pieces_are_cut_alike(pieces):
    whole, split = SyslogCutter(), SyslogCutter()
    text = b"".join(pieces)

    at_once = [*whole.take(text).raws, *whole.end().raws]
    bit_by_bit = [raw for piece in pieces for raw in split.take(piece).raws] + split.end().raws

    assert at_once == bit_by_bit


TLS_SENDERS = [b"5 <13>a", b"<13>b\n"]


def test_tls_takes_only_certificates_of_the_authority(counter, authority, tls, trusted, tmp_path):
    client = authority.issue_cert("sender.example")
    (tmp_path / "client.pem").write_bytes(client.private_key_and_cert_chain_pem.bytes())
    secured = ClientTls(Path(tls.certificate), Path(tls.key), Path(trusted))
    with syslog(counter, tls=secured, transports=("tcp",)) as receiver:
        context = ssl.create_default_context(cafile=trusted)
        context.load_cert_chain(tmp_path / "client.pem")
        with (
            closing(connected(receiver)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as sender,
        ):
            sender.sendall(b"".join(TLS_SENDERS))
        eventually(lambda: counter.raws == [b"<13>a", b"<13>b"])

        stranger = ssl.create_default_context(cafile=trusted)
        # It hears of it by an alert or a reset, before or after it has written.
        with (
            suppress(OSError),
            closing(connected(receiver)) as plain,
            stranger.wrap_socket(plain, server_hostname="127.0.0.1") as sender,
        ):
            sender.sendall(OLD)
            while sender.recv(1):
                pass
    assert counter.raws == [b"<13>a", b"<13>b"]


def settings_lines(tmp_path: Path, feed: str) -> str:
    path = tmp_path / "tocsin.yaml"
    path.write_text(f"feeds:\n  - {{name: a, kind: syslog, source: linux.syslog, {feed}}}\n")
    with pytest.raises(SettingsError) as caught:
        load(path, {"HOME": str(tmp_path)})
    return str(caught.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ("transports: [udp]", "2: `port` is missing: The port to listen on"),
        ("port: 70000", "2: `port`: expected less than or equal to 65535"),
        ("port: 5514, host: 0.0.0.0", "2: `host`: anybody could send to 0.0.0.0: give `allow`"),
        (
            "port: 1, tls: {certificate: a, key: b}",
            "2: `tls` is for TCP: write `transports: [tcp]`",
        ),
        ("port: 1, tls: {certificate: a}", "2: `key` is missing: PEM file of the private key"),
        ("port: 1, transports: []", "2: `transports`: expected `udp`, `tcp` or both"),
        ("port: 1, transports: [icmp]", "2: `transports`: expected 'udp' or 'tcp'"),
        ("port: 1, allow: [here]", "2: `allow`: expected a range such as 10.0.0.0/8"),
        ("port: 1, idle: never", "2: `idle`: expected a number with ms, s, m, h, d or w"),
        ("port: 1, record: all", "2: `record`: expected 'line' or 'message'"),
        ("port: 1, unwrap: Records", "2: `unwrap` is no setting here"),
    ],
)
def test_mistakes_in_the_settings_are_named_with_their_line(tmp_path, feed, message):
    assert message in settings_lines(tmp_path, feed)
