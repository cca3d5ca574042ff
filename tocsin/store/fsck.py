"""Compare what the state says with what is there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row, func, select

from tocsin.errors import StoreError
from tocsin.store import (
    audit,
    documents,
    evidence,
    evidence_files,
    files,
    keys,
    segments,
    sources,
)
from tocsin.store.database import Database, raw
from tocsin.store.folder import DataFolder
from tocsin.store.questions import Damage
from tocsin.store.segments import Segment
from tocsin.store.tables import FEEDS, INCIDENTS, REJECTS, RETIRED, SEEN, SEGMENTS

FROM_BACKUP = "restore from a backup: `tocsin restore`"


def check(folder: DataFolder, database: Database, *, repair: bool) -> list[Damage]:
    """Return everything that does not fit; with `repair`, mend what can be mended safely.

    Every row is read: minutes for many millions. The upkeep lock must be held: otherwise files
    vanish meanwhile that a merge has replaced.
    """
    found: list[Damage] = []
    with database.read() as connection:
        found += _database(connection)
        found += _audit(connection)
        found += _counters(connection)
        found += _incidents(connection)
    named, lost = _files(folder, database, _rows_read)
    found += lost
    found += _keys(folder, database, named, repair=repair)
    if not lost:
        found += _numbers(database)
    found += _orphans(folder, database, repair=repair)
    found += _evidence(folder, database, repair=repair)
    return found


def glance(folder: DataFolder, database: Database) -> list[Damage]:
    """Return what shows without reading rows: seconds, however much is stored."""
    with database.read() as connection:
        found = [*_counters(connection)]
    _, lost = _files(folder, database, _rows_said)
    return found + lost


def _files(
    folder: DataFolder, database: Database, rows_of: Callable[[Path], int]
) -> tuple[list[Segment], list[Damage]]:
    """Return the files of the manifest that are whole, and what is wrong with the others."""
    with database.read() as connection:
        named = [Segment.of(row) for row in connection.execute(select(SEGMENTS))]
    whole, lost = [], []
    for segment in named:
        problem = _file_problem(folder.lake / segment.path, segment, rows_of)
        if problem:
            lost.append(Damage(f"{segment.path}: {problem}", FROM_BACKUP, repaired=False))
        else:
            whole.append(segment)
    return whole, lost


def _rows_read(path: Path) -> int:
    return sum(batch.num_rows for batch in segments.batches(path))


def _rows_said(path: Path) -> int:
    try:
        rows: int = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: {error}") from error
    return rows


def _database(connection: Connection) -> Iterator[Damage]:
    rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    for row in rows:
        if row != "ok":
            yield Damage(f"state.sqlite: {row}", FROM_BACKUP, repaired=False)


def _audit(connection: Connection) -> Iterator[Damage]:
    state = audit.verify(connection)
    if state.first_bad_seq is not None:
        remedy = "somebody changed the log: compare it with a backup"
        yield Damage(f"audit log: {state.problem}", remedy, repaired=False)


def _counters(connection: Connection) -> Iterator[Damage]:
    query = select(REJECTS.c.feed, func.count()).group_by(REJECTS.c.feed)
    rejects: dict[str, int] = {feed: count for feed, count in connection.execute(query)}
    for row in connection.execute(select(FEEDS)):
        yield from _feed(row, rejects.get(row.feed, 0))


def _feed(row: Row[Any], rejects: int) -> Iterator[Damage]:
    remedy = "please report it, with the log of the last days"
    parts = sum(getattr(row, name) for name in sources.COUNTERS if name != "received")
    if row.received != parts:
        what = f"feed {row.feed}: {row.received} records received, {parts} accounted for"
        yield Damage(what, remedy, repaired=False)
    if rejects > row.rejects:
        what = f"feed {row.feed}: {rejects} rejects are stored, {row.rejects} were counted"
        yield Damage(what, remedy, repaired=False)


def _incidents(connection: Connection) -> Iterator[Damage]:
    for row in connection.execute(select(INCIDENTS.c.uid, INCIDENTS.c.body)):
        try:
            documents.incident(row.body)
        except StoreError as error:
            yield Damage(f"incident {row.uid}: {error}", FROM_BACKUP, repaired=False)


def _file_problem(path: Path, segment: Segment, rows_of: Callable[[Path], int]) -> str:
    if not path.exists():
        return "the file is gone"
    size = path.stat().st_size
    if size != segment.size_bytes:
        return f"{size} bytes instead of {segment.size_bytes}"
    try:
        rows = rows_of(path)
    except StoreError as error:
        return f"it cannot be read ({error})"
    return "" if rows == segment.rows else f"{rows} rows instead of {segment.rows}"


def _keys(
    folder: DataFolder, database: Database, whole: list[Segment], *, repair: bool
) -> Iterator[Damage]:
    missing = 0
    for segment in whole:
        for batch in files.key_batches(folder.lake / segment.path):
            with database.look_up() as connection:
                lost = set(batch) - keys.stored(connection, batch)
            missing += len(lost)
            if lost and repair:
                with database.write() as writing:
                    keys.add(raw(writing), lost)
    if missing:
        what = f"{missing} events lack their key: they could be stored twice"
        yield Damage(what, "run `tocsin fsck --repair`", repaired=repair)


def _numbers(database: Database) -> Iterator[Damage]:
    """Compare the number of keys with that of rows: fewer keys means that rows are there twice."""
    with database.read() as connection:
        if connection.execute(select(RETIRED).where(RETIRED.c.forgets)).first():
            return
        count = connection.execute(select(func.count()).select_from(SEEN)).scalar_one()
        rows = connection.execute(select(func.coalesce(func.sum(SEGMENTS.c.rows), 0))).scalar_one()
        others = select(func.coalesce(func.sum(FEEDS.c.findings + FEEDS.c.resources), 0))
        known = rows + connection.execute(others).scalar_one()
    if count < known:
        yield Damage(f"{known - count} rows are stored twice", "please report it", repaired=False)
    if count > known:
        what = f"{count - known} keys belong to no row: such records would be taken for stored"
        yield Damage(what, FROM_BACKUP, repaired=False)


def _orphans(folder: DataFolder, database: Database, *, repair: bool) -> Iterator[Damage]:
    with files.held(folder.turn_lock) as is_held:
        lost = files.Files(folder, database).orphans() if is_held else []
        for path in lost:
            if repair:
                path.unlink(missing_ok=True)
            what = f"{path.relative_to(folder.lake)}: no turn knows this file"
            yield Damage(what, "run `tocsin fsck --repair`", repaired=repair)


def _evidence(folder: DataFolder, database: Database, *, repair: bool) -> Iterator[Damage]:
    with database.read() as connection:
        wanted = evidence.kept(connection)
    yield from evidence.damage(folder.evidence, sorted(wanted))
    with database.write() as connection:
        # Nobody attaches anything meanwhile; what was kept before its row is written is young.
        wanted = evidence.kept(connection)
        for path in evidence_files.lost(folder.evidence, wanted):
            if repair:
                path.unlink(missing_ok=True)
            what = f"{path.relative_to(folder.path)}: no evidence has this file"
            yield Damage(what, "run `tocsin fsck --repair`", repaired=repair)
