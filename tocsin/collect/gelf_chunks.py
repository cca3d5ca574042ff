"""Put chunks of GELF datagrams together and inflate messages, within limits of everything.

Source: https://go2docs.graylog.org/current/getting_in_log_data/gelf.html: two magic bytes, eight of
an identifier, the chunk's number and how many there are; at most 128 within five seconds.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tocsin.collect.records import MAX_RECORD_BYTES

CHUNK_MAGIC = b"\x1e\x0f"
MAX_CHUNKS = 128
MAX_OPEN_MESSAGES = 1_000
MAX_OPEN_BYTES = 16 << 20
CHUNK_SECONDS = 5.0

_HEAD_BYTES = 12
_COMPRESSED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


class Damage(Exception):  # noqa: N818 - what is wrong with a message, not an error of the product
    """A message that cannot be read; the text is the reason of its reject."""


@dataclass(slots=True)
class _Open:
    """A message of which not all chunks have come."""

    count: int
    began: float
    chunks: dict[int, bytes] = field(default_factory=dict)
    size_bytes: int = 0


class Chunks:
    """Chunks of messages whose rest has not come, by sender and identifier."""

    def __init__(
        self, count: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what counts chunks that are given up, and a clock."""
        self._count = count
        self._now = now
        self._open: dict[tuple[str, bytes], _Open] = {}
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    def take(self, datagram: bytes, address: str) -> bytes | None:
        """Return the message that a datagram is, or completes."""
        if not datagram.startswith(CHUNK_MAGIC):
            return datagram
        self._forget_old()
        if len(datagram) <= _HEAD_BYTES:
            self._count("broken_chunks")
            return None
        key, number, count = (address, datagram[2:10]), datagram[10], datagram[11]
        one = self._open.get(key)
        if not 0 < count <= MAX_CHUNKS or number >= count or (one and one.count != count):
            self._count("broken_chunks")
            return None
        if one is None:
            one = self._open[key] = _Open(count, self._now())
        if number in one.chunks:
            return None
        return self._complete(key, one, number, datagram[_HEAD_BYTES:])

    def _complete(
        self, key: tuple[str, bytes], one: _Open, number: int, content: bytes
    ) -> bytes | None:
        one.chunks[number] = content
        one.size_bytes += len(content)
        self.held_bytes += len(content)
        if len(one.chunks) == one.count:
            self._forget(key)
            return b"".join(one.chunks[each] for each in range(one.count))
        if one.size_bytes > MAX_RECORD_BYTES:
            self._give_up(key)
        while len(self._open) > MAX_OPEN_MESSAGES or self.held_bytes > MAX_OPEN_BYTES:
            self._give_up(next(iter(self._open)))
        return None

    def _forget_old(self) -> None:
        # In the order in which they began.
        limit = self._now() - CHUNK_SECONDS
        while self._open and next(iter(self._open.values())).began < limit:
            self._give_up(next(iter(self._open)))

    def _give_up(self, key: tuple[str, bytes]) -> None:
        self._forget(key)
        self._count("incomplete_messages")

    def _forget(self, key: tuple[str, bytes]) -> None:
        self.held_bytes -= self._open.pop(key).size_bytes


def inflated(message: bytes) -> bytes:
    """Return a message as text, inflated where it is gzip or zlib.

    Raises:
        Damage: it is damaged, or longer than a record may be.
    """
    if not message.startswith(_COMPRESSED):
        return message
    inflating = zlib.decompressobj(wbits=47)  # gzip or zlib, by its first bytes
    try:
        text = inflating.decompress(message, MAX_RECORD_BYTES + 1)
    except zlib.error as error:
        raise Damage(f"damaged: {error}") from error
    if len(text) > MAX_RECORD_BYTES:
        raise Damage(f"too_long: a record has at most {MAX_RECORD_BYTES} bytes")
    if not inflating.eof:
        raise Damage("damaged: the compressed message ends early")
    return text
