"""What the page of an incident shows beside its story: the timeline, events, what may follow."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident, Status, transition
from tocsin.serve.web import names
from tocsin.store.answers import Moment

if TYPE_CHECKING:
    from tocsin.serve.web.event_lines import Row

MANY_EVENTS = 3


@dataclass(frozen=True, slots=True)
class Beat:
    """One or several moments in a row that say the same: kind, title, status, who and whence.

    Attributes:
        first: of the moments.
        last_time: of the last of them.
        count: how many.
    """

    first: Moment
    last_time: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """The beats of one day, UTC."""

    day: date
    beats: tuple[Beat, ...]


def timeline(moments: Iterable[Moment]) -> tuple[Day, ...]:
    """Fold moments that repeat each other and part them by day, oldest first."""
    every = list(moments)
    found = {(each.time, each.title) for each in every if each.kind == "finding"}
    # An event whose doings are not known would say its finding's title once more.
    told = (each for each in every if each.kind != "event" or (each.time, each.title) not in found)
    beats: list[Beat] = []
    for _, run in groupby(told, key=_said):
        alike = list(run)
        # A few are shown one by one, so that each keeps its link; a hundred would hide the rest.
        if len(alike) <= MANY_EVENTS or alike[0].kind == "change":
            beats += [Beat(each, each.time, 1) for each in alike]
        else:
            beats.append(Beat(alike[0], alike[-1].time, len(alike)))
    by_day = groupby(beats, key=lambda beat: beat.first.time.date())
    return tuple(Day(day, tuple(run)) for day, run in by_day)


def _said(moment: Moment) -> tuple[object, ...]:
    who = (moment.actor, moment.address) if moment.kind == "event" else ()
    return moment.time.date(), moment.kind, moment.title, moment.status, *who


def event_uids(findings: "Iterable[Row]") -> list[str]:
    """Return the events behind findings, each once, in order of the findings."""
    seen: dict[str, None] = {}
    for finding in findings:
        uids = finding.get("event_uids")
        seen.update(dict.fromkeys(uids if isinstance(uids, list) else []))
    return list(seen)


def next_statuses(incident: Incident, now: datetime) -> tuple[Status, ...]:
    """Return the statuses that an incident may go to, as the life cycle itself says."""
    return tuple(status for status in names.STATUSES if _may_become(incident, status, now))


def _may_become(incident: Incident, status: Status, now: datetime) -> bool:
    is_end = status in names.FINISHED_STATUSES
    trial = Change(status=status, verdict="Benign" if is_end else None, reason="asked for")
    try:
        transition(incident, trial, now)
    except UsageError:
        return False
    return True
