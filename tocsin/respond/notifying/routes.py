"""Which routes tell of an incident: by severity, source, entity, account and hour."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Literal

from tocsin.incidents import Incident
from tocsin.ocsf import identifiers
from tocsin.respond.notifying.occasions import Occasion, Stage

Lane = Literal["urgent", "normal"]
"""Urgent notices have an allowance of their own and wait for no morning: no flood of others can
use it up."""

ALL_STAGES: frozenset[Stage] = frozenset({"opened", "grown", "reopened", "closed"})
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of some days of the week, in one zone.

    Attributes:
        zone: in which `start` and `end` are meant.
        start: first moment.
        end: first moment after; not later than `start` means: of the next day.
        weekdays: on which it begins, Monday is 0.
    """

    zone: tzinfo
    start: time
    end: time
    weekdays: frozenset[int] = EVERY_DAY

    def holds(self, moment: datetime) -> bool:
        """Return whether a moment (aware) lies inside."""
        local = moment.astimezone(self.zone)
        today, clock = local.weekday(), local.time()
        if self.start < self.end:
            return today in self.weekdays and self.start <= clock < self.end
        yesterday = (local - timedelta(days=1)).weekday()
        begun = today in self.weekdays and clock >= self.start
        return begun or (yesterday in self.weekdays and clock < self.end)


@dataclass(frozen=True, slots=True)
class Route:
    """Which incidents are told, when, and to which targets; empty lists take everything.

    Attributes:
        name: unique.
        targets: names of the targets.
        severity_id: the least severity, OCSF 1 to 6.
        urgent_id: from this severity on a notice is urgent: quiet hours and digests do not hold it.
        sources: patterns (`aws.*`) of which one fits a source of its findings.
        entities: patterns of which one fits a uid, name or `type:uid` of its entities.
        accounts: of which one is the incident's.
        stages: what is told.
        during: only what happens inside one of these.
        quiet: inside these, what is not urgent waits.
        digest: what is not urgent waits so long and is told together; `None` tells at once.
        fields: which lines a message has, of `texts.FIELDS`; empty for all.
    """

    name: str
    targets: tuple[str, ...]
    severity_id: int = 1
    urgent_id: int = 5
    sources: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    stages: frozenset[Stage] = ALL_STAGES
    during: tuple[Hours, ...] = ()
    quiet: tuple[Hours, ...] = ()
    digest: timedelta | None = None
    fields: tuple[str, ...] = ()

    def is_quiet(self, now: datetime) -> bool:
        """Return whether what is not urgent waits now."""
        return any(hours.holds(now) for hours in self.quiet)


@dataclass(frozen=True, slots=True)
class Notice:
    """What one route tells of one incident.

    Attributes:
        uid: of incident, stage and route; the same at every try.
        subject: title of the incident without its entity; what digests group by.
        time: when it happened, UTC.
    """

    uid: str
    route: str
    lane: Lane
    incident_uid: str
    stage: Stage
    severity_id: int
    subject: str
    time: datetime


Told = frozenset[str]
"""Names of the routes that an incident was told to before."""


def noticed(
    routes: Iterable[Route],
    occasion: Occasion,
    incident: Incident,
    sources: Iterable[str],
    told: Told,
) -> Iterator[Notice]:
    """Yield what each route tells of an occasion.

    Whoever was never told of an incident is told that it is there, not that it has grown; and
    nobody is told of the end of what they never heard of.

    Args:
        routes: all of them.
        occasion: what happened.
        incident: as it is now.
        sources: of its findings.
        told: routes that know the incident.
    """
    known = tuple(sources)
    for route in routes:
        stage = _stage_for(route, occasion, told)
        if stage is None or not _takes(route, occasion, incident, known):
            continue
        yield Notice(
            uid=identifiers.derive("msg", occasion.uid, route.name),
            route=route.name,
            lane=lane_of(route, occasion.severity_id, stage),
            incident_uid=incident.uid,
            stage=stage,
            severity_id=occasion.severity_id,
            subject=_subject(incident),
            time=occasion.time,
        )


def told_by_name(route: str, incident: Incident, uid: str, now: datetime) -> Notice:
    """Return what a route tells of an incident because somebody named the route: it is urgent.

    Args:
        route: its name.
        incident: as it is now.
        uid: of the wish.
        now: UTC.
    """
    return Notice(
        uid=identifiers.derive("msg", uid, route),
        route=route,
        lane="urgent",
        incident_uid=incident.uid,
        stage="opened",
        severity_id=incident.severity_id,
        subject=_subject(incident),
        time=now,
    )


def lane_of(route: Route, severity_id: int, stage: Stage) -> Lane:
    """Return the lane of a notice; that something is over is never urgent."""
    return "urgent" if severity_id >= route.urgent_id and stage != "closed" else "normal"


def _stage_for(route: Route, occasion: Occasion, told: Told) -> Stage | None:
    stage = occasion.stage
    if route.name not in told:
        if stage == "closed":
            return None
        stage = "opened" if stage == "grown" else stage
    elif stage == "opened":
        return None
    return stage if stage in route.stages else None


def _takes(route: Route, occasion: Occasion, incident: Incident, sources: tuple[str, ...]) -> bool:
    if occasion.severity_id < route.severity_id or not _concerns(route, incident, sources):
        return False
    return not route.during or any(hours.holds(occasion.time) for hours in route.during)


def takes(route: Route, incident: Incident, sources: tuple[str, ...]) -> bool:
    """Return whether a route is for an incident as it is, whatever the hour.

    Args:
        route: of any targets.
        incident: as it is now.
        sources: of its findings.
    """
    return incident.severity_id >= route.severity_id and _concerns(route, incident, sources)


def _concerns(route: Route, incident: Incident, sources: tuple[str, ...]) -> bool:
    if route.accounts and not set(route.accounts) & set(incident.accounts):
        return False
    names = (
        name
        for entity in incident.entities
        for name in (entity.uid, entity.name, f"{entity.type}:{entity.uid}")
    )
    return _any_fits(route.sources, sources) and _any_fits(route.entities, names)


def _any_fits(patterns: tuple[str, ...], values: Iterable[str]) -> bool:
    if not patterns:
        return True
    return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)


def _subject(incident: Incident) -> str:
    """Return the title without the entity that grouping puts behind it."""
    first = incident.entities[0]
    return incident.title.removesuffix(f": {first.name or first.uid}")
