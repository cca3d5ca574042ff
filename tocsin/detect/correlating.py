"""Between rules and correlations: matches become observations, what these mean becomes findings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

import msgspec

from tocsin.conditions import text_of
from tocsin.detect.correlations import Observation, Seen, Told, state
from tocsin.detect.correlations.model import ACTOR_PATH, DOMAIN_PATH, ENTROPY_PATH
from tocsin.detect.correlations.names import domain_of, entropy_of
from tocsin.detect.entities import account_of, actor_of, entity_of, links_of
from tocsin.detect.fields import Event, EventReader
from tocsin.detect.findings import DETECTION_FINDING, Hit, link_rows
from tocsin.detect.rule_set import RuleSet
from tocsin.detect.rules import Rule
from tocsin.detect.windows import Windows, microseconds
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import content_hash, derive

_MAX_VALUES = 64
_MAX_CHARACTERS = 500
_MAX_KEY_CHARACTERS = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_US = timedelta(microseconds=1)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Correlated:
    """Rows for the tables of `Detected`, and the windows afterwards."""

    matches: list[dict[str, object]]
    findings: list[dict[str, object]]
    failures: list[dict[str, object]]
    windows: Windows


def correlate(
    rules: RuleSet, hits: Iterable[Hit], windows: Windows, newest: Mapping[str, int], now: datetime
) -> Correlated:
    """Let correlations look at matches, and at what has become due.

    Args:
        rules: with their correlations.
        hits: of all rules.
        windows: before.
        newest: time of the newest event of each source that events have come from, matched or not;
            microseconds since 1970.
        now: UTC.
    """
    now_us = microseconds(now)
    clock = windows.clock.at(newest, now_us)
    seen = list(_Observing(rules).seen(hits))
    marks = clock.marks(rules.correlator.plans, now_us)
    memories = windows.memories
    if windows.clock.is_resumed:
        memories = rules.correlator.kept(memories, now_us)
    outcome = rules.correlator.run(memories, seen, marks)
    alert_from = now.astimezone(UTC).replace(tzinfo=None) - rules.alert_age
    by_uid = {rule.uid: rule for rule in rules.rules} if outcome.told else {}
    told = [each for each in outcome.told if each.plan.uid not in rules.muted]
    findings = [_finding_row(by_uid, each, alert_from) for each in told]
    return Correlated(
        matches=[row for each in told for row in _match_rows(each)],
        findings=findings,
        failures=[*_failures(outcome.lost, _LOST), *_failures(outcome.late, _LATE)],
        windows=windows.correlated(outcome.memories, clock),
    )


_LOST = "windows_full: the correlation forgot groups or events early"
_LATE = "too_late: events came after the lateness, when their time was decided"


def _failures(counts: Mapping[str, int], reason: str) -> list[dict[str, object]]:
    return [
        {"rule_uid": uid, "reason": reason, "event_uid": None, "count": count}
        for uid, count in sorted(counts.items())
    ]


class _Observing:
    """Turns matches into observations; what matches of one event share is worked out once."""

    def __init__(self, rules: RuleSet) -> None:
        self._plans = rules.plans
        self._rules = rules.correlation_rules
        self._readings: dict[tuple[str, EventReader], _Reading] = {}

    def seen(self, hits: Iterable[Hit]) -> Iterator[Seen]:
        """Yield what correlations see of the matches; nothing of rules that none refers to."""
        for hit in hits:
            uid = hit.bound.rule.uid
            paths = self._plans.paths.get(uid)
            if paths is not None:
                reading = self._reading(hit)
                yield Seen(uid, self._observation(reading, paths, self._plans.personas[uid]))

    def _reading(self, hit: Hit) -> "_Reading":
        event, reader = hit.event, hit.bound.reader
        place = str(event.row["event_uid"]), reader
        found = self._readings.get(place)
        if found is None:
            found = self._readings[place] = _Reading(event, reader)
        return found

    def _observation(
        self, reading: "_Reading", paths: Iterable[str], persona_keys: Iterable[str]
    ) -> Observation:
        values = ((path, reading.texts(path)) for path in paths)
        return Observation(
            uid=reading.uid,
            time_us=reading.time_us,
            source=reading.source,
            values={path: texts for path, texts in values if texts},
            personas={key: reading.persona(key, self._rules) for key in persona_keys},
            account=reading.account,
        )


class _Reading:
    """One event as rules of one reader see it; the texts and people asked for so far."""

    def __init__(self, event: Event, reader: EventReader) -> None:
        row = event.row
        time = row["time"]
        if not isinstance(time, datetime):
            raise TypeError("an event's `time` is a timestamp column")
        self.uid, self.source = str(row["event_uid"]), str(row["source"])
        self.time_us, self.account = microseconds(time), account_of(row)
        self._event, self._reader = event, reader
        self._texts: dict[str, tuple[str, ...]] = {}
        self._personas: dict[str, state.Persona] = {}

    def texts(self, path: str) -> tuple[str, ...]:
        """Return the values at a path that correlations group by or count."""
        found = self._texts.get(path)
        if found is None:
            found = self._texts[path] = _texts(self._reader, path, self._event)
        return found

    def persona(self, key: str, rules: Mapping[str, Rule]) -> state.Persona:
        """Return who is behind the event, as the rule `key` chooses it; empty for no choice."""
        found = self._personas.get(key)
        if found is None:
            rule = rules[key] if key else None
            found = self._personas[key] = _persona(self._event, self._reader, rule)
        return found


def _persona(event: Event, reader: EventReader, rule: Rule | None) -> state.Persona:
    entity = entity_of(event, rule.entity if rule else (), reader)
    return state.Persona(entity, links_of(event, entity, rule.links if rule else (), reader))


def _actor_uid(row: Mapping[str, object]) -> str | None:
    actor = actor_of(row)
    return actor.uid if actor else None


_WORKED_OUT: Mapping[str, Callable[[Mapping[str, object]], str | None]] = {
    ACTOR_PATH: _actor_uid,
    DOMAIN_PATH: domain_of,
    ENTROPY_PATH: entropy_of,
}


def _texts(reader: EventReader, path: str, event: Event) -> tuple[str, ...]:
    worked_out = _WORKED_OUT.get(path)
    if worked_out is not None:
        told = worked_out(event.row)
        return (_plain(told),) if told else ()
    found = (text_of(value) for value in _values(reader, path)(event))
    distinct = dict.fromkeys(_plain(text) for text in found if text)
    return tuple(islice(distinct, _MAX_VALUES))


@lru_cache(maxsize=10_000)
def _values(reader: EventReader, path: str) -> Callable[[Event], list[object]]:
    return reader.values(path)


def _plain(text: str) -> str:
    """Return the text in a form that can be stored, long ones cut and still distinct."""
    encoded = text.encode("utf-8", "replace")
    if len(text) > _MAX_CHARACTERS:
        return f"{encoded.decode()[:_MAX_CHARACTERS]}…{content_hash(encoded)}"
    return encoded.decode()


def _finding_uid(rule_uid: str, told: Told) -> str:
    period = (_EPOCH + told.telling.period_us * _US).replace(tzinfo=UTC)
    return derive("fnd", rule_uid, _dedup_key(told.group), period.isoformat())


def _dedup_key(group: Sequence[str]) -> str:
    key = "|".join(group)
    if len(key) <= _MAX_KEY_CHARACTERS:
        return key
    return f"{key[:_MAX_KEY_CHARACTERS]}…{content_hash(key.encode())}"


def _match_rows(told: Told) -> list[dict[str, object]]:
    uid = _finding_uid(told.plan.uid, told)
    return [
        {
            "finding_uid": uid,
            "rule_uid": told.plan.uid,
            "event_uid": each.uid,
            "event_time": _EPOCH + each.time_us * _US,
        }
        for each in told.telling.events
    ]


def _finding_row(by_uid: Mapping[str, Rule], told: Told, alert_from: datetime) -> dict[str, object]:
    rule, telling = by_uid[told.plan.uid], told.telling
    closing = _who(telling.closing, rule.uid)
    people = [closing, *(_who(each, rule.uid) for each in telling.events)]
    times = [each.time_us for each in telling.events]
    last_time = _EPOCH + max(times) * _US
    accounts = [telling.closing.account, *(each.account for each in telling.events)]
    return {
        "uid": _finding_uid(rule.uid, told),
        "class_uid": DETECTION_FINDING,
        "rule_uid": rule.uid,
        "rule_title": rule.title,
        "rule_type": rule.kind,
        "source": telling.closing.source,
        "severity_id": rule.severity_id,
        "is_alert": last_time >= alert_from,
        "title": rule.title,
        "description": rule.description,
        "dedup_key": _dedup_key(told.group),
        "period_start": _EPOCH + telling.period_us * _US,
        "first_time": _EPOCH + min(times) * _US,
        "last_time": last_time,
        "match_count": len(telling.events),
        "entity": _entity_row(closing.entity),
        "links": link_rows((each.entity, each.links) for each in people),
        "account": next((each for each in accounts if each), None),
        "tactics": list(rule.tactics),
        "techniques": list(rule.techniques),
        "event_uids": [each.uid for each in telling.events],
        "context": _context(told, by_uid),
    }


def _who(sighting: state.Sighting, uid: str) -> state.Persona:
    nobody = state.Persona(Entity("source", sighting.source))
    return sighting.personas.get(uid) or sighting.personas.get("") or nobody


def _entity_row(entity: Entity) -> Mapping[str, str]:
    return {"type": entity.type, "uid": entity.uid, "name": entity.name}


def _context(told: Told, by_uid: Mapping[str, Rule]) -> str:
    """Return as JSON why it is a finding: group, value, and when each rule matched."""
    plan, telling = told.plan, told.telling
    correlation = plan.correlation
    said: dict[str, object] = {
        "correlation": correlation.kind,
        "group": dict(zip(correlation.group_by, told.group, strict=True)),
        "value": telling.value,
        "condition": str(correlation),
        "timespan": _length(plan.span_us // 1_000_000),
        "rules": _matched(told, by_uid),
    }
    if telling.usual is not None:
        said["usual"] = round(telling.usual, 3)
    return msgspec.json.encode(said).decode()


def _matched(told: Told, by_uid: Mapping[str, Rule]) -> list[dict[str, object]]:
    """Return which rules matched how many events of the window, and when; the first one first."""
    times: dict[str, list[int]] = {}
    for sighting in told.telling.window:
        for uid, number in told.plan.bits.items():
            if sighting.steps >> number & 1:
                times.setdefault(uid, []).append(sighting.time_us)
    return [
        {
            "title": by_uid[uid].title if uid in by_uid else uid,
            "uid": uid,
            "events": len(found),
            "first": _shown(min(found)),
            "last": _shown(max(found)),
        }
        for uid, found in sorted(times.items(), key=lambda item: (min(item[1]), item[0]))
    ]


def _length(seconds: int) -> str:
    """Return a length of time as rules write it."""
    size, unit = next((s, u) for s, u in _UNITS if seconds % s == 0)
    return f"{seconds // size}{unit}"


def _shown(time_us: int) -> str:
    return f"{(_EPOCH + time_us * _US).isoformat()}Z"
