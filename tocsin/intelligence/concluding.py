"""Make findings of what indicators say of events, and write it to the events themselves."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tocsin.intelligence.indicators import Indicator
from tocsin.intelligence.marking import Mark, marked
from tocsin.intelligence.meaning import INFORMATIONAL, Meaning, meaning_of
from tocsin.intelligence.seeking import Sought
from tocsin.ocsf import Entity, from_rows, identifiers, schemas

RULE_TYPE = "Intelligence"

_DETECTION_FINDING = 2004
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the lake keeps UTC without zone)
_MOST_NAMED = 1_000
_TITLES = {
    "outbound": "turned to",
    "entry": "acted from",
    "inbound": "was approached by",
    "seen": "handled",
}
_NAMES = {
    "address": "address",
    "network": "network",
    "domain": "domain",
    "url": "URL",
    "hash": "file hash",
    "mail": "mail address",
    "ja3": "TLS fingerprint",
    "certificate": "certificate",
}
_RULES = {
    "outbound": "something of ours turned to a listed place",
    "entry": "an identity of ours acted from a listed place",
    "inbound": "a listed place approached us",
    "seen": "a listed file or mail was seen",
}
_OUTCOMES = {
    "outbound": "Something of one's own turned to it.",
    "entry": "An identity of one's own acted from there.",
    "inbound": "It approached something of one's own.",
    "seen": "It was seen on something of one's own.",
}
_NOT_READ = frozenset({"raw_data", "observables", "enrichments", "osint", "unmapped"})
_TACTICS = {"outbound": ("command-and-control",), "entry": ("initial-access",)}

Answers = Mapping[tuple[str, str], Sequence[Indicator]]
"""By kind and value of what was sought, the indicators that speak of it, the surest first."""

Who = Callable[[Mapping[str, object]], Entity | None]
"""Gives who did what an event tells, under the uid that findings of rules have."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What a batch and the indicators say together.

    Attributes:
        events: with `osint`, and entries of `enrichments`.
        findings: rows of `ocsf.schemas.FINDINGS`: one for each indicator, entity and period.
        matches: rows of `ocsf.schemas.MATCHES`.
    """

    events: pa.Table
    findings: pa.Table
    matches: pa.Table


@dataclass(frozen=True, slots=True)
class Sight:
    """One indicator in one event.

    Attributes:
        indicators: what each feed says of it, the surest first.
        path: of the event, where it stands; the first of several.
        value: what stands there: the name below a domain, the address in a network.
        row: what the event says beside it.
    """

    indicators: tuple[Indicator, ...]
    path: str
    value: str
    meaning: Meaning
    row: Mapping[str, object]
    entity: Entity

    @property
    def confidence(self) -> int:
        """How sure the surest feed is."""
        return self.indicators[0].confidence

    @property
    def severity_id(self) -> int:
        """The OCSF severity of this contact."""
        return self.meaning.severity_id(self.confidence)

    @property
    def time(self) -> datetime:
        """The time of the event."""
        found = self.row["time"]
        assert isinstance(found, datetime)  # a column that is never null
        return found.replace(tzinfo=None)


def conclude(
    events: pa.Table,
    found: Sought,
    answers: Answers,
    who: Who,
    *,
    period: timedelta,
    alert_from: datetime,
) -> Concluded:
    """Return the events with what indicators say of them, and findings of it.

    Args:
        events: of the batch that was sought through.
        found: what was sought.
        answers: indicators that have not expired.
        who: the actor of an event.
        period: contacts within it are one finding.
        alert_from: findings on older events alert nobody; UTC.
    """
    sights = _sights(events, found, answers, who)
    groups: dict[str, list[Sight]] = {}
    for each in (one for some in sights.values() for one in some):
        groups.setdefault(_uid(each, period), []).append(each)
    since = alert_from.astimezone(UTC).replace(tzinfo=None)
    ordered = sorted(groups.items())
    rows = [_finding(uid, group, period, since) for uid, group in ordered]
    matches = [row for uid, group in ordered for row in _matches(uid, group)]
    return Concluded(
        marked(events, {number: list(map(_mark, some)) for number, some in sights.items()}),
        from_rows(rows, schemas.FINDINGS),
        from_rows(matches, schemas.MATCHES),
    )


def _sights(
    events: pa.Table, found: Sought, answers: Answers, who: Who
) -> Mapping[int, list[Sight]]:
    """Return the indicators in each row that has any."""
    said: dict[int, dict[tuple[str, str], list[tuple[str, str, Indicator]]]] = {}
    for asked, indicators in answers.items():
        for place in found.places.get(asked, ()):
            for each in indicators:
                named = said.setdefault(place.row, {}).setdefault((each.kind, each.value), [])
                named.append((place.path, asked[1], each))
    numbers = sorted(said)
    rows = dict(zip(numbers, _rows(events, numbers), strict=True))
    return {
        number: [_sight(rows[number], named, who) for _, named in sorted(said[number].items())]
        for number in numbers
    }


def _rows(events: pa.Table, numbers: Sequence[int]) -> list[dict[str, object]]:
    """Return the rows without what is long and not looked at."""
    names = [name for name in events.column_names if name not in _NOT_READ]
    rows: list[dict[str, object]] = (
        events.select(names).take(pa.array(numbers, pa.int64())).to_pylist()
    )
    return rows


def _sight(
    row: Mapping[str, object], named: Sequence[tuple[str, str, Indicator]], who: Who
) -> Sight:
    paths = {path for path, _, _ in named}
    path, value, first = min(named, key=lambda each: (each[0], each[1]))
    by_feed = {(each.feed, each.uid): each for _, _, each in named}
    indicators = sorted(by_feed.values(), key=lambda each: (-each.confidence, each.feed, each.uid))
    meaning = meaning_of(row, paths, first.kind)
    return Sight(tuple(indicators), path, value, meaning, row, _entity(row, meaning, who))


def _entity(row: Mapping[str, object], meaning: Meaning, who: Who) -> Entity:
    """Return whom of one's own the contact concerns."""
    actor = who(row)
    if actor:
        return actor
    side = "dst_endpoint" if meaning.direction in ("inbound", "entry") else "src_endpoint"
    endpoint = row.get(side)
    if isinstance(endpoint, Mapping):
        for name in ("ip", "hostname", "uid"):
            text = endpoint.get(name)
            if isinstance(text, str) and text:
                return Entity("address" if name == "ip" else "host", text, text)
    account = _account(row)
    if account:
        return Entity("account", account, account)
    return Entity("source", str(row.get("source") or "unknown"))


def _account(row: Mapping[str, object]) -> str | None:
    cloud = row.get("cloud")
    account = cloud.get("account") if isinstance(cloud, Mapping) else None
    uid = account.get("uid") if isinstance(account, Mapping) else None
    return uid if isinstance(uid, str) and uid else None


def _uid(sight: Sight, period: timedelta) -> str:
    first, entity = sight.indicators[0], sight.entity
    told = ("intelligence", first.kind, first.value, entity.type, entity.uid)
    return identifiers.derive("fnd", *told, _start(sight, period).isoformat())


def _start(sight: Sight, period: timedelta) -> datetime:
    return _EPOCH + ((sight.time - _EPOCH) // period) * period


def _finding(
    uid: str, group: Sequence[Sight], period: timedelta, since: datetime
) -> dict[str, object]:
    worst = max(group, key=lambda each: each.severity_id)
    first, entity = worst.indicators[0], worst.entity
    last = max(each.time for each in group)
    direction = worst.meaning.direction
    title = f"{entity.name or entity.uid} {_TITLES[direction]} a listed {_NAMES[first.kind]}"
    return {
        "uid": uid,
        "class_uid": _DETECTION_FINDING,
        "rule_uid": f"tocsin:intelligence:{direction}",
        "rule_title": f"Threat intelligence: {_RULES[direction]}",
        "rule_type": RULE_TYPE,
        "source": str(worst.row["source"]),
        "severity_id": worst.severity_id,
        "is_alert": worst.severity_id > INFORMATIONAL and last >= since,
        "title": f"{title}: {first.value}"[:_MOST_NAMED],
        "description": _description(worst),
        "dedup_key": f"{first.kind}:{first.value}"[:_MOST_NAMED],
        "period_start": _start(worst, period),
        "first_time": min(each.time for each in group),
        "last_time": last,
        "match_count": len({each.row["event_uid"] for each in group}),
        "entity": {"type": entity.type, "uid": entity.uid, "name": entity.name},
        "links": [],
        "account": next((a for each in group if (a := _account(each.row))), None),
        "tactics": list(_TACTICS.get(direction, ())),
        "techniques": [],
        "event_uids": list(dict.fromkeys(each.row["event_uid"] for each in group)),
        "context": json.dumps(_context(worst, group)),
    }


def _description(sight: Sight) -> str:
    first = sight.indicators[0]
    feeds = ", ".join(dict.fromkeys(each.feed for each in sight.indicators))
    about = f" ({first.name})" if first.name else ""
    outcome = "It was refused or failed." if sight.meaning.is_denied else "Nothing stopped it."
    return (
        f"{first.value}{about} is on the list of {feeds}, with confidence {first.confidence} of"
        f" 100. {_OUTCOMES[sight.meaning.direction]} {outcome}"
    )


def _context(worst: Sight, group: Sequence[Sight]) -> dict[str, object]:
    first = worst.indicators[0]
    feeds = dict.fromkeys(each.feed for one in group for each in one.indicators)
    labels = dict.fromkeys(label for each in worst.indicators for label in each.labels)
    told = {
        "indicator": first.value,
        "indicator_kind": first.kind,
        "indicator_uid": first.uid,
        "feeds": list(feeds),
        "confidence": first.confidence,
        "labels": list(labels),
        "direction": worst.meaning.direction,
        "denied": worst.meaning.is_denied,
        "seen": worst.value,
        "path": worst.path,
        "reference": first.reference,
    }
    return {name: value for name, value in told.items() if value not in ("", [])}


def _matches(uid: str, group: Sequence[Sight]) -> list[dict[str, object]]:
    times = {each.row["event_uid"]: each for each in group}
    return [
        {
            "finding_uid": uid,
            "rule_uid": f"tocsin:intelligence:{each.meaning.direction}",
            "event_uid": event,
            "event_time": each.time,
        }
        for event, each in times.items()
    ]


def _mark(sight: Sight) -> Mark:
    return Mark(sight.indicators[0], sight.path, sight.value, sight.meaning.direction)
