"""Clocks of an incident: until when somebody should take it, end it, and report it.

Means over many incidents: how long until Tocsin opened them (detect), people took them
(acknowledge) and people ended them (resolve).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from tocsin.incidents.incident import Incident

ClockName = Literal["acknowledge", "close", "report"]


@dataclass(frozen=True, slots=True)
class Targets:
    """How long things may take; a severity that is not named has no clock.

    Attributes:
        acknowledge: from the opening until somebody takes it, by severity id.
        close: from the opening until it is resolved or closed, by severity id.
        report: from the mark *reportable* until it is reported.
    """

    acknowledge: Mapping[int, timedelta] = field(default_factory=dict)
    close: Mapping[int, timedelta] = field(default_factory=dict)
    report: timedelta = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of one incident; times are UTC.

    Attributes:
        name: what it waits for.
        due: until when.
        ended: when that was done; `None` while it is open.
    """

    name: ClockName
    due: datetime
    ended: datetime | None

    def is_late(self, now: datetime) -> bool:
        """Return whether it was done too late, or is late now."""
        return (self.ended or now) > self.due


@dataclass(frozen=True, slots=True)
class Means:
    """Mean times over incidents; `None` where no incident tells.

    Attributes:
        incidents: how many were looked at; merged ones are left out.
        detect: from the first event to the opening (MTTD).
        acknowledge: from the opening until somebody took it (MTTA).
        resolve: from the opening to the end (MTTR).
    """

    incidents: int
    detect: timedelta | None
    acknowledge: timedelta | None
    resolve: timedelta | None


def clocks_of(incident: Incident, targets: Targets) -> tuple[Clock, ...]:
    """Return the clocks that run, or ran, for an incident, the earliest due first."""
    finished = finished_time(incident)
    found: list[Clock] = []
    acknowledge = targets.acknowledge.get(incident.severity_id)
    if acknowledge is not None:
        taken = incident.acknowledged_time or finished
        found.append(Clock("acknowledge", incident.opened_time + acknowledge, taken))
    close = targets.close.get(incident.severity_id)
    if close is not None:
        found.append(Clock("close", incident.opened_time + close, finished))
    if incident.report is not None:
        due = incident.report.since + targets.report
        found.append(Clock("report", due, incident.report.sent))
    return tuple(sorted(found, key=lambda one: one.due))


def means_of(incidents: Iterable[Incident]) -> Means:
    """Return mean times over incidents of any status."""
    counted = [one for one in incidents if not one.merged_into]
    return Means(
        incidents=len(counted),
        detect=_mean((one.first_time, one.opened_time) for one in counted),
        acknowledge=_mean((one.opened_time, one.acknowledged_time) for one in counted),
        resolve=_mean((one.opened_time, finished_time(one)) for one in counted),
    )


def finished_time(incident: Incident) -> datetime | None:
    """Return when an incident ended; `None` while it is open.

    Incidents that an older Tocsin stored know only when they last changed.
    """
    if incident.status not in {"Resolved", "Closed"}:
        return None
    return incident.finished_time or incident.updated_time


def _mean(pairs: Iterable[tuple[datetime, datetime | None]]) -> timedelta | None:
    spent = [max(later - earlier, timedelta()) for earlier, later in pairs if later is not None]
    return sum(spent, timedelta()) / len(spent) if spent else None
