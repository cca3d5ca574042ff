"""Frames come whole and in time, or an error says which of the two failed."""

import contextlib
import os
import threading

import pytest

from tocsin.isolate.channel import BrokenChannelError, LateError, channel_pair


@pytest.fixture
def ends():
    channel, child_reads, child_writes = channel_pair()
    yield channel, child_reads, child_writes
    channel.close()
    for descriptor in (child_reads, child_writes):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_a_frame_arrives_whole_however_it_was_cut(ends):
    channel, _, child_writes = ends
    content = bytes(range(256)) * 1_000
    whole = len(content).to_bytes(4, "big") + content

    def write():
        for at in range(0, len(whole), 40_001):
            os.write(child_writes, whole[at : at + 40_001])

    writer = threading.Thread(target=write)
    writer.start()
    received = channel.receive(seconds=60)
    writer.join()

    assert received == content


def test_a_frame_is_sent_with_its_length(ends):
    channel, child_reads, _ = ends
    channel.send(b"abc", seconds=60)

    assert os.read(child_reads, 99) == b"\0\0\0\3abc"


def test_a_child_that_writes_half_a_frame_is_late(ends):
    channel, _, child_writes = ends
    os.write(child_writes, b"\0\0\0\5ab")

    with pytest.raises(LateError):
        channel.receive(seconds=0.05)


def test_a_child_that_does_not_read_is_late(ends):
    with pytest.raises(LateError):
        ends[0].send(b"x" * 10_000_000, seconds=0.05)


def test_a_child_that_is_gone_is_told(ends):
    channel, child_reads, child_writes = ends
    os.close(child_writes)
    os.close(child_reads)

    with pytest.raises(BrokenChannelError):
        channel.receive(seconds=60)
    with pytest.raises(BrokenChannelError):
        channel.send(b"x", seconds=60)


def test_a_frame_of_absurd_length_is_refused(ends):
    os.write(ends[2], b"\xff\xff\xff\xff")

    with pytest.raises(BrokenChannelError, match="too much"):
        ends[0].receive(seconds=60)
