"""Flows as softflowd sends them, of packets that it reads from a capture of our making.

It reads the capture itself (`-r`), so nothing has to be replayed on an interface.
"""

import json
import struct
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.collect.counter import Counter, listening
from tests.collect.syslogs import eventually
from tests.conftest import program
from tocsin.collect.receivers.netflow import Netflow, NetflowFeed, NetflowSettings

BEGAN = int(time.time()) - 100
CLIENT, SERVER = ("10.20.0.15", 50122), ("203.0.113.80", 443)
SYN, SYN_ACK, FIN_ACK = 0x02, 0x12, 0x11
ETHERNET = 1


def packet(at: int, source: tuple[str, int], target: tuple[str, int], flags: int, size: int):
    """Return a packet of TCP over IPv4 as it stands in a capture."""
    tcp = struct.pack(">HHIIBBHHH", source[1], target[1], 1, 0, 5 << 4, flags, 8192, 0, 0)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + size, 0, 0, 64, 6, 0)
    ip += ip_address(source[0]).packed + ip_address(target[0]).packed
    frame = b"\2" * 6 + b"\4" * 6 + b"\x08\x00" + ip + tcp + b"x" * size
    return struct.pack("<IIII", BEGAN + at, 0, len(frame), len(frame)) + frame


def write_capture(path: Path) -> None:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, ETHERNET)
    conversation = [
        packet(0, CLIENT, SERVER, SYN, 0),
        packet(1, SERVER, CLIENT, SYN_ACK, 100),
        packet(2, CLIENT, SERVER, FIN_ACK, 200),
    ]
    path.write_bytes(head + b"".join(conversation))


@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_flows_of_softflowd_are_read(version, tmp_path):
    softflowd = program("softflowd")
    write_capture(tmp_path / "capture.pcap")
    feed = NetflowFeed("routers", "netflow.flow", port=0)
    receiver, counter = Netflow(NetflowSettings((feed,))), Counter()
    with listening(counter, receiver):
        options = ["-d", "-r", str(tmp_path / "capture.pcap"), "-v", version]
        options += ["-n", f"127.0.0.1:{receiver.port('routers')}"]
        # With a socket for its control at a longer path it waits for ever.
        options += ["-p", str(tmp_path / "pid"), "-c", "none"]
        subprocess.run([softflowd, *options], check=True, capture_output=True, timeout=120)
        eventually(lambda: len(counter.raws) == 2)

    flows = {row["sourceIPv4Address"]: row for row in map(json.loads, counter.raws)}
    asked, answered = flows[CLIENT[0]], flows[SERVER[0]]
    assert (asked["destinationIPv4Address"], asked["destinationTransportPort"]) == SERVER
    assert (answered["destinationIPv4Address"], answered["destinationTransportPort"]) == CLIENT
    assert (asked["packetDeltaCount"], asked["octetDeltaCount"]) == (2, 280)
    assert (answered["packetDeltaCount"], answered["octetDeltaCount"]) == (1, 140)
    assert (asked["tcpControlBits"], answered["tcpControlBits"]) == (SYN | FIN_ACK, SYN_ACK)
    assert {flow["version"] for flow in flows.values()} == {int(version)}
    # Version 5 and 9 tell how long before the message it was, with the fractions of its clock.
    assert [asked["start"] - BEGAN, asked["end"] - BEGAN] == pytest.approx([0, 2], abs=1.1)
    assert asked["end"] - asked["start"] == pytest.approx(2, abs=0.01)
    assert counter.rejects == []
