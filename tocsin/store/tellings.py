"""What playbooks tell, in the transaction that stores the incident: each thing once.

Comments, tags, tasks and who takes it are changes of the incident. A ticket is wanted from its
system, and a message from its route, as if these had chosen the incident: what leaves, when, and
how often it is tried, is theirs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident
from tocsin.respond.proposing import Telling
from tocsin.store import incidents, outbox, tickets
from tocsin.store.proposal_tables import TELLINGS

_TEN_MINUTES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class KeptTelling:
    """One thing that a playbook has told, or would have.

    Attributes:
        mode: of the playbook then; `observe` has told nobody.
        problem: why it was not done; "" where it was.
    """

    uid: str
    playbook_uid: str
    incident_uid: str
    step: int
    kind: str
    mode: str
    time: datetime
    problem: str


def known(connection: Connection, incident_uids: Sequence[str]) -> frozenset[str]:
    """Return the uids of what was told of these incidents."""
    found: set[str] = set()
    for begin in range(0, len(incident_uids), incidents.ASKED_AT_ONCE):
        some = incident_uids[begin : begin + incidents.ASKED_AT_ONCE]
        query = select(TELLINGS.c.uid).where(TELLINGS.c.incident_uid.in_(some))
        found.update(connection.execute(query).scalars())
    return frozenset(found)


def lately(connection: Connection, now: datetime) -> Mapping[str, int]:
    """Return of how many incidents each playbook told in the last ten minutes."""
    columns = TELLINGS.c
    query = select(columns.playbook_uid, func.count(columns.incident_uid.distinct()))
    query = query.where(columns.time > now - _TEN_MINUTES, columns.mode != "observe")
    rows = connection.execute(query.group_by(columns.playbook_uid))
    return {playbook: count for playbook, count in rows}


def since(connection: Connection, moment: datetime) -> tuple[KeptTelling, ...]:
    """Return what playbooks told since then, the oldest first."""
    query = select(TELLINGS).where(TELLINGS.c.time >= moment)
    rows = connection.execute(query.order_by(TELLINGS.c.time, TELLINGS.c.uid))
    return tuple(KeptTelling(**row._mapping) for row in rows)


def record(connection: Connection, tellings: Iterable[Telling], now: datetime) -> None:
    """Store what is told, and do it unless its playbook only observes."""
    for one in tellings:
        row = {
            "uid": one.uid,
            "playbook_uid": one.playbook_uid,
            "incident_uid": one.incident_uid,
            "step": one.step,
            "kind": one.kind,
            "mode": one.mode,
            "time": now,
            "problem": "",
        }
        new = insert(TELLINGS).values(row).on_conflict_do_nothing()
        if not connection.execute(new).rowcount or one.mode == "observe":
            continue
        problem = "; ".join(_done(connection, one, now))
        if problem:
            mine = update(TELLINGS).where(TELLINGS.c.uid == one.uid)
            connection.execute(mine.values(problem=problem))


def _done(connection: Connection, one: Telling, now: datetime) -> Iterator[str]:
    """Do what is told; yield what could not be done."""
    actor = f"playbook:{one.playbook_uid}"
    for change in _changes(one):
        try:
            incidents.change_within(connection, one.incident_uid, change, actor, now)
        except UsageError as error:
            yield str(error)
    incident = incidents.whole(connection, one.incident_uid)
    if one.kind in ("ticket", "message") and incident is not None:
        yield from _wanted(connection, one, incident, now)


def _wanted(
    connection: Connection, one: Telling, incident: Incident, now: datetime
) -> Iterator[str]:
    if not one.words:
        what = "system of `tickets`" if one.kind == "ticket" else "route of `routes`"
        yield f"the settings have no {what}"
    for name in one.words:
        if one.kind == "ticket":
            tickets.want(connection, name, incident.uid, now)
        else:
            outbox.tell(connection, name, incident, one.uid, now)


def _changes(one: Telling) -> Iterator[Change]:
    if one.kind == "comment":
        yield from (Change(comment=text) for text in one.words)
    elif one.kind == "tags":
        yield Change(add_tags=one.words)
    elif one.kind == "assignee":
        yield from (Change(assignee=name) for name in one.words)
    elif one.kind == "tasks":
        yield from (Change(add_task=text) for text in one.words)
