"""A receiver of syslog with one feed, and plain senders."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from tests.collect.counter import Counter, listening
from tocsin.collect.receivers.syslog import Syslog, SyslogFeed, SyslogSettings

NEW = b"<34>1 2026-11-23T10:00:00.003Z host.example su 77 ID47 - 'su root' failed for dana"
OLD = b"<34>Nov 23 10:00:00 host su[77]: 'su root' failed for dana"


@contextmanager
def syslog(counter: Counter, **more: object) -> Iterator[Syslog]:
    feed = SyslogFeed("hosts", "linux.syslog", 0, **more)  # type: ignore[arg-type]
    receiver = Syslog(SyslogSettings((feed,)))
    with listening(counter, receiver):
        yield receiver


def eventually(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def connected(receiver: Syslog) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port("hosts")), 5)


def send_tcp(receiver: Syslog, *parts: bytes) -> None:
    with closing(connected(receiver)) as sender:
        for part in parts:
            sender.sendall(part)


def send_udp(receiver: Syslog, *datagrams: bytes) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", receiver.port("hosts")))
