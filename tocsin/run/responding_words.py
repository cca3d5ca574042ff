"""What people are told of requests: in messages, on the command line, on pages."""

from datetime import datetime, timedelta

from tocsin.incidents import Incident
from tocsin.respond.notifying import inert
from tocsin.respond.requests import ActionRequest, Agreement
from tocsin.run.responding_accounts import facts_of
from tocsin.settings import Settings
from tocsin.store.answers import KeptRequest
from tocsin.values import duration_text


def title_of(request: ActionRequest) -> str:
    """Return what a request wants, in words: `Disable an access key: AKIA… (aws 1111…)`."""
    target = request.target
    try:
        what = facts_of(request.action).title
    except Exception:  # the edge of plugs: a request of one that was uninstalled is still shown
        what = request.action
    place = f"{target.provider} {target.account}{target.region and f' {target.region}'}"
    return f"{what}: {target.name or target.uid} ({place})"


def ask_text(kept: KeptRequest, settings: Settings) -> tuple[str, str]:
    """Return title and text of a message that asks people to approve a plan."""
    lines = [inert(kept.request.reason), "", *_changes(kept)]
    lines += [f"Approve or refuse: {_way(kept, settings, 'approve')}"]
    return inert(f"Approval needed: {title_of(kept.request)}"), "\n".join(lines)


def closed_text(kept: KeptRequest, settings: Settings) -> tuple[str, str]:
    """Return title and text of a message that asks whether what was done should go on."""
    lines = [
        "The incident is over, and what was done for it stays until somebody takes it back.",
        "",
        *_changes(kept),
        f"Take it back: {_way(kept, settings, 'undo')}",
    ]
    return inert(f"Still in force: {title_of(kept.request)}"), "\n".join(lines)


def closed_task(kept: KeptRequest) -> str:
    """Return the task of a finished incident that asks for a decision on one request."""
    uid = kept.request.uid
    way = f"take it back (tocsin respond undo {uid}), or set this done and it stays"
    return f"{inert(title_of(kept.request))[:300]}: {way}"


def task_of(kept: KeptRequest, incident: Incident) -> tuple[int, bool] | None:
    """Return number and end of the task that asks about a request; `None` where there is none."""
    text = closed_task(kept)
    found = (task for task in incident.tasks if task.text == text)
    return next(((task.number, task.is_done) for task in found), None)


def closed_need(kept: KeptRequest, incident: Incident | None) -> str:
    """Return the same question for a list of requests; "" where nobody is asked any more."""
    if kept.asked_time is None or kept.request.state != "active":
        return ""
    task = None if incident is None else task_of(kept, incident)
    if task is not None and task[1]:
        return ""
    return "its incident is over: take it back, or leave it so"


def approval_text(kept: KeptRequest, agreement: Agreement, now: datetime) -> str:
    """Return who is still to agree, in one sentence."""
    if kept.request.mode == "observe":
        return "only observed: nothing is carried out"
    if agreement.is_given:
        return "approved"
    persons = "one person" if agreement.missing == 1 else f"{agreement.missing} persons"
    if agreement.due is not None:
        left = max(timedelta(), agreement.due - now)
        return f"{persons} more, or nobody else once {duration_text(_whole(left))} have passed"
    return f"{persons} must approve"


def _whole(value: timedelta) -> timedelta:
    return timedelta(seconds=int(value.total_seconds()))


def _changes(kept: KeptRequest) -> list[str]:
    if kept.plan is None:
        return []
    lines = [inert(str(change)) for change in kept.plan.changes]
    lines += [inert(f"Note: {warning}") for warning in kept.plan.warnings]
    return [*lines, ""] if lines else []


def _way(kept: KeptRequest, settings: Settings, word: str) -> str:
    way = f"tocsin respond {word} {kept.request.uid}"
    public = settings.web.public_url
    return f"{public.rstrip('/')}/responses/{kept.request.uid} (or `{way}`)" if public else way
