"""Rows of action requests: read, written and moved on, inside the transaction of the caller."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

from tocsin.respond.actions import Plan, Target
from tocsin.respond.actions.words import State
from tocsin.respond.requests import (
    ActionRequest,
    Approval,
    Mode,
    OnFailure,
    RequestState,
    agreement,
    check_transition,
)
from tocsin.store import request_documents
from tocsin.store.moments import MICROSECOND
from tocsin.store.request_tables import APPROVALS, REQUEST_HISTORY, REQUESTS

TOCSIN = "tocsin"
"""Who did what nobody asked for: planning, expiry."""


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request with all that became of it.

    Attributes:
        request: with its present state.
        plan: what people see and approve; `None` until it is made.
        digest: of the plan; "" until there is one.
        planned_time: when, UTC.
        before: what was read before the first call; `None` before that.
        after: what was read when it was done.
        undo: what taking back was planned to do.
        undo_by: who wants it taken back; "" while nobody does.
        begun_time: when the first call was about to be sent, UTC.
        expires_time: when it is taken back by itself, UTC.
        asked_time: when people were asked whether it should go on, UTC.
        attempts: how often the present step failed for a passing reason.
        due_time: when it is looked at next, UTC.
        problem: what keeps it from going on, or why it ended so; "" otherwise.
        updated_time: when any of this changed last, UTC.
    """

    request: ActionRequest
    plan: Plan | None
    digest: str
    planned_time: datetime | None
    before: State | None
    after: State | None
    undo: Plan | None
    undo_by: str
    begun_time: datetime | None
    expires_time: datetime | None
    asked_time: datetime | None
    attempts: int
    due_time: datetime
    problem: str
    updated_time: datetime


@dataclass(frozen=True, slots=True)
class RequestMoment:
    """One change of a request's state."""

    time: datetime
    state: RequestState
    who: str
    detail: str


def add(connection: Connection, requests: Iterable[ActionRequest], now: datetime) -> int:
    """Store new requests in the transaction of whoever makes them; return how many were new."""
    count = 0
    for request in requests:
        statement = insert(REQUESTS).prefix_with("OR IGNORE").values(_row(request, now))
        if connection.execute(statement).rowcount:
            count += 1
            moment = RequestMoment(now, request.state, request.author, request.reason)
            note(connection, request.uid, moment)
    return count


def settle(
    connection: Connection, present: KeptRequest, now: datetime, lone_delay: timedelta | None
) -> bool:
    """Let a request with a plan go on where enough people agreed; return whether it did."""
    request = present.request
    if request.state != "proposed" or not present.digest:
        return False
    approvals = approvals_of(connection, request.uid)
    found = agreement(request, present.digest, approvals, now, lone_delay)
    if not found.is_given:
        return False
    who = ", ".join(one.approver for one in approvals if one.digest == present.digest)
    detail = "nobody had to agree" if not who else "the plan was approved"
    if found.is_lone:
        detail = f"a delay of {lone_delay} took the place of another person"
    moment = RequestMoment(now, "approved", who or TOCSIN, detail)
    move(connection, request, moment, due_time=now)
    return True


def move(
    connection: Connection,
    request: ActionRequest,
    moment: RequestMoment,
    **values: object,
) -> None:
    """Change a request's state, with a row of its history.

    Raises:
        UsageError: the states do not allow it.
    """
    row = connection.execute(select(REQUESTS.c.state).where(REQUESTS.c.uid == request.uid)).one()
    check_transition(cast("RequestState", row.state), moment.state)
    anew: dict[str, object] = {"state": moment.state, "problem": "", "attempts": 0, **values}
    change(connection, request.uid, moment.time, **anew)
    note(connection, request.uid, moment)


def change(connection: Connection, uid: str, now: datetime, **values: object) -> None:
    """Change columns of one request."""
    statement = update(REQUESTS).where(REQUESTS.c.uid == uid)
    connection.execute(statement.values(**values, updated_time=now))


def note(connection: Connection, uid: str, moment: RequestMoment) -> None:
    """Add a line to a request's history."""
    row = {"time": moment.time, "state": moment.state, "who": moment.who, "detail": moment.detail}
    connection.execute(insert(REQUEST_HISTORY).values(**row, request_uid=uid))


def approvals_of(connection: Connection, uid: str) -> tuple[Approval, ...]:
    """Return who agreed to which plan of a request, oldest first."""
    columns = APPROVALS.c
    query = select(columns.digest, columns.approver, columns.time)
    query = query.where(columns.request_uid == uid).order_by(columns.seq)
    return tuple(Approval(*row) for row in connection.execute(query))


def kept_where(connection: Connection, *conditions: Any) -> tuple[KeptRequest, ...]:
    """Return the requests for which conditions hold, in order of run, step and time."""
    columns = REQUESTS.c
    query = select(REQUESTS).where(*conditions)
    query = query.order_by(columns.requested_time, columns.run_uid, columns.step, columns.uid)
    return tuple(kept(row) for row in connection.execute(query))


def _row(request: ActionRequest, now: datetime) -> dict[str, object]:
    target = request.target
    return {
        "uid": request.uid,
        "run_uid": request.run_uid,
        "playbook_uid": request.playbook_uid,
        "step": request.step,
        "incident_uid": request.incident_uid,
        "action": request.action,
        "target_type": target.type,
        "target_uid": target.uid,
        "target_name": target.name,
        "provider": target.provider,
        "account": target.account,
        "region": target.region,
        "resolution": target.resolution,
        "arguments": request.arguments,
        "mode": request.mode,
        "state": request.state,
        "author": request.author,
        "reason": request.reason,
        "requested_time": request.requested_time,
        "lasts": None if request.lasts is None else request.lasts // MICROSECOND,
        "needed_approvals": request.needed_approvals,
        "on_failure": request.on_failure,
        "evidence_for": request.evidence_for,
        **dict.fromkeys(("plan", "digest", "before", "after", "undo", "undo_by", "problem"), ""),
        "attempts": 0,
        "due_time": now,
        "updated_time": now,
    }


def kept(row: Row[Any]) -> KeptRequest:
    """Return what a row says."""
    return KeptRequest(
        request=_request(row),
        plan=request_documents.plan(row.plan),
        digest=row.digest,
        planned_time=row.planned_time,
        before=request_documents.state(row.before),
        after=request_documents.state(row.after),
        undo=request_documents.plan(row.undo),
        undo_by=row.undo_by,
        begun_time=row.begun_time,
        expires_time=row.expires_time,
        asked_time=row.asked_time,
        attempts=row.attempts,
        due_time=row.due_time,
        problem=row.problem,
        updated_time=row.updated_time,
    )


def _request(row: Row[Any]) -> ActionRequest:
    return ActionRequest(
        uid=row.uid,
        run_uid=row.run_uid,
        playbook_uid=row.playbook_uid,
        step=row.step,
        incident_uid=row.incident_uid,
        action=row.action,
        target=Target(
            row.target_type,
            row.target_uid,
            row.target_name,
            row.provider,
            row.account,
            row.region,
            row.resolution,
        ),
        arguments=row.arguments,
        mode=cast("Mode", row.mode),
        state=cast("RequestState", row.state),
        author=row.author,
        reason=row.reason,
        requested_time=row.requested_time,
        lasts=None if row.lasts is None else row.lasts * MICROSECOND,
        needed_approvals=row.needed_approvals,
        on_failure=cast("OnFailure", row.on_failure),
        evidence_for=row.evidence_for,
    )
