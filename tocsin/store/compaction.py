"""Merge many small event files into few large ones.

A file of every turn would soon be hundreds of thousands. Files of one source, day, day of receipt
and shape are merged when ten of about the same size have gathered, so each event is written again
a few times in all (as in a log-structured merge tree); what is left of a past day is merged whole.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, func, insert, select

from tocsin.errors import StoreError
from tocsin.store import durable, files, segments
from tocsin.store.database import Database
from tocsin.store.folder import DataFolder
from tocsin.store.segments import Segment
from tocsin.store.tables import SEGMENTS

GATHERED = 10
"""Files of about the same size that are merged."""

MOST_FILES = 64
MOST_ROWS = 500_000
"""A file of this many rows is not merged any more."""


def compact(folder: DataFolder, database: Database, now: datetime, max_files: int) -> int:
    """Merge what has gathered; return how many files vanished. The upkeep lock must be held."""
    vanished = 0
    while vanished < max_files:
        with database.read() as connection:
            group = next(_groups(connection, segments.today(now)), None)
        if group is None:
            break
        _merge(folder, database, group, now)
        vanished += len(group) - 1
    return vanished


def _groups(connection: Connection, today: int) -> Iterator[list[Segment]]:
    """Yield files to merge, in order of time."""
    query = select(SEGMENTS).where(SEGMENTS.c.rows < MOST_ROWS).order_by(SEGMENTS.c.min_time)
    gathered: dict[tuple[str, int, int, str, int], list[Segment]] = {}
    for row in connection.execute(query):
        segment = Segment.of(row)
        is_past = segment.received_day < today
        size = 0 if is_past else len(str(segment.rows))
        key = (segment.source, segment.day, segment.received_day, segment.shape, size)
        gathered.setdefault(key, []).append(segment)
    for (*_, size), found in gathered.items():
        for part in _parts(found):
            if len(part) >= (GATHERED if size else 2):
                yield part


def _parts(found: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Cut files into runs that one merge can take."""
    part: list[Segment] = []
    rows = 0
    for segment in found:
        if part and (len(part) == MOST_FILES or rows + segment.rows > MOST_ROWS):
            yield part
            part, rows = [], 0
        part.append(segment)
        rows += segment.rows
    yield part


def _merge(folder: DataFolder, database: Database, group: list[Segment], now: datetime) -> None:
    first = group[0]
    name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}.parquet"
    relative = Path(segments.folder_of(first.source, first.day)) / name
    path = folder.lake / relative
    rows = sum(segment.rows for segment in group)
    with durable.new_file(path) as temporary:
        _write_merged(folder.lake, group, temporary)
        written = pq.read_metadata(temporary).num_rows
        if written != rows:
            raise StoreError(
                f"merging {len(group)} files of {first.source} gave {written} rows instead of "
                f"{rows}: nothing was changed; run `tocsin fsck`"
            )
    merged = replace(
        first,
        path=str(relative),
        rows=rows,
        size_bytes=path.stat().st_size,
        min_time=min(segment.min_time for segment in group),
        max_time=max(segment.max_time for segment in group),
    )
    paths = [segment.path for segment in group]
    with database.write() as connection:
        # The newest turn: whoever reads on from a turn meets no row of it unread.
        newest = select(func.max(SEGMENTS.c.turn_id)).where(SEGMENTS.c.path.in_(paths))
        turn_id = connection.execute(newest).scalar_one()
        files.retire(connection, paths, now, forgets=False)
        row = {name: getattr(merged, name) for name in Segment.__slots__}
        connection.execute(insert(SEGMENTS).values(**row, turn_id=turn_id))


def _write_merged(lake: Path, group: Iterable[Segment], target: Path) -> None:
    """Write the rows of files in order of time, sorted within each row group.

    Row group by row group: a sort of all rows at once would need them all in memory. Files of live
    traffic hardly overlap, so what comes out is nearly sorted as a whole.
    """
    with segments.Writer(target) as writer:
        waiting: list[pa.Table] = []
        for table in _tables(lake, group):
            waiting.append(table)
            if sum(part.num_rows for part in waiting) >= segments.ROW_GROUP_ROWS:
                writer.write(segments.sorted_by_time(pa.concat_tables(waiting)))
                waiting = []
        if waiting:
            writer.write(segments.sorted_by_time(pa.concat_tables(waiting)))


def _tables(lake: Path, group: Iterable[Segment]) -> Iterator[pa.Table]:
    for segment in group:
        for batch in segments.batches(lake / segment.path):
            yield pa.Table.from_batches([batch])
