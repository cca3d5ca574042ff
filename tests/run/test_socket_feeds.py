"""Syslog and GELF from `tocsin.yaml` to stored events, counted and restarted with the rest."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.errors import SettingsError
from tocsin.ocsf import EVERYTHING
from tocsin.run import Running, start
from tocsin.settings import Settings, load

SETTINGS = """\
data: data
log_level: error
web: {port: 0}
receivers: {port: 0}
rules: {with_builtin: false}
feeds:
  - name: hosts
    kind: syslog
    source: linux.syslog
    port: 0
    allow: [127.0.0.0/8]
  - name: falco
    kind: syslog
    source: falco.alert
    port: 0
    transports: [tcp]
    record: message
  - name: fenced
    kind: syslog
    source: linux.syslog
    port: 0
    transports: [udp]
    allow: [192.0.2.0/24]
  - {name: graylog, kind: gelf, source: linux.syslog, port: 0, record_field: full_message}
"""
LINE = (
    b"<38>Nov 23 10:00:00 web sshd[77]: Accepted publickey for dana from 198.51.100.7"
    b" port 50022 ssh2"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "tocsin.yaml").write_text(SETTINGS)
    return load(tmp_path / "tocsin.yaml", {})


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def port(running: Running, feed: str) -> int:
    for receiver in running.receiving:
        if feed in receiver._sockets:  # type: ignore[attr-defined] # a port that the system chose
            return int(receiver.port(feed))  # type: ignore[attr-defined]
    raise AssertionError(feed)


def stored(running: Running) -> dict[str, int]:
    found = running.store.sources.list(EVERYTHING, datetime.now(UTC))
    return {each.feed: each.events for each in found}


def send_udp(to: int, content: bytes) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.sendto(content, ("127.0.0.1", to))


def test_lines_become_events_and_what_is_refused_is_counted(settings: Settings):
    with start(settings) as running:
        send_udp(port(running, "hosts"), LINE)
        with closing(socket.create_connection(("127.0.0.1", port(running, "hosts")), 5)) as sender:
            sender.sendall(b"%d %s" % (len(LINE), LINE))
        send_udp(port(running, "fenced"), LINE)
        send_udp(port(running, "graylog"), b'{"version":"1.1","full_message":"%s"}' % LINE)
        until(lambda: stored(running) == {"hosts": 2, "graylog": 1})
        until(lambda: lost(running) == {("fenced", "refused_address"): 1})

        assert running.health().problems == ()


def lost(running: Running) -> dict[tuple[str, str], float]:
    return {
        (each.labels["feed"], each.labels["what"]): each.value
        for each in running.metrics()
        if each.name == "tocsin_feed_lost_total"
    }


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        yield holder.getsockname()[1]


def test_a_taken_port_is_said_at_the_start(tmp_path: Path, taken: int):
    (tmp_path / "tocsin.yaml").write_text(
        SETTINGS.replace("port: 0\n    transports: [tcp]", f"port: {taken}\n    transports: [tcp]")
    )
    found = load(tmp_path / "tocsin.yaml", {})

    with pytest.raises(SettingsError, match=f"feed 'falco': cannot listen on 127.0.0.1:{taken}"):
        start(found)
