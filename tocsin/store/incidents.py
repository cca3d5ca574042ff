"""Questions about incidents, changes that people make to them, and what a turn writes."""

import builtins
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.errors import StoreError, UsageError
from tocsin.incidents import Change, Incident, transition
from tocsin.ocsf import EVERYTHING, Entity, Scope
from tocsin.store import audit, cursors, documents, incident_timeline, outbox
from tocsin.store.database import Database, add_new
from tocsin.store.findings import visible as visible_findings
from tocsin.store.incident_timeline import Moment
from tocsin.store.once import Once, keep, recall
from tocsin.store.questions import IncidentFilter, Page
from tocsin.store.tables import FINDINGS, INCIDENT_ENTITIES, INCIDENT_FINDINGS, INCIDENTS

ASKED_AT_ONCE = 500
MOST_AT_ONCE = 500
"""Incidents that one request may change."""
CHANGED = "incident.change"
FINISHED = ("Resolved", "Closed")


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of one incident of many: `problem` says why it stayed as it was, else ""."""

    uid: str
    problem: str


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
            return incident_timeline.moments(connection, incident, scope, limit)

    def change(
        self,
        uid: str,
        change: Change,
        actor: str,
        now: datetime,
        scope: Scope,
        *,
        once: Once | None = None,
    ) -> Incident:
        """Apply `change` with `incidents.transition` and write the audit row, as one.

        With `once`, a repeated request changes nothing and gets the incident as it was answered
        the first time.

        Raises:
            UsageError: no such incident in `scope`, or the life cycle does not allow it.
        """
        with self._database.write() as connection:
            answer = recall(connection, actor, once)
            if answer is not None:
                return documents.incident(answer)
            changed = _change(connection, uid, change, _Person(actor, now, scope))
            keep(connection, actor, once, documents.incident_text(changed), now)
        return changed

    def change_many(
        self,
        uids: Sequence[str],
        change: Change,
        actor: str,
        now: datetime,
        scope: Scope,
        *,
        once: Once | None = None,
    ) -> tuple[Changed, ...]:
        """Apply `change` to each of these incidents, in one transaction with its audit rows.

        One that refuses keeps none of the others back. With `once`, a repeated request changes
        nothing and gets the first answer.

        Raises:
            UsageError: more than `MOST_AT_ONCE` incidents, or none.
        """
        wanted = tuple(dict.fromkeys(uids))
        who = _Person(actor, now, scope)
        if not 0 < len(wanted) <= MOST_AT_ONCE:
            raise UsageError(f"name 1 to {MOST_AT_ONCE} incidents")
        with self._database.write() as connection:
            answer = recall(connection, actor, once)
            if answer is not None:
                return msgspec.json.decode(answer, type=tuple[Changed, ...])
            done = tuple(_tried(connection, uid, change, who) for uid in wanted)
            keep(connection, actor, once, msgspec.json.encode(done).decode(), now)
        return done

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


@dataclass(frozen=True, slots=True)
class _Person:
    """Who changes something, when, and what they may see."""

    name: str
    now: datetime
    scope: Scope


def _change(connection: Connection, uid: str, change: Change, who: _Person) -> Incident:
    query = select(INCIDENTS.c.body).where(INCIDENTS.c.uid == uid, *visible(who.scope))
    body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise UsageError(f"there is no incident {uid}")
    if change.add_link.startswith("inc_") and _get(connection, change.add_link, who.scope) is None:
        raise UsageError(f"there is no incident {change.add_link} to refer to")
    before = documents.incident(body)
    changed = transition(before, change, who.now)
    record(connection, [changed])
    outbox.note(connection, [before], [changed])
    audit.record(connection, who.name, CHANGED, uid, _wish(change), now=who.now)
    return changed


def change_within(
    connection: Connection, uid: str, change: Change, actor: str, now: datetime
) -> Incident:
    """Apply a change with its audit row inside of a transaction that is open.

    Raises:
        UsageError: the change is empty or against the life cycle; nothing is written.
    """
    return _change(connection, uid, change, _Person(actor, now, EVERYTHING))


def whole(connection: Connection, uid: str) -> Incident | None:
    """Return an incident as the transaction sees it, or what it was merged into."""
    return _get(connection, uid, EVERYTHING)


def _wish(change: Change) -> dict[str, object]:
    """Return what a change asks for, as the audit log keeps it."""
    nothing = Change()
    names = [field.name for field in fields(Change)]
    wanted = {name: getattr(change, name) for name in names}
    return {name: value for name, value in wanted.items() if value != getattr(nothing, name)}


def _tried(connection: Connection, uid: str, change: Change, who: _Person) -> Changed:
    # Refusals are raised before anything is written.
    try:
        _change(connection, uid, change, who)
    except UsageError as error:
        return Changed(uid, str(error))
    return Changed(uid, "")


def named_in(findings: pa.Table) -> builtins.list[Entity]:
    """Return the entities that findings are about or name."""
    about = findings.column("entity").combine_chunks()
    links = findings.column("links").combine_chunks().flatten()
    named: set[tuple[str, str, str]] = set()
    for column in (about, links):
        # By columns: a batch names few entities many times, and rows are dear to make.
        kinds, uids, names = (column.field(each).to_pylist() for each in ("type", "uid", "name"))
        found = set(zip(kinds, uids, names, strict=True))
        named |= {(kind or "", uid, name or "") for kind, uid, name in found if uid}
    return [Entity(*parts) for parts in sorted(named)]


def open_incidents(connection: Connection, concerned: Collection[str]) -> tuple[Incident, ...]:
    """Return the incidents that findings about entities with these uids may join."""
    found: dict[str, Incident] = {}
    ordered = sorted(concerned)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        # From the entities to the incidents: the other way round reads every open incident.
        about = INCIDENT_ENTITIES.c.entity_uid.in_(ordered[start : start + ASKED_AT_ONCE])
        mine = select(INCIDENT_ENTITIES.c.incident_uid).where(about)
        query = select(INCIDENTS.c.uid, INCIDENTS.c.body).where(
            INCIDENTS.c.uid.in_(mine),
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
    # Found by what its entities are, too: a later finding may know them by that name only.
    named = (*incident.entities, *incident.anchors, *(one.entity for one in incident.subjects))
    entities = dict.fromkeys(entity.uid for entity in named if entity.uid)
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
    if which.tag:
        tags = func.json_each(columns.body, "$.tags").table_valued("value")
        found.append(exists().select_from(tags).where(tags.c.value == which.tag))
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
