"""Gather records of any origin into bounded batches, and keep what cannot be cut as rejects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import accumulate, chain
from typing import Any, Generic, TypeVar

import pyarrow as pa

from tocsin.ocsf import empty, from_rows, schemas
from tocsin.ocsf.identifiers import content_hash

MAX_RECORD_BYTES = 1 << 20
"""A longer record is a reject."""

KEPT_REJECT_BYTES = 64 << 10
"""Of a longer reject only so much is kept, with the hash of the whole."""

Mark = TypeVar("Mark")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one batch may hold."""

    max_records: int
    max_bytes: int


HISTORY = Limits(max_records=20_000, max_bytes=16 << 20)
"""For loading at full speed."""

LIVE = Limits(max_records=2_000, max_bytes=4 << 20)
"""For following: a turn stays short, so that a finding comes soon."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Bytes that could not be cut into a record; `reason` begins with a stable code."""

    position: int
    reason: str
    raw: bytes
    raw_hash: str
    size_bytes: int
    is_replayable: bool


def reject(position: int, reason: str, raw: bytes) -> Reject:
    """Return `raw` as a reject: whole, or its head where it is longer than is kept."""
    return Reject(
        position=position,
        reason=reason,
        raw=raw[:KEPT_REJECT_BYTES],
        raw_hash=content_hash(raw),
        size_bytes=len(raw),
        is_replayable=len(raw) <= KEPT_REJECT_BYTES,
    )


class GrowingReject:
    """A reject whose bytes arrive piece by piece and are not held: only head, hash and size.

    Attributes:
        size_bytes: how many have arrived.
    """

    def __init__(self, position: int, reason: str) -> None:
        self._position = position
        self._reason = reason
        self._head = bytearray()
        self._digest = blake2b(digest_size=16)
        self.size_bytes = 0

    def add(self, content: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(content)
        self.size_bytes += len(content)
        if len(self._head) < KEPT_REJECT_BYTES:
            self._head += content[: KEPT_REJECT_BYTES - len(self._head)]

    def end(self, reason: str = "", position: int = -1) -> Reject:
        """Return the reject for all bytes taken, with what was found out meanwhile."""
        return Reject(
            position=self._position if position < 0 else position,
            reason=reason or self._reason,
            raw=bytes(self._head),
            raw_hash=self._digest.hexdigest(),
            size_bytes=self.size_bytes,
            is_replayable=False,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Records and rejects that follow each other in one origin.

    `positions` ascend and belong to `raws` one by one; `resume` is the position from which reading
    the origin goes on after this span. `headers` is empty where no record has one, else one for
    each record: equal ones are the same object.
    """

    origin: str
    raws: Sequence[bytes]
    positions: Sequence[int]
    rejects: Sequence[Reject]
    resume: int
    headers: Sequence[bytes | None] = ()


@dataclass(frozen=True, slots=True)
class Filled(Generic[Mark]):
    """The content of one batch.

    `marks` holds what the reader said about each of its origins, with the position from which it
    resumes, in order of reading; an origin that was read twice stands twice.
    """

    records: pa.Table
    rejects: pa.Table
    marks: tuple[tuple[Mark, int], ...]


def fill(
    spans: Iterable[tuple[Mark, Span] | None], limits: Limits, source: str
) -> Iterator[Filled[Mark]]:
    """Gather spans into batches within `limits`; a span is split where it does not fit.

    Args:
        spans: each with the reader's mark of its origin; `None` closes the batch at hand, because
            the reader is about to wait.
        limits: of each batch; one record may exceed `max_bytes` alone.
        source: for the rows of rejects.
    """
    gathering: _Gathering[Mark] = _Gathering()
    for entry in spans:
        if entry is None:
            if gathering.marks:
                yield gathering.close(source)
                gathering = _Gathering()
            continue
        mark, rest = entry
        while True:
            part, rest_or_none = _split(rest, limits, gathering)
            gathering.add(mark, part)
            if rest_or_none is None:
                break
            yield gathering.close(source)
            gathering = _Gathering()
            rest = rest_or_none
    if gathering.marks:
        yield gathering.close(source)


@dataclass(slots=True)
class _Gathering(Generic[Mark]):
    """The batch at hand."""

    spans: list[Span] = field(default_factory=list)
    marks: list[tuple[Mark, int]] = field(default_factory=list)
    record_count: int = 0
    size_bytes: int = 0

    def add(self, mark: Mark, span: Span) -> None:
        self.spans.append(span)
        self.marks.append((mark, span.resume))
        self.record_count += len(span.raws) + len(span.rejects)
        self.size_bytes += sum(map(len, span.raws)) + sum(len(row.raw) for row in span.rejects)

    def close(self, source: str) -> Filled[Mark]:
        now = datetime.now(UTC).replace(tzinfo=None)
        return Filled(
            records=records_table(self.spans, now),
            rejects=rejects_table(self.spans, now, source),
            marks=tuple(self.marks),
        )


def _split(span: Span, limits: Limits, gathering: _Gathering[Mark]) -> tuple[Span, Span | None]:
    """Return the part of `span` that fits into the batch at hand, and the rest."""
    room_records = limits.max_records - gathering.record_count - len(span.rejects)
    room_bytes = limits.max_bytes - gathering.size_bytes
    if len(span.raws) <= room_records and sum(map(len, span.raws)) <= room_bytes:
        return span, None
    count = 0
    for raw in span.raws[: max(room_records, 0)]:
        room_bytes -= len(raw)
        if room_bytes < 0:
            break
        count += 1
    if count == 0 and not gathering.marks:
        count = 1
    if count >= len(span.raws):
        return span, None
    resume = span.positions[count]
    first = Span(
        span.origin,
        span.raws[:count],
        span.positions[:count],
        [row for row in span.rejects if row.position < resume],
        resume,
        span.headers[:count],
    )
    rest = Span(
        span.origin,
        span.raws[count:],
        span.positions[count:],
        [row for row in span.rejects if row.position >= resume],
        span.resume,
        span.headers[count:],
    )
    return first, rest


def records_table(spans: Sequence[Span], received: datetime) -> pa.Table:
    """Return rows of `ocsf.schemas.RAW`; `received` is UTC without a zone."""
    filled = [span for span in spans if span.raws]
    if not filled:
        return empty(schemas.RAW)
    raws = list(chain.from_iterable(span.raws for span in filled))
    origins = [pa.repeat(pa.scalar(span.origin, pa.string()), len(span.raws)) for span in filled]
    positions = list(chain.from_iterable(span.positions for span in filled))
    columns: list[pa.Array[Any]] = [
        _binary(raws),
        pa.concat_arrays(origins),
        pa.array(positions, pa.int64()),
        pa.repeat(pa.scalar(received, schemas.TIME), len(raws)),
        _headers(filled),
    ]
    return pa.Table.from_arrays(columns, schema=schemas.RAW)


def _headers(spans: Sequence[Span]) -> "pa.Array[Any]":
    """Return the header of each record; each header is held once."""
    numbers: dict[bytes, int] = {}
    indices: list[int | None] = []
    for span in spans:
        if span.headers:
            for header in span.headers:
                known = None if header is None else numbers.setdefault(header, len(numbers))
                indices.append(known)
        else:
            indices += [None] * len(span.raws)
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, pa.int32()), pa.array(list(numbers), pa.binary())
    )


def _binary(raws: Sequence[bytes]) -> "pa.Array[Any]":
    """Return an array of `raws`; joining them copies once, where `pa.array` grows as it copies."""
    ends = pa.array(list(accumulate(map(len, raws), initial=0)), pa.int32())
    content = pa.py_buffer(b"".join(raws))
    return pa.Array.from_buffers(pa.binary(), len(raws), [None, ends.buffers()[1], content])


def rejects_table(spans: Sequence[Span], received: datetime, source: str) -> pa.Table:
    """Return rows of `ocsf.schemas.REJECTS`; `received` is UTC without a zone."""
    rows: list[dict[str, object]] = [
        {
            "source": source,
            "origin": span.origin,
            "position": row.position,
            "received_time": received,
            "reason": row.reason,
            "raw": row.raw,
            "raw_hash": row.raw_hash,
            "size_bytes": row.size_bytes,
            "is_replayable": row.is_replayable,
        }
        for span in spans
        for row in span.rejects
    ]
    return from_rows(rows, schemas.REJECTS)
