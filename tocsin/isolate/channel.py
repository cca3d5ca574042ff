"""Talk to a child process in frames, with a deadline on every byte.

A frame is a length (4 bytes, big-endian) and that many bytes. The child is not trusted: it may
stop reading, stop writing, or write anything.
"""

import os
import select
import time
from dataclasses import dataclass

_MAX_FRAME_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 1 << 16


class BrokenChannelError(Exception):
    """The child ended, closed its end, or wrote what is no frame."""


class LateError(Exception):
    """The child did not answer in time."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The parent's ends of two pipes, both set to return rather than wait.

    Attributes:
        read_descriptor: what the child writes.
        write_descriptor: what the child reads.
    """

    read_descriptor: int
    write_descriptor: int

    def send(self, content: bytes, *, seconds: float) -> None:
        """Send one frame.

        Raises:
            LateError: the child did not read it within `seconds`.
            BrokenChannelError: the child is gone.
        """
        deadline = time.monotonic() + seconds
        rest = memoryview(len(content).to_bytes(4, "big") + content)
        while rest:
            self._wait(self.write_descriptor, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self.write_descriptor, rest[:_PIECE_BYTES]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise BrokenChannelError("it ended") from error

    def receive(self, *, seconds: float) -> bytes:
        """Return the next frame.

        Raises:
            LateError: it did not come whole within `seconds`.
            BrokenChannelError: the child is gone, or announced more than 16 MiB.
        """
        deadline = time.monotonic() + seconds
        size = int.from_bytes(self._read(4, deadline), "big")
        if size > _MAX_FRAME_BYTES:
            raise BrokenChannelError("it answered with too much")
        return self._read(size, deadline)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.read_descriptor)
        os.close(self.write_descriptor)

    def _read(self, size: int, deadline: float) -> bytes:
        parts = []
        while size:
            self._wait(self.read_descriptor, select.POLLIN, deadline)
            try:
                part = os.read(self.read_descriptor, min(size, _PIECE_BYTES))
            except BlockingIOError:
                continue
            if not part:
                raise BrokenChannelError("it ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    @staticmethod
    def _wait(descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poll.poll(remaining * 1000):
            raise LateError


def channel_pair() -> tuple[Channel, int, int]:
    """Return the parent's channel, and the descriptors that the child reads and writes."""
    child_reads, parent_writes = os.pipe()
    parent_reads, child_writes = os.pipe()
    os.set_blocking(parent_writes, False)
    os.set_blocking(parent_reads, False)
    return Channel(parent_reads, parent_writes), child_reads, child_writes
