"""What people may do to an incident: take it, move it, close it with a verdict, reopen it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from tocsin.errors import UsageError
from tocsin.incidents.incident import Incident, Status, Verdict, as_utc

ALLOWED: dict[Status, tuple[Status, ...]] = {
    "New": ("In Progress", "On Hold", "Resolved", "Closed"),
    "In Progress": ("On Hold", "Resolved", "Closed"),
    "On Hold": ("In Progress", "Resolved", "Closed"),
    "Resolved": ("In Progress", "Closed"),
    "Closed": ("In Progress",),
}
"""From which status to which; the way back from Resolved and Closed is *reopening*."""

FINISHED: frozenset[Status] = frozenset({"Resolved", "Closed"})
"""Where a verdict may stand."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person wants of an incident; `None` leaves a thing as it is.

    Attributes:
        status: the status to go to.
        assignee: name of the person who takes it; an empty name takes it from everybody.
        verdict: needed to close, allowed to resolve; on a finished incident it amends the verdict.
        reason: why the verdict, or why the incident is reopened.
        comment: a remark for the timeline; alone it changes nothing of the incident.
    """

    status: Status | None = None
    assignee: str | None = None
    verdict: Verdict | None = None
    reason: str = ""
    comment: str = ""


def transition(incident: Incident, change: Change, now: datetime) -> Incident:
    """Return the incident after `change`, one version later.

    A comment alone gives a new version too, so that the timeline has its place.

    Raises:
        UsageError: the change is empty or against the life cycle; the text says what is possible.
    """
    _refuse_impossible(incident, change)
    status = change.status or incident.status
    changed = replace(
        incident, status=status, updated_time=as_utc(now), version=incident.version + 1
    )
    if change.assignee is not None:
        changed = replace(changed, assignee=change.assignee.strip())
    if change.verdict:
        return replace(changed, verdict=change.verdict, verdict_reason=change.reason.strip())
    if status not in FINISHED:
        return replace(changed, verdict=None, verdict_reason="")
    return changed


def _refuse_impossible(incident: Incident, change: Change) -> None:
    if incident.merged_into:
        raise UsageError(
            f"incident {incident.uid} was merged into {incident.merged_into}: change that one"
        )
    if change == Change() or (change.reason and not (change.status or change.verdict)):
        raise UsageError("nothing to change: give a status, an assignee, a verdict or a comment")
    _refuse_status(incident, change)
    _refuse_verdict(incident, change)


def _refuse_status(incident: Incident, change: Change) -> None:
    target = change.status
    if target is None:
        return
    if target not in ALLOWED[incident.status]:
        possible = ", ".join(ALLOWED[incident.status])
        raise UsageError(
            f"incident {incident.uid} is {incident.status} and cannot become {target}; "
            f"possible: {possible}"
        )
    if incident.status == "Closed" and not change.reason.strip():
        raise UsageError("reopening a closed incident needs a reason")
    if target == "Closed" and not (change.verdict or incident.verdict):
        raise UsageError(f"closing needs a verdict, one of: {', '.join(get_args(Verdict))}")


def _refuse_verdict(incident: Incident, change: Change) -> None:
    if change.verdict is None:
        return
    if change.verdict not in get_args(Verdict):
        raise UsageError(
            f"{change.verdict!r} is no verdict; possible: {', '.join(get_args(Verdict))}"
        )
    if (change.status or incident.status) not in FINISHED:
        raise UsageError("a verdict stands on a resolved or closed incident: resolve or close it")
    if not change.reason.strip():
        raise UsageError(f"the verdict {change.verdict} needs a reason")
