"""Messages and tickets page by page, and what people ask to be tried again.

What a message tells may be of any account: only an unlimited scope sees messages. A ticket is seen
by everybody who sees its incident.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Update, exists, func, select, update

from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import audit, cursors, incidents
from tocsin.store.database import Database
from tocsin.store.notice_tables import OUTBOX
from tocsin.store.once import Once, keep, recall
from tocsin.store.outbox import Outgoing
from tocsin.store.questions import Page
from tocsin.store.tables import INCIDENTS
from tocsin.store.ticket_tables import TICKETS
from tocsin.store.tickets import KeptTicket, anew, kept

MESSAGES_AGAIN, TICKETS_AGAIN, TESTED = "notify.retry", "ticket.retry", "notify.test"


@dataclass(frozen=True, slots=True)
class WhichMessages:
    """Messages in this state, of this notifier, about this incident; `None` for any."""

    state: str | None = None
    target: str | None = None
    incident_uid: str | None = None


@dataclass(frozen=True, slots=True)
class WhichTickets:
    """Tickets in this state and of this system; `None` for any."""

    state: str | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks that something is tried again, when (UTC), and by which idempotency key."""

    actor: str
    now: datetime
    once: Once | None = None


class Leaving:
    """Messages and tickets as of the last commit, for those who look after them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def messages(
        self, which: WhichMessages, scope: Scope, *, limit: int = 100, cursor: str | None = None
    ) -> Page[tuple[Outgoing, ...]]:
        """Return messages, the newest first.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("messages", which, scope)
        if scope != EVERYTHING:
            return Page((), None)
        columns, query = OUTBOX.c, select(OUTBOX)
        wanted = (
            (columns.state, which.state),
            (columns.target, which.target),
            (columns.incident_uid, which.incident_uid),
        )
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        # One message goes to several notifiers: both names make a row's place.
        row_key = (columns.uid + " " + columns.target).label("row_key")
        query = cursors.newest_first(query, columns.time, row_key, question, cursor)  # type: ignore[arg-type] # an expression orders as a column does
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
        found = [Outgoing(**row._mapping) for row in rows]
        shown, following = cursors.split(
            found, limit, question, lambda one: (one.time, f"{one.uid} {one.target}")
        )
        return Page(tuple(shown), following)

    def tickets(
        self, which: WhichTickets, scope: Scope, *, limit: int = 100, cursor: str | None = None
    ) -> Page[tuple[KeptTicket, ...]]:
        """Return tickets of incidents in `scope`, in the order of their incidents' names.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("tickets", which, scope)
        columns, query = TICKETS.c, select(TICKETS)
        for column, value in ((columns.state, which.state), (columns.system, which.system)):
            if value is not None:
                query = query.where(column == value)
        limits = incidents.visible(scope)
        if limits:
            theirs = INCIDENTS.c.uid == columns.incident_uid
            query = query.where(exists().where(theirs, *limits))
        row_key = columns.incident_uid + " " + columns.system
        if cursor:
            query = query.where(row_key > cursors.read(cursor, question)[1])
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(row_key).limit(limit + 1)).all()
        shown, following = cursors.split(
            [kept(row) for row in rows],
            limit,
            question,
            lambda one: (0, f"{one.incident_uid} {one.system}"),
        )
        return Page(tuple(shown), following)

    def by_route(self) -> Mapping[tuple[str, str], int]:
        """Return how many messages each route has in each state that occurs."""
        query = select(OUTBOX.c.route, OUTBOX.c.state, func.count())
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(OUTBOX.c.route, OUTBOX.c.state)).all()
        return {(route, state): count for route, state, count in rows}

    def retry_messages(
        self, asking: Asking, target: str | None = None, uid: str | None = None
    ) -> int:
        """Let parked messages be tried again from the first try; return how many.

        Args:
            asking: who, when, and by which key.
            target: of this notifier only.
            uid: this message only.

        Raises:
            UsageError: the idempotency key came with another request before.
        """
        parked = update(OUTBOX).where(OUTBOX.c.state == "parked")
        if target is not None:
            parked = parked.where(OUTBOX.c.target == target)
        if uid is not None:
            parked = parked.where(OUTBOX.c.uid == uid)
        values = {"state": "waiting", "attempts": 0, "due_time": asking.now}
        about = {"message": uid} if uid is not None else {}
        return self._again(asking, parked.values(values), (MESSAGES_AGAIN, target, about))

    def retry_tickets(self, asking: Asking, system: str | None = None) -> int:
        """Let parked tickets be tried again; return how many.

        Args:
            asking: who, when, and by which key.
            system: of this one only.

        Raises:
            UsageError: the idempotency key came with another request before.
        """
        parked = update(TICKETS).where(TICKETS.c.state == "parked")
        if system is not None:
            parked = parked.where(TICKETS.c.system == system)
        return self._again(asking, parked.values(anew(asking.now)), (TICKETS_AGAIN, system, {}))

    def note_test(self, asking: Asking, target: str, problem: str) -> None:
        """Note in the audit log that somebody sent a test message, and what became of it."""
        details: dict[str, object] = {"problem": problem} if problem else {"taken": True}
        with self._database.write() as connection:
            audit.record(connection, asking.actor, TESTED, target, details, now=asking.now)

    def _again(
        self, asking: Asking, query: Update, what: tuple[str, str | None, Mapping[str, object]]
    ) -> int:
        action, whose, about = what
        with self._database.write() as connection:
            answer = recall(connection, asking.actor, asking.once)
            if answer is not None:
                return int(answer)
            count = connection.execute(query).rowcount
            details = {**about, "count": count}
            audit.record(connection, asking.actor, action, whose or "", details, now=asking.now)
            keep(connection, asking.actor, asking.once, str(count), asking.now)
        return count
