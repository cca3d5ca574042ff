"""Turn matches into findings: the same rule, dedup key and period are one.

A finding's uid is derived from these three, so a replay or a second batch of the same period speaks
of the same finding; the store adds up what each turn says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from tocsin.conditions import text_of
from tocsin.detect.entities import account_in, entity_of, links_of
from tocsin.detect.fields import Event
from tocsin.detect.rule_set import BoundRule
from tocsin.detect.rules import SEVERITIES, Rule
from tocsin.detect.run_python import Verdict
from tocsin.detect.windows import Counted, Window, Windows, microseconds
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import content_hash, derive

DETECTION_FINDING = 2004
_MAX_DEDUP_CHARACTERS = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule that matched one event; the verdict is that of a Python rule."""

    bound: BoundRule
    event: Event
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that gave no answer on `count` events, of which one may be named."""

    rule_uid: str
    reason: str
    event_uid: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Concluded:
    """Rows for the tables of `Detected`, and the windows afterwards."""

    matches: list[dict[str, object]]
    findings: list[dict[str, object]]
    failures: list[dict[str, object]]
    windows: Windows


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A hit with what groups it."""

    rule: Rule
    verdict: Verdict | None
    event_uid: str
    time: datetime
    source: str
    entity: Entity
    links: tuple[Entity, ...]
    account: str | None
    dedup_key: str
    period_start: datetime

    @property
    def group(self) -> tuple[str, str, datetime]:
        """What decides the finding."""
        return self.rule.uid, self.dedup_key, self.period_start

    @property
    def counted(self) -> Counted:
        unique = self.verdict.unique if self.verdict else None
        value = content_hash(unique.encode("utf-8", "replace")) if unique else unique
        return Counted(self.event_uid, microseconds(self.time), value)


def conclude(
    hits: Iterable[Hit],
    windows: Windows,
    now: datetime,
    alert_age: timedelta,
    *,
    is_merging: bool = True,
) -> Concluded:
    """Group hits to findings.

    Args:
        hits: any order.
        windows: counting state before.
        now: UTC.
        alert_age: findings whose last event is older are no alerts.
        is_merging: see `RuleSet`.
    """
    groups = _grouped(hits, is_merging=is_merging)
    if not groups:
        return Concluded([], [], [], windows)
    matches: list[dict[str, object]] = []
    findings: list[dict[str, object]] = []
    changed: dict[str, Window] = {}
    for uid, event_uid in sorted(groups):
        group = sorted(groups[uid, event_uid], key=lambda each: (each.time, each.event_uid))
        counted = tuple(each.counted for each in group)
        threshold = group[0].rule.threshold
        if threshold > 1:
            expiry = max(now, group[0].period_start + group[0].rule.period)
            changed[uid], counted = windows.count(uid, counted, threshold, expiry=expiry)
        if counted:
            matches += _match_rows(uid, group[0].rule, counted)
            findings.append(_finding_row(uid, group, counted, now - alert_age))
    after, lost = windows.after(changed, now)
    return Concluded(matches, findings, _lost_rows(lost), after)


def _grouped(hits: Iterable[Hit], *, is_merging: bool) -> dict[tuple[str, str], list[_Sighting]]:
    """Return what was sighted by finding, and by event where each is a finding of its own."""
    together: dict[tuple[tuple[str, str, datetime], str], list[_Sighting]] = {}
    for hit in hits:
        sighting = _sighting(hit)
        is_alone = not is_merging and sighting.rule.threshold <= 1
        key = sighting.group, sighting.event_uid if is_alone else ""
        together.setdefault(key, []).append(sighting)
    return {
        (derive("fnd", rule_uid, dedup_key, start.isoformat()), event_uid): group
        for ((rule_uid, dedup_key, start), event_uid), group in together.items()
    }


def _lost_rows(lost: int) -> list[dict[str, object]]:
    reason = "windows_full: counts of rules with a threshold were forgotten early"
    row: dict[str, object] = {"rule_uid": "*", "reason": reason, "event_uid": None, "count": lost}
    return [row] if lost else []


def _sighting(hit: Hit) -> _Sighting:
    rule, reader, event = hit.bound.rule, hit.bound.reader, hit.event
    entity = entity_of(event, rule.entity, reader)
    time = _utc(event.row["time"])
    return _Sighting(
        rule=rule,
        verdict=hit.verdict,
        event_uid=str(event.row["event_uid"]),
        time=time,
        source=str(event.row["source"]),
        entity=entity,
        links=links_of(event, entity, rule.links, reader),
        account=event.once(account_in),
        dedup_key=_dedup_key(hit, entity),
        period_start=_EPOCH + ((time - _EPOCH) // rule.period) * rule.period,
    )


def _utc(moment: object) -> datetime:
    if not isinstance(moment, datetime):
        raise TypeError("an event's `time` is a timestamp column")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _dedup_key(hit: Hit, entity: Entity) -> str:
    """Return what the rule says, else the values at its dedup paths, else its title or the entity.

    The title that a Python rule makes is its dedup text where it has no other, as Panther documents
    it; a rule that names its entity groups by that.
    """
    if hit.verdict and hit.verdict.dedup:
        return hit.verdict.dedup[:_MAX_DEDUP_CHARACTERS]
    rule, reader = hit.bound.rule, hit.bound.reader
    if not rule.dedup:
        if hit.verdict and hit.verdict.title and not rule.entity:
            return hit.verdict.title[:_MAX_DEDUP_CHARACTERS]
        return f"{entity.type}:{entity.uid}"
    parts = [
        ",".join(sorted({text_of(value) or "" for value in reader.values(path)(hit.event)}))
        for path in rule.dedup
    ]
    key = "|".join(parts)
    if len(key) <= _MAX_DEDUP_CHARACTERS:
        return key
    return f"{key[:_MAX_DEDUP_CHARACTERS]}…{content_hash(key.encode('utf-8', 'replace'))}"


def _match_rows(uid: str, rule: Rule, counted: Iterable[Counted]) -> list[dict[str, object]]:
    return [
        {
            "finding_uid": uid,
            "rule_uid": rule.uid,
            "event_uid": each.event_uid,
            "event_time": _moment(each.time_us),
        }
        for each in counted
    ]


def _finding_row(
    uid: str, group: Sequence[_Sighting], counted: Sequence[Counted], alert_from: datetime
) -> dict[str, object]:
    first = group[0]
    times = [each.time_us for each in counted]
    verdicts = [each.verdict for each in group if each.verdict]
    last_time = _moment(max(times))
    return {
        "uid": uid,
        "class_uid": DETECTION_FINDING,
        "rule_uid": first.rule.uid,
        "rule_title": first.rule.title,
        "rule_type": first.rule.kind,
        "source": first.source,
        "severity_id": _severity(first.rule, verdicts),
        "is_alert": last_time.replace(tzinfo=UTC) >= alert_from
        and first.rule.creates_alerts
        and not _is_quiet(verdicts),
        "title": _said(verdicts, "title") or first.rule.title,
        "description": _said(verdicts, "description") or first.rule.description,
        "dedup_key": first.dedup_key,
        "period_start": first.period_start.replace(tzinfo=None),
        "first_time": _moment(min(times)),
        "last_time": last_time,
        "match_count": len(counted),
        "entity": _entity_row(first.entity),
        "links": link_rows((each.entity, each.links) for each in group),
        "account": next((each.account for each in group if each.account), None),
        "tactics": list(first.rule.tactics),
        "techniques": list(first.rule.techniques),
        "event_uids": [each.event_uid for each in counted],
        "context": _context(first.rule, verdicts),
    }


def _is_quiet(verdicts: Sequence[Verdict]) -> bool:
    """Return whether every match says that nobody is to be told."""
    return bool(verdicts) and all(each.is_quiet for each in verdicts)


def _context(rule: Rule, verdicts: Iterable[Verdict]) -> str:
    """Return what the first match says, completed by what the rule says of every match."""
    said = _said(verdicts, "context") or "{}"
    if not rule.words:
        return said
    return msgspec.json.encode({**dict(rule.words), **msgspec.json.decode(said)}).decode()


def _said(verdicts: Iterable[Verdict], name: str) -> str:
    """Return what the first match says; an empty context is none."""
    said = (str(getattr(verdict, name)) for verdict in verdicts)
    return next((text for text in said if text not in ("", "{}")), "")


def _severity(rule: Rule, verdicts: Iterable[Verdict]) -> int:
    """Return the highest severity among the matches; words unknown to us count as the rule's."""
    if rule.is_severity_fixed:
        return rule.severity_id
    named = [SEVERITIES.get(verdict.severity.lower(), rule.severity_id) for verdict in verdicts]
    return max(named, default=rule.severity_id)


def link_rows(people: Iterable[tuple[Entity, tuple[Entity, ...]]]) -> list[Mapping[str, str]]:
    """Return the links of every match, and entities that differ from the first, each once.

    Args:
        people: entity and links of each match, at least one.
    """
    people = list(people)
    own = (people[0][0].type, people[0][0].uid)
    found = {(each.type, each.uid): each for entity, links in people for each in (entity, *links)}
    found.pop(own, None)
    return [_entity_row(found[key]) for key in sorted(found)]


def _entity_row(entity: Entity) -> Mapping[str, str]:
    return {"type": entity.type, "uid": entity.uid, "name": entity.name}


def _moment(since_1970_us: int) -> datetime:
    """Return the time in the form of the tables: UTC without a zone."""
    return (_EPOCH + timedelta(microseconds=since_1970_us)).replace(tzinfo=None)
