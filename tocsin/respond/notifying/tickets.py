"""What the ticket of an incident needs next, and the words in it.

A ticket is brought up to the state of its incident one step at a time: what was told last and how
the incident is now say which. So a step that was lost is made up for, and many changes are one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tocsin.incidents import Incident
from tocsin.ocsf import identifiers
from tocsin.respond.notifying.routes import Notice, Route, takes
from tocsin.respond.notifying.texts import FIELDS, incident_text, inert

Step = Literal["open", "comment", "close", "reopen"]

_FINISHED = frozenset({"Resolved", "Closed"})
_SEVERITIES = ("Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal")


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """Which incidents get a ticket in a system, and how often it is commented on.

    Attributes:
        route: which incidents; its only target is the system.
        comment_every: at most one comment on change in so long.
    """

    route: Route
    comment_every: timedelta


@dataclass(frozen=True, slots=True)
class Told:
    """What the ticket of an incident says.

    Attributes:
        exists: whether it is known to be there.
        is_open: over there, as last seen.
        is_finished: whether it was told that the incident is over.
        severity_id: that was told; `findings` how many; `verdict` which, else "".
        time: when it was last told anything, UTC.
        begun: a step that was begun and of which nobody knows how it ended; "" for none.
    """

    exists: bool = False
    is_open: bool = False
    is_finished: bool = False
    severity_id: int = 0
    findings: int = 0
    verdict: str = ""
    time: datetime | None = None
    begun: Step | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Next:
    """A step, and the moment before which it is not taken."""

    step: Step
    due: datetime


def is_over(incident: Incident) -> bool:
    """Return whether nothing is left to do in an incident, for its ticket."""
    return incident.status in _FINISHED or bool(incident.merged_into)


def wants_ticket(policy: TicketPolicy, incident: Incident, sources: Iterable[str]) -> bool:
    """Return whether an incident of findings of these sources gets a ticket."""
    return not is_over(incident) and takes(policy.route, incident, tuple(sources))


def next_step(
    incident: Incident, told: Told, comment_every: timedelta, now: datetime
) -> Next | None:
    """Return what to do with the ticket of an incident; `None` while it says all.

    A ticket that people closed over there stays closed while its incident stays open; it is opened
    again only once the incident was over and is open anew.
    """
    if told.begun == "open" and not told.exists:
        # It may be there already: that is found out first, whatever became of the incident.
        return Next("open", now)
    if is_over(incident):
        return _last_step(incident, told, now)
    if not told.exists:
        return Next("open", now)
    if told.is_finished and not told.is_open:
        return Next("reopen", now)
    if incident.severity_id != told.severity_id or incident.finding_count > told.findings:
        return Next("comment", max(now, told.time + comment_every) if told.time else now)
    return None


def mark_of(incident: Incident, system: str, step: Step) -> str:
    """Return the word by which a comment is known again when it is already there."""
    return identifiers.derive("msg", incident.uid, system, step, str(incident.version))


def title_of(incident: Incident) -> str:
    """Return the title of a ticket, one harmless line."""
    return f"[{_SEVERITIES[incident.severity_id]}] {inert(incident.title, 150)}"


def text_of(incident: Incident, url: str) -> str:
    """Return what a new ticket says of its incident: harmless lines."""
    notice = Notice(
        uid="",
        route="",
        lane="normal",
        incident_uid=incident.uid,
        stage="opened",
        severity_id=incident.severity_id,
        subject="",
        time=incident.opened_time,
    )
    body = incident_text(incident, [notice], FIELDS).body
    return "\n".join(line for line in (body, f"Tocsin incident: {incident.uid}", url) if line)


def comment_of(incident: Incident, told: Told, step: Step) -> str:
    """Return what a comment says at a step after the first."""
    if step == "reopen":
        return f"The incident is open again.\n{_growth(incident, told)}".strip()
    if step == "close":
        return _ending(incident)
    return _ending(incident) if is_over(incident) else _growth(incident, told)


def _last_step(incident: Incident, told: Told, now: datetime) -> Next | None:
    if not told.exists:
        return None
    if not told.is_finished and told.is_open:
        return Next("close", now)
    if told.is_finished and incident.verdict and incident.verdict != told.verdict:
        return Next("comment", now)
    return None


def _growth(incident: Incident, told: Told) -> str:
    lines = []
    if incident.severity_id != told.severity_id:
        before = _SEVERITIES[told.severity_id]
        lines.append(f"Severity: {_SEVERITIES[incident.severity_id]} (was {before})")
    new = incident.finding_count - told.findings
    if new > 0:
        lines.append(f"Findings: {incident.finding_count} ({new} new)")
        lines.append(f"Last activity: {incident.last_time:%Y-%m-%d %H:%M:%S} UTC")
    return "\n".join(lines)


def _ending(incident: Incident) -> str:
    if incident.merged_into:
        return f"The incident was merged into {incident.merged_into}."
    lines = [f"The incident is {incident.status.lower()}."]
    if incident.verdict:
        lines.append(f"Verdict: {incident.verdict}")
        lines.append(f"Reason: {inert(incident.verdict_reason, 500)}")
    return "\n".join(lines)
