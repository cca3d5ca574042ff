"""What people may do to an incident: take it, move it, close it with a verdict, reopen it, work."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from tocsin.errors import UsageError
from tocsin.incidents import attachments
from tocsin.incidents.attachments import ReportStep
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
    """What a person wants of an incident; `None` and nothing leave a thing as it is.

    Attributes:
        status: the status to go to.
        assignee: name of the person who takes it; an empty name takes it from everybody.
        verdict: needed to close, allowed to resolve; on a finished incident it amends the verdict.
        reason: why the verdict, why the incident is reopened, or why it must be reported.
        comment: a remark for the timeline; alone it changes nothing of the incident.
        add_tags: words to mark it with; `remove_tags` words to take off.
        add_task: text of a new task, for `owner` where one is named.
        task: number of a task to give to `owner`, or to set by `is_done`.
        owner: name of the person who does the task; an empty name takes it from everybody.
        is_done: whether the task is done.
        add_link: uid of another incident, or an https address, with `link_note`.
        remove_link: a target that is there.
        report: a step of reporting the incident to somebody outside.
    """

    status: Status | None = None
    assignee: str | None = None
    verdict: Verdict | None = None
    reason: str = ""
    comment: str = ""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    add_task: str = ""
    task: int | None = None
    owner: str | None = None
    is_done: bool | None = None
    add_link: str = ""
    link_note: str = ""
    remove_link: str = ""
    report: ReportStep | None = None


def transition(incident: Incident, change: Change, now: datetime) -> Incident:
    """Return the incident after `change`, one version later.

    A comment alone gives a new version too, so that the timeline has its place.

    Raises:
        UsageError: the change is empty or against the life cycle; the text says what is possible.
    """
    _refuse_impossible(incident, change)
    now = as_utc(now)
    changed = replace(incident, updated_time=now, version=incident.version + 1)
    return _attached(_moved(_assigned(changed, change), change, now), change, now)


def _assigned(incident: Incident, change: Change) -> Incident:
    if change.assignee is None:
        return incident
    return replace(incident, assignee=change.assignee.strip())


def _moved(incident: Incident, change: Change, now: datetime) -> Incident:
    status = change.status or incident.status
    is_taken = bool(change.status) or bool(change.assignee and change.assignee.strip())
    has_ended = status in FINISHED and incident.status not in FINISHED
    ended = now if has_ended else incident.finished_time
    moved = replace(
        incident,
        status=status,
        acknowledged_time=incident.acknowledged_time or (now if is_taken else None),
        finished_time=ended if status in FINISHED else None,
    )
    if change.verdict:
        return replace(moved, verdict=change.verdict, verdict_reason=change.reason.strip())
    if status not in FINISHED:
        return replace(moved, verdict=None, verdict_reason="")
    return moved


def _attached(incident: Incident, change: Change, now: datetime) -> Incident:
    changed = attachments.tagged(incident, change.add_tags, change.remove_tags)
    if change.add_task:
        changed = attachments.with_task(changed, change.add_task, change.owner)
    if change.task is not None:
        changed = attachments.with_changed_task(changed, change.task, change.owner, change.is_done)
    if change.add_link or change.remove_link:
        changed = attachments.referring(
            changed, change.add_link, change.link_note, change.remove_link
        )
    if change.report:
        changed = attachments.reported(changed, change.report, change.reason, now)
    return changed


def _refuse_impossible(incident: Incident, change: Change) -> None:
    if incident.merged_into:
        raise UsageError(
            f"incident {incident.uid} was merged into {incident.merged_into}: change that one"
        )
    # What only explains something else is no change of its own.
    if replace(change, reason="", link_note="", owner=None, is_done=None) == Change():
        raise UsageError(
            "nothing to change: give a status, an assignee, a verdict, a comment, a tag, a task, "
            "a link or a step of reporting"
        )
    if change.add_task and change.task is not None:
        raise UsageError("add a task, or change one: not both at once")
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
