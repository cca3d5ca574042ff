"""The timeline of an incident: its events, its findings, and what people did to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from tocsin.incidents import Incident
from tocsin.ocsf import Scope
from tocsin.store import documents
from tocsin.store.findings import visible as visible_findings
from tocsin.store.incident_tables import DECISIONS
from tocsin.store.tables import AUDIT, FINDINGS, INCIDENT_FINDINGS, INCIDENTS, MATCHES

DONE_BY_PEOPLE = "incident."
"""What actions of the audit log on incidents begin with."""

_NAMES = {
    "add_link": "link",
    "add_tags": "tags",
    "add_task": "new task",
    "is_done": "done",
    "merged_into": "merged into",
    "split_from": "split from",
    "split_off": "split off",
    "taken_back": "taken back",
    "took_over": "took over",
    "link_note": "about the link",
    "remove_link": "link removed",
    "remove_tags": "tags removed",
    "report": "reporting",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of an incident's timeline.

    Attributes:
        time: UTC.
        kind: `event` (one that a finding matched), `finding` (its first match) or `change`.
        uid: of the event, the finding, or "" for a change.
        title: what the event did (`GetSecretValue`, `create clusterrolebindings`), the finding's
            title (also of an event whose doings are not known), or what changed.
        severity_id: of the finding; 0 for a change.
        actor: who did it or made the change; the entity where the event does not say.
        status: of an event, as OCSF names it (`Success`, `Failure`); else "".
        address: where an event came from; else "".
    """

    time: datetime
    kind: str
    uid: str
    title: str
    severity_id: int
    actor: str
    status: str = ""
    address: str = ""


def moments(
    connection: Connection, incident: Incident, scope: Scope, limit: int
) -> tuple[Moment, ...]:
    """Return findings, their events and changes, oldest first; see `Incidents.timeline`."""
    found = [
        *_findings(connection, incident.uid, scope),
        *_events(connection, incident.uid, scope, limit),
        *_changes(connection, incident.uid),
        Moment(incident.opened_time, "change", "", "Opened", 0, "Tocsin"),
    ]
    return tuple(sorted(found, key=lambda one: (one.time, one.kind != "event", one.uid)))


def _of_incident(query: Select[Any], incident: str, scope: Scope) -> Select[Any]:
    tie = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
    return query.join(INCIDENT_FINDINGS, tie).where(
        INCIDENT_FINDINGS.c.incident_uid == incident, *visible_findings(scope)
    )


def _findings(connection: Connection, incident: str, scope: Scope) -> list[Moment]:
    rows = connection.execute(_of_incident(select(FINDINGS), incident, scope))
    return [
        Moment(row.first_time, "finding", row.uid, row.title, row.severity_id, _name(row.entity))
        for row in rows
    ]


def _events(connection: Connection, incident: str, scope: Scope, limit: int) -> list[Moment]:
    columns = (FINDINGS.c.title, FINDINGS.c.severity_id, FINDINGS.c.entity)
    query = select(MATCHES, *columns).join(FINDINGS, FINDINGS.c.uid == MATCHES.c.finding_uid)
    query = _of_incident(query, incident, scope).order_by(MATCHES.c.event_time.desc())
    found: dict[str, Moment] = {}
    best: dict[str, tuple[bool, int]] = {}
    for row in connection.execute(query.limit(limit)):
        moment = Moment(
            row.event_time,
            "event",
            row.event_uid,
            row.operation or row.title,
            row.severity_id,
            row.actor or _name(row.entity),
            row.status,
            row.address,
        )
        # Of an event that several rules matched: who knows what it did tells it, then the worst.
        rank = bool(row.operation), row.severity_id
        if rank > best.get(row.event_uid, (False, -1)):
            best[row.event_uid] = rank
            found[row.event_uid] = moment
    return list(found.values())


def _changes(connection: Connection, incident: str) -> list[Moment]:
    query = select(AUDIT).where(
        AUDIT.c.object == incident, AUDIT.c.action.startswith(DONE_BY_PEOPLE)
    )
    moments = [
        Moment(row.time, "change", "", _done(row.action, row.details), 0, row.actor)
        for row in connection.execute(query)
    ]
    by_people = select(DECISIONS.c.other_uid).where(DECISIONS.c.kept_uid == incident)
    merged = select(INCIDENTS).where(
        INCIDENTS.c.merged_into == incident, INCIDENTS.c.uid.not_in(by_people)
    )
    moments += [
        Moment(row.updated_time, "change", "", f"Took over {row.uid}: {row.title}", 0, "Tocsin")
        for row in connection.execute(merged)
    ]
    return moments


def _done(action: str, details: str) -> str:
    wish: Mapping[str, object] = json.loads(details)
    if action == f"{DONE_BY_PEOPLE}evidence":
        return f"Kept as evidence: {wish['name']}"
    if action == f"{DONE_BY_PEOPLE}evidence.removed":
        return f"Evidence removed: {wish['name']}; reason: {wish['reason']}"
    return _said(details)


def _said(details: str) -> str:
    """Return the wish of a change in words: `status: Closed; verdict: Benign; reason: ...`."""
    wish: Mapping[str, object] = json.loads(details)
    return "; ".join(
        f"{_NAMES.get(name, name)}: {_value(value)}" for name, value in sorted(wish.items())
    )


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "nobody"


def _name(entity: str) -> str:
    who = documents.entity(entity)
    return who["name"] or who["uid"]
