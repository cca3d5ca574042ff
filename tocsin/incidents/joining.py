"""Merge and split incidents as people decide, and take such decisions back.

A merge moves findings to the older incident and leaves a pointer; later findings about either
follow. A split moves chosen findings into an incident of its own, and grouping keeps the two apart
afterwards. What grouping makes of findings is in `grouping`; here people overrule it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from tocsin.errors import UsageError
from tocsin.identity import Identities
from tocsin.incidents.attachments import attached_to_all
from tocsin.incidents.growth import (
    KEPT_ENTITIES,
    KEPT_FINDINGS,
    Finding,
    absorbed,
    assessed,
    in_time,
    joined,
    same_subjects,
    titled,
)
from tocsin.incidents.incident import Incident, Subject
from tocsin.incidents.subjects import bonds_of, subjects_of
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import derive

__all__ = ["Apart", "Finding", "merge", "oldest_first", "restore", "split", "take_back"]

Key = tuple[str, str]
ONE, OTHER = "one", "other"

_LISTS = ("tags", "tasks", "references", "roots", "apart")
_SINGLE = (
    "status",
    "assignee",
    "verdict",
    "verdict_reason",
    "report",
    "acknowledged_time",
    "finished_time",
)
_FROM_FINDINGS = tuple(
    field.name
    for field in fields(Incident)
    if field.name not in {*_LISTS, *_SINGLE, "uid", "opened_time", "updated_time", "version"}
)


@dataclass(frozen=True, slots=True)
class Apart:
    """What a split remembers: entities of `one` and of `other` do not join.

    Attributes:
        decision: uid of the split; both incidents carry it in `Incident.apart` with their side.
        one: type and uid of entities that stayed, and of none that went.
        other: of entities that went, and of none that stayed.
    """

    decision: str
    one: frozenset[Key]
    other: frozenset[Key]

    def mark(self, side: str) -> str:
        """Return the mark of an incident on this side, `one` or `other`."""
        return f"{self.decision}:{side}"


def oldest_first(incidents: Iterable[Incident]) -> list[Incident]:
    """Return incidents in the order in which they absorb each other."""
    return sorted(incidents, key=lambda one: (one.opened_time, one.first_time, one.uid))


def merge(eldest: Incident, other: Incident, reason: str, now: datetime) -> list[Incident]:
    """Return the eldest with what the other has, and the other with its pointer.

    Raises:
        UsageError: one is closed or merged, or a split keeps them apart.
    """
    for one in (eldest, other):
        _refuse_finished(one, "merged")
    apart = _opposed(eldest.apart, other.apart)
    if apart:
        raise UsageError(f"{eldest.uid} and {other.uid} were split by {apart}: undo that")
    roots = _distinct((*eldest.roots, *other.roots, other.entities[0], *other.entities[1:]))
    survivor = replace(
        assessed(joined(eldest, [other])),
        roots=roots[:KEPT_ENTITIES],
        updated_time=now,
        version=eldest.version + 1,
    )
    return [survivor, replace(absorbed(other, survivor, now), verdict_reason=reason)]


def split(
    incident: Incident, findings: Sequence[Finding], moved: Collection[str], now: datetime
) -> tuple[Incident, Incident, Apart]:
    """Return the incident with what stays, the new one, and what to remember.

    Args:
        incident: neither closed nor merged.
        findings: all of the incident.
        moved: uids of those that go into an incident of their own; some must stay.
        now: UTC.

    Raises:
        UsageError: none would go or none would stay, or the incident is closed or merged.
    """
    _refuse_finished(incident, "split")
    go = [finding for finding in findings if finding.uid in moved]
    stay = [finding for finding in findings if finding.uid not in moved]
    if not go or not stay:
        raise UsageError("a split needs findings that go and findings that stay")
    version = str(incident.version)
    apart = _apart(derive("dec", incident.uid, version, *sorted(moved)), stay, go)
    kept = replace(
        _of_findings(incident, stay),
        apart=(*incident.apart, apart.mark(ONE)),
        updated_time=now,
        version=incident.version + 1,
    )
    new = replace(
        incident,
        uid=derive("inc", apart.decision),
        entities=(),
        tasks=(),
        references=(),
        report=None,
        opened_time=now,
        updated_time=now,
        apart=(*incident.apart, apart.mark(OTHER)),
        version=1,
    )
    return kept, _of_findings(new, go, incident.entities), apart


def restore(
    present: Incident,
    before: Incident,
    after: Incident,
    findings: Sequence[Finding],
    now: datetime,
) -> Incident:
    """Return an incident as it was before a decision, with what has come since.

    What people changed since the decision stays; what the decision brought goes.

    Args:
        present: as it is.
        before: as it was before the decision.
        after: as the decision made it.
        findings: all that belong to it from now on, at least one.
        now: UTC.
    """
    lists = {name: _without(present, before, after, name) for name in _LISTS}
    single = {
        name: getattr(before if getattr(present, name) == getattr(after, name) else present, name)
        for name in _SINGLE
    }
    old = {name: getattr(before, name) for name in _FROM_FINDINGS}
    changed: dict[str, Any] = {**old, **lists, **single}
    restored = replace(present, **changed, updated_time=now, version=present.version + 1)
    matches = sum(finding.match_count for finding in findings)
    if (before.finding_count, before.match_count) == (len(findings), matches):
        return restored
    return _of_findings(restored, findings, (*before.entities, *present.entities))


def take_back(kept: Incident, other: Incident, now: datetime) -> list[Incident]:
    """Return an incident with the work that was done on what was split off, and that one merged."""
    whole = attached_to_all(kept, [other])
    gone = absorbed(other, whole, now)
    return [whole, replace(gone, verdict_reason=f"Its split from {kept.uid} was taken back.")]


def _apart(decision: str, stay: Iterable[Finding], go: Iterable[Finding]) -> Apart:
    one = frozenset((each.entity.type, each.entity.uid) for each in stay)
    other = frozenset((each.entity.type, each.entity.uid) for each in go)
    return Apart(decision, one - other, other - one)


def _of_findings(
    incident: Incident, findings: Sequence[Finding], known: Iterable[Entity] = ()
) -> Incident:
    """Return the incident with all that follows from findings made anew from these alone."""
    ordered = sorted(findings, key=in_time)
    alerts = [finding for finding in ordered if finding.is_alert] or ordered
    allowed = {_key(entity) for entity in (*incident.entities, *known)}
    own = {_key(finding.entity) for finding in alerts}
    about = _distinct(
        entity
        for finding in alerts
        for entity in (finding.entity, *finding.links)
        if _key(entity) in allowed | own
    )
    seed = replace(incident, title="", severity_id=0)
    return assessed(
        replace(
            titled(seed, alerts),
            entities=about[:KEPT_ENTITIES],
            accounts=_union({finding.account} for finding in ordered),
            finding_uids=tuple(finding.uid for finding in ordered)[-KEPT_FINDINGS:],
            rule_uids=_union({finding.rule_uid} for finding in ordered),
            tactics=_union(finding.tactics for finding in ordered),
            techniques=_union(finding.techniques for finding in ordered),
            subjects=(subjects := _subjects(alerts, allowed | own)),
            anchors=_anchors(subjects),
            first_time=min(finding.first_time for finding in ordered),
            last_time=max(finding.last_time for finding in ordered),
            finding_count=len(ordered),
            match_count=sum(finding.match_count for finding in ordered),
        )
    )


def _subjects(alerts: Iterable[Finding], known: Collection[Key]) -> tuple[Subject, ...]:
    return same_subjects(
        subject
        for finding in alerts
        for subject in subjects_of(finding, finding.links, ())
        if _key(subject.entity) in known or subject.bond == "stands"
    )


def _anchors(subjects: Iterable[Subject]) -> tuple[Entity, ...]:
    """Return what is plain from the names; what identities add comes with the next finding."""
    entities = bonds_of(subjects, Identities(), ()).entities
    return tuple(entities[key] for key in sorted(entities))


def _without(present: Incident, before: Incident, after: Incident, name: str) -> tuple[Any, ...]:
    """Return a list as it is, less what the decision added, with what the decision took away."""
    then, brought, now = (getattr(one, name) for one in (before, after, present))
    kept = [each for each in now if each in then or each not in brought]
    lost = [each for each in then if each not in brought and each not in kept]
    return (*kept, *lost)


def _refuse_finished(incident: Incident, deed: str) -> None:
    if incident.merged_into:
        raise UsageError(f"incident {incident.uid} was merged into {incident.merged_into}")
    if incident.status == "Closed":
        raise UsageError(f"incident {incident.uid} is closed and cannot be {deed}: reopen it first")


def _opposed(marks: Iterable[str], others: Iterable[str]) -> str:
    """Return the decision that two incidents are on different sides of, "" for none."""
    sides = dict(mark.rsplit(":", 1) for mark in marks)
    for mark in others:
        decision, side = mark.rsplit(":", 1)
        if sides.get(decision, side) != side:
            return decision
    return ""


def _key(entity: Entity) -> Key:
    return entity.type, entity.uid


def _distinct(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    return tuple({_key(entity): entity for entity in reversed(list(entities))}.values())[::-1]


def _union(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({text for part in parts for text in part if text}))
