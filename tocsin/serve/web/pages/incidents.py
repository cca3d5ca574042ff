"""The queue of incidents, and the story of one with what people may do about it."""

from typing import cast, get_args

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident, Status, Verdict
from tocsin.incidents.clocks import clocks_of
from tocsin.run import responding_view, stories
from tocsin.serve.web import names, rendering, responding, story
from tocsin.serve.web.drawer import opened_event
from tocsin.serve.web.event_lines import lines, rows
from tocsin.serve.web.guard import (
    console_of,
    form_of,
    guarded_router,
    operation,
    visitor_of,
)
from tocsin.serve.web.page import Notice, Values, asked, asked_one_of, go, show
from tocsin.serve.web.pages import incident_work
from tocsin.serve.web.permissions import Permission
from tocsin.store import FindingFilter, IncidentFilter

router = guarded_router()

PAGE_SIZE = 50
SHOWN_FINDINGS = 100
SHOWN_EVENTS = 50
SHOWN_RESPONSES = 50
TIMELINE_MOMENTS = 400
# What may stand in the address for a group of statuses.
OPEN, FINISHED, ALL = "open", "finished", "all"
DONE = ("taken", "left", "moved", "closed", "reopened", "noted", "worked", "decided", "kept")


@operation(router, "GET", "/incidents", Permission.READ, include_in_schema=False)
def incident_list(request: Request) -> Response:
    """Show the queue."""
    return show(request, "incidents.html", **_queue(request))


@operation(router, "GET", "/parts/incidents", Permission.READ, include_in_schema=False)
def incident_list_part(request: Request) -> Response:
    """Show the rows of the queue, for a page that is open already."""
    return show(request, "parts/incident_rows.html", **_queue(request))


@operation(router, "GET", "/incidents/{uid}", Permission.READ, include_in_schema=False)
def incident(request: Request, uid: str) -> Response:
    """Show the story of one incident beside the queue."""
    return _story_page(request, uid)


@operation(router, "POST", "/incidents/{uid}", Permission.TRIAGE, include_in_schema=False)
def change_incident(request: Request, uid: str) -> Response:
    """Do what the form says to one incident."""
    try:
        shown, done = _done(request, uid)
    except UsageError as error:
        return _story_page(request, uid, Notice("bad", str(error)), status=409)
    query = {name: value for name, value in request.query_params.items() if name != "done"}
    return go(rendering.url(f"/incidents/{shown}", query, done=done))


def _done(request: Request, uid: str) -> tuple[str, str]:
    """Do what the form says; return the incident to show, and the word for the notice."""
    console, visitor, form = console_of(request), visitor_of(request), form_of(request)
    if form.get("do") in incident_work.DECISIONS:
        return incident_work.decide(request, _found(request, uid)), "decided"
    attached = incident_work.change_of(form)
    change, done = (attached, "worked") if attached else _change(form, visitor.name)
    now, scope = console.now(), visitor.scope
    return console.store.incidents.change(uid, change, visitor.name, now, scope).uid, done


def _found(request: Request, uid: str) -> Incident:
    found = console_of(request).store.incidents.get(uid, visitor_of(request).scope)
    if found is None:
        raise HTTPException(404, "there is no such incident")
    return found


def _change(form: dict[str, str], visitor_name: str) -> tuple[Change, str]:
    """Read what a person wants from the form; return it with the word for the notice."""
    reason, comment = form.get("reason", "").strip(), form.get("comment", "").strip()
    what = form.get("do", "")
    if what == "take":
        status: Status | None = "In Progress" if form.get("status") == "New" else None
        return Change(assignee=visitor_name, status=status), "taken"
    if what == "leave":
        return Change(assignee=""), "left"
    if what == "note":
        return Change(comment=comment), "noted"
    status = cast("Status", _one_of(form.get("status", ""), names.STATUSES, "status"))
    if what == "reopen":
        return Change(status=status, reason=reason), "reopened"
    if what == "close":
        verdict = cast("Verdict", _one_of(form.get("verdict", ""), get_args(Verdict), "verdict"))
        return Change(status=status, verdict=verdict, reason=reason), "closed"
    return Change(status=status), "moved"


def _one_of(value: str, choices: tuple[str, ...], what: str) -> str:
    if value not in choices:
        raise UsageError(f"choose a {what}: {', '.join(choices)}")
    return value


def _queue(request: Request) -> Values:
    console, scope = console_of(request), visitor_of(request).scope
    which = incident_filter(request)
    page = console.store.incidents.list(
        which, scope, limit=PAGE_SIZE, cursor=asked(request, "cursor") or None
    )
    return {
        "active": "incidents",
        "page": page,
        "by_status": console.store.incidents.by_status(scope),
        "by_severity": console.store.incidents.open_by_severity(scope),
        "shown_status": asked(request, "status", OPEN),
        "shown_severity": asked(request, "severity"),
        "shown_assignee": asked(request, "assignee"),
        "shown_text": asked(request, "text"),
        "shown_entity": asked(request, "entity"),
        "shown_tag": asked(request, "tag"),
        "verdicts": get_args(Verdict),
        "changed": asked(request, "changed"),
        "refused": asked(request, "refused"),
    }


def incident_filter(request: Request) -> IncidentFilter:
    """Return which incidents the address asks for; open ones where it says nothing."""
    asked_status = asked(request, "status", OPEN)
    groups = {OPEN: names.OPEN_STATUSES, FINISHED: names.FINISHED_STATUSES, ALL: None}
    named = (asked_status,) if asked_status in names.STATUSES else names.OPEN_STATUSES
    severity = asked_one_of(request, "severity", [str(each) for each in names.SEVERITIES])
    assignee = asked(request, "assignee")
    mine = visitor_of(request).name
    return IncidentFilter(
        status=groups.get(asked_status, named),
        min_severity_id=int(severity) if severity else None,
        entity=asked(request, "entity") or None,
        assignee={"": None, "nobody": "", "me": mine}.get(assignee, assignee),
        text=asked(request, "text") or None,
        tag=asked(request, "tag").lower() or None,
    )


def _story_page(
    request: Request, uid: str, notice: Notice | None = None, status: int = 200
) -> Response:
    console, scope = console_of(request), visitor_of(request).scope
    store = console.store
    found = _found(request, uid)
    findings = rows(
        store.findings.list(FindingFilter(incident_uid=found.uid), scope, limit=SHOWN_FINDINGS).rows
    )
    event_uids = story.event_uids(findings)[:SHOWN_EVENTS]
    done = asked_one_of(request, "done", DONE)
    return show(
        request,
        "incident.html",
        status=status,
        notice=notice,
        incident=found,
        done=done,
        story=stories.story_of(store, found, scope, harmless_causes(request)),
        findings=findings,
        moments=story.timeline(store.incidents.timeline(found.uid, scope, limit=TIMELINE_MOMENTS)),
        events=lines(store.events.many(tuple(event_uids), scope)),
        allowed=story.next_statuses(found, console.now()),
        opened=opened_event(request),
        clocks=clocks_of(found, console.view.targets),
        decisions=store.decisions.list(found.uid, scope),
        pieces=store.evidence.list(found.uid, scope),
        tickets=store.tickets.of_incident(found.uid),
        responses=_responses(request, found.uid),
        **_queue(request),
    )


def _responses(request: Request, incident_uid: str) -> list[responding_view.RequestView]:
    """Return what was asked for about an incident, what changed last first."""
    scope = visitor_of(request).scope
    kept = console_of(request).store.requests.list(
        scope, incident_uid=incident_uid, limit=SHOWN_RESPONSES
    )
    return [responding.seen(request, each) for each in kept]


def harmless_causes(request: Request) -> stories.Harmless:
    """Return the harmless causes that the rules know, for stories."""
    return {rule.uid: rule.false_positives for rule in console_of(request).rules()}
