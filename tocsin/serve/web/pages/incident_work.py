"""What people do to incidents from their pages, besides moving them: one form each, one at a time.

`change_of` reads a form that changes the incident; `decide` one that merges, splits, or takes that
back. Several incidents are changed from the queue.
"""

from typing import Literal, cast, get_args

from fastapi import Request
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident, Verdict
from tocsin.serve.web import rendering
from tocsin.serve.web.guard import Form, console_of, form_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import go
from tocsin.serve.web.permissions import Permission
from tocsin.store.answers import Decider

router = guarded_router()

REPORT_STEPS = ("needed", "sent", "not needed")
DECISIONS = ("merge", "split", "undo")
PICK = "pick-"
"""What the boxes of the queue are called, before the incident's uid."""


def change_of(form: Form) -> Change | None:
    """Return what a form attaches to an incident; `None` where it is another form."""
    what, text = form.get("do", ""), form.get("text", "").strip()
    if what == "tag":
        return Change(add_tags=tuple(text.split()))
    if what == "untag":
        return Change(remove_tags=(text,))
    if what == "task":
        return Change(add_task=text or " ", owner=form.get("owner", "").strip())
    if what == "task-state":
        return Change(task=_number(text), is_done=form.get("done") == "yes")
    if what == "link":
        return Change(add_link=text or " ", link_note=form.get("note", "").strip())
    if what == "unlink":
        return Change(remove_link=text)
    return _report(form) if what == "report" else None


def decide(request: Request, incident: Incident) -> str:
    """Merge, split or take back as the form says; return the uid of the incident to show."""
    form, visitor, console = form_of(request), visitor_of(request), console_of(request)
    who = Decider(visitor.name, form.get("reason", "").strip(), console.now(), visitor.scope)
    text, decisions = form.get("text", "").strip(), console.store.decisions
    if form["do"] == "merge":
        return decisions.merge([incident.uid, text], who).uid
    if form["do"] == "split":
        return decisions.split(incident.uid, (), (text,), who).uid
    return decisions.undo(text, who).uid


@operation(router, "POST", "/incidents/changes", Permission.TRIAGE, include_in_schema=False)
def change_many(request: Request) -> Response:
    """Change the incidents that were ticked in the queue."""
    console, visitor, form = console_of(request), visitor_of(request), form_of(request)
    uids = [name.removeprefix(PICK) for name in form if name.startswith(PICK)]
    if not uids:
        raise UsageError("tick the incidents that you mean")
    done = console.store.incidents.change_many(
        uids, _of_many(form, visitor.name), visitor.name, console.now(), visitor.scope
    )
    refused = sum(bool(each.problem) for each in done)
    query = {name: value for name, value in request.query_params.items() if name != "cursor"}
    address = rendering.url("/incidents", query, changed=len(done) - refused, refused=refused)
    return go(address)


def _of_many(form: Form, name: str) -> Change:
    what = form.get("do", "")
    if what == "take":
        return Change(assignee=name)
    if what == "tag":
        return Change(add_tags=tuple(form.get("text", "").split()))
    verdict = form.get("verdict", "")
    if what != "close" or verdict not in get_args(Verdict):
        raise UsageError("choose what to do with them")
    reason = form.get("text", "").strip()
    return Change(status="Closed", verdict=cast("Verdict", verdict), reason=reason)


def _report(form: Form) -> Change:
    step = form.get("step", "")
    if step not in REPORT_STEPS:
        raise UsageError(f"choose a step of reporting: {', '.join(REPORT_STEPS)}")
    return Change(
        report=cast("Literal['needed', 'sent', 'not needed']", step),
        reason=form.get("reason", "").strip(),
    )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise UsageError("there is no such task")
    return int(text)
