"""Counters, rhythm, lag and silence of each feed."""

import builtins
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, literal, select
from sqlalchemy.dialects.sqlite import insert

from tocsin.ocsf import EVERYTHING, RawBatch, Scope
from tocsin.store import audit, rhythms
from tocsin.store.columns import integers
from tocsin.store.database import Database
from tocsin.store.moments import HOUR_MICROSECONDS, MICROSECOND, from_microseconds, to_microseconds
from tocsin.store.rhythms import HourVolume
from tocsin.store.tables import FAILURES, FEEDS, REDACTIONS, VOLUMES

SHORTEST_SILENCE = timedelta(minutes=15)
SILENCE_RHYTHMS = 2
"""A feed is silent after this many times its rhythm, and never before `SHORTEST_SILENCE`."""

RHYTHM_HALF_LIFE = timedelta(days=7)
RHYTHM_GROWTH = 4
"""One pause may raise the rhythm fourfold at most: quiet nights are learned within days, a single
outage does not teach the feed that outages are normal."""

COUNTERS = ("received", "events", "findings", "resources", "duplicates", "rejects")


@dataclass(frozen=True, slots=True)
class Counts:
    """What one batch adds to its feed; a replay of rejects takes some away from `rejects`."""

    received: int
    events: int
    findings: int
    resources: int
    duplicates: int
    rejects: int


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """One feed since it was first seen.

    `received` = `events` + `findings` + `resources` + `duplicates` + `rejects`, always.

    Attributes:
        feed: its configured name.
        source: its mapping.
        last_event_time: of the newest event; `None` before the first.
        last_received_time: of the last batch with records.
        lag: how old the newest event of the last batch was when it was received.
        rhythm: the pause between batches that it seldom exceeds; `None` until it is known.
        is_silent: nothing came for longer than its rhythm allows.
        own_lag: how long the oldest record of the last batch waited here for its commit; `lag` is
            what the provider took before.
        redacted: secrets that were taken out of its records, by kind.
    """

    feed: str
    source: str
    received: int
    events: int
    findings: int
    resources: int
    duplicates: int
    rejects: int
    last_event_time: datetime | None
    last_received_time: datetime | None
    lag: timedelta | None
    rhythm: timedelta | None
    is_silent: bool
    own_lag: timedelta | None = None
    redacted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Times:
    """When things happened to a batch.

    Attributes:
        newest_event: time of its newest event whose clock can be believed.
        committed: present moment.
    """

    newest_event: datetime | None
    committed: datetime


@dataclass(frozen=True, slots=True)
class Volume:
    """What one feed gave in the hour that begins at `hour`, UTC, by time of receipt."""

    feed: str
    hour: datetime
    received: int
    events: int
    rejects: int


class Sources:
    """Feeds, by name.

    A feed carries the records of many accounts. Whoever may see one of them must know whether the
    feed still speaks: name, lag, silence and counts are the same in every scope, for they tell of
    the feed and not of an account. Texts that quote records stay with an unlimited scope.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, scope: Scope, now: datetime) -> tuple[FeedHealth, ...]:
        """Return every feed that ever committed, by name; see the class for `scope`."""
        with self._database.read() as connection:
            rows = connection.execute(select(FEEDS).order_by(FEEDS.c.feed)).all()
            redacted = _redacted(connection)
            return tuple(_health(row, now, redacted.get(row.feed, {})) for row in rows)

    def get(self, feed: str, scope: Scope, now: datetime) -> FeedHealth | None:
        """Return one feed; see the class for `scope`."""
        with self._database.read() as connection:
            row = connection.execute(select(FEEDS).where(FEEDS.c.feed == feed)).first()
            return _health(row, now, _redacted(connection).get(feed, {})) if row else None

    def volumes(self, since: datetime, scope: Scope, feed: str | None = None) -> tuple[Volume, ...]:
        """Return counts by hour since `since`, oldest first; see the class for `scope`."""
        query = select(VOLUMES).where(VOLUMES.c.hour >= _hour(since))
        if feed is not None:
            query = query.where(VOLUMES.c.feed == feed)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(VOLUMES.c.hour, VOLUMES.c.feed))
            return tuple(Volume(*row) for row in rows)

    def rhythms(self, now: datetime) -> Mapping[str, HourVolume]:
        """Return the last whole hour of each feed, against the same hour of other days."""
        with self._database.read() as connection:
            return rhythms.rhythms(connection, now)

    def note_rotation(self, actor: str, now: datetime) -> None:
        """Write into the audit log that secrets are hashed with another key from now on."""
        with self._database.write() as connection:
            audit.record(connection, actor, "redaction.rotate", "", {}, now=now)

    def failures(self, since: datetime, scope: Scope) -> tuple[tuple[str, str, int], ...]:
        """Return (rule uid, reason, count) of rules that could not answer, most frequent first.

        A reason may quote the event that the rule stumbled over: a limited scope sees one row a
        rule, with "" as its reason.
        """
        many = func.sum(FAILURES.c.count)
        reason: ColumnElement[str] = (
            FAILURES.c.reason if scope == EVERYTHING else literal("").label("reason")
        )
        query = (
            select(FAILURES.c.rule_uid, reason, many)
            .where(FAILURES.c.hour >= _hour(since))
            .group_by(FAILURES.c.rule_uid, reason)
            .order_by(many.desc(), FAILURES.c.rule_uid, reason)
        )
        with self._database.read() as connection:
            return tuple((rule, why, int(n)) for rule, why, n in connection.execute(query))


def record(connection: Connection, batch: RawBatch, counts: Counts, times: Times) -> None:
    """Move the cursor and add to the counters of a batch's feed, in its commit."""
    query = select(FEEDS).where(FEEDS.c.feed == batch.feed)
    known = connection.execute(query).first()
    values: dict[str, Any] = {"feed": batch.feed, "source": batch.source}
    for name in COUNTERS:
        values[name] = (getattr(known, name) if known else 0) + getattr(counts, name)
    values["cursor"] = batch.cursor if batch.cursor is not None else known and known.cursor
    values.update(_pace(known, batch, times))
    new = insert(FEEDS).values(values)
    connection.execute(new.on_conflict_do_update(index_elements=["feed"], set_=values))


def record_volume(connection: Connection, feed: str, counts: Counts, now: datetime) -> None:
    """Add to the counts of the hour."""
    new = insert(VOLUMES).values(
        feed=feed,
        hour=_hour(now),
        received=counts.received,
        events=counts.events,
        rejects=max(counts.rejects, 0),
    )
    sums: dict[str, ColumnElement[int]] = {
        name: VOLUMES.c[name] + new.excluded[name] for name in ("received", "events", "rejects")
    }
    connection.execute(new.on_conflict_do_update(index_elements=["feed", "hour"], set_=sums))


def record_redacted(connection: Connection, feed: str, counts: Mapping[str, int]) -> None:
    """Add to the secrets that were taken out of the records of a feed."""
    for kind, count in counts.items():
        new = insert(REDACTIONS).values(feed=feed, kind=kind, count=count)
        added = {"count": REDACTIONS.c.count + new.excluded.count}
        connection.execute(new.on_conflict_do_update(index_elements=["feed", "kind"], set_=added))


def record_failures(
    connection: Connection, failures: builtins.list[dict[str, Any]], now: datetime
) -> None:
    """Add rows of `ocsf.schemas.FAILURES` to the counts of the hour."""
    for row in failures:
        new = insert(FAILURES).values(**row, hour=_hour(now))
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["rule_uid", "reason", "hour"],
                set_={
                    "count": FAILURES.c.count + new.excluded.count,
                    "event_uid": new.excluded.event_uid,
                },
            )
        )


def _redacted(connection: Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for feed, kind, count in connection.execute(select(REDACTIONS).order_by(REDACTIONS.c.kind)):
        found.setdefault(feed, {})[kind] = count
    return found


def _pace(known: Row[Any] | None, batch: RawBatch, times: Times) -> dict[str, object]:
    newest_event = times.newest_event
    received = _received(batch, max)
    pace: dict[str, object] = {
        "last_event_time": known.last_event_time if known else None,
        "last_received_time": known.last_received_time if known else None,
        "lag_microseconds": known.lag_microseconds if known else None,
        "rhythm_microseconds": known.rhythm_microseconds if known else None,
        "own_lag_microseconds": known.own_lag_microseconds if known else None,
    }
    oldest = _received(batch, min)
    if received is None or oldest is None:
        return pace
    pace["own_lag_microseconds"] = max(0, (times.committed - oldest) // MICROSECOND)
    before = known.last_received_time if known else None
    pace["last_received_time"] = max(received, before) if before else received
    if before and received > before:
        rhythm = known.rhythm_microseconds if known else None
        pace["rhythm_microseconds"] = _rhythm(rhythm or 0, received - before)
    if newest_event is not None:
        last = known.last_event_time if known else None
        pace["last_event_time"] = max(newest_event, last) if last else newest_event
        pace["lag_microseconds"] = max(0, (received - newest_event) // MICROSECOND)
    return pace


def _received(batch: RawBatch, pick: Callable[[Iterable[int]], int]) -> datetime | None:
    tables = [table for table in (batch.records, batch.rejects) if table.num_rows]
    times = [pick(integers(table.column("received_time"))) for table in tables]
    return from_microseconds(pick(times)) if times else None


def _rhythm(rhythm: int, pause: timedelta) -> int:
    kept: float = rhythm * 0.5 ** (pause / RHYTHM_HALF_LIFE)
    most = RHYTHM_GROWTH * max(kept, SHORTEST_SILENCE / MICROSECOND)
    return int(max(kept, min(pause / MICROSECOND, most)))


def _health(row: Row[Any], now: datetime, redacted: Mapping[str, int]) -> FeedHealth:
    rhythm = row.rhythm_microseconds
    silence = max(SHORTEST_SILENCE, SILENCE_RHYTHMS * (rhythm or 0) * MICROSECOND)
    last = row.last_received_time
    lag = row.lag_microseconds
    return FeedHealth(
        feed=row.feed,
        source=row.source,
        **{name: getattr(row, name) for name in COUNTERS},
        last_event_time=row.last_event_time,
        last_received_time=last,
        lag=None if lag is None else lag * MICROSECOND,
        rhythm=None if rhythm is None else rhythm * MICROSECOND,
        is_silent=rhythm is not None and last is not None and now - last > silence,
        own_lag=None
        if row.own_lag_microseconds is None
        else row.own_lag_microseconds * MICROSECOND,
        redacted=redacted,
    )


def _hour(moment: datetime) -> datetime:
    whole = to_microseconds(moment) // HOUR_MICROSECONDS
    return from_microseconds(whole * HOUR_MICROSECONDS)
