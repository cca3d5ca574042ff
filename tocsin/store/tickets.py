"""Tickets in other systems: which incident has which, what each was told, and what comes next.

Triggers note every incident that changes. `mark_due` finds those that want a ticket, `lease` gives
a step to the one who takes it and stores before that it was begun, and `told` stores how it ended.
A process that dies in between leaves a step of which the next one finds out what became of it.
"""

import builtins
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.incidents import Incident
from tocsin.respond.notifying.tickets import (
    Next,
    Step,
    TicketPolicy,
    Told,
    is_over,
    mark_of,
    next_step,
    wants_ticket,
)
from tocsin.store import audit, documents
from tocsin.store.database import Database
from tocsin.store.tables import FINDINGS, INCIDENT_FINDINGS, INCIDENTS
from tocsin.store.ticket_tables import TICKET_NEWS, TICKET_SYSTEMS, TICKETS

NEWS_AT_ONCE = 200
"""Few enough that a turn never waits long for the one connection that writes."""

NOTED = "incident.ticket"
"""What happens to a ticket is a line of its incident's timeline."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_WATCHED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class KeptTicket:
    """The ticket of an incident in one system.

    Attributes:
        system: name in the settings.
        uid: by which the system's API names it; "" until it is known to be there.
        key: what people call it; `url` where they read it.
        is_open: over there, as last seen.
        state: waiting, settled or parked.
        begun: the step that was begun and has no known end; "" otherwise.
        begun_time: when that was, UTC.
        mark: of the comment that was begun.
        attempts: how often the present step was tried.
        due_time: not before.
        problem: why the last try failed; "" otherwise.
        synced_time: when it was last read over there, UTC.
    """

    system: str
    incident_uid: str
    uid: str
    key: str
    url: str
    is_open: bool
    told: Told
    state: str
    begun: str
    begun_time: datetime | None
    mark: str
    attempts: int
    due_time: datetime
    problem: str
    synced_time: datetime | None


@dataclass(frozen=True, slots=True)
class TicketWork:
    """A step to take.

    Attributes:
        ticket: as it was before the step.
        incident: as it is now.
        step: what to do.
        mark: of the comment.
        attempts: how often the step was tried, this try included.
        unknown_since: when a try began that has no known end, UTC; `None` where all is known.
    """

    ticket: KeptTicket
    incident: Incident
    step: Step
    mark: str
    attempts: int
    unknown_since: datetime | None


class Tickets:
    """Tickets as of the last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, names: Collection[str]) -> None:
        """Know these systems and no others; the tickets of others stay on record."""
        with self._database.write() as connection:
            columns = TICKET_SYSTEMS.c
            connection.execute(delete(TICKET_SYSTEMS).where(columns.name.not_in(names)))
            for name in names:
                connection.execute(
                    insert(TICKET_SYSTEMS).values(name=name).on_conflict_do_nothing()
                )
            if not names:
                connection.execute(delete(TICKET_NEWS))

    def mark_due(self, policies: Mapping[str, TicketPolicy], now: datetime) -> int:
        """Look through some incidents that changed; return how many, 0 when none did.

        Args:
            policies: by the name of the system.
            now: UTC.
        """
        news = select(TICKET_NEWS.c.incident_uid).limit(NEWS_AT_ONCE)
        with self._database.read() as connection:
            if connection.execute(news.limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            uids = list(connection.execute(news).scalars())
            sources = _sources(connection, uids)
            for incident in _incidents(connection, uids):
                for name, policy in policies.items():
                    known = _find(connection, name, incident.uid)
                    if known is not None:
                        _set(connection, name, incident.uid, _woken(known, now))
                    elif wants_ticket(policy, incident, sources.get(incident.uid, ())):
                        _add(connection, name, incident.uid, now)
            connection.execute(delete(TICKET_NEWS).where(TICKET_NEWS.c.incident_uid.in_(uids)))
        return len(uids)

    def lease(
        self, system: str, comment_every: timedelta, now: datetime, length: timedelta
    ) -> TicketWork | None:
        """Give the next step of a system to the caller, who takes it and then says how it went.

        Whoever dies before that leaves it to the next one, once `length` has passed.
        """
        columns = TICKETS.c
        due = (
            select(TICKETS)
            .where(columns.system == system, columns.state == "waiting")
            .where(columns.due_time <= now, columns.lease_time <= now)
            .order_by(columns.due_time, columns.incident_uid)
            .limit(1)
        )
        while True:
            with self._database.read() as connection:
                if connection.execute(due).first() is None:
                    return None
            with self._database.write() as connection:
                row = connection.execute(due).first()
                if row is None:
                    return None
                work = _work(connection, kept(row), comment_every, now)
                if work is not None:
                    _begin(connection, work, now, length)
                    return work

    def opened(
        self, work: TicketWork, uid: str, key: str, url: str, now: datetime, *, is_open: bool
    ) -> None:
        """Note that an incident has a ticket, also one that was there before."""
        values = {"uid": uid, "key": key, "url": url, "is_open": is_open}
        # Of an incident that is over by now, the ticket is yet to be told.
        said = _said(work.incident, now) | {"told_finished": False}
        with self._database.write() as connection:
            _done(connection, work, values | said, now)
            details: dict[str, object] = {"ticket": key, "system": work.ticket.system, "url": url}
            _note(connection, work.ticket, details, now)

    def told(self, work: TicketWork, now: datetime) -> None:
        """Note that a step after the first was taken."""
        is_open = {"close": False, "reopen": True}.get(work.step, work.ticket.is_open)
        with self._database.write() as connection:
            _done(connection, work, {"is_open": is_open} | _said(work.incident, now), now)

    def dropped(self, work: TicketWork, now: datetime) -> None:
        """Note that a ticket is not there and not wanted any more."""
        with self._database.write() as connection:
            _done(connection, work, {}, now)

    def failed(
        self, work: TicketWork, problem: str, due: datetime | None, *, is_refused: bool
    ) -> None:
        """Note why a step was not taken, and when it is tried again; never: it is parked.

        Args:
            work: of `lease`.
            problem: one sentence.
            due: UTC.
            is_refused: whether the system said that it did nothing.
        """
        values: dict[str, object] = {"problem": problem, "lease_time": _EPOCH}
        values |= {"state": "parked"} if due is None else {"due_time": due}
        if is_refused:
            values |= {"begun": "", "begun_time": None}
        with self._database.write() as connection:
            _set(connection, work.ticket.system, work.incident.uid, values)

    def of_incident(self, incident_uid: str) -> tuple[KeptTicket, ...]:
        """Return the tickets of an incident that are known to be there."""
        query = select(TICKETS).where(TICKETS.c.incident_uid == incident_uid, TICKETS.c.uid != "")
        with self._database.read() as connection:
            return tuple(kept(row) for row in connection.execute(query))

    def list(self, system: str | None = None, *, limit: int = 100) -> tuple[KeptTicket, ...]:
        """Return tickets, those that were told something last first."""
        query = select(TICKETS).order_by(TICKETS.c.told_time.desc(), TICKETS.c.incident_uid)
        if system is not None:
            query = query.where(TICKETS.c.system == system)
        with self._database.read() as connection:
            return tuple(kept(row) for row in connection.execute(query.limit(limit)))

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many tickets each system has in each state that occurs."""
        query = select(TICKETS.c.system, TICKETS.c.state, func.count())
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(TICKETS.c.system, TICKETS.c.state)).all()
        return {(system, state): count for system, state, count in rows}

    def problems(self, system: str) -> tuple[str, ...]:
        """Return some reasons why tickets of a system are parked."""
        columns = TICKETS.c
        query = select(columns.problem).where(columns.system == system, columns.state == "parked")
        with self._database.read() as connection:
            return tuple(connection.execute(query.distinct().limit(3)).scalars())

    def to_sync(self, system: str, before: datetime, limit: int) -> tuple[KeptTicket, ...]:
        """Return tickets not read since `before`: open ones, and those of incidents still open.

        Those that are over are looked at once an hour, in the first week.
        """
        columns = TICKETS.c
        lives = or_(columns.is_open, ~columns.told_finished)
        rests = and_(columns.told_time > before - _WATCHED, _not_read_since(before - _HOUR))
        waits = or_(and_(lives, _not_read_since(before)), rests)
        query = select(TICKETS).where(columns.system == system, columns.uid != "", waits)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(columns.synced_time).limit(limit))
            return tuple(kept(row) for row in rows)

    def synced(self, ticket: KeptTicket, is_open: bool | None, now: datetime) -> None:
        """Note what a ticket is like over there; `None`: it is gone.

        A difference is a line of the incident's timeline.
        """
        values: dict[str, object] = {"synced_time": now}
        with self._database.write() as connection:
            row = _find(connection, ticket.system, ticket.incident_uid)
            if row is None:
                return
            if is_open is None:
                problem = f"{ticket.key} is not there any more"
                if not row.problem:
                    _note(connection, ticket, {"ticket": problem}, now)
                values |= {"problem": problem, "state": "parked", "is_open": False}
            elif row.is_open is not is_open:
                what = "opened again" if is_open else "closed"
                details: dict[str, object] = {"ticket": f"{ticket.key} was {what} over there"}
                _note(connection, ticket, details, now)
                values |= {"is_open": is_open}
            _set(connection, ticket.system, ticket.incident_uid, values)


def want(connection: Connection, system: str, incident_uid: str, now: datetime) -> None:
    """Have a system keep a ticket of an incident that it did not choose itself."""
    known = _find(connection, system, incident_uid)
    if known is None:
        _add(connection, system, incident_uid, now)


def _work(
    connection: Connection, ticket: KeptTicket, comment_every: timedelta, now: datetime
) -> TicketWork | None:
    """Return the step that a ticket wants now, or store that it wants none, or when."""
    incident = next(iter(_incidents(connection, [ticket.incident_uid])), None)
    if incident is None:
        _settle(connection, ticket, {})
        return None
    following: Next | None = next_step(incident, ticket.told, comment_every, now)
    if following is None:
        told = {"told_finished": is_over(incident)} if ticket.uid else {}
        _settle(connection, ticket, told)
        return None
    if following.due > now:
        values = {"due_time": following.due}
        _set(connection, ticket.system, ticket.incident_uid, values)
        return None
    is_again = ticket.begun == following.step
    mark = ticket.mark if is_again else mark_of(incident, ticket.system, following.step)
    attempts = ticket.attempts + 1 if is_again or not ticket.begun else 1
    since = ticket.begun_time if is_again else None
    return TicketWork(ticket, incident, following.step, mark, attempts, since)


def _begin(connection: Connection, work: TicketWork, now: datetime, length: timedelta) -> None:
    values = {
        "begun": work.step,
        "begun_time": work.unknown_since or now,
        "mark": work.mark,
        "attempts": work.attempts,
        "lease_time": now + length,
    }
    _set(connection, work.ticket.system, work.incident.uid, values)


def _settle(connection: Connection, ticket: KeptTicket, values: Mapping[str, object]) -> None:
    settled = {"state": "settled", "attempts": 0, "problem": "", **values}
    _set(connection, ticket.system, ticket.incident_uid, settled)


def anew(now: datetime) -> dict[str, object]:
    """Return what makes a ticket wait for its first try."""
    return {
        "state": "waiting",
        "attempts": 0,
        "due_time": now,
        "lease_time": _EPOCH,
        "problem": "",
    }


def _done(
    connection: Connection, work: TicketWork, values: Mapping[str, object], now: datetime
) -> None:
    # Another step may be due: it is looked at once more before the ticket is settled.
    done = {**anew(now), "begun": "", "begun_time": None, "mark": ""}
    _set(connection, work.ticket.system, work.incident.uid, {**done, **values})


def _not_read_since(moment: datetime) -> ColumnElement[bool]:
    return or_(TICKETS.c.synced_time.is_(None), TICKETS.c.synced_time < moment)


def _woken(row: Row[Any], now: datetime) -> dict[str, object]:
    """Return what a change of its incident makes of a ticket; a try that waits goes on waiting."""
    if row.state == "parked":
        return anew(now)
    return (
        {"state": "waiting"} if row.begun or row.problem else {"state": "waiting", "due_time": now}
    )


def _said(incident: Incident, now: datetime) -> dict[str, object]:
    return {
        "told_finished": is_over(incident),
        "told_severity_id": incident.severity_id,
        "told_findings": incident.finding_count,
        "told_verdict": incident.verdict or "",
        "told_time": now,
    }


def _add(connection: Connection, system: str, incident_uid: str, now: datetime) -> None:
    row = {
        **dict.fromkeys(("uid", "key", "url", "told_verdict", "begun", "mark"), ""),
        **dict.fromkeys(("told_severity_id", "told_findings"), 0),
        **dict.fromkeys(("is_open", "told_finished"), False),
        **anew(now),
    }
    connection.execute(insert(TICKETS).values(system=system, incident_uid=incident_uid, **row))


def _note(
    connection: Connection, ticket: KeptTicket, details: dict[str, object], now: datetime
) -> None:
    actor = f"ticket:{ticket.system}"
    audit.record(connection, actor, NOTED, ticket.incident_uid, details, now=now)


def _find(connection: Connection, system: str, incident_uid: str) -> Row[Any] | None:
    columns = TICKETS.c
    query = select(TICKETS).where(columns.system == system, columns.incident_uid == incident_uid)
    return connection.execute(query).first()


def _set(
    connection: Connection, system: str, incident_uid: str, values: Mapping[str, object]
) -> None:
    columns = TICKETS.c
    mine = update(TICKETS).where(columns.system == system, columns.incident_uid == incident_uid)
    connection.execute(mine.values(dict(values)))


def _incidents(connection: Connection, uids: Sequence[str]) -> builtins.list[Incident]:
    query = select(INCIDENTS.c.body).where(INCIDENTS.c.uid.in_(uids)).order_by(INCIDENTS.c.uid)
    return [documents.incident(body) for body in connection.execute(query).scalars()]


def _sources(connection: Connection, uids: Iterable[str]) -> dict[str, set[str]]:
    tie = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
    query = select(INCIDENT_FINDINGS.c.incident_uid, FINDINGS.c.source).join(FINDINGS, tie)
    found: dict[str, set[str]] = {}
    wanted = query.where(INCIDENT_FINDINGS.c.incident_uid.in_(builtins.list(uids))).distinct()
    for uid, source in connection.execute(wanted):
        found.setdefault(uid, set()).add(source)
    return found


def kept(row: Row[Any]) -> KeptTicket:
    """Return a row as people and threads see it."""
    told = Told(
        exists=bool(row.uid),
        is_open=row.is_open,
        is_finished=row.told_finished,
        severity_id=row.told_severity_id,
        findings=row.told_findings,
        verdict=row.told_verdict,
        time=row.told_time,
        begun=cast("Step", row.begun),
    )
    names = KeptTicket.__dataclass_fields__.keys() - {"told"}
    return KeptTicket(**{name: getattr(row, name) for name in names}, told=told)
