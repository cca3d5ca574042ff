"""What findings say of one entity: since when, how risky day by day, and with whom it is tied."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tocsin.incidents.risk import assess_risk
from tocsin.ocsf import Entity

SHOWN_LINKS = 50
SHOWN_REASONS = 3
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding that names an entity, as the one it is about or as one tied to it.

    Attributes:
        entity: what the finding is about.
        links: what it is tied to.
    """

    finding_uid: str
    rule_uid: str
    rule_title: str
    severity_id: int
    tactics: tuple[str, ...]
    first_time: datetime
    last_time: datetime
    entity: Entity
    links: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """Another entity, and why it is tied to the one that is looked at.

    Attributes:
        reasons: titles of rules whose findings name both, the latest first.
        findings: how many findings do.
        last_time: of the latest of them, UTC.
    """

    entity: Entity
    reasons: tuple[str, ...]
    findings: int
    last_time: datetime


@dataclass(frozen=True, slots=True)
class RiskDay:
    """What findings say of one day, UTC; 0 everywhere where there are none."""

    day: date
    risk: int
    findings: int
    severity_id: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """What findings say of one entity.

    Attributes:
        entity: with the name that was used last.
        first_time: of the first event of a finding; `None` where no finding names it.
        last_time: of the last one.
        findings: how many were looked at.
        days: each day of the stretch, oldest first.
        links: other entities, the most often named first.
        tactics: that were seen, sorted.
    """

    entity: Entity
    first_time: datetime | None
    last_time: datetime | None
    findings: int
    days: tuple[RiskDay, ...]
    links: tuple[Link, ...]
    tactics: tuple[str, ...]


def portray(
    kind: str, uid: str, mentions: Iterable[Mention], until: date, days: int = 30
) -> Portrait:
    """Return what findings say of the entity of this type and uid.

    Args:
        kind: its type; findings that name the uid as something else are left out.
        uid: of the entity.
        mentions: findings that name the uid, in any order.
        until: the last day of the stretch.
        days: how many days the stretch has.
    """
    ours = sorted(
        (one for one in mentions if any(_is(each, kind, uid) for each in _all(one))),
        key=lambda one: (one.last_time, one.finding_uid),
        reverse=True,
    )
    names = (each.name for one in ours for each in _all(one) if _is(each, kind, uid))
    return Portrait(
        entity=Entity(kind, uid, next(filter(None, names), "")),
        first_time=min((one.first_time for one in ours), default=None),
        last_time=max((one.last_time for one in ours), default=None),
        findings=len(ours),
        days=tuple(_days(ours, until, days)),
        links=_links(ours, kind, uid),
        tactics=tuple(sorted({tactic for one in ours for tactic in one.tactics})),
    )


def _all(mention: Mention) -> tuple[Entity, ...]:
    return (mention.entity, *mention.links)


def _is(entity: Entity, kind: str, uid: str) -> bool:
    return (entity.type, entity.uid) == (kind, uid)


def _links(latest_first: Sequence[Mention], kind: str, uid: str) -> tuple[Link, ...]:
    found: dict[tuple[str, str], list[Mention]] = {}
    known: dict[tuple[str, str], Entity] = {}
    for mention in latest_first:
        for each in dict.fromkeys(_all(mention)):
            if not _is(each, kind, uid) and each.uid:
                key = (each.type, each.uid)
                known.setdefault(key, each)
                found.setdefault(key, []).append(mention)
    links = [
        Link(
            entity=known[key],
            reasons=tuple(dict.fromkeys(each.rule_title for each in some))[:SHOWN_REASONS],
            findings=len(some),
            last_time=some[0].last_time,
        )
        for key, some in found.items()
    ]
    links.sort(key=lambda link: (-link.findings, link.entity.type, link.entity.uid))
    return tuple(links[:SHOWN_LINKS])


def _days(mentions: Sequence[Mention], until: date, days: int) -> Iterator[RiskDay]:
    for back in range(days - 1, -1, -1):
        day = until - back * ONE_DAY
        those = [one for one in mentions if one.first_time.date() <= day <= one.last_time.date()]
        worst = max((one.severity_id for one in those), default=0)
        rules = sorted({one.rule_uid for one in those})
        tactics = sorted({tactic for one in those for tactic in one.tactics})
        risk = assess_risk(worst, rules, tactics)[0] if those else 0
        yield RiskDay(day, risk, len(those), worst)
