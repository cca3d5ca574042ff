"""Records that no mapping could read: kept, counted, and replayed when the mapping is mended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import Connection, delete, func, select

from tocsin.ocsf import EVERYTHING, RawBatch, Scope, empty, from_rows, identifiers, schemas
from tocsin.store import cursors
from tocsin.store.columns import integers
from tocsin.store.database import Database, raw
from tocsin.store.moments import without_zones
from tocsin.store.questions import Page
from tocsin.store.tables import REJECTS

SHOWN_BYTES = 4 << 10
ASKED_AT_ONCE = 500

STORED = schemas.REJECTS.append(pa.field("uid", pa.string(), nullable=False))
STORED = STORED.append(pa.field("feed", pa.string(), nullable=False))
"""Columns of a reject as the store gives it."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Receipt of a batch that comes from the rejects; its commit knows what it takes away."""

    uids: frozenset[str]

    def among(self, source: str, records: pa.Table) -> list[str]:
        """Return the identifiers of those rejects that `records` (rows of `RAW`) come from."""
        names = (
            _uid(source, row["origin"], row["position"], identifiers.content_hash(row["raw"]))
            for row in records.to_pylist()
        )
        return [name for name in names if name in self.uids]


class Rejects:
    """Rejects wait here until their mapping is mended, or retention takes them.

    Rows have the columns of `ocsf.schemas.REJECTS` and `uid`, `feed`. Nobody knows which account a
    broken record belongs to: only an unlimited scope sees any.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        scope: Scope,
        *,
        feed: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[pa.Table]:
        """Return rejects, newest first; `raw` holds the first 4 KiB only.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("rejects", feed, scope)
        if scope != EVERYTHING:
            return Page(empty(STORED), None)
        columns = [column for column in REJECTS.c if column.name != "raw"]
        query = select(*columns, func.substr(REJECTS.c.raw, 1, SHOWN_BYTES).label("raw"))
        if feed is not None:
            query = query.where(REJECTS.c.feed == feed)
        query = cursors.newest_first(
            query, REJECTS.c.received_time, REJECTS.c.uid, question, cursor
        )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).mappings().all()
        shown, following = cursors.split(
            rows, limit, question, lambda row: (row["received_time"], row["uid"])
        )
        return Page(from_rows(map(without_zones, shown), STORED), following)

    def get(self, uid: str, scope: Scope) -> pa.Table:
        """Return one reject with all that was kept of it: one row, or none."""
        if scope != EVERYTHING:
            return empty(STORED)
        with self._database.read() as connection:
            rows = connection.execute(select(REJECTS).where(REJECTS.c.uid == uid)).mappings()
            return from_rows(map(without_zones, rows), STORED)

    def by_reason(self, scope: Scope, feed: str | None = None) -> tuple[tuple[str, str, int], ...]:
        """Return (feed, code of the reason, count), most frequent first."""
        if scope != EVERYTHING:
            return ()
        colon = func.instr(REJECTS.c.reason + ":", ":")
        code = func.substr(REJECTS.c.reason, 1, colon - 1)
        query = select(REJECTS.c.feed, code, func.count()).group_by(REJECTS.c.feed, code)
        if feed is not None:
            query = query.where(REJECTS.c.feed == feed)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(func.count().desc(), REJECTS.c.feed, code))
            return tuple((name, reason, int(count)) for name, reason, count in rows)

    def replay(self, *, feed: str | None = None, max_records: int = 2_000) -> Iterator[RawBatch]:
        """Yield the replayable rejects as batches to normalize and commit again, each once.

        A record that becomes an event leaves the rejects in that commit; one that is rejected again
        stays, with its new reason. The feed's counters move accordingly. It takes no scope: it is
        Tocsin's own work and shows nobody anything.
        """
        with self._database.read() as connection:
            query = select(REJECTS.c.feed, REJECTS.c.source).where(REJECTS.c.is_replayable)
            kinds = connection.execute(query.distinct().order_by(*query.selected_columns)).all()
        for name, source in kinds:
            if feed is None or name == feed:
                yield from self._of_feed(name, source, max_records)

    def _of_feed(self, feed: str, source: str, max_records: int) -> Iterator[RawBatch]:
        behind = ""
        while True:
            query = (
                select(REJECTS)
                .where(REJECTS.c.feed == feed, REJECTS.c.source == source)
                .where(REJECTS.c.is_replayable, REJECTS.c.uid > behind)
                .order_by(REJECTS.c.uid)
                .limit(max_records)
            )
            with self._database.read() as connection:
                rows = [without_zones(row) for row in connection.execute(query).mappings()]
            if not rows:
                return
            behind = rows[-1]["uid"]
            yield RawBatch(
                source=source,
                feed=feed,
                records=from_rows(
                    # A header stands above the record, in `raw`.
                    ({name: row.get(name) for name in schemas.RAW.names} for row in rows),
                    schemas.RAW,
                ),
                cursor=None,
                receipt=Replay(frozenset(row["uid"] for row in rows)),
                rejects=empty(schemas.REJECTS),
            )


def uids(rejects: pa.Table) -> list[str]:
    """Return the identifier of each row of `ocsf.schemas.REJECTS`: its place and its content."""
    places = rejects.select(["source", "origin", "position", "raw_hash"]).to_pylist()
    return [_uid(row["source"], row["origin"], row["position"], row["raw_hash"]) for row in places]


def _uid(source: str, origin: str, position: int, raw_hash: str) -> str:
    return identifiers.derive("rej", source, origin, str(position), raw_hash)


def known(connection: Connection, wanted: Iterable[str]) -> set[str]:
    """Return those identifiers that are stored."""
    found: set[str] = set()
    ordered = sorted(wanted)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        part = ordered[start : start + ASKED_AT_ONCE]
        found.update(
            connection.execute(select(REJECTS.c.uid).where(REJECTS.c.uid.in_(part))).scalars()
        )
    return found


def record(connection: Connection, feed: str, rejects: pa.Table) -> None:
    """Store rejects in their commit; one that is stored already gets the new reason."""
    if not rejects.num_rows:
        return
    names = [column.name for column in REJECTS.c]
    times = integers(rejects.column("received_time"))
    found = zip(uids(rejects), times, rejects.to_pylist(), strict=True)
    rows = [
        tuple({**row, "uid": uid, "feed": feed, "received_time": time}[name] for name in names)
        for uid, time, row in found
    ]
    marks = ", ".join("?" for _ in names)
    # In bulk: a sender of garbage must not hold up the others.
    raw(connection).executemany(
        f"INSERT INTO rejects VALUES ({marks})"
        " ON CONFLICT (uid) DO UPDATE SET reason = excluded.reason",
        rows,
    )


def remove(connection: Connection, gone: Iterable[str]) -> None:
    """Take replayed records out of the rejects, in the commit that stores them as events."""
    for uid in gone:
        connection.execute(delete(REJECTS).where(REJECTS.c.uid == uid))
