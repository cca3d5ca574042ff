"""Apply a mapping to a batch: every record becomes an event or a reject, whatever it holds.

The order of work: limits on raw bytes, one statement over what passed, identifiers. A statement
that fails on some record is run again on halves of the batch, so that only that record is refused.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from operator import is_
from struct import Struct
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.normalize.describing import described
from tocsin.normalize.engine import FEED, Engine
from tocsin.normalize.enumerations import class_columns, named
from tocsin.normalize.limits import RefusedError, examine
from tocsin.normalize.mapping import Mapping
from tocsin.normalize.observables import observables
from tocsin.normalize.reading import NOT_UTF8, Read, read_texts, shown
from tocsin.normalize.reporting import reported
from tocsin.ocsf import RawBatch, classes, identifiers, schemas

KEPT_REJECT_BYTES = 64 << 10
NO_TIME = "no_time"

_LENGTH = Struct(">Q").pack
_INFORMATIONAL = 1
_SLICE_RECORDS = 8_192
_SLICE_BYTES = 32 << 20
_EARLIEST = pa.scalar(31 * 86_400_000_000, pa.duration("us"))
_LATEST = pa.scalar(86_400_000_000, pa.duration("us"))


@dataclass(frozen=True, slots=True)
class Normalized:
    """What became of a batch; events and rejects together are its records.

    Attributes:
        events: `ocsf.schemas.EVENT_COLUMNS` and the OCSF attributes of the mapping.
        findings: rows of `ocsf.schemas.FINDINGS`, for sources that give findings; each names the
            one event that it rests on.
        resources: rows of `ocsf.schemas.RESOURCES`, for sources that describe things; each names
            the event that it rests on.
        rejects: rows of `ocsf.schemas.REJECTS`; `reason` starts with a stable code: `empty`,
            `not_utf8`, `not_json`, `not_object`, `too_large`, `too_deep`, `too_many_values`,
            `number_out_of_range`, `bad_time`, `unrecognized`, `mapping_failed`.
    """

    events: pa.Table
    findings: pa.Table
    resources: pa.Table
    rejects: pa.Table


def apply(mapping: Mapping, batch: RawBatch) -> Normalized:
    """Turn the records of `batch` into events; never raises because of a record.

    An event's time is that of the record. A record without any time takes that of its receipt and
    the flag `no_time`; one whose time cannot be read is a reject (`bad_time`). An event's `day`
    is its own when that lies within 31 days before and one after the receipt, else the day of
    receipt, and then it is `skewed`. `batch.rejects` are not looked at.

    Returns:
        Events in the order of the records, findings and resources in theirs, and rejects.
    """
    parts = list(_parts(mapping, batch))
    return Normalized(
        events=pa.concat_tables([mapping.schema.empty_table(), *(part.events for part in parts)]),
        findings=pa.concat_tables(
            [schemas.FINDINGS.empty_table(), *(part.findings for part in parts)]
        ),
        resources=pa.concat_tables(
            [schemas.RESOURCES.empty_table(), *(part.resources for part in parts)]
        ),
        rejects=pa.concat_tables(
            [schemas.REJECTS.empty_table(), *(part.rejects for part in parts)]
        ),
    )


class _Part(NamedTuple):
    """What became of one slice."""

    events: pa.Table
    findings: pa.Table
    resources: pa.Table
    rejects: pa.Table


def _parts(mapping: Mapping, batch: RawBatch) -> Iterator[_Part]:
    """Give what became of each slice.

    While the database works on one slice, which needs no Python, the next one is examined: a long
    batch uses two cores. The result is the same as one after the other.
    """
    slices = [_Slice(mapping, batch.source, records) for records in _slices(batch.records)]
    if len(slices) < 2:
        yield from (part.finished(part.mapped(part.examined())) for part in slices)
        return
    with ThreadPoolExecutor(max_workers=1) as database:
        running: tuple[_Slice, Future[pa.Table]] | None = None
        for part in slices:
            started = (part, database.submit(part.mapped, part.examined()))
            if running:
                yield running[0].finished(running[1].result())
            running = started
        if running:
            yield running[0].finished(running[1].result())


def _slices(records: pa.Table) -> Iterator[pa.Table]:
    """Cut a batch so that no part is long or large; what is held several times stays bounded."""
    start = size = 0
    for index, length in enumerate(pc.binary_length(records.column("raw")).to_pylist()):
        if index > start and (size + length > _SLICE_BYTES or index - start >= _SLICE_RECORDS):
            yield records.slice(start, index - start)
            start, size = index, 0
        size += length
    if start < records.num_rows:
        yield records.slice(start)


class _Slice:
    """A part of a batch small enough to be held several times."""

    def __init__(self, mapping: Mapping, source: str, records: pa.Table) -> None:
        self._mapping = mapping
        self._source = source
        self._records = records.combine_chunks()
        self._raws: list[bytes] = self._records.column("raw").to_pylist()
        self._read = self._read_texts()
        # Whether no reader had anything to do: the raw text is what was read.
        self._is_plain = self._read is None or all(map(is_, self._read.texts, self._raws))
        self._reasons: dict[int, str] = {}
        self._flags: dict[int, tuple[str, ...]] = {}

    def examined(self) -> list[int]:
        """Return the indices of records that may be parsed; note why others may not."""
        good = []
        has_read = self._read is not None and not self._is_plain
        for index, text in enumerate(self._read.texts if self._read else self._raws):
            if isinstance(text, str):
                self._reasons[index] = text
                continue
            try:
                flags = examine(text)
            except RefusedError as refusal:
                self._reasons[index] = str(refusal)
                continue
            good.append(index)
            if has_read and not _is_utf8(self._raws[index]):
                flags = (*flags, NOT_UTF8)
            if flags:
                self._flags[index] = flags
        return good

    def _read_texts(self) -> Read | None:
        """Return what the mapping's reader made of the records; `None` where all are JSON."""
        if self._mapping.reader is None:
            return None
        read = read_texts(
            self._mapping.reader, self._raws, self._records.column("header").to_pylist()
        )
        self._raws = read.raws
        return read

    def _is_plain_column(self) -> bool:
        """Say whether the column of raw bytes holds what was read, without headers above it."""
        return self._is_plain and not any(self._read.headers if self._read else ())

    def _texts(self, taken: pa.Table, good: list[int]) -> pa.Array:
        """Return the JSON texts of good records, whose rows are `taken`."""
        if self._read is None or self._is_plain_column():
            return taken.column("raw").cast(pa.string())
        texts = self._read.texts
        return pa.array([texts[index] for index in good], pa.binary()).cast(pa.string())

    def mapped(self, good: list[int]) -> pa.Table:
        """Return a row of the statement for each good record; failures are noted."""
        indices = pa.array(good, pa.int32())
        whole = len(good) == len(self._raws)
        taken = self._records if whole else self._records.take(indices)
        feed = pa.table(
            [indices, taken.column("received_time"), self._texts(taken, good)],
            schema=FEED,
        )
        with self._mapping.engine() as engine:
            return pa.concat_tables(self._run(engine, feed)).combine_chunks()

    def finished(self, rows: pa.Table) -> _Part:
        """Return the events, findings, resources and rejects of what the statement gave."""
        ordered = rows if _in_order(rows) else rows.sort_by("row number")
        kept = self._without_rejects(ordered)
        events, reporting = self._events(kept), self._mapping.reporting
        findings = (
            reported(reporting, events, kept) if reporting else schemas.FINDINGS.empty_table()
        )
        return _Part(events, findings, self._resources(events, kept), self._rejects())

    def _resources(self, events: pa.Table, rows: pa.Table) -> pa.Table:
        if not self._mapping.is_describing:
            return schemas.RESOURCES.empty_table()
        native = "native" if self._read else "raw_data"
        texts = pc.coalesce(events.column(native), events.column("raw_data")).to_pylist()
        return described(events, rows, texts)

    def _run(self, engine: Engine, feed: pa.Table) -> list[pa.Table]:
        try:
            return [engine.run(feed)]
        except duckdb.Error as error:
            if feed.num_rows > 1:
                half = feed.num_rows // 2
                return [*self._run(engine, feed[:half]), *self._run(engine, feed[half:])]
            message = str(error).splitlines()[0]
            self._reasons[feed.column("row number")[0].as_py()] = f"mapping_failed: {message}"
            return [engine.run(FEED.empty_table())]

    def _without_rejects(self, rows: pa.Table) -> pa.Table:
        is_read = rows.column("is read")
        is_accepted = rows.column("is accepted")
        has_time = pc.is_valid(rows.column("time"))
        is_event = pc.and_(pc.and_(is_read, is_accepted), has_time)
        if pc.all(is_event).as_py() is not False:
            return rows
        columns = (rows.column("row number"), is_read, is_accepted)
        for index, read, accepted in zip(*(c.to_pylist() for c in columns), strict=True):
            if not read:
                self._reasons[index] = "not_json: the parser of the store cannot read it"
            elif not accepted:
                self._reasons[index] = f"unrecognized: not a record of {self._mapping.source}"
        refused = rows.filter(pc.invert(is_event)).column("row number").to_pylist()
        for index in refused:
            self._reasons.setdefault(index, "bad_time: the time of the record cannot be read")
        return rows.filter(is_event)

    def _events(self, rows: pa.Table) -> pa.Table:
        numbers = rows.column("row number")
        indices = numbers.to_pylist()
        records = self._records if len(indices) == len(self._raws) else self._records.take(numbers)
        received = records.column("received_time")
        skewed = _skewed(rows.column("time"), received)
        day = pc.if_else(skewed, received, rows.column("time")).cast(pa.date32())
        computed = {
            "event_uid": self._uids(indices, rows),
            "source": pa.repeat(pa.scalar(self._mapping.source), len(indices)),
            "skewed": skewed,
            "day": day,
            "flags": self._flag_lists(indices, rows),
            **self._raw_columns(indices, records),
            "observables": observables(rows, self._mapping.observables),
            **self._names(rows),
        }
        columns = []
        for field in self._mapping.schema:
            name = field.name
            if name in computed:
                columns.append(computed[name])
            elif name in ("received_time", "origin", "position"):
                columns.append(records.column(name))
            else:
                columns.append(rows.column(name))
        return pa.table(columns, schema=self._mapping.schema)

    def _raw_columns(self, indices: Sequence[int], records: pa.Table) -> dict[str, pa.Array]:
        """Return the raw text, and beside it the JSON of what was read where that is another."""
        if self._read is None:
            return {"raw_data": records.column("raw").cast(pa.string())}
        if self._is_plain_column():
            natives = pa.nulls(len(indices), pa.string())
            return {"raw_data": records.column("raw").cast(pa.string()), "native": natives}
        raws, texts = self._raws, self._read.texts
        native = [None if texts[index] is raws[index] else texts[index] for index in indices]
        return {
            "raw_data": pa.array([shown(raws[index]) for index in indices], pa.string()),
            "native": pa.array(native, pa.binary()).cast(pa.string()),
        }

    def _names(self, rows: pa.Table) -> dict[str, pa.Array]:
        def column(name: str) -> pa.Array:
            return rows.column(name).combine_chunks()

        severity = named(column("severity text"), classes.severities())
        status = named(column("status text"), classes.statuses())
        return {
            **class_columns(column("class number"), column("activity text"), self._mapping.classes),
            "severity_id": pc.fill_null(severity.numbers, _INFORMATIONAL),
            "status_id": status.numbers,
            "status": status.captions,
        }

    def _uids(self, indices: Sequence[int], rows: pa.Table) -> pa.Array:
        """Return the identifiers of events: `identifiers.derive`, its common start hashed once.

        What a mapping calls the same record is one, whatever its bytes.
        """
        native: list[str | None] = rows.column("native id").to_pylist()
        same: list[str | None] = rows.column("same record").to_pylist()
        start = blake2b(digest_size=16)
        source = self._mapping.source.encode()
        start.update(_LENGTH(len(source)) + source)
        raws, fresh = self._raws, start.copy
        places = self._places() if not all(native) else []
        uids = []
        for index, name, shared in zip(indices, native, same, strict=True):
            own = (shared or name or places[index]).encode()
            raw = b"" if shared else raws[index]
            digest = fresh()
            digest.update(b"".join((_LENGTH(len(own)), own, _LENGTH(len(raw)), raw)))
            uids.append("evt_" + digest.hexdigest())
        return pa.array(uids, pa.string())

    def _places(self) -> list[str]:
        """Return what stands for the native identifier of a record that has none."""
        origins = self._records.column("origin").to_pylist()
        positions = self._records.column("position").to_pylist()
        return [f"{origin}#{position}" for origin, position in zip(origins, positions, strict=True)]

    def _flag_lists(self, indices: Sequence[int], rows: pa.Table) -> pa.Array:
        has_time = rows.column("has time")
        if not self._flags and pc.all(has_time).as_py() is not False:
            return pa.nulls(len(indices), pa.list_(pa.string()))
        lists = []
        for index, timed in zip(indices, has_time.to_pylist(), strict=True):
            flags = (*self._flags.get(index, ()), *(() if timed else (NO_TIME,)))
            lists.append(list(flags) or None)
        return pa.array(lists, pa.list_(pa.string()))

    def _rejects(self) -> pa.Table:
        rows = []
        for index in sorted(self._reasons):
            header = self._read.headers[index] if self._read else None
            raw = (header or b"") + self._raws[index]
            record = self._records.slice(index, 1)
            rows.append(
                {
                    "source": self._source,
                    "origin": record.column("origin")[0].as_py(),
                    "position": record.column("position")[0].as_py(),
                    "received_time": record.column("received_time")[0],
                    "reason": self._reasons[index],
                    "raw": raw[:KEPT_REJECT_BYTES],
                    "raw_hash": identifiers.content_hash(raw),
                    "size_bytes": len(raw),
                    "is_replayable": len(raw) <= KEPT_REJECT_BYTES,
                }
            )
        return pa.Table.from_pylist(rows, schema=schemas.REJECTS)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _in_order(rows: pa.Table) -> bool:
    numbers = rows.column("row number")
    if len(numbers) < 2:
        return True
    return bool(pc.all(pc.less(numbers[:-1], numbers[1:])).as_py())


def _skewed(time: pa.ChunkedArray, received: pa.ChunkedArray) -> pa.Array:
    """Say which times are too far from their receipt to choose a partition."""
    early = pc.less(time, pc.subtract(received, _EARLIEST))
    late = pc.greater(time, pc.add(received, _LATEST))
    return pc.or_(early, late)
