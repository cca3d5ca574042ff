"""Merges and splits by people: carried out, explained, remembered, taken back.

Each is one transaction with its audit rows. What was is kept whole, so that taking a decision back
restores it; findings that came in between go where their entity belongs.
"""

import builtins
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from tocsin.errors import UsageError
from tocsin.incidents import Incident
from tocsin.incidents.joining import (
    Apart,
    Finding,
    merge,
    oldest_first,
    restore,
    split,
    take_back,
)
from tocsin.ocsf import Entity, Scope
from tocsin.ocsf.identifiers import derive
from tocsin.store import audit, documents, incidents
from tocsin.store.database import Database
from tocsin.store.incident_tables import DECISIONS
from tocsin.store.once import Once, keep, recall
from tocsin.store.tables import FINDINGS, INCIDENT_ENTITIES, INCIDENT_FINDINGS, INCIDENTS

MERGED, SPLIT, UNDONE = "incident.merge", "incident.split", "incident.undo"
MOST_AT_ONCE = 50
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, why (in their words), when (UTC), and what they may see."""

    name: str
    reason: str
    now: datetime
    scope: Scope


@dataclass(frozen=True, slots=True)
class Decision:
    """A merge or split by a person.

    Attributes:
        uid: to take it back by.
        kind: `merge` or `split`.
        time: when it was made, UTC.
        actor: who made it; `reason` why.
        kept_uid: the incident that lived on.
        other_uid: the one that was merged into it, or cut from it.
        findings: how many findings moved.
        undone_time: when it was taken back, UTC; `None` while it stands.
        undone_by: who took it back; `undone_reason` why.
    """

    uid: str
    kind: str
    time: datetime
    actor: str
    reason: str
    kept_uid: str
    other_uid: str
    findings: int
    undone_time: datetime | None
    undone_by: str
    undone_reason: str


@dataclass(frozen=True, slots=True)
class _Body:
    """Both incidents before and after, and the findings that moved."""

    kept_before: Incident
    kept_after: Incident
    other_before: Incident | None
    other_after: Incident
    moved: tuple[str, ...]


_BODIES = msgspec.json.Decoder(_Body)


class Decisions:
    """Decisions of people on which findings are one incident."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def merge(self, uids: Sequence[str], decider: Decider, *, once: Once | None = None) -> Incident:
        """Merge incidents into the oldest of them.

        Raises:
            UsageError: fewer than two, one is not seen, closed or merged, a split stands between
                two, or there is no reason.
        """
        wanted = tuple(dict.fromkeys(uids))
        if not 2 <= len(wanted) <= MOST_AT_ONCE:
            raise UsageError(f"name 2 to {MOST_AT_ONCE} incidents to merge")
        _require_reason(decider)
        with self._database.write() as connection:
            answer = recall(connection, decider.name, once)
            if answer is not None:
                return documents.incident(answer)
            eldest, *others = oldest_first(_visible(connection, uid, decider) for uid in wanted)
            for other in others:
                eldest = _merge(connection, eldest, other, decider)
            keep(connection, decider.name, once, documents.incident_text(eldest), decider.now)
        return eldest

    def split(
        self,
        uid: str,
        findings: Collection[str],
        entities: Collection[str],
        decider: Decider,
        *,
        once: Once | None = None,
    ) -> Incident:
        """Move findings, and all findings about these entities, into an incident of their own.

        Returns:
            The new incident; grouping keeps it apart from the other until this is taken back.

        Raises:
            UsageError: none would move or none stay, one is not of the incident, it is not seen,
                closed or merged, or there is no reason.
        """
        _require_reason(decider)
        with self._database.write() as connection:
            answer = recall(connection, decider.name, once)
            if answer is not None:
                return documents.incident(answer)
            before = _visible(connection, uid, decider)
            known = _findings(connection, uid)
            moved = _chosen(known, findings, entities)
            kept, new, apart = split(before, known, moved, decider.now)
            _move(connection, uid, new.uid, moved)
            _record(connection, [kept, new])
            body = _Body(before, kept, None, new, tuple(sorted(moved)))
            _remember(connection, ("split", apart), body, decider)
            keep(connection, decider.name, once, documents.incident_text(new), decider.now)
        return new

    def undo(self, uid: str, decider: Decider, *, once: Once | None = None) -> Incident:
        """Take a decision back; findings that came since go where their entity belongs.

        Returns:
            The incident that lived on.

        Raises:
            UsageError: there is no such decision, it was taken back already, or one of its
                incidents was merged on since.
        """
        _require_reason(decider)
        with self._database.write() as connection:
            answer = recall(connection, decider.name, once)
            if answer is not None:
                return documents.incident(answer)
            row = connection.execute(select(DECISIONS).where(DECISIONS.c.uid == uid)).first()
            if row is None or _seen(connection, row.kept_uid, decider) is None:
                raise UsageError(f"there is no decision {uid}")
            if row.undone_time is not None:
                raise UsageError(f"decision {uid} was taken back by {row.undone_by} already")
            undo = _undo_merge if row.kind == "merge" else _undo_split
            kept = undo(connection, row, decider)
            _forget(connection, row, decider)
            keep(connection, decider.name, once, documents.incident_text(kept), decider.now)
        return kept

    def list(self, incident: str, scope: Scope) -> tuple[Decision, ...]:
        """Return the decisions on an incident, newest first."""
        with self._database.read() as connection:
            query = select(INCIDENTS.c.uid).where(INCIDENTS.c.uid == incident)
            if connection.execute(query.where(*incidents.visible(scope))).first() is None:
                return ()
            concerned = or_(DECISIONS.c.kept_uid == incident, DECISIONS.c.other_uid == incident)
            rows = connection.execute(
                select(DECISIONS)
                .where(concerned)
                .order_by(DECISIONS.c.time.desc(), DECISIONS.c.uid)
            )
            return tuple(_decision(row) for row in rows)


def standing(connection: Connection) -> tuple[Apart, ...]:
    """Return what splits that stand keep apart; the last argument of `incidents.group`."""
    query = select(DECISIONS.c.uid, DECISIONS.c.one, DECISIONS.c.other).where(
        DECISIONS.c.kind == "split", DECISIONS.c.undone_time.is_(None)
    )
    return tuple(
        Apart(row.uid, _keys(row.one), _keys(row.other))
        for row in connection.execute(query.order_by(DECISIONS.c.uid))
    )


def _merge(connection: Connection, eldest: Incident, other: Incident, decider: Decider) -> Incident:
    moved = tuple(sorted(finding.uid for finding in _findings(connection, other.uid)))
    kept, gone = merge(eldest, other, decider.reason, decider.now)
    _record(connection, [kept, gone])
    version = str(eldest.version)
    apart = Apart(derive("dec", eldest.uid, other.uid, version), frozenset(), frozenset())
    body = _Body(eldest, kept, other, gone, moved)
    _remember(connection, ("merge", apart), body, decider)
    return kept


def _undo_merge(connection: Connection, row: Row[Any], decider: Decider) -> Incident:
    body = _BODIES.decode(row.body)
    kept, other = _both(connection, row)
    if other.merged_into != kept.uid or kept.merged_into or body.other_before is None:
        raise UsageError(f"{kept.uid} was merged on since: take that back first")
    known = _findings(connection, kept.uid)
    back = _going_back(connection, known, body, row.time)
    stay = [finding for finding in known if finding.uid not in back]
    if not back or not stay:
        raise UsageError("the findings were split off since: take that back first")
    _move(connection, kept.uid, other.uid, back)
    before = body.other_before
    theirs = [finding for finding in known if finding.uid in back]
    parted = [
        restore(kept, body.kept_before, body.kept_after, stay, decider.now),
        restore(other, before, body.other_after, theirs, decider.now),
    ]
    _record(connection, parted)
    return parted[0]


def _undo_split(connection: Connection, row: Row[Any], decider: Decider) -> Incident:
    body = _BODIES.decode(row.body)
    kept, other = _both(connection, row)
    if other.merged_into or kept.merged_into:
        raise UsageError(f"{kept.uid} or {other.uid} was merged since: take that back first")
    whole = [*_findings(connection, kept.uid), *_findings(connection, other.uid)]
    restored = restore(kept, body.kept_before, body.kept_after, whole, decider.now)
    joined = take_back(restored, other, decider.now)
    _record(connection, joined)
    return joined[0]


def _going_back(
    connection: Connection, known: Iterable[Finding], body: _Body, time: datetime
) -> set[str]:
    """Return what was moved, and what came since about entities of the other incident alone."""
    before = body.other_before or body.other_after
    theirs = {_key(entity) for entity in before.entities}
    theirs -= {_key(entity) for entity in body.kept_before.entities}
    moved = set(body.moved)
    query = (
        select(FINDINGS.c.uid)
        .join(INCIDENT_FINDINGS, INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid)
        .where(INCIDENT_FINDINGS.c.incident_uid == body.kept_after.uid)
        .where(FINDINGS.c.created_time >= time)
    )
    since = set(connection.execute(query).scalars())
    return {
        each.uid
        for each in known
        if each.uid in moved or (each.uid in since and _key(each.entity) in theirs)
    }


def _chosen(
    known: Iterable[Finding], findings: Collection[str], entities: Collection[str]
) -> frozenset[str]:
    every = {finding.uid: finding.entity.uid for finding in known}
    strange = sorted(set(findings) - every.keys())
    if strange:
        raise UsageError(f"finding {strange[0]} is not of this incident")
    nothing = sorted(set(entities) - set(every.values()))
    if nothing:
        raise UsageError(f"no finding of this incident is about {nothing[0]}")
    return frozenset(uid for uid, about in every.items() if uid in findings or about in entities)


def _findings(connection: Connection, incident: str) -> builtins.list[Finding]:
    tie = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
    query = select(FINDINGS).join(INCIDENT_FINDINGS, tie)
    rows = connection.execute(query.where(INCIDENT_FINDINGS.c.incident_uid == incident))
    return [_finding(row) for row in rows]


def _finding(row: Row[Any]) -> Finding:
    return Finding(
        uid=row.uid,
        rule_uid=row.rule_uid,
        title=row.title,
        severity_id=row.severity_id,
        is_alert=row.is_alert,
        entity=Entity(**documents.entity(row.entity)),
        links=tuple(Entity(**link) for link in documents.entities(row.links)),
        account=row.account or "",
        tactics=tuple(documents.texts(row.tactics)),
        techniques=tuple(documents.texts(row.techniques)),
        first_time=row.first_time,
        last_time=row.last_time,
        match_count=row.match_count,
        first_event_uid="",
    )


def _move(connection: Connection, source: str, target: str, findings: Collection[str]) -> None:
    ordered = sorted(findings)
    for start in range(0, len(ordered), incidents.ASKED_AT_ONCE):
        some = ordered[start : start + incidents.ASKED_AT_ONCE]
        ours = INCIDENT_FINDINGS.c.incident_uid == source, INCIDENT_FINDINGS.c.finding_uid.in_(some)
        moved = update(INCIDENT_FINDINGS).where(*ours).values(incident_uid=target)
        connection.execute(moved.prefix_with("OR IGNORE"))
        connection.execute(delete(INCIDENT_FINDINGS).where(*ours))


def _record(connection: Connection, changed: Sequence[Incident]) -> None:
    """Store incidents whose entities may have become fewer."""
    uids = [incident.uid for incident in changed]
    connection.execute(delete(INCIDENT_ENTITIES).where(INCIDENT_ENTITIES.c.incident_uid.in_(uids)))
    incidents.record(connection, changed)


def _remember(
    connection: Connection, what: tuple[str, Apart], body: _Body, decider: Decider
) -> None:
    kind, apart = what
    kept, other = body.kept_after.uid, body.other_after.uid
    connection.execute(
        insert(DECISIONS).values(
            uid=apart.decision,
            kind=kind,
            time=decider.now,
            actor=decider.name,
            reason=decider.reason,
            kept_uid=kept,
            other_uid=other,
            body=msgspec.json.encode(body).decode(),
            one=json.dumps(sorted(apart.one)),
            other=json.dumps(sorted(apart.other)),
            undone_by="",
            undone_reason="",
        )
    )
    is_merge = kind == "merge"
    words = ("took_over", "merged_into") if is_merge else ("split_off", "split_from")
    action = MERGED if is_merge else SPLIT
    for mine, word, theirs in ((kept, words[0], other), (other, words[1], kept)):
        details: dict[str, object] = {
            word: theirs,
            "reason": decider.reason,
            "decision": apart.decision,
        }
        audit.record(connection, decider.name, action, mine, details, now=decider.now)


def _forget(connection: Connection, row: Row[Any], decider: Decider) -> None:
    undone = {
        "undone_time": decider.now,
        "undone_by": decider.name,
        "undone_reason": decider.reason,
    }
    connection.execute(update(DECISIONS).where(DECISIONS.c.uid == row.uid).values(undone))
    for mine in (row.kept_uid, row.other_uid):
        details: dict[str, object] = {
            "taken_back": row.kind,
            "reason": decider.reason,
            "decision": row.uid,
        }
        audit.record(connection, decider.name, UNDONE, mine, details, now=decider.now)


def _both(connection: Connection, row: Row[Any]) -> tuple[Incident, Incident]:
    kept, other = (_body(connection, uid) for uid in (row.kept_uid, row.other_uid))
    return kept, other


def _visible(connection: Connection, uid: str, decider: Decider) -> Incident:
    found = _seen(connection, uid, decider)
    if found is None:
        raise UsageError(f"there is no incident {uid}")
    return found


def _seen(connection: Connection, uid: str, decider: Decider) -> Incident | None:
    query = select(INCIDENTS.c.body).where(INCIDENTS.c.uid == uid)
    body = connection.execute(query.where(*incidents.visible(decider.scope))).scalar_one_or_none()
    return None if body is None else documents.incident(body)


def _body(connection: Connection, uid: str) -> Incident:
    query = select(INCIDENTS.c.body).where(INCIDENTS.c.uid == uid)
    return documents.incident(connection.execute(query).scalar_one())


def _require_reason(decider: Decider) -> None:
    if not 0 < len(decider.reason.strip()) <= LONGEST_REASON:
        raise UsageError(f"give a reason of 1 to {LONGEST_REASON} characters")


def _decision(row: Row[Any]) -> Decision:
    names = [name for name in Decision.__dataclass_fields__ if name != "findings"]
    values = {name: getattr(row, name) for name in names}
    return Decision(**values, findings=len(_BODIES.decode(row.body).moved))


def _keys(text: str) -> frozenset[tuple[str, str]]:
    return frozenset((kind, uid) for kind, uid in json.loads(text))


def _key(entity: Entity) -> tuple[str, str]:
    return entity.type, entity.uid
