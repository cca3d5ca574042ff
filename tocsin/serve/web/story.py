"""An incident in plain words: who did what, when, and how we know.

Facts only: the sentences stand in the template, where they can be translated, and the names from
logs are put into them escaped and marked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident, Status, transition
from tocsin.serve.web import names
from tocsin.serve.web.event_lines import UNKNOWN_TIME
from tocsin.store.answers import Moment

if TYPE_CHECKING:
    from tocsin.ocsf import Entity
    from tocsin.serve.web.event_lines import Row

SHOWN_STEPS = 6
MANY_EVENTS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: the first finding of a rule in this incident."""

    time: datetime
    finding_uid: str
    title: str
    severity_id: int
    match_count: int
    tactics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The facts of the plain-words paragraph.

    Attributes:
        subject: the entity it is about; `None` where an incident names none.
        others: further entities.
        steps: first things first, one for each rule, `SHOWN_STEPS` at most.
        more_steps: how many rules are not among the steps.
        worst: the step that makes the severity.
        lasted: from the first event to the last.
    """

    subject: "Entity | None"
    others: "tuple[Entity, ...]"
    steps: tuple[Step, ...]
    more_steps: int
    worst: Step | None
    lasted: timedelta


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


def tell(incident: Incident, findings: "Sequence[Row]") -> Story:
    """Return the story of an incident.

    Args:
        incident: as of now.
        findings: its findings in any order, rows of the findings table.
    """
    steps = _steps(findings)
    worst = max(steps, key=lambda step: (step.severity_id, step.match_count), default=None)
    return Story(
        subject=incident.entities[0] if incident.entities else None,
        others=incident.entities[1:],
        steps=tuple(steps[:SHOWN_STEPS]),
        more_steps=max(len(steps) - SHOWN_STEPS, 0),
        worst=worst,
        lasted=incident.last_time - incident.first_time,
    )


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


def _steps(findings: "Sequence[Row]") -> list[Step]:
    by_rule: dict[str, Step] = {}
    for row in sorted(findings, key=lambda each: str(each["first_time"])):
        step = _step(row)
        known = by_rule.get(str(row["rule_uid"]))
        if known:
            step = Step(
                known.time,
                known.finding_uid,
                known.title,
                max(known.severity_id, step.severity_id),
                known.match_count + step.match_count,
                known.tactics,
            )
        by_rule[str(row["rule_uid"])] = step
    return sorted(by_rule.values(), key=lambda step: step.time)


def _step(row: "Row") -> Step:
    time, tactics = row["first_time"], row.get("tactics")
    severity_id, match_count = row["severity_id"], row["match_count"]
    return Step(
        time=time if isinstance(time, datetime) else UNKNOWN_TIME,
        finding_uid=str(row["uid"]),
        title=str(row["rule_title"] or row["title"]),
        severity_id=severity_id if isinstance(severity_id, int) else 0,
        match_count=match_count if isinstance(match_count, int) else 0,
        tactics=tuple(str(each) for each in tactics) if isinstance(tactics, list) else (),
    )
