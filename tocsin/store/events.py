"""Questions about events: search, histogram, top values, SQL. Parquet is read in place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tocsin.errors import UsageError
from tocsin.ocsf import Scope, schemas
from tocsin.store import cursors, keys, language, ordered, scans, search, sql
from tocsin.store.database import Database, raw
from tocsin.store.lake import Lake, manifest
from tocsin.store.moments import (
    DAY_MICROSECONDS,
    HOUR_MICROSECONDS,
    from_microseconds,
    to_microseconds,
)
from tocsin.store.questions import Page, Span, SqlLimits
from tocsin.store.scans import Place, Scan
from tocsin.store.segments import Segment

EVERYWHEN = Span()
END = datetime.max.replace(tzinfo=UTC)
TIMEOUT_SECONDS = 30.0
WIDTHS_SECONDS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)
LARGEST_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar of a histogram: events with `start` <= time < the next bar's start."""

    start: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Field:
    """A path that can be searched: dotted OCSF path and its kind.

    `kind` is text, number, time, boolean, address or object.
    """

    path: str
    kind: str


class Events:
    """The `events` view over all sources, asked in the search language (docs/guides/search.md)."""

    def __init__(self, lake: Lake, database: Database) -> None:
        self._lake = lake
        self._database = database

    def search(
        self,
        query: str,
        scope: Scope,
        span: Span = EVERYWHEN,
        *,
        limit: int = 100,
        cursor: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Page[pa.Table]:
        """Return events that match, newest first; "" matches all.

        Rows have the columns of `ocsf.schemas.EVENT_COLUMNS` and the OCSF attributes of the sources
        that were found, null where a source has none.

        Raises:
            UsageError: the query cannot be understood (with position and suggestion), the cursor is
                of another query, or the time is up.
        """
        if not 1 <= limit <= LARGEST_LIMIT:
            raise UsageError(f"a page has 1 to {LARGEST_LIMIT} events")
        question = cursors.question_of("events", query, scope, span)
        behind = Place(*cursors.read(cursor, question)) if cursor else None
        scan = self._scan(query, scope, _until(span, behind), timeout_seconds)
        places = scan.newest(limit + 1, behind)
        shown, following = cursors.split(
            places, limit, question, lambda place: (place.time, place.uid)
        )
        return Page(scan.rows(shown), following)

    def count(
        self,
        query: str,
        scope: Scope,
        span: Span = EVERYWHEN,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> int:
        """Return how many events match.

        Raises:
            UsageError: the query cannot be understood, or the time is up.
        """
        return self._scan(query, scope, span, timeout_seconds).count()

    def histogram(
        self,
        query: str,
        scope: Scope,
        span: Span = EVERYWHEN,
        *,
        buckets: int = 60,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> tuple[Bucket, ...]:
        """Return counts in at most `buckets` bars of a round width, empty ones among them.

        An unbounded side of `span` is taken from the days of the stored events. () where nothing is
        stored.

        Raises:
            UsageError: the query cannot be understood, or the time is up.
        """
        scan = self._scan(query, scope, span, timeout_seconds)
        bounds = _bounds(scan.segments, span)
        if bounds is None:
            return ()
        since, until = map(to_microseconds, bounds)
        width = _width(until - since, buckets)
        counts = self._scan(query, scope, Span(*bounds), timeout_seconds).bars(width)
        return tuple(
            Bucket(from_microseconds(bar * width), counts.get(bar, 0))
            for bar in range(since // width, (until - 1) // width + 1)
        )

    def in_order(
        self, query: str, scope: Scope, span: Span = EVERYWHEN, *, rows: int = 5_000
    ) -> Iterator[pa.Table]:
        """Yield events that match, oldest first, in tables of `rows` rows at most.

        Memory is bounded by one table. An unbounded side of `span` is taken from the days of the
        stored events. Events that are stored meanwhile may be left out.

        Raises:
            UsageError: the query cannot be understood.
        """
        bounds = _bounds(self._scan(query, scope, span, TIMEOUT_SECONDS).segments, span)
        if bounds is None:
            return
        since, until = map(to_microseconds, bounds)
        scan = lambda part: self._scan(query, scope, part, TIMEOUT_SECONDS)  # noqa: E731 - short
        yield from ordered.in_order(scan, since, until, rows)

    def get(self, uid: str, scope: Scope) -> pa.Table:
        """Return the event with this identifier: one row, or none."""
        return self.many((uid,), scope)

    def many(self, uids: Sequence[str], scope: Scope) -> pa.Table:
        """Return the events with these identifiers that still exist, oldest first."""
        by_key = {keys.key_of(uid): uid for uid in uids}
        hours: dict[int, list[str]] = {}
        with self._database.read() as connection:
            # The key knows the hour, the hour the files: no file is opened in vain.
            for hour, key in keys.hours_of(raw(connection), list(by_key)):
                hours.setdefault(hour, []).append(by_key[key])
        timeless = hours.pop(keys.TIMELESS, [])
        parts = [self._in_hours(hours, scope), self._anywhere(timeless, scope)]
        return pa.concat_tables(parts, promote_options="permissive").sort_by("time")

    def top_values(
        self,
        path: str,
        query: str,
        scope: Scope,
        span: Span = EVERYWHEN,
        *,
        limit: int = 10,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> tuple[tuple[str, int], ...]:
        """Return the most frequent values at `path` as text with their counts.

        Raises:
            UsageError: the path or the query cannot be understood, or the time is up.
        """
        scan = self._scan(query, scope, span, timeout_seconds)
        if scan.shapes:
            known = [shape.schema for shape in scan.shapes.values()]
            search.check_paths(language.Exists(path, 0), known)
        return tuple(scan.most_frequent(path, limit))

    def fields(self) -> tuple[Field, ...]:
        """Return every path that stored events have, sorted."""
        with self._database.read() as connection:
            shapes = self._lake.shapes(connection)
        kinds: dict[str, str] = {}
        for shape in shapes.values():
            kinds.update(search.leaves(shape.schema))
        return tuple(Field(path, kind) for path, kind in sorted(kinds.items()))

    def sql(self, statement: str, scope: Scope, limits: SqlLimits | None = None) -> pa.Table:
        """Answer one SELECT over the views `events`, `findings`, `incidents`, `matches`, `rejects`,
        `failures`, `sources`, `audit`, and one view a source (`"aws.cloudtrail"`).

        The statement is checked on its parse tree and runs on a connection of its own that can
        reach no file, no network and no setting.

        Raises:
            UsageError: not one SELECT over these views, or over its limits.
        """
        return sql.answer(statement, scope, limits or SqlLimits(), self._lake, self._database)

    def _in_hours(self, hours: dict[int, list[str]], scope: Scope) -> pa.Table:
        """Return the events that lie in the files of these hours."""
        if not hours:
            return schemas.EVENT_COLUMNS.empty_table()
        starts = {hour * HOUR_MICROSECONDS for hour in hours}
        since, until = min(starts), max(starts) + HOUR_MICROSECONDS - 1
        span = Span(from_microseconds(since), _after(until))
        scan = self._scan("", scope, span, TIMEOUT_SECONDS)
        near = [segment for segment in scan.segments if _reaches_any(segment, starts)]
        uids = [uid for found in hours.values() for uid in found]
        return scan.by_uid(near, uids, since, until)

    def _anywhere(self, uids: Sequence[str], scope: Scope) -> pa.Table:
        """Return events that have no time of their own: they may lie in any file."""
        if not uids:
            return schemas.EVENT_COLUMNS.empty_table()
        scan = self._scan("", scope, EVERYWHEN, TIMEOUT_SECONDS)
        times = [to_microseconds(segment.min_time) for segment in scan.segments]
        times += [to_microseconds(segment.max_time) for segment in scan.segments]
        return scan.by_uid(scan.segments, uids, min(times, default=0), max(times, default=0))

    def _scan(self, query: str, scope: Scope, span: Span, timeout_seconds: float) -> Scan:
        tree = language.parse(query)
        with self._database.read() as connection:
            shapes = self._lake.shapes(connection)
            segments = manifest(connection, span)
        conditions = scans.conditions_of(tree, scope, shapes)
        return Scan(self._lake, segments, shapes, conditions, span, timeout_seconds)


def _until(span: Span, behind: Place | None) -> Span:
    """Return the part of the span that the next page can lie in."""
    if behind is None:
        return span
    end = _after(behind.time)
    ends = [each for each in (end, span.until) if each is not None]
    return Span(span.since, min(ends, default=None))


def _after(microseconds: int) -> datetime | None:
    """Return the next moment; `None`, which is unbounded, at the end of time."""
    end = microseconds + 1
    return from_microseconds(end) if end < to_microseconds(END) else None


def _bounds(segments: Sequence[Segment], span: Span) -> tuple[datetime, datetime] | None:
    """Return the span with open sides closed by days; forged times of events do not widen it."""
    days = [segment.day for segment in segments]
    if not days:
        return None
    since = span.since or from_microseconds(min(days) * DAY_MICROSECONDS)
    until = span.until or from_microseconds((max(days) + 1) * DAY_MICROSECONDS)
    return (since, until) if since < until else None


def _width(stretch: int, buckets: int) -> int:
    """Return the narrowest round width, in microseconds, that needs no more than `buckets` bars."""
    for seconds in WIDTHS_SECONDS:
        width = seconds * 1_000_000
        if stretch <= width * max(buckets - 1, 1):
            return width
    days = -(-stretch // (DAY_MICROSECONDS * max(buckets - 1, 1)))
    return days * DAY_MICROSECONDS


def _reaches_any(segment: Segment, hours: set[int]) -> bool:
    first, last = to_microseconds(segment.min_time), to_microseconds(segment.max_time)
    return any(first < hour + HOUR_MICROSECONDS and last >= hour for hour in hours)
