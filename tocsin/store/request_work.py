"""What carries out requests stores here: who does it, what is planned, begun, done, taken back.

One runner at a time holds the lease. Each new holder has a higher fence, and every write of a
runner is refused once its fence is no longer the newest or its time is up: a process that was
frozen and wakes up stores nothing more, and asks before each call, so that it does nothing more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tocsin.errors import StoreError
from tocsin.ocsf.identifiers import derive
from tocsin.respond.actions import Call, Plan
from tocsin.respond.actions.words import State
from tocsin.respond.requests import ActionRequest, RequestState
from tocsin.store import request_documents
from tocsin.store.database import Database
from tocsin.store.notice_tables import OUTBOX
from tocsin.store.request_rows import (
    TOCSIN,
    KeptRequest,
    RequestMoment,
    change,
    kept_where,
    move,
    note,
    settle,
)
from tocsin.store.request_tables import REQUEST_CALLS, REQUESTS, RESPONSE_LEASES

LEASE = timedelta(minutes=3)
"""Longer than any one call may take; every write of the journal begins it anew."""

ASKING_SEVERITY_ID = 4
"""Questions to people are told as what is high."""

_NAME = "responding"
_TAKEN = "another Tocsin carries out requests meanwhile: this one stores and sends nothing"
_WAITING: tuple[RequestState, ...] = ("proposed", "approved", "applying", "reverting")
Phase = Literal["apply", "undo"]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to carry out requests, as long as nobody has a higher fence."""

    holder: str
    fence: int


class RequestWork:
    """The side of the one who carries requests out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(
        self, holder: str, now: datetime, is_dead: Callable[[str], bool] = lambda holder: False
    ) -> Lease | None:
        """Return the right to carry out requests; `None` while another one holds it.

        Args:
            holder: names the asker, no other one is called so.
            now: UTC.
            is_dead: says of another holder that it certainly does nothing more.
        """
        columns = RESPONSE_LEASES.c
        with self._database.write() as connection:
            query = select(RESPONSE_LEASES).where(columns.name == _NAME)
            row = connection.execute(query).first()
            fence = 0 if row is None else int(row.fence)
            is_held = row is not None and row.until > now and row.holder not in ("", holder)
            if row is not None and is_held and not is_dead(row.holder):
                return None
            values = {"holder": holder, "fence": fence + 1, "until": now + LEASE}
            new = upsert(RESPONSE_LEASES).values(name=_NAME, **values)
            connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))
        return Lease(holder, fence + 1)

    def renew(self, lease: Lease, now: datetime) -> None:
        """Hold the lease for longer.

        Raises:
            StoreError: it is another's meanwhile.
        """
        with self._database.write() as connection:
            _hold(connection, lease, now)

    def check(self, lease: Lease, now: datetime) -> None:
        """Ask, without writing, whether a lease still holds.

        Raises:
            StoreError: its time is up, or it is another's meanwhile.
        """
        columns = RESPONSE_LEASES.c
        query = select(columns.fence).where(columns.name == _NAME, columns.fence == lease.fence)
        query = query.where(columns.holder == lease.holder, columns.until > now)
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                raise StoreError(_TAKEN)

    def release(self, lease: Lease, now: datetime) -> None:
        """Give the lease back, so that the next one need not wait."""
        columns = RESPONSE_LEASES.c
        mine = update(RESPONSE_LEASES).where(columns.name == _NAME, columns.fence == lease.fence)
        with self._database.write() as connection:
            connection.execute(mine.values(holder="", until=now))

    def due(self, now: datetime) -> tuple[KeptRequest, ...]:
        """Return the requests with something to do, oldest first, runs in the order of steps."""
        columns = REQUESTS.c
        is_back = columns.expires_time <= now
        is_asked = columns.undo_by != ""
        has_done = columns.state.in_(("active", "failed")) & (columns.before != "")
        with self._database.read() as connection:
            waiting = kept_where(connection, columns.state.in_(_WAITING), columns.due_time <= now)
            ending = kept_where(connection, has_done, is_back | is_asked, columns.due_time <= now)
        return (*waiting, *ending)

    def unasked(self) -> tuple[KeptRequest, ...]:
        """Return what is done without expiry, where nobody was asked yet whether it may go on."""
        columns = REQUESTS.c
        is_open = columns.expires_time.is_(None) & columns.asked_time.is_(None)
        with self._database.read() as connection:
            return kept_where(connection, columns.state == "active", is_open)

    def get(self, uid: str) -> KeptRequest | None:
        """Return one request as it is now."""
        with self._database.read() as connection:
            found = kept_where(connection, REQUESTS.c.uid == uid)
        return found[0] if found else None

    def earlier_steps(self, request: ActionRequest) -> tuple[ActionRequest, ...]:
        """Return the earlier steps of a request's run."""
        columns = REQUESTS.c
        if not request.playbook_uid:
            return ()
        with self._database.read() as connection:
            found = kept_where(
                connection, columns.run_uid == request.run_uid, columns.step < request.step
            )
        return tuple(each.request for each in found)

    def planned(
        self, lease: Lease, request: ActionRequest, plan: Plan, needed: int, now: datetime
    ) -> None:
        """Store what is planned, so that people see it; approvals of another plan count no more."""
        digest = plan.digest(request.target)
        with self._database.write() as connection:
            _hold(connection, lease, now)
            values: dict[str, object] = {
                "plan": request_documents.plan_text(plan),
                "digest": digest,
                "planned_time": now,
                "needed_approvals": max(needed, request.needed_approvals),
                "problem": "",
                "attempts": 0,
                "due_time": now,
            }
            change(connection, request.uid, now, **values)
            moment = RequestMoment(now, request.state, TOCSIN, f"planned: {digest}")
            note(connection, request.uid, moment)

    def settle(self, lease: Lease, uid: str, now: datetime, lone_delay: timedelta | None) -> bool:
        """Let a request go on where enough people agreed; return whether it did."""
        with self._database.write() as connection:
            _hold(connection, lease, now)
            found = kept_where(connection, REQUESTS.c.uid == uid)
            return bool(found) and settle(connection, found[0], now, lone_delay)

    def begin(self, lease: Lease, request: ActionRequest, before: State, now: datetime) -> None:
        """Store that a request is carried out now, what was before, and when it is taken back."""
        values = {
            "before": request_documents.state_text(before),
            "begun_time": now,
            "expires_time": None if request.lasts is None else now + request.lasts,
            "due_time": now,
        }
        self.move(lease, request, RequestMoment(now, "applying", TOCSIN, ""), **values)

    def begin_undo(self, lease: Lease, request: ActionRequest, undo: Plan, now: datetime) -> None:
        """Store what taking back will do."""
        with self._database.write() as connection:
            _hold(connection, lease, now)
            text = request_documents.plan_text(undo)
            change(connection, request.uid, now, undo=text)

    def end(
        self,
        lease: Lease,
        request: ActionRequest,
        after: State,
        moment: RequestMoment,
        *,
        problem: str = "",
    ) -> None:
        """Store how a request ended, with what was read then."""
        text = request_documents.state_text(after)
        self.move(lease, request, moment, after=text, due_time=moment.time, problem=problem)

    def move(
        self, lease: Lease, request: ActionRequest, moment: RequestMoment, **values: object
    ) -> None:
        """Change a request's state.

        Raises:
            StoreError: another one carries out requests meanwhile, or nothing could be stored.
            UsageError: somebody else moved it meanwhile.
        """
        with self._database.write() as connection:
            _hold(connection, lease, moment.time)
            move(connection, request, moment, **values)

    def postpone(
        self, lease: Lease, request: ActionRequest, problem: str, due: datetime, now: datetime
    ) -> None:
        """Store why a step did not succeed for now, and when it is tried again."""
        with self._database.write() as connection:
            _hold(connection, lease, now)
            values: Mapping[str, object] = {"problem": problem, "due_time": due}
            change(connection, request.uid, now, **values, attempts=REQUESTS.c.attempts + 1)

    def asked(self, lease: Lease, request: ActionRequest, detail: str, now: datetime) -> None:
        """Store that people were asked whether what was done should go on."""
        with self._database.write() as connection:
            _hold(connection, lease, now)
            change(connection, request.uid, now, asked_time=now)
            note(connection, request.uid, RequestMoment(now, request.state, TOCSIN, detail))

    def tell(
        self,
        names: Sequence[str],
        request: ActionRequest,
        message: tuple[str, str, str],
        now: datetime,
    ) -> None:
        """Write a message for some notifiers; the same key again writes nothing.

        Args:
            names: of the notifiers.
            request: that it is about.
            message: key, title and text.
            now: UTC.
        """
        key, title, text = message
        row = {
            "uid": derive("msg", "response", key),
            "route": "response",
            "incident_uid": request.incident_uid,
            "stage": "response",
            "severity_id": ASKING_SEVERITY_ID,
            "title": title,
            "body": text,
            "count": 1,
            "time": now,
            "state": "waiting",
            "attempts": 0,
            "due_time": now,
            "problem": "",
        }
        with self._database.write() as connection:
            for name in names:
                new = insert(OUTBOX).prefix_with("OR IGNORE").values(**row, target=name)
                connection.execute(new)

    def begin_call(
        self, lease: Lease, uid: str, phase: Phase, numbered: tuple[int, Call], now: datetime
    ) -> int:
        """Store that a call is sent next; return by what `end_call` knows it. Durable on return.

        Raises:
            StoreError: it could not be stored, or another one carries out requests meanwhile: the
                call must not be sent.
        """
        number, call = numbered
        row = {
            "request_uid": uid,
            "phase": phase,
            "number": number,
            "call": request_documents.call_text(call),
            "fence": lease.fence,
            "begun_time": now,
            "outcome": "",
            "detail": "",
        }
        with self._database.write() as connection:
            _hold(connection, lease, now)
            key = connection.execute(insert(REQUEST_CALLS).values(row)).inserted_primary_key
        if key is None:
            raise StoreError("a call could not be written down")
        return int(key[0])

    def end_call(self, lease: Lease, seq: int, outcome: str, detail: str, now: datetime) -> None:
        """Store what became of a call."""
        values = {"ended_time": now, "outcome": outcome, "detail": detail[:2000]}
        with self._database.write() as connection:
            _hold(connection, lease, now)
            statement = update(REQUEST_CALLS).where(REQUEST_CALLS.c.seq == seq)
            connection.execute(statement.values(values))

    def has_open_call(self, uid: str, phase: Phase) -> bool:
        """Say whether nobody knows what became of a call of a phase: its sender may have died."""
        columns = REQUEST_CALLS.c
        query = select(columns.seq).where(columns.request_uid == uid, columns.phase == phase)
        query = query.where(columns.outcome.in_(("", "unknown")))
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def has_called(self, uid: str, phase: Phase) -> bool:
        """Say whether any call of a phase may have changed something: was sent and did not fail."""
        columns = REQUEST_CALLS.c
        query = select(columns.seq).where(columns.request_uid == uid, columns.phase == phase)
        query = query.where(columns.outcome != "failed")
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None


def _hold(connection: Connection, lease: Lease, now: datetime) -> None:
    """Refuse a runner that is no longer the one, and give the one that is more time."""
    columns = RESPONSE_LEASES.c
    mine = update(RESPONSE_LEASES).where(
        columns.name == _NAME,
        columns.fence == lease.fence,
        columns.holder == lease.holder,
        columns.until > now,
    )
    if not connection.execute(mine.values(until=now + LEASE)).rowcount:
        raise StoreError(_TAKEN)
