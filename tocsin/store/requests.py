"""Action requests as people and turns see them: added, read, approved, refused, taken back.

What carries them out is `request_work`. Every change of a state is a row of the history, and what a
person does is in the audit log, in one transaction with the change.
"""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from tocsin.errors import UsageError
from tocsin.ocsf import Scope
from tocsin.respond.actions import Call
from tocsin.respond.requests import ActionRequest, Approval, check_approval
from tocsin.store import audit, cursors, request_documents
from tocsin.store.database import Database
from tocsin.store.once import Once, keep, recall
from tocsin.store.questions import Page
from tocsin.store.request_rows import (
    KeptRequest,
    RequestMoment,
    add,
    approvals_of,
    change,
    kept_where,
    move,
    note,
    settle,
)
from tocsin.store.request_rows import kept as read
from tocsin.store.request_tables import APPROVALS, REQUEST_CALLS, REQUEST_HISTORY, REQUESTS


@dataclass(frozen=True, slots=True)
class RequestCall:
    """One call that was sent, or was about to be.

    Attributes:
        phase: `apply` or `undo`.
        number: in its plan, from 0.
        begun_time: written down before it was sent, UTC.
        ended_time: `None` while nobody knows what became of it.
        outcome: done, failed, unknown; "" while nobody knows.
    """

    phase: str
    number: int
    call: Call
    begun_time: datetime
    ended_time: datetime | None
    outcome: str
    detail: str


class Requests:
    """Action requests, as of the last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self, request: ActionRequest, actor: str, now: datetime, once: Once | None = None
    ) -> str:
        """Store a person's request; return its uid. The same again changes nothing."""
        with self._database.write() as connection:
            answer = recall(connection, actor, once)
            if answer is not None:
                return answer
            if add(connection, (request,), now):
                details: dict[str, object] = {
                    "action": request.action,
                    "target": request.target.uid,
                    "account": request.target.account,
                    "incident": request.incident_uid,
                    "reason": request.reason,
                }
                audit.record(connection, actor, "respond.request", request.uid, details, now=now)
            keep(connection, actor, once, request.uid, now)
        return request.uid

    def get(self, uid: str, scope: Scope) -> KeptRequest | None:
        """Return a request by its identifier or the beginning of it, where only one begins so."""
        query = select(REQUESTS).where(REQUESTS.c.uid.startswith(uid, autoescape=True))
        with self._database.read() as connection:
            rows = connection.execute(query.where(*_visible(scope)).limit(2)).all()
        exact = [row for row in rows if row.uid == uid]
        return read(exact[0]) if exact else read(rows[0]) if len(rows) == 1 and uid else None

    def list(
        self,
        scope: Scope,
        *,
        states: Sequence[str] = (),
        incident_uid: str = "",
        since: datetime | None = None,
        limit: int = 100,
    ) -> tuple[KeptRequest, ...]:
        """Return requests, those that changed last first.

        Args:
            scope: accounts that the asker may see.
            states: only these; empty for all.
            incident_uid: only of this incident; "" for all.
            since: only those requested since.
            limit: how many at most.
        """
        columns = REQUESTS.c
        query = _asked(scope, states, incident_uid)
        if since is not None:
            query = query.where(columns.requested_time >= since)
        query = query.order_by(columns.updated_time.desc(), columns.uid).limit(limit)
        with self._database.read() as connection:
            return tuple(read(row) for row in connection.execute(query))

    def page(
        self,
        scope: Scope,
        *,
        states: Sequence[str] = (),
        incident_uid: str = "",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[tuple[KeptRequest, ...]]:
        """Return one page of requests, those that changed last first; see `list`.

        Raises:
            UsageError: the cursor is of another question.
        """
        columns = REQUESTS.c
        question = cursors.question_of("requests", sorted(states), incident_uid, scope)
        query = _asked(scope, states, incident_uid)
        query = cursors.newest_first(query, columns.updated_time, columns.uid, question, cursor)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
        shown, following = cursors.split(
            rows, limit, question, lambda row: (row.updated_time, row.uid)
        )
        return Page(tuple(read(row) for row in shown), following)

    def counts(self, scope: Scope) -> Mapping[str, int]:
        """Return how many requests are in each state that occurs."""
        query = select(REQUESTS.c.state, func.count()).where(*_visible(scope))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(REQUESTS.c.state)).all()
        return {state: count for state, count in rows}

    def history(self, uid: str) -> tuple[RequestMoment, ...]:
        """Return how a request came to its state, oldest first."""
        columns = REQUEST_HISTORY.c
        query = select(columns.time, columns.state, columns.who, columns.detail)
        query = query.where(columns.request_uid == uid).order_by(columns.seq)
        with self._database.read() as connection:
            return tuple(RequestMoment(*row) for row in connection.execute(query))

    def calls(self, uid: str) -> tuple[RequestCall, ...]:
        """Return the calls of a request that were sent or about to be, oldest first."""
        query = select(REQUEST_CALLS).where(REQUEST_CALLS.c.request_uid == uid)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(REQUEST_CALLS.c.seq)).all()
        return tuple(
            RequestCall(
                row.phase,
                row.number,
                request_documents.call(row.call),
                row.begun_time,
                row.ended_time,
                row.outcome,
                row.detail,
            )
            for row in rows
        )

    def approvals(self, uid: str) -> tuple[Approval, ...]:
        """Return who agreed to which plan of a request, oldest first."""
        with self._database.read() as connection:
            return approvals_of(connection, uid)

    def approve(  # noqa: PLR0913 -- a word, whose, for what, when, why; each counts
        self,
        uid: str,
        digest: str,
        approver: str,
        now: datetime,
        scope: Scope,
        *,
        reason: str = "",
        lone_delay: timedelta | None = None,
        once: Once | None = None,
    ) -> KeptRequest:
        """Store a person's word for the plan that they saw; the last one needed lets it go on.

        What they give as a reason stands in the history, where they give one.

        Raises:
            UsageError: it does not count; the text says why.
        """
        with self._database.write() as connection:
            kept = _known(connection, uid, scope)
            if recall(connection, approver, once) is not None:
                return kept
            uid = kept.request.uid
            earlier = approvals_of(connection, uid)
            mine = Approval(digest, approver, now)
            check_approval(kept.request, kept.digest, mine, lone_delay, earlier)
            row = {"request_uid": uid, "digest": digest, "approver": approver, "time": now}
            connection.execute(insert(APPROVALS).values(row))
            details: dict[str, object] = {"digest": digest, "action": kept.request.action}
            if reason:
                details["reason"] = reason
                moment = RequestMoment(now, kept.request.state, approver, f"approves: {reason}")
                note(connection, uid, moment)
            audit.record(connection, approver, "respond.approve", uid, details, now=now)
            settle(connection, kept, now, lone_delay)
            keep(connection, approver, once, uid, now)
            return _known(connection, uid, scope)

    def refuse(
        self,
        uid: str,
        who: str,
        reason: str,
        now: datetime,
        scope: Scope,
        *,
        once: Once | None = None,
    ) -> KeptRequest:
        """Say no to a request that was not begun.

        Raises:
            UsageError: there is none, or it is too late.
        """
        with self._database.write() as connection:
            kept = _known(connection, uid, scope)
            if recall(connection, who, once) is not None:
                return kept
            move(connection, kept.request, RequestMoment(now, "refused", who, reason))
            details: dict[str, object] = {"reason": reason}
            audit.record(connection, who, "respond.refuse", kept.request.uid, details, now=now)
            keep(connection, who, once, kept.request.uid, now)
            return _known(connection, uid, scope)

    def ask_undo(
        self,
        uid: str,
        who: str,
        reason: str,
        now: datetime,
        scope: Scope,
        *,
        once: Once | None = None,
    ) -> KeptRequest:
        """Ask that what was done is taken back now.

        Raises:
            UsageError: there is no such request, or nothing of it that could be taken back.
        """
        with self._database.write() as connection:
            kept = _known(connection, uid, scope)
            if recall(connection, who, once) is not None:
                return kept
            state = kept.request.state
            if state not in ("active", "failed", "reverting") or kept.before is None:
                raise UsageError(f"the request is {state}: there is nothing to take back")
            change(connection, kept.request.uid, now, undo_by=who, due_time=now, attempts=0)
            moment = RequestMoment(now, state, who, f"to be taken back: {reason}")
            note(connection, kept.request.uid, moment)
            details: dict[str, object] = {"reason": reason}
            audit.record(connection, who, "respond.undo", kept.request.uid, details, now=now)
            keep(connection, who, once, kept.request.uid, now)
            return _known(connection, uid, scope)


def _asked(scope: Scope, states: Sequence[str], incident_uid: str) -> Select[Any]:
    query = select(REQUESTS).where(*_visible(scope))
    if states:
        query = query.where(REQUESTS.c.state.in_(states))
    return query.where(REQUESTS.c.incident_uid == incident_uid) if incident_uid else query


def _known(connection: Connection, uid: str, scope: Scope) -> KeptRequest:
    found = kept_where(connection, REQUESTS.c.uid == uid, *_visible(scope))
    if not found:
        raise UsageError(f"there is no request {uid}")
    return found[0]


def _visible(scope: Scope) -> builtins.list[Any]:
    if scope.accounts is None:
        return []
    return [REQUESTS.c.account.in_(sorted(scope.accounts))]
