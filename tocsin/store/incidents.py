"""Questions about incidents, changes that people make to them, and what a turn writes."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.errors import StoreError, UsageError
from tocsin.incidents import Change, Incident, transition
from tocsin.ocsf import Scope
from tocsin.store import audit, cursors, documents
from tocsin.store.database import Database, add_new
from tocsin.store.findings import visible as visible_findings
from tocsin.store.questions import IncidentFilter, Page
from tocsin.store.tables import (
    AUDIT,
    FINDINGS,
    INCIDENT_ENTITIES,
    INCIDENT_FINDINGS,
    INCIDENTS,
    MATCHES,
)

ASKED_AT_ONCE = 500
CHANGED = "incident.change"
FINISHED = ("Resolved", "Closed")


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


class Incidents:
    """Incidents as of the last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        which: IncidentFilter,
        scope: Scope,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[tuple[Incident, ...]]:
        """Return incidents, last activity first; with `updated_since`, oldest change first.

        Merged ones are left out, unless `updated_since` is given: a poller must learn of them.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("incidents", which, scope)
        query = select(INCIDENTS).where(*_filters(which), *visible(scope))
        columns = INCIDENTS.c
        if which.updated_since is not None:
            place = columns.updated_time
            query = cursors.oldest_first(query, place, columns.uid, question, cursor)
        else:
            place = columns.last_time
            query = query.where(columns.merged_into == "")
            query = cursors.newest_first(query, place, columns.uid, question, cursor)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).mappings().all()
        shown, following = cursors.split(
            rows, limit, question, lambda row: (row[place.name], row["uid"])
        )
        return Page(tuple(documents.incident(row["body"]) for row in shown), following)

    def get(self, uid: str, scope: Scope) -> Incident | None:
        """Return one incident; the one it was merged into where that happened."""
        with self._database.read() as connection:
            return _get(connection, uid, scope)

    def timeline(self, uid: str, scope: Scope, *, limit: int = 500) -> tuple[Moment, ...]:
        """Return findings, their events and status changes, oldest first.

        Of more than `limit` events the newest are given; findings and changes are always whole.
        """
        with self._database.read() as connection:
            incident = _get(connection, uid, scope)
            if incident is None:
                return ()
            moments = [
                *_findings(connection, incident.uid, scope),
                *_events(connection, incident.uid, scope, limit),
                *_changes(connection, incident.uid),
                Moment(incident.opened_time, "change", "", "Opened", 0, "Tocsin"),
            ]
        return tuple(sorted(moments, key=lambda one: (one.time, one.kind != "event", one.uid)))

    def change(self, uid: str, change: Change, actor: str, now: datetime, scope: Scope) -> Incident:
        """Apply `change` with `incidents.transition` and write the audit row, as one.

        Raises:
            UsageError: no such incident in `scope`, or the life cycle does not allow it.
        """
        with self._database.write() as connection:
            query = select(INCIDENTS.c.body).where(INCIDENTS.c.uid == uid, *visible(scope))
            body = connection.execute(query).scalar_one_or_none()
            if body is None:
                raise UsageError(f"there is no incident {uid}")
            changed = transition(documents.incident(body), change, now)
            record(connection, [changed])
            wanted = {
                name: getattr(change, name)
                for name in ("status", "assignee", "verdict", "reason", "comment")
            }
            details = {name: value for name, value in wanted.items() if value not in {None, ""}}
            if change.assignee == "":
                details["assignee"] = ""
            audit.record(connection, actor, CHANGED, uid, details, now=now)
        return changed

    def by_status(self, scope: Scope) -> dict[str, int]:
        """Return the number of incidents of each status that occurs, merged ones left out."""
        return dict(self._counts(INCIDENTS.c.status, scope))

    def open_by_severity(self, scope: Scope) -> dict[int, int]:
        """Return the number of incidents that are not resolved or closed, by severity id."""
        is_open = INCIDENTS.c.status.not_in(FINISHED)
        return dict(self._counts(INCIDENTS.c.severity_id, scope, is_open))

    def _counts(
        self, column: ColumnElement[Any], scope: Scope, *limits: ColumnElement[bool]
    ) -> Iterable[tuple[Any, int]]:
        query = select(column, func.count()).group_by(column)
        query = query.where(INCIDENTS.c.merged_into == "", *limits, *visible(scope))
        with self._database.read() as connection:
            return [(value, count) for value, count in connection.execute(query)]


def open_incidents(connection: Connection, findings: pa.Table) -> tuple[Incident, ...]:
    """Return the incidents that findings may join: not closed, about one of their entities."""
    concerned = {
        uid
        for row in findings.select(["entity", "links"]).to_pylist()
        for uid in (row["entity"]["uid"], *(link["uid"] for link in row["links"]))
        if uid
    }
    found: dict[str, Incident] = {}
    ordered = sorted(concerned)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        ours = INCIDENT_ENTITIES.c.incident_uid == INCIDENTS.c.uid
        about = INCIDENT_ENTITIES.c.entity_uid.in_(ordered[start : start + ASKED_AT_ONCE])
        query = select(INCIDENTS.c.uid, INCIDENTS.c.body).where(
            exists().where(ours, about),
            INCIDENTS.c.status != "Closed",
            INCIDENTS.c.merged_into == "",
        )
        for uid, body in connection.execute(query):
            found[uid] = documents.incident(body)
    return tuple(found[uid] for uid in sorted(found))


def record(connection: Connection, changed: Iterable[Incident]) -> None:
    """Store new and changed incidents with their entities and findings.

    Raises:
        StoreError: one of them does not follow the stored version.
    """
    for incident in changed:
        query = select(INCIDENTS.c.version).where(INCIDENTS.c.uid == incident.uid)
        stored = connection.execute(query).scalar_one_or_none()
        if stored is not None and stored >= incident.version:
            raise StoreError(
                f"incident {incident.uid} is stored as version {stored} already, not "
                f"{incident.version - 1}"
            )
        new = insert(INCIDENTS).values(_row(incident))
        connection.execute(new.on_conflict_do_update(index_elements=["uid"], set_=_row(incident)))
        _tie(connection, incident)


def _row(incident: Incident) -> dict[str, Any]:
    names = [column.name for column in INCIDENTS.c if column.name != "body"]
    return {
        **{name: getattr(incident, name) for name in names},
        "body": documents.incident_text(incident),
    }


def _tie(connection: Connection, incident: Incident) -> None:
    entities = dict.fromkeys(entity.uid for entity in incident.entities if entity.uid)
    add_new(connection, "incident_entities", [(entity, incident.uid) for entity in entities])
    if incident.merged_into:
        _move_findings(connection, incident)
        return
    pairs = [(incident.uid, finding) for finding in incident.finding_uids]
    add_new(connection, "incident_findings", pairs)


def _move_findings(connection: Connection, absorbed: Incident) -> None:
    ours = INCIDENT_FINDINGS.c.incident_uid == absorbed.uid
    target = update(INCIDENT_FINDINGS).where(ours).values(incident_uid=absorbed.merged_into)
    # Those that both had stay where they are and are dropped.
    connection.execute(target.prefix_with("OR IGNORE"))
    connection.execute(INCIDENT_FINDINGS.delete().where(ours))


def _get(connection: Connection, uid: str, scope: Scope) -> Incident | None:
    seen: set[str] = set()
    while uid not in seen:
        seen.add(uid)
        query = select(INCIDENTS.c.body).where(
            INCIDENTS.c.uid == uid, INCIDENTS.c.merged_into == ""
        )
        body = connection.execute(query.where(*visible(scope))).scalar_one_or_none()
        if body is not None:
            return documents.incident(body)
        onward = select(INCIDENTS.c.merged_into).where(INCIDENTS.c.uid == uid)
        uid = connection.execute(onward).scalar_one_or_none() or uid
    return None


def visible(scope: Scope) -> builtins.list[ColumnElement[bool]]:
    """Return the conditions under which one of an incident's findings is inside `scope`."""
    limits = visible_findings(scope)
    if not limits:
        return []
    ours = INCIDENT_FINDINGS.c.incident_uid == INCIDENTS.c.uid
    mine = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
    return [exists().where(ours, mine, *limits)]


def _filters(which: IncidentFilter) -> builtins.list[ColumnElement[bool]]:
    columns = INCIDENTS.c
    found: builtins.list[ColumnElement[bool]] = []
    if which.status is not None:
        found.append(columns.status.in_(which.status))
    if which.min_severity_id is not None:
        found.append(columns.severity_id >= which.min_severity_id)
    if which.assignee is not None:
        found.append(columns.assignee == which.assignee)
    if which.entity is not None:
        ours = INCIDENT_ENTITIES.c.incident_uid == columns.uid
        found.append(exists().where(ours, INCIDENT_ENTITIES.c.entity_uid == which.entity))
    if which.text:
        found.append(columns.title.icontains(which.text, autoescape=True))
    return found + _stretch(which)


def _stretch(which: IncidentFilter) -> builtins.list[ColumnElement[bool]]:
    columns = INCIDENTS.c
    found: builtins.list[ColumnElement[bool]] = []
    if which.updated_since is not None:
        found.append(columns.updated_time >= which.updated_since)
    if which.since is not None:
        found.append(columns.last_time >= which.since)
    if which.until is not None:
        found.append(columns.first_time < which.until)
    return found


def _of_incident(query: Select[Any], incident: str, scope: Scope) -> Select[Any]:
    tie = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
    return query.join(INCIDENT_FINDINGS, tie).where(
        INCIDENT_FINDINGS.c.incident_uid == incident, *visible_findings(scope)
    )


def _findings(connection: Connection, incident: str, scope: Scope) -> builtins.list[Moment]:
    rows = connection.execute(_of_incident(select(FINDINGS), incident, scope))
    return [
        Moment(row.first_time, "finding", row.uid, row.title, row.severity_id, _name(row.entity))
        for row in rows
    ]


def _events(
    connection: Connection, incident: str, scope: Scope, limit: int
) -> builtins.list[Moment]:
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
    return builtins.list(found.values())


def _changes(connection: Connection, incident: str) -> builtins.list[Moment]:
    query = select(AUDIT).where(AUDIT.c.object == incident, AUDIT.c.action == CHANGED)
    moments = [
        Moment(row.time, "change", "", _said(row.details), 0, row.actor)
        for row in connection.execute(query)
    ]
    merged = select(INCIDENTS).where(INCIDENTS.c.merged_into == incident)
    moments += [
        Moment(row.updated_time, "change", "", f"Took over {row.uid}: {row.title}", 0, "Tocsin")
        for row in connection.execute(merged)
    ]
    return moments


def _said(details: str) -> str:
    """Return the wish of a change in words: `status: Closed; verdict: Benign; reason: ...`."""
    wish = documents.fields(details)
    return "; ".join(f"{name}: {value or 'nobody'}" for name, value in wish.items())


def _name(entity: str) -> str:
    who = documents.entity(entity)
    return who["name"] or who["uid"]
