"""What is told to people: occasions, notices and messages on their way out.

A turn writes occasions with the incidents that they are about, in one transaction. Everything after
that is a transaction of its own: `route` hands occasions to the routes, `bundle` makes messages of
notices, `lease` gives a message to the one who sends it. A process that dies between two of them
loses nothing; one that dies while it sends sends again, under the same identifier.
"""

import builtins
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tocsin.incidents import Incident
from tocsin.respond.notifying import (
    TRIES,
    Allowance,
    Bundle,
    Lane,
    Notice,
    Occasion,
    Route,
    bundled,
    digest_text,
    incident_text,
    noticed,
    occasion_of,
    told_by_name,
)
from tocsin.store import documents
from tocsin.store.database import Database, add_new, raw
from tocsin.store.moments import to_microseconds
from tocsin.store.notice_tables import ALLOWANCES, NOTICES, OCCASIONS, OUTBOX
from tocsin.store.tables import FINDINGS, INCIDENT_FINDINGS, INCIDENTS

OCCASIONS_AT_ONCE = 500
"""Few enough that a turn never waits long for the one connection that writes."""

STALE = timedelta(days=1)
"""An occasion that nobody looked at for so long is no news."""

KEPT = timedelta(days=30)
"""How long sent and parked messages are kept, and which route was told of which incident."""

LANES: tuple[Lane, ...] = ("urgent", "normal")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message in the outbox.

    Attributes:
        uid: the same at every try.
        target: name of the notifier that sends it.
        incident_uid: what it is about; "" for a digest.
        stage: of its incident; "digest" for many.
        count: how many notices it tells.
        time: when it was written, UTC.
        state: waiting, sent or parked.
        attempts: how often it was tried.
        due_time: of a waiting one, not before; of a sent one, when it was taken.
        problem: why the last try failed; "" otherwise.
    """

    uid: str
    target: str
    route: str
    incident_uid: str
    stage: str
    severity_id: int
    title: str
    body: str
    count: int
    time: datetime
    state: str
    attempts: int
    due_time: datetime
    problem: str


class Outbox:
    """Messages to people, as of the last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def route(self, routes: Sequence[Route], now: datetime) -> int:
        """Hand some occasions to the routes, the most severe first.

        Returns:
            How many were handed over; 0 when none waits.
        """
        with self._database.read() as connection:
            if connection.execute(select(OCCASIONS.c.uid).limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            occasions = _occasions(connection)
            fresh = [each for each in occasions if each.time >= now - STALE] if routes else []
            notices = list(_noticed(connection, fresh, routes))
            add_new(connection, "notices", map(_notice_row, notices))
            done = [each.uid for each in occasions]
            connection.execute(delete(OCCASIONS).where(OCCASIONS.c.uid.in_(done)))
        return len(occasions)

    def bundle(self, routes: Iterable[Route], now: datetime) -> int:
        """Write messages for the notices that may be told now; return how many."""
        return sum(self._bundle(route, lane, now) for route in routes for lane in LANES)

    def _bundle(self, route: Route, lane: Lane, now: datetime) -> int:
        with self._database.read() as connection:
            waiting = connection.execute(_waiting(route, lane).limit(1)).first()
            allowance = _allowance(connection, route, lane, now)
        if waiting is None or allowance.at(now, lane).tokens < 1:
            return 0
        with self._database.write() as connection:
            allowance = _allowance(connection, route, lane, now)
            notices = [_notice(row) for row in connection.execute(_waiting(route, lane))]
            bundles, left = bundled(route, lane, notices, allowance, now)
            if not bundles:
                return 0
            for each in bundles:
                _write(connection, route, each, now)
            values = {"tokens": left.tokens, "time": left.time}
            new = upsert(ALLOWANCES).values(route=route.name, lane=lane, **values)
            connection.execute(
                new.on_conflict_do_update(index_elements=["route", "lane"], set_=values)
            )
        return len(bundles)

    def lease(self, target: str, now: datetime, length: timedelta) -> Outgoing | None:
        """Give the next message of a target to the caller, who sends it and then says how it went.

        Whoever dies before that leaves it to the next one, once `length` has passed. A message that
        was begun too often without an end is parked.
        """
        due = (
            select(OUTBOX)
            .where(OUTBOX.c.state == "waiting", OUTBOX.c.target == target)
            .where(OUTBOX.c.due_time <= now)
            .order_by(OUTBOX.c.severity_id.desc(), OUTBOX.c.time, OUTBOX.c.uid)
            .limit(1)
        )
        with self._database.read() as connection:
            if connection.execute(due).first() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            if row.attempts >= TRIES:
                values: dict[str, object] = {
                    "state": "parked",
                    "problem": row.problem or "Tocsin ended each time while it was being sent",
                }
            else:
                values = {"attempts": row.attempts + 1, "due_time": now + length}
            connection.execute(_of(row.uid, target).values(values))
        return None if "state" in values else _outgoing(row, row.attempts + 1)

    def sent(self, message: Outgoing, now: datetime) -> None:
        """Note that the other side has taken a message."""
        self._set(message, {"state": "sent", "due_time": now, "problem": ""})

    def failed(self, message: Outgoing, problem: str, due: datetime | None) -> None:
        """Note why a message was not taken, and when it is tried again; never: it is parked."""
        values: dict[str, object] = {"problem": problem}
        values |= {"state": "parked"} if due is None else {"due_time": due}
        self._set(message, values)

    def list(self, state: str | None = None, *, limit: int = 50) -> tuple[Outgoing, ...]:
        """Return messages, the newest first.

        Args:
            state: waiting, sent or parked; `None` for all.
            limit: how many at most.
        """
        query = select(OUTBOX).order_by(OUTBOX.c.time.desc(), OUTBOX.c.uid, OUTBOX.c.target)
        if state is not None:
            query = query.where(OUTBOX.c.state == state)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return tuple(_outgoing(row, row.attempts) for row in rows)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many messages each target has in each state that occurs."""
        query = select(OUTBOX.c.target, OUTBOX.c.state, func.count())
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(OUTBOX.c.target, OUTBOX.c.state)).all()
        return {(target, state): count for target, state, count in rows}

    def held(self) -> Mapping[str, int]:
        """Return how many notices of each route wait for a message."""
        query = select(NOTICES.c.route, func.count()).where(NOTICES.c.message_uid == "")
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(NOTICES.c.route)).all()
        return {route: count for route, count in rows}

    def forget(self, now: datetime) -> None:
        """Drop what was told long ago."""
        with self._database.write() as connection:
            done = OUTBOX.c.state != "waiting"
            connection.execute(delete(OUTBOX).where(done, OUTBOX.c.time < now - KEPT))
            connection.execute(delete(NOTICES).where(NOTICES.c.time < now - KEPT))

    def _set(self, message: Outgoing, values: Mapping[str, object]) -> None:
        with self._database.write() as connection:
            connection.execute(_of(message.uid, message.target).values(dict(values)))


def note(connection: Connection, before: Iterable[Incident], after: Iterable[Incident]) -> None:
    """Store what happened to incidents, inside the transaction that stores them.

    Args:
        connection: writing.
        before: as they were stored; new ones are not among them.
        after: as they are now.
    """
    known = {incident.uid: incident for incident in before}
    found = (occasion_of(known.get(incident.uid), incident) for incident in after)
    rows = [
        (one.uid, one.incident_uid, one.stage, one.severity_id, to_microseconds(one.time))
        for one in found
        if one is not None
    ]
    add_new(connection, "occasions", rows)


def tell(connection: Connection, route: str, incident: Incident, uid: str, now: datetime) -> None:
    """Have a route tell of an incident that it did not choose itself; once for each `uid`."""
    notice = told_by_name(route, incident, uid, now)
    add_new(connection, "notices", [_notice_row(notice)])


def _occasions(connection: Connection) -> builtins.list[Occasion]:
    order = OCCASIONS.c.severity_id.desc(), OCCASIONS.c.time
    rows = connection.execute(select(OCCASIONS).order_by(*order).limit(OCCASIONS_AT_ONCE))
    return [Occasion(**row._mapping) for row in rows]


def _noticed(
    connection: Connection, occasions: Sequence[Occasion], routes: Sequence[Route]
) -> Iterable[Notice]:
    uids = {each.incident_uid for each in occasions}
    incidents = _incidents(connection, uids)
    sources, told = _sources(connection, uids), _told(connection, uids)
    for occasion in sorted(occasions, key=lambda one: one.time):
        incident = incidents.get(occasion.incident_uid)
        if incident is None or incident.merged_into:
            continue
        known = told[incident.uid]
        for notice in noticed(routes, occasion, incident, sources[incident.uid], frozenset(known)):
            known.add(notice.route)
            yield notice


def _incidents(connection: Connection, uids: Iterable[str]) -> Mapping[str, Incident]:
    query = select(INCIDENTS.c.uid, INCIDENTS.c.body).where(INCIDENTS.c.uid.in_(list(uids)))
    return {uid: documents.incident(body) for uid, body in connection.execute(query)}


def _sources(connection: Connection, uids: Iterable[str]) -> Mapping[str, set[str]]:
    tie = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
    query = select(INCIDENT_FINDINGS.c.incident_uid, FINDINGS.c.source).join(FINDINGS, tie)
    query = query.where(INCIDENT_FINDINGS.c.incident_uid.in_(list(uids))).distinct()
    return _by_incident(connection.execute(query).all())


def _told(connection: Connection, uids: Iterable[str]) -> Mapping[str, set[str]]:
    query = select(NOTICES.c.incident_uid, NOTICES.c.route).distinct()
    query = query.where(NOTICES.c.incident_uid.in_(list(uids)))
    return _by_incident(connection.execute(query).all())


def _by_incident(rows: Iterable[Any]) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for uid, value in rows:
        found[uid].add(value)
    return found


def _waiting(route: Route, lane: Lane):  # type: ignore[no-untyped-def] # SQLAlchemy's own
    columns = NOTICES.c
    return select(NOTICES).where(
        columns.message_uid == "", columns.route == route.name, columns.lane == lane
    )


def _allowance(connection: Connection, route: Route, lane: Lane, now: datetime) -> Allowance:
    query = select(ALLOWANCES).where(ALLOWANCES.c.route == route.name, ALLOWANCES.c.lane == lane)
    row = connection.execute(query).first()
    return Allowance.rested(now) if row is None else Allowance(row.tokens, row.time)


def _write(connection: Connection, route: Route, bundle: Bundle, now: datetime) -> None:
    """Write one message for every target of its route, and tie its notices to it."""
    first = bundle.notices[0]
    incident = None
    if bundle.is_single:
        incident = _incidents(connection, [first.incident_uid]).get(first.incident_uid)
    if incident is None:
        text = digest_text(bundle.notices)
    else:
        text = incident_text(incident, bundle.notices, route.fields)
    message = {
        "uid": bundle.uid,
        "route": route.name,
        "incident_uid": "" if incident is None else incident.uid,
        "stage": "digest" if incident is None else first.stage,
        "severity_id": max(notice.severity_id for notice in bundle.notices),
        "title": text.title,
        "body": text.body,
        "count": len(bundle.notices),
        "time": now,
        "state": "waiting",
        "attempts": 0,
        "due_time": now,
        "problem": "",
    }
    for target in route.targets:
        connection.execute(insert(OUTBOX).prefix_with("OR IGNORE").values(**message, target=target))
    raw(connection).executemany(
        "UPDATE notices SET message_uid = ? WHERE uid = ?",
        [(bundle.uid, notice.uid) for notice in bundle.notices],
    )


def _of(uid: str, target: str):  # type: ignore[no-untyped-def] # SQLAlchemy's own
    return update(OUTBOX).where(OUTBOX.c.uid == uid, OUTBOX.c.target == target)


def _notice(row: Row[Any]) -> Notice:
    values = dict(row._mapping)
    del values["message_uid"]
    return Notice(**values)


def _notice_row(notice: Notice) -> tuple[object, ...]:
    return (
        notice.uid,
        notice.route,
        notice.lane,
        notice.incident_uid,
        notice.stage,
        notice.severity_id,
        notice.subject,
        to_microseconds(notice.time),
        "",
    )


def _outgoing(row: Row[Any], attempts: int) -> Outgoing:
    return Outgoing(**{**row._mapping, "attempts": attempts})
