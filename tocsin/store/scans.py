"""A search made ready: which files, and the condition for each of their shapes.

The newest rows are found by walking the files from the newest to the oldest and stopping as soon as
the page is full, so that "the last hundred" costs the same with a day or a year of history.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tocsin.ocsf import Scope, schemas
from tocsin.store import search
from tocsin.store.columns import integers, texts
from tocsin.store.comparisons import TRUE, Condition
from tocsin.store.lake import Lake, Shape, literal
from tocsin.store.language import Query
from tocsin.store.moments import from_microseconds, to_microseconds
from tocsin.store.questions import Span
from tocsin.store.segments import Segment

FIRST_ROWS = 200_000
"""Rows of the newest files that are looked through first."""

GROWTH = 4
"""By how much each further step is larger."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a row is in the order of a page; `file` is the path of its file."""

    time: int
    uid: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """A question to the lake.

    Attributes:
        lake: what is asked.
        segments: the files that may hold an answer, newest first.
        shapes: of all files.
        conditions: by shape.
        span: of event time.
        timeout_seconds: for each statement.
    """

    lake: Lake
    segments: Sequence[Segment]
    shapes: dict[str, Shape]
    conditions: dict[str, Condition]
    span: Span
    timeout_seconds: float

    @property
    def is_unlimited(self) -> bool:
        """Whether every row of the files is an answer."""
        return self.span == Span() and all(each == TRUE for each in self.conditions.values())

    def newest(self, limit: int, behind: Place | None) -> list[Place]:
        """Return the places of the newest answers behind `behind`, `limit` at most, in order."""
        found: list[Place] = []
        rest = list(self.segments)
        rows = FIRST_ROWS
        while rest:
            near, rest = _nearest(rest, rows)
            rows *= GROWTH
            found = sorted([*found, *self._newest_of(near, limit, behind)], reverse=True)[:limit]
            oldest = found[-1].time if len(found) == limit else None
            if oldest is not None and (not rest or oldest > to_microseconds(rest[0].max_time)):
                break
        return found

    def rows(self, places: Sequence[Place]) -> pa.Table:
        """Return the whole rows at these places, in their order."""
        if not places:
            return schemas.EVENT_COLUMNS.empty_table()
        files = {place.file for place in places}
        near = [one for one in self.segments if str(self.lake.folder / one.path) in files]
        since, until = min(place.time for place in places), max(place.time for place in places)
        found = self.by_uid(near, [place.uid for place in places], since, until)
        rank = {place.uid: number for number, place in enumerate(places)}
        uids = texts(found.column("event_uid"))
        order = sorted(range(found.num_rows), key=lambda row: rank[uids[row]])
        return found.take(pa.array(order, pa.int64()))

    def by_uid(
        self, segments: Iterable[Segment], uids: Sequence[str], since: int, until: int
    ) -> pa.Table:
        """Return the rows with these identifiers among those of `since` <= time <= `until`."""
        wanted = ", ".join(literal(uid) for uid in sorted(set(uids)))
        parts, values = [], list[object]()
        for shape, files in _by_shape(segments):
            condition = self.conditions[shape]
            parts.append(
                f"SELECT e.* EXCLUDE (filename) FROM {self.lake.source_sql(files)} e"
                f" WHERE e.time BETWEEN ? AND ? AND e.event_uid IN ({wanted}) AND {condition.sql}"
            )
            values += [_naive(since), _naive(until), *condition.values]
        if not parts:
            return schemas.EVENT_COLUMNS.empty_table()
        statement = " UNION ALL BY NAME ".join(parts)
        return self.lake.ask(statement, values, self.timeout_seconds)

    def whole_rows(self, shapes: Iterable[str]) -> list[str]:
        """Return a SELECT of whole rows for each of these shapes; its condition binds nothing.

        Only for scans of every event: a scope is written out, a search would have values.
        """
        wanted = set(shapes)
        return [
            f"SELECT e.* EXCLUDE (filename) FROM {self.lake.source_sql(files)} e"
            f" WHERE {self.conditions[shape].sql}"
            for shape, files in _by_shape(self.segments)
            if shape in wanted
        ]

    def whole(self) -> pa.Table:
        """Return every answer as a whole row, in any order; only for spans known to hold few."""
        selected = [
            self._select(shape, files, "e.* EXCLUDE (filename)")
            for shape, files in _by_shape(self.segments)
        ]
        if not selected:
            return schemas.EVENT_COLUMNS.empty_table()
        statement = " UNION ALL BY NAME ".join(part.sql for part in selected)
        values = [value for part in selected for value in part.values]
        return self.lake.ask(statement, values, self.timeout_seconds)

    def count(self) -> int:
        """Return how many rows are answers."""
        if self.is_unlimited:
            return sum(segment.rows for segment in self.segments)
        table = self._over("SELECT count(*) AS n FROM ({})", "1 AS one")
        return sum(integers(table["n"])) if table else 0

    def bars(self, width_microseconds: int) -> dict[int, int]:
        """Return counts by time divided by the width."""
        statement = (
            f"SELECT placed // {width_microseconds} AS bar, count(*) AS n FROM ({{}}) GROUP BY 1"
        )
        table = self._over(statement, "epoch_us(e.time) AS placed")
        return dict(zip(integers(table["bar"]), integers(table["n"]), strict=True)) if table else {}

    def most_frequent(self, path: str, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent values at a path with their counts."""
        selections = {
            name: f"unnest({listed}) AS v"
            for name, shape in self.shapes.items()
            if (listed := search.values_at(path, shape.schema)) is not None
        }
        statement = (
            "SELECT v, count(*) AS n FROM ({}) WHERE v IS NOT NULL"
            f" GROUP BY v ORDER BY n DESC, v LIMIT {int(limit)}"
        )
        table = self._over(statement, selections)
        return list(zip(texts(table["v"]), integers(table["n"]), strict=True)) if table else []

    def _newest_of(
        self, segments: Iterable[Segment], limit: int, behind: Place | None
    ) -> list[Place]:
        parts, values = [], list[object]()
        for shape, files in _by_shape(segments):
            part = self._select(shape, files, "epoch_us(e.time) AS placed, e.event_uid, e.filename")
            parts.append(part.sql)
            values += part.values
        if not parts:
            return []
        place = "WHERE (placed, event_uid) < (?, ?)" if behind else ""
        statement = (
            f"SELECT * FROM ({' UNION ALL '.join(parts)}) {place}"
            f" ORDER BY placed DESC, event_uid DESC LIMIT {int(limit)}"
        )
        values += [behind.time, behind.uid] if behind else []
        table = self.lake.ask(statement, values, self.timeout_seconds)
        columns = (integers(table["placed"]), texts(table["event_uid"]), texts(table["filename"]))
        return [Place(*row) for row in zip(*columns, strict=True)]

    def _over(self, statement: str, selected: str | dict[str, str]) -> pa.Table | None:
        """Ask `statement` about a selection from all files; `None` where there are none."""
        parts, values = [], list[object]()
        for shape, files in _by_shape(self.segments):
            selection = selected if isinstance(selected, str) else selected.get(shape)
            if selection is not None:
                part = self._select(shape, files, selection)
                parts.append(part.sql)
                values += part.values
        if not parts:
            return None
        return self.lake.ask(
            statement.format(" UNION ALL ".join(parts)), values, self.timeout_seconds
        )

    def _select(self, shape: str, files: Iterable[Segment], selection: str) -> Condition:
        conditions = [self.conditions[shape]]
        if self.span.since is not None:
            conditions.append(Condition("e.time >= ?", (_plain(self.span.since),)))
        if self.span.until is not None:
            conditions.append(Condition("e.time < ?", (_plain(self.span.until),)))
        where = search.joined(conditions, " AND ", TRUE)
        sql = f"SELECT {selection} FROM {self.lake.source_sql(files)} e WHERE {where.sql}"
        return Condition(sql, where.values)


def conditions_of(query: Query, scope: Scope, shapes: dict[str, Shape]) -> dict[str, Condition]:
    """Return the condition of a search inside a scope for each shape.

    Raises:
        UsageError: a path is unknown, or a value does not fit its path.
    """
    if shapes:
        search.check_paths(query, [shape.schema for shape in shapes.values()])
    found = {}
    for name, shape in shapes.items():
        limits = search.compile_scope(scope, shape.schema)
        wanted = search.compile_search(query, shape.schema)
        found[name] = search.joined([limits, wanted], " AND ", TRUE)
    return found


def _by_shape(segments: Iterable[Segment]) -> Iterator[tuple[str, list[Segment]]]:
    groups: dict[str, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.shape, []).append(segment)
    yield from sorted(groups.items())


def _nearest(segments: list[Segment], rows: int) -> tuple[list[Segment], list[Segment]]:
    """Return the first files that hold this many rows together, at least one, and the others."""
    total = 0
    for count, segment in enumerate(segments, 1):
        total += segment.rows
        if total >= rows:
            return segments[:count], segments[count:]
    return segments, []


def _plain(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None)


def _naive(microseconds: int) -> datetime:
    return from_microseconds(microseconds).replace(tzinfo=None)
