"""Syslog and GELF, sent to the receivers of Tocsin and read back by what they say."""

import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.act.forwarders.records import NOON, record, records
from tests.act.servers import serve
from tests.collect.counter import TOKEN, Counter
from tests.collect.syslogs import eventually, syslog
from tests.collect.test_gelf import gelf
from tocsin.act import Record, RecordsRefused
from tocsin.act.forwarders.gelf import Gelf, GelfSettings
from tocsin.act.forwarders.syslog import Syslog, SyslogSettings
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret

LOOPBACK = (ip_network("127.0.0.0/8"),)
FRAME = re.compile(
    rb"<(\d+)>1 (\S+) (\S+) tocsin - (\w+) \[tocsin@32473 uid=\"(\w+)\" kind=\"(\w+)\"\] (.*)",
    re.DOTALL,
)


def to_syslog(port: int, scheme: str = "tcp", **more: object) -> Syslog:
    values = {"url": f"{scheme}://127.0.0.1:{port}", "allow_private": LOOPBACK} | more
    return Syslog(SyslogSettings(**values))  # type: ignore[arg-type]


def to_gelf(url: str, **more: object) -> Gelf:
    return Gelf(GelfSettings(url=url, allow_private=LOOPBACK, **more))  # type: ignore[arg-type]


def test_each_record_is_one_frame_of_rfc_5424():
    counter, sent = Counter(), records(5)
    with syslog(counter) as receiver:
        to_syslog(receiver.port("hosts")).forward(sent)
        eventually(lambda: len(counter.raws) == 5)

    parts = [FRAME.fullmatch(raw) for raw in counter.raws]
    assert [part[5].decode() for part in parts] == [each.uid for each in sent]
    assert parts[0][1] == b"107"
    assert parts[0][2] == b"2026-11-23T12:00:00.000000Z"
    assert json.loads(parts[0][7]) == sent[0].content


def test_cef_is_escaped_so_that_no_text_makes_a_field():
    counter = Counter()
    with syslog(counter) as receiver:
        to_syslog(receiver.port("hosts"), format="cef").forward([record(1)])
        eventually(lambda: len(counter.raws) == 1)

    text = FRAME.fullmatch(counter.raws[0])[7].decode().removeprefix("\ufeff")
    assert text.startswith("CEF:0|Tocsin|Tocsin|")
    assert "|rule-1|Logging was stopped|7|" in text
    assert f"externalId={record(1).uid} " in text
    assert "cs1Label=entity cs1=eve" in text


@given(st.text(max_size=60), st.text(max_size=60))
def test_text_of_attackers_stays_in_its_field(title, name):
    from tocsin.act.forwarders.syslog import _cef

    made = Record("finding", "fnd_1", NOON, 4, title, {"unmapped": {"entity": {"name": name}}})
    text = _cef(made)

    assert len(re.split(r"(?<!\\)(?:\\\\)*\|", text)) >= 8
    assert "\n" not in text
    assert "\r" not in text
    extension = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)[7]
    keys = re.findall(r"(?:^| )(\w+)(?<!\\)=", extension)
    assert set(keys) <= {"rt", "externalId", "cat", "cs1Label", "cs1"}


def test_a_long_record_goes_without_its_raw_text_or_not_at_all():
    counter = Counter()
    raw, message = record(1, raw_data="x" * 5_000), record(2, message="y" * 5_000)
    with syslog(counter) as receiver:
        made = to_syslog(receiver.port("hosts"), max_bytes=2_000)
        with pytest.raises(RecordsRefused) as caught:
            made.forward([raw, message, record(3)])
        eventually(lambda: len(counter.raws) == 2)

    assert caught.value.reasons == {message.uid: "longer than 2000 bytes"}
    assert b"raw_data" not in counter.raws[0]


def test_plain_tcp_leaves_only_into_allowed_ranges():
    with pytest.raises(ActionError, match="not public"):
        to_syslog(9, allow_private=()).forward(records(1))
    with pytest.raises(ActionError, match="use tls://"):
        Syslog(SyslogSettings(url="tcp://9.9.9.9:514")).forward(records(1))


@pytest.mark.parametrize("url", ["udp://a:1", "tls://a", "tls://u:p@a:1", "tls://a:99999", "a:1"])
def test_addresses_that_can_never_be_used_are_refused_at_once(url):
    with pytest.raises(SettingsError, match="`url`"):
        Syslog(SyslogSettings(url=url))


def test_a_collector_that_is_not_there_gets_all_again():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        with pytest.raises(ActionError, match="127.0.0.1 does not take it: ConnectionRefusedError"):
            to_syslog(port).forward(records(2))


@contextmanager
def tls_sink() -> Iterator[tuple[int, trustme.CA, list[bytes]]]:
    authority, got = trustme.CA(), []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        try:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                while part := connection.recv(65_536):
                    got.append(part)
        except OSError:
            return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], authority, got
    finally:
        thread.join(10)
        listener.close()


def test_tls_is_checked_against_an_authority_of_ones_own(tmp_path):
    with tls_sink() as (port, authority, got):
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        to_syslog(port, "tls", certificates=path).forward(records(3))

    assert b"".join(got).count(b"tocsin@32473") == 3


def test_a_certificate_of_a_stranger_gets_nothing():
    refused = pytest.raises(ActionError, match="SSLCertVerificationError")
    with tls_sink() as (port, _, got), refused:
        to_syslog(port, "tls").forward(records(1))

    assert got == []


@pytest.mark.parametrize("scheme", ["tcp", "http"])
def test_gelf_arrives_once_and_whole(scheme):
    counter, sent = Counter(), records(4)
    with gelf(counter) as (receiver, url):
        port = receiver.port("logs")
        target = f"tcp://127.0.0.1:{port}" if scheme == "tcp" else f"{url}/gelf"
        to_gelf(target, token=Secret(TOKEN)).forward(sent)
        eventually(lambda: len(counter.raws) == 4)

    got = [json.loads(raw) for raw in counter.raws]
    assert [each["_uid"] for each in got] == [each.uid for each in sent]
    assert json.loads(got[0]["full_message"]) == sent[0].content
    assert (got[0]["level"], got[0]["_rule"], got[0]["_entity"]) == (3, "A rule", "eve")


def test_gelf_over_http_names_what_is_refused():
    with serve() as server:
        server.status = 400
        with pytest.raises(RecordsRefused) as caught:
            to_gelf(f"http://127.0.0.1:{server.port}/gelf").forward(records(2))

    assert set(caught.value.reasons) == {each.uid for each in records(2)}
