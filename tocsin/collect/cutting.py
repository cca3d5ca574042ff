"""Cut a stream of bytes into records: JSON lines as they come, other payloads as documents.

Whatever arrives is either a record, a reject, or the space and brackets between them; nothing is
lost. A record need not be valid JSON here: `normalize` judges that.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from tocsin.collect.documents import array_opening, cut_long
from tocsin.collect.inflate import GZIP_MAGIC, Bounds, Damage, inflate
from tocsin.collect.lines import BOM, Found
from tocsin.collect.parquet import PARQUET_MAGIC, cut_parquet
from tocsin.collect.records import MAX_RECORD_BYTES, GrowingReject, Span, reject
from tocsin.collect.texts import Cutter, cutter_for
from tocsin.normalize import is_expanding, places, unwrap
from tocsin.ocsf.reading import LineReader

MAX_DOCUMENT_BYTES = 16 << 20
"""Longer documents are cut as they stream by."""

MAX_REPORT_BYTES = 32 << 20
"""A document whose records repeat what surrounds them is held as a whole; a longer one is a
reject."""

TOO_LONG_REPORT = f"too_long: a report has at most {MAX_REPORT_BYTES} bytes or two million values"

_HEAD_BYTES = MAX_RECORD_BYTES + 1
_WHITE = b" \t\r\n"
# Where a reader reads lines of text: what is JSON nevertheless.
_JSON_BEGIN = re.compile(rb"\s*(?:\{|\[\s*\{)")
# What clouds and clusters send has a comma every 30 bytes or more. Bodies of nothing but tiny
# values would cost a hundred times their size once cut.
_LEAST_BYTES_PER_COMMA = 16
_MOST_BODY_COMMAS = 1_200_000
# A document of more values is not cut at once: small values cost more memory than their bytes.
_MOST_COMMAS = 1_000_000

_UNREAD_FORMATS = (
    (GZIP_MAGIC, "gzip inside gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
)

Blocks = Iterable[bytes]
OpenAt = Callable[[int], Blocks]
"""Gives the blocks of a stream from a byte offset on, in pieces of about 1 MiB."""

Shape = Literal["lines", "document"]
"""`lines`: a record a line; `document`: one payload of many records, or several of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is read.

    Attributes:
        origin: the `origin` of its records.
        unwrap: where a payload holds its records, as the mapping says.
        resume: the position from which records are wanted: a byte offset in lines, an index in a
            document.
        reader: of lines of text, as the mapping says; `None` where all is JSON.
    """

    origin: str
    unwrap: str | None = None
    resume: int = 0
    reader: LineReader | None = None


def cut(open_at: OpenAt, place: Place, bounds: Bounds | None = None) -> Iterator[Span]:
    """Yield the records of a stream, plain or gzip, in spans of about a block.

    Errors of `open_at` and its blocks pass through; damaged gzip is a reject after the good part.
    """
    stream = Stream(open_at(0), bounds or Bounds())
    head = stream.head()
    unread = next((name for magic, name in _UNREAD_FORMATS if head.startswith(magic)), None)
    if head.startswith(PARQUET_MAGIC):
        yield from cut_parquet(stream, place.origin, place.resume)
    elif unread:
        yield from _swallow(stream, place, f"unknown_format: {unread} is not read")
    elif shape_of(head, place.unwrap, stream.is_complete, place.reader) == "document":
        yield from _cut_document(stream, place)
    elif place.resume and not stream.is_gzip and not (place.reader and place.reader.has_header):
        cutter = cutter_for(place.resume, place.reader, path=place.unwrap)
        yield from _cut_lines(open_at(cutter.taken_to), place, cutter)
    else:
        # Headers are read again: what was read before is cut, and left out.
        cutter = cutter_for(0, place.reader, path=place.unwrap)
        yield from _cut_lines(stream, place, cutter)
    if stream.damage and stream.offset >= place.resume:
        rest = GrowingReject(stream.offset, stream.damage).end()
        yield Span(place.origin, (), (), [rest], stream.offset + 1)


def shape_of(
    head: bytes, path: str | None, is_complete: bool, reader: LineReader | None = None
) -> Shape:
    """Guess the shape of a stream.

    Args:
        head: its first bytes, with the first line where that is at most 1 MiB.
        path: the key below which payloads hold their records.
        is_complete: whether `head` is the whole stream.
        reader: of lines of text: what does not begin as JSON is lines then.
    """
    text = head.removeprefix(BOM).lstrip(_WHITE)
    if reader is not None and not _JSON_BEGIN.match(text):
        return "lines"
    line, newline, _ = text.partition(b"\n")
    if text[:1] == b"[":
        return "document"
    if text[:1] != b"{":
        return "lines"
    if is_expanding(path):
        return "lines" if newline and _is_value(line) else "document"
    if not newline and not is_complete:
        # A first line without end: many records in one, or one record beyond all bounds.
        return "document" if _opens_array(text, path) else "lines"
    try:
        members = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        # What is cut short by the line break goes on in the next line: an indented document. What
        # follows an object in its line is another, as Firehose joins them.
        said = str(error)
        is_cut_short = said.startswith("Input data was truncated")
        is_joined = path is not None and "trailing characters" in said
        return "document" if is_cut_short or is_joined or _opens_array(line, path) else "lines"
    except (RecursionError, UnicodeDecodeError):
        return "document" if _opens_array(line, path) else "lines"
    heads = (bytes(members.get(place.keys[0], b""))[:1] for place in places(path))
    return "document" if any(head in (b"[", b"{") for head in heads if head) else "lines"


def cut_payload(payload: bytes, path: str | None) -> Found:
    """Return the records of a whole payload with their indices, and what is broken in it."""
    unwrapped = unwrap(payload.removeprefix(BOM), path)
    found = Found(rejects=[reject(at, why, raw) for at, raw, why in unwrapped.broken])
    for at, raw in unwrapped.records:
        found.add(at, raw)
    return found


def cut_body(
    body: bytes, path: str | None, max_records: int, reader: LineReader | None = None
) -> Found | None:
    """Return the records of a request's body, lines or document; `None` where they are too many.

    Counted before they are cut: a million empty objects fit into a few megabytes of text, not of
    memory.
    """
    line = body[:_HEAD_BYTES]
    if shape_of(line, path, len(line) == len(body), reader) == "document":
        dense = max(max_records, len(body) // _LEAST_BYTES_PER_COMMA)
        if body.count(b",") > min(dense, _MOST_BODY_COMMAS):
            return None
        found = cut_payload(body, path)
    else:
        if body.count(b"\n") > max_records:
            return None
        cutter = cutter_for(0, reader, path=path)
        found, last = cutter.take(body), cutter.end()
        found = Found(
            found.raws + last.raws,
            found.positions + last.positions,
            found.rejects + last.rejects,
            found.headers + last.headers,
        )
    return found if len(found.raws) + len(found.rejects) <= max_records else None


def _is_value(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _opens_array(text: bytes, path: str | None) -> bool:
    """Tell whether an object begins like a payload of many records."""
    heads = (place.keys[0] for place in places(path))
    return any(array_opening(head).match(text) for head in heads)


def _cut_lines(blocks: Blocks, place: Place, cutter: Cutter) -> Iterator[Span]:
    for block in blocks:
        yield from _span(cutter.take(block), place, cutter.offset)
    yield from _span(cutter.end(), place, cutter.offset)


def _cut_document(stream: "Stream", place: Place) -> Iterator[Span]:
    is_report = is_expanding(place.unwrap)
    most_bytes = MAX_REPORT_BYTES if is_report else MAX_DOCUMENT_BYTES
    payload = b"".join(_up_to(stream, most_bytes))
    if len(payload) <= most_bytes and payload.count(b",") <= _MOST_COMMAS * (1 + is_report):
        found = cut_payload(payload, place.unwrap)
        yield from _span(found, place, _next_index(found, 0))
        return
    if is_report:
        yield from _swallow(stream, place, TOO_LONG_REPORT, payload)
        return
    resume = 0
    for found in cut_long(_prepend(payload, iter(stream)), place.unwrap):
        resume = _next_index(found, resume)
        yield from _span(found, place, resume)


def _up_to(stream: "Stream", size_bytes: int) -> Iterator[bytes]:
    for block in stream:
        yield block
        if stream.offset > size_bytes:
            return


def _next_index(found: Found, otherwise: int) -> int:
    last = max([*found.positions[-1:], *(row.position for row in found.rejects)], default=-1)
    return max(last + 1, otherwise)


def _span(found: Found, place: Place, resume: int) -> Iterator[Span]:
    wanted = found.since(place.resume)
    if wanted.raws or wanted.rejects:
        yield wanted.span(place.origin, resume)


def _swallow(
    stream: "Stream", place: Place, reason: str, begun: bytes | bytearray = b""
) -> Iterator[Span]:
    whole = GrowingReject(0, reason)
    whole.add(bytes(begun))
    for block in stream:
        whole.add(block)
    if not place.resume:
        yield Span(place.origin, (), (), [whole.end()], 1)


class Stream:
    """Blocks of content, inflated where they are gzip, that can be looked at before being read.

    Ends at damage, which it keeps. `offset` counts the bytes read.
    """

    def __init__(self, blocks: Blocks, bounds: Bounds) -> None:
        self.is_gzip = False
        self.is_complete = False
        self.damage: str | None = None
        self.offset = 0
        self._blocks = self._open(iter(blocks), bounds)
        self._waiting: list[bytes] = []

    def head(self) -> bytes:
        """Return the first line, or what there is of it within 1 MiB, without consuming it."""
        head = b""
        while len(head) < _HEAD_BYTES and b"\n" not in head.lstrip(_WHITE):
            block = next(self._blocks, None)
            if block is None:
                self.is_complete = True
                break
            self._waiting.append(block)
            head += block
        return head

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content, once."""
        while self._waiting:
            yield self._count(self._waiting.pop(0))
        for block in self._blocks:
            yield self._count(block)

    def _count(self, block: bytes) -> bytes:
        self.offset += len(block)
        return block

    def _open(self, blocks: Iterator[bytes], bounds: Bounds) -> Iterator[bytes]:
        first = next(blocks, b"")
        # A block may be one byte; the magic has two.
        while len(first) < len(GZIP_MAGIC) and (more := next(blocks, b"")):
            first += more
        self.is_gzip = first.startswith(GZIP_MAGIC)
        if not self.is_gzip:
            if first:
                yield first
            yield from blocks
            return
        try:
            yield from inflate(_prepend(first, blocks), bounds)
        except Damage as damage:
            self.damage = str(damage)


def _prepend(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks
