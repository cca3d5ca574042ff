"""Event files: immutable Parquet, one source, one day of events and one day of receipt each.

A file counts once the manifest (table `segments`) names it; the turn that wrote it does that in its
transaction. Row groups are cut by time, so that a question about an hour skips most of them.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from operator import le
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row, insert
from sqlalchemy.dialects.sqlite import insert as upsert

from tocsin.errors import StoreError
from tocsin.store import durable
from tocsin.store.columns import integers
from tocsin.store.moments import DAY_MICROSECONDS, EPOCH, HOUR_MICROSECONDS, from_microseconds
from tocsin.store.tables import SEGMENTS, SHAPES

ROW_GROUP_ROWS = 20_000
READ_ROWS = 5_000
SortKey: TypeAlias = tuple[str, Literal["ascending", "descending"]]
COMPRESSION_LEVEL = 1
UNREPEATED = frozenset({"event_uid", "raw_data", "uid", "original_event_uid", "position", "raw"})
"""Names of leaves whose values seldom repeat: a dictionary of them costs time and saves nothing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the manifest; `day` and `received_day` are days since 1970."""

    path: str
    source: str
    day: int
    received_day: int
    shape: str
    rows: int
    size_bytes: int
    min_time: datetime
    max_time: datetime

    @classmethod
    def of(cls, row: Row[Any]) -> "Segment":
        """Return the segment of a row of table `segments`."""
        return cls(
            row.path,
            row.source,
            row.day,
            row.received_day,
            row.shape,
            row.rows,
            row.size_bytes,
            row.min_time,
            row.max_time,
        )


def write(lake: Path, source: str, events: Iterable[pa.Table]) -> list[tuple[Segment, pa.Schema]]:
    """Write events of one source to new files of the lake, durably.

    Args:
        lake: the folder of all event files.
        source: of all rows.
        events: tables with `ocsf.schemas.EVENT_COLUMNS` and more; their schemas may differ.

    Returns:
        A segment with its schema for each schema, day and day of receipt.
    """
    written = []
    for table in _by_schema(events):
        for part in _by_day(table):
            written.append((write_one(lake, source, part), part.schema))
    return written


def write_one(lake: Path, source: str, events: pa.Table) -> Segment:
    """Write rows of one day and day of receipt to one new file, durably."""
    times = events.column("time").cast(pa.int64())
    received = max(integers(events.column("received_time").slice(0, 1)))
    day = integers(events.column("day").slice(0, 1).cast(pa.int32()))[0]
    name = f"{from_microseconds(received):%Y%m%dT%H%M%S}-{secrets.token_hex(8)}.parquet"
    relative = Path(folder_of(source, day)) / name
    path = lake / relative
    with durable.new_file(path) as temporary, Writer(temporary) as writer:
        writer.write(events)
    return Segment(
        path=str(relative),
        source=source,
        day=day,
        received_day=received // DAY_MICROSECONDS,
        shape=shape_of(source, events.schema),
        rows=events.num_rows,
        size_bytes=path.stat().st_size,
        min_time=from_microseconds(pc.min(times).as_py()),
        max_time=from_microseconds(pc.max(times).as_py()),
    )


def record(
    connection: Connection, written: Iterable[tuple[Segment, pa.Schema]], turn_id: int
) -> None:
    """Enter written segments in the manifest."""
    for segment, schema in written:
        row = {name: getattr(segment, name) for name in Segment.__slots__}
        connection.execute(insert(SEGMENTS).values(turn_id=turn_id, **row))
        shape = upsert(SHAPES).values(
            id=segment.shape, source=segment.source, content=schema.serialize().to_pybytes()
        )
        connection.execute(shape.on_conflict_do_nothing())


def folder_of(source: str, day: int) -> str:
    """Return the folder of a day's events of one source, relative to the lake.

    Whatever a source is called, its folder stays inside the lake.
    """
    name = quote(source, safe="")
    if not name.strip("."):
        # "", "." and ".." would lead elsewhere.
        name = "%2E" * len(name) or "%"
    return f"{name}/day={(EPOCH + timedelta(days=day)).date().isoformat()}"


def shape_of(source: str, schema: pa.Schema) -> str:
    """Return the identifier of a schema of one source."""
    content = schema.remove_metadata().serialize().to_pybytes()
    return blake2b(source.encode() + b"\0" + content, digest_size=16).hexdigest()


def hour_of(microseconds: int) -> int:
    """Return hours since 1970, by which keys are clustered."""
    return microseconds // HOUR_MICROSECONDS


def _by_schema(tables: Iterable[pa.Table]) -> list[pa.Table]:
    groups: dict[pa.Schema, list[pa.Table]] = {}
    for table in tables:
        if table.num_rows:
            plain = table.replace_schema_metadata(None)
            groups.setdefault(plain.schema, []).append(plain)
    return [pa.concat_tables(group) for group in groups.values()]


def batches(
    path: Path, columns: Sequence[str] | None = None, rows: int = READ_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an event file, few at a time: files are larger than memory should be.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            wanted = None if columns is None else list(columns)
            yield from file.iter_batches(rows, columns=wanted, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path} cannot be read ({error}): run `tocsin fsck`") from error
    finally:
        pa.default_memory_pool().release_unused()


class Writer:
    """Writes one event file; the schema is that of the first rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, events: pa.Table) -> None:
        """Append rows, in row groups of `ROW_GROUP_ROWS` at most."""
        if self._writer is None:
            self._writer = _parquet_writer(self._path, events.schema)
        self._writer.write_table(events, row_group_size=ROW_GROUP_ROWS)


def sorted_by_time(events: pa.Table) -> pa.Table:
    """Return the rows in order of time."""
    times = integers(events.column("time"))
    if all(map(le, times, islice(times, 1, None))):
        return events
    return events.take(pc.sort_indices(events.select(["time"]), sort_keys=[("time", "ascending")]))


def _by_day(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows of each day of events and day of receipt.

    They are sorted by time where they fill more than one row group: within one, order saves a
    question nothing, and sorting nested columns costs as much as writing them.
    """
    days = table.select(["day"]).append_column(
        "received_day", pc.floor_temporal(table.column("received_time"), unit="day")
    )
    by_day: list[SortKey] = [("day", "ascending"), ("received_day", "ascending")]
    sizes = days.group_by(["day", "received_day"]).aggregate([([], "count_all")]).sort_by(by_day)
    counts = integers(sizes.column("count_all"))
    if len(counts) == 1 and table.num_rows <= ROW_GROUP_ROWS:
        yield table
        return
    keyed = days.append_column("time", table.column("time"))
    order = pc.sort_indices(keyed, sort_keys=[*by_day, ("time", "ascending")])
    ordered = table.take(order)
    offset = 0
    for count in counts:
        yield ordered.slice(offset, count)
        offset += count


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    repeated = [leaf for leaf in _leaves(schema) if leaf.rsplit(".", 1)[-1] not in UNREPEATED]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=repeated,
        write_statistics=["time", "received_time", "class_uid", "activity_id", "severity_id"],
        store_schema=False,
        version="2.6",
    )


def _leaves(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        yield from _leaves_of(field.name, field.type)


def _leaves_of(path: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(kind):
        for child in kind:
            yield from _leaves_of(f"{path}.{child.name}", child.type)
    elif pa.types.is_list(kind):
        yield from _leaves_of(f"{path}.list.element", kind.value_type)
    else:
        yield path


def today(now: datetime) -> int:
    """Return days since 1970."""
    return (now.astimezone(UTC) - EPOCH).days
