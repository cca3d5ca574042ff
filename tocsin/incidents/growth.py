"""How an incident comes from findings, grows by more of them and is absorbed by an older one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from tocsin.incidents.attachments import attached_to_all
from tocsin.incidents.incident import Incident, Status, Subject, Tie
from tocsin.incidents.risk import assess_risk
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import derive

KEPT_FINDINGS = 1_000
"""Latest finding uids that an incident carries; the store knows the incident of every finding."""

KEPT_ENTITIES = 500
"""Entities of one incident, so that one that creates users by the thousand stays readable."""

KEPT_TIES = 100
"""Reasons of one incident; the first ones stay."""


class Finding(NamedTuple):
    """One row of `ocsf.schemas.FINDINGS`, as far as incidents look at it; times aware, UTC."""

    uid: str
    rule_uid: str
    title: str
    severity_id: int
    is_alert: bool
    entity: Entity
    links: tuple[Entity, ...]
    account: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    first_time: datetime
    last_time: datetime
    match_count: int
    first_event_uid: str


def in_time(finding: Finding) -> tuple[datetime, str, str]:
    """Return the key that sorts findings by their first event, always the same way."""
    return finding.first_time, finding.uid, finding.first_event_uid


def opened(openers: Iterable[Finding], followers: Iterable[Finding], now: datetime) -> Incident:
    """Return a new incident.

    Its uid is derived from the first of the `openers` and that finding's first event: the finding
    alone may go on after people have closed its incident, and then needs another one.

    Args:
        openers: alerts at or above the threshold, at least one.
        followers: other findings about the same entity.
        now: the time of opening, UTC.
    """
    first = min(openers, key=in_time)
    seed = Incident(
        uid=derive("inc", first.uid, first.first_event_uid),
        title="",
        status="New",
        severity_id=0,
        risk_score=0,
        risk_reasons=(),
        entities=(first.entity,),
        accounts=(),
        finding_uids=(),
        rule_uids=(),
        tactics=(),
        techniques=(),
        first_time=first.first_time,
        last_time=first.last_time,
        opened_time=now,
        updated_time=now,
        finding_count=0,
        match_count=0,
        version=0,
    )
    return grown(seed, openers, followers, now)


def grown(
    incident: Incident, openers: Iterable[Finding], followers: Iterable[Finding], now: datetime
) -> Incident:
    """Return the incident with these findings, one version later, its risk assessed anew.

    A finding that it already has adds its matches only. Only openers give title, severity and
    entities that tie; a Resolved incident is opened again by an opener that brings something new.
    """
    openers = sorted(openers, key=in_time)
    followers = tuple(followers)
    findings = sorted((*openers, *followers), key=in_time) if followers else openers
    known = set(incident.finding_uids)
    added = _distinct(finding.uid for finding in findings if finding.uid not in known)
    named = (entity for finding in openers for entity in (finding.entity, *finding.links))
    # Many findings share their entities: to know them by place is cheaper than to compare them.
    tied = {id(entity): entity for entity in named}.values()
    status = _woken(incident, openers)
    return assessed(
        replace(
            titled(incident, openers),
            status=status,
            finished_time=incident.finished_time if status == incident.status else None,
            entities=_distinct((*incident.entities, *tied))[:KEPT_ENTITIES],
            accounts=_union(incident.accounts, (finding.account for finding in findings)),
            finding_uids=(*incident.finding_uids, *added)[-KEPT_FINDINGS:],
            rule_uids=_union(incident.rule_uids, (finding.rule_uid for finding in findings)),
            tactics=_union(incident.tactics, *(finding.tactics for finding in findings)),
            techniques=_union(incident.techniques, *(finding.techniques for finding in findings)),
            first_time=min(incident.first_time, *(finding.first_time for finding in findings)),
            last_time=max(incident.last_time, *(finding.last_time for finding in findings)),
            updated_time=now,
            finding_count=incident.finding_count + len(added),
            match_count=incident.match_count + sum(finding.match_count for finding in findings),
            version=incident.version + 1,
        )
    )


def joined(eldest: Incident, others: Sequence[Incident]) -> Incident:
    """Return the eldest incident with what the others have; same version, risk not yet assessed.

    Somebody's work is not lost: without an assignee of its own it takes over the first of theirs,
    and while it is New and one of them is in work, it is In Progress.
    """
    if not others:
        return eldest
    family = (eldest, *others)
    severest = max(family, key=lambda one: one.severity_id)
    uids = _distinct(uid for one in family for uid in one.finding_uids)
    shared = sum(len(one.finding_uids) for one in family) - len(uids)
    in_work = eldest.status == "New" and any(one.status != "New" for one in others)
    taken = [one.acknowledged_time for one in family if one.acknowledged_time]
    return replace(
        attached_to_all(eldest, others),
        title=severest.title,
        status="In Progress" if in_work else eldest.status,
        assignee=next((one.assignee for one in family if one.assignee), ""),
        severity_id=severest.severity_id,
        entities=_distinct(entity for one in family for entity in one.entities)[:KEPT_ENTITIES],
        accounts=_union(*(one.accounts for one in family)),
        finding_uids=uids[-KEPT_FINDINGS:],
        rule_uids=_union(*(one.rule_uids for one in family)),
        tactics=_union(*(one.tactics for one in family)),
        techniques=_union(*(one.techniques for one in family)),
        first_time=min(one.first_time for one in family),
        last_time=max(one.last_time for one in family),
        finding_count=sum(one.finding_count for one in family) - shared,
        match_count=sum(one.match_count for one in family),
        acknowledged_time=min(taken, default=None),
        roots=_distinct(entity for one in family for entity in one.roots),
        subjects=same_subjects(subject for one in family for subject in one.subjects),
        ties=same_ties(tie for one in family for tie in one.ties),
        apart=_union(*(one.apart for one in family)),
    )


def same_subjects(subjects: Iterable[Subject]) -> tuple[Subject, ...]:
    """Return each subject once with the whole time of it; the latest of very many.

    Of addresses, who are others later, each hour counts for itself.
    """
    found: dict[tuple[object, ...], Subject] = {}
    for one in subjects:
        is_address = one.entity.type == "address"
        hour = one.first.replace(minute=0, second=0, microsecond=0) if is_address else None
        key = (one.entity.type, one.entity.uid, one.bond, one.scope, one.sessions, hour)
        old = found.get(key)
        if old is not None:
            one = replace(old, first=min(old.first, one.first), last=max(old.last, one.last))
        found[key] = one
    return tuple(found.values())[-KEPT_ENTITIES:]


def same_ties(ties: Iterable[Tie]) -> tuple[Tie, ...]:
    """Return each tie once, by what it ties."""
    found: dict[tuple[str, ...], Tie] = {}
    for tie in ties:
        found.setdefault((tie.one.type, tie.one.uid, tie.other.type, tie.other.uid), tie)
    return tuple(found.values())[:KEPT_TIES]


def absorbed(incident: Incident, survivor: Incident, now: datetime) -> Incident:
    """Return the incident as it is once `survivor` has taken over its findings."""
    return replace(
        incident,
        status="Closed",
        verdict="Duplicate",
        verdict_reason=f"Its findings are tied to those of {survivor.uid}, which is older.",
        merged_into=survivor.uid,
        updated_time=now,
        finished_time=now,
        version=incident.version + 1,
    )


def titled(incident: Incident, openers: Sequence[Finding]) -> Incident:
    """Return the incident with title and severity of the severest of these, where it is worse."""
    severest = max(openers, key=lambda finding: finding.severity_id, default=None)
    if severest is None or severest.severity_id <= incident.severity_id:
        return incident
    name = severest.entity.name or severest.entity.uid
    title = severest.title if name in severest.title else f"{severest.title}: {name}"
    return replace(incident, title=title, severity_id=severest.severity_id)


def _woken(incident: Incident, openers: Iterable[Finding]) -> Status:
    if incident.status != "Resolved":
        return incident.status
    for finding in openers:
        if finding.uid not in incident.finding_uids or finding.last_time > incident.last_time:
            return "In Progress" if incident.assignee else "New"
    return incident.status


def assessed(incident: Incident) -> Incident:
    """Return the incident with its risk and the reasons, as its rules and tactics give them."""
    score, reasons = assess_risk(incident.severity_id, incident.rule_uids, incident.tactics)
    return replace(incident, risk_score=score, risk_reasons=reasons)


T = TypeVar("T")


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    """Return each value once, in order of first appearance."""
    return tuple(dict.fromkeys(values))


def _union(*values: Iterable[str]) -> tuple[str, ...]:
    """Return each text once, sorted, empty ones left out."""
    return tuple(sorted({text for part in values for text in part if text}))
