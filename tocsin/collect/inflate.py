"""Inflate gzip as it arrives, within bounds, so that a small file cannot fill the memory.

Members may follow each other (RFC 1952, section 2.2). What was inflated before an error has been
given out already: the good part of a damaged file arrives.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 1 << 20
# Below this size a high ratio is harmless; short repetitive logs reach 200:1 honestly.
_RATIO_FREE_BYTES = 8 << 20


class Damage(Exception):  # noqa: N818 - not an error of the product: its catcher makes it a reject
    """The rest of a stream cannot be read; the text is a reject's reason, with its code."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one gzip stream may become."""

    max_bytes: int = 256 << 20
    max_ratio: int = 200
    max_members: int = 10_000


def inflate(blocks: Iterable[bytes], bounds: Bounds) -> Iterator[bytes]:
    """Yield the content of a gzip stream in pieces of at most 1 MiB.

    Raises:
        Damage: `truncated`, `bad_gzip`, `bomb` or `too_large`, after all that came before it.
    """
    stream = _Stream(bounds)
    for block in blocks:
        yield from stream.take(block)
    stream.end()


def _good_part(member: "zlib._Decompress", damaged: bytes) -> Iterator[bytes]:
    """Yield what a member inflates to before its damage: zlib gives nothing of a failing call."""
    for start in range(len(damaged)):
        try:
            piece = member.decompress(damaged[start : start + 1], _PIECE_BYTES)
        except zlib.error:
            return
        if piece:
            yield piece


class _Stream:
    """One gzip stream: its members, and what went in and came out."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._member = zlib.decompressobj(wbits=31)
        self._member_count = 1
        self._is_between_members = False
        self._bytes_in = 0
        self._bytes_out = 0

    def take(self, block: bytes) -> Iterator[bytes]:
        self._bytes_in += len(block)
        rest = block
        is_more_inside = False
        while rest or is_more_inside:
            if self._is_between_members:
                rest = self._open_member(rest)
                if not rest:
                    return
            before = self._member.copy()
            try:
                piece = self._member.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                yield from _good_part(before, rest)
                raise Damage(f"bad_gzip: {error}") from error
            if piece:
                self._count(piece)
                yield piece
            self._is_between_members = self._member.eof
            rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            # A full piece may leave output inside zlib although all input was taken.
            is_more_inside = len(piece) == _PIECE_BYTES and not self._member.eof

    def end(self) -> None:
        if not self._is_between_members:
            raise Damage("truncated: the gzip stream ends before its end mark")

    def _open_member(self, rest: bytes) -> bytes:
        # Tape and block devices pad with zeros; gzip itself ignores them too.
        rest = rest.lstrip(b"\0")
        if not rest:
            return b""
        if not GZIP_MAGIC.startswith(rest[:2]):
            raise Damage("bad_gzip: other bytes follow the end of the gzip stream")
        self._member_count += 1
        if self._member_count > self._bounds.max_members:
            raise Damage(f"bomb: more than {self._bounds.max_members} gzip members")
        self._member = zlib.decompressobj(wbits=31)
        self._is_between_members = False
        return rest

    def _count(self, piece: bytes) -> None:
        self._bytes_out += len(piece)
        bounds = self._bounds
        if self._bytes_out > bounds.max_bytes:
            raise Damage(f"too_large: more than {bounds.max_bytes} bytes after inflating")
        is_steep = self._bytes_out > bounds.max_ratio * self._bytes_in
        if is_steep and self._bytes_out > _RATIO_FREE_BYTES:
            raise Damage(f"bomb: inflates more than {bounds.max_ratio} to 1")
