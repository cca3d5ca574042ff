"""Let go of the oldest: whole files by their day of receipt, and rejects.

The day of receipt counts, not the event's own: a forged date neither deletes an event nor makes it
immortal.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from tocsin.store import audit, files, segments
from tocsin.store.database import Database
from tocsin.store.moments import DAY_MICROSECONDS, from_microseconds
from tocsin.store.questions import Removed, Retention
from tocsin.store.segments import Segment
from tocsin.store.tables import FAILURES, REJECTS, SEGMENTS, TURNS, VOLUMES

KEPT_COUNTS = timedelta(days=400)
"""How long counts by hour and rows of turns stay, whatever is kept of events."""


def retain(database: Database, retention: Retention, now: datetime) -> Removed:
    """Take what is too old or too much out of the manifest. The upkeep lock must be held."""
    with database.write() as connection:
        query = select(SEGMENTS).order_by(
            SEGMENTS.c.received_day.desc(), SEGMENTS.c.max_time.desc()
        )
        found = [Segment.of(row) for row in connection.execute(query)]
        gone = list(_expired(found, retention, segments.today(now)))
        files.retire(connection, [segment.path for segment in gone], now, forgets=True)
        rejects = 0
        if retention.days is not None:
            first = _first_moment(retention.days, now)
            old = delete(REJECTS).where(REJECTS.c.received_time < first)
            rejects = connection.execute(old).rowcount
        for table, column in ((VOLUMES, VOLUMES.c.hour), (FAILURES, FAILURES.c.hour)):
            connection.execute(delete(table).where(column < now - KEPT_COUNTS))
        # The newest row stays: it numbers the next turn.
        newest = select(func.max(TURNS.c.id)).scalar_subquery()
        old_turns = (TURNS.c.time < now - KEPT_COUNTS, TURNS.c.id < newest)
        connection.execute(delete(TURNS).where(*old_turns))
        removed = Removed(
            files=len(gone),
            events=sum(segment.rows for segment in gone),
            rejects=rejects,
            size_bytes=sum(segment.size_bytes for segment in gone),
        )
        if removed.files or removed.rejects:
            details: dict[str, object] = {
                "files": removed.files,
                "events": removed.events,
                "rejects": removed.rejects,
                "size_bytes": removed.size_bytes,
            }
            audit.record(connection, "Tocsin", "retention", "", details, now=now)
    return removed


def _expired(
    newest_first: Iterable[Segment], retention: Retention, today: int
) -> Iterable[Segment]:
    size = 0
    for segment in newest_first:
        size += segment.size_bytes
        is_old = retention.days is not None and segment.received_day <= today - retention.days
        is_over = retention.size_bytes is not None and size > retention.size_bytes
        if is_old or is_over:
            yield segment


def _first_moment(days: int, now: datetime) -> datetime:
    return from_microseconds((segments.today(now) - days + 1) * DAY_MICROSECONDS)
