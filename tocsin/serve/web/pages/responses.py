"""Action requests: what waits for people, what is in force and until when, and one with its plan.

The page of one request is where messages send people, with a phone in their hand perhaps.
"""

from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.run import responding_view
from tocsin.serve.web import rendering, responding
from tocsin.serve.web.guard import console_of, form_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import Notice, Values, asked, asked_one_of, go, show
from tocsin.serve.web.permissions import Permission
from tocsin.store.answers import KeptRequest

router = guarded_router()

SHOWN_OF_A_GROUP = 200
PAGE_SIZE = 50
NOW, OVER, OBSERVED = "now", "over", "observed"
RUNNING = ("approved", "applying", "reverting")
DONE = ("approved", "refused", "undone", "stopped", "resumed")
# While a request is here, something happens without anybody at the page.
MOVING = (*RUNNING, "proposed")


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that are alike for whoever looks at the list."""

    name: str
    requests: tuple[responding_view.RequestView, ...]


@operation(router, "GET", "/responses", Permission.READ, include_in_schema=False)
def response_list(request: Request) -> Response:
    """Show what waits and what is in force, or what is over, or what is only observed."""
    return _list_page(request)


@operation(router, "POST", "/responses/stop", Permission.RESPOND, include_in_schema=False)
def stop(request: Request) -> Response:
    """Stop all responding."""
    try:
        responding.stop(request, form_of(request).get("reason", ""))
    except UsageError as error:
        return _list_page(request, Notice("bad", str(error)), 409)
    return go(rendering.url("/responses", done="stopped"))


@operation(router, "POST", "/responses/resume", Permission.RESPOND, include_in_schema=False)
def resume(request: Request) -> Response:
    """Let responding go on."""
    try:
        responding.resume(request, form_of(request).get("reason", ""))
    except UsageError as error:
        return _list_page(request, Notice("bad", str(error)), 409)
    return go(rendering.url("/responses", done="resumed"))


@operation(router, "GET", "/responses/{uid}", Permission.READ, include_in_schema=False)
def response(request: Request, uid: str) -> Response:
    """Show one request with its plan, to be read and decided."""
    return _plan_page(request, uid)


@operation(router, "GET", "/parts/responses/{uid}", Permission.READ, include_in_schema=False)
def response_part(request: Request, uid: str) -> Response:
    """Show how far a request has come; where that changed, the browser fetches the whole page."""
    kept = responding.known_request(request, uid)
    if asked(request, "mark") != _mark(kept):
        return Response(headers={"HX-Refresh": "true"})
    return Response(status_code=204)


@operation(router, "POST", "/responses/{uid}", Permission.RESPOND, include_in_schema=False)
def change_response(request: Request, uid: str) -> Response:
    """Approve, refuse or take back, as the form says."""
    try:
        done = _done(request, uid)
    except UsageError as error:
        return _plan_page(request, uid, Notice("bad", str(error)), 409)
    return go(rendering.url(f"/responses/{uid}", done=done))


def _done(request: Request, uid: str) -> str:
    form = form_of(request)
    what, reason = form.get("do", ""), form.get("reason", "")
    if what == "approve":
        if len(reason) > responding.LONGEST_REASON:
            responding.needed(reason)
        responding.approve(request, uid, form.get("digest", ""), reason)
        return "approved"
    if what == "refuse":
        responding.refuse(request, uid, reason)
        return "refused"
    if what == "undo":
        responding.take_back(request, uid, reason)
        return "undone"
    raise UsageError("choose: approve, refuse or undo")


def _list_page(request: Request, notice: Notice | None = None, status: int = 200) -> Response:
    console = console_of(request)
    shown = asked_one_of(request, "show", (NOW, OVER, OBSERVED), NOW)
    counts = console.store.requests.counts(visitor_of(request).scope)
    groups, cursor = (_present(request), None) if shown == NOW else _past(request, shown)
    return show(
        request,
        "responses.html",
        status=status,
        notice=notice,
        active="responses",
        shown=shown,
        groups=groups,
        cursor=cursor,
        stopped=console.store.response_stop.read(),
        waiting=counts.get("proposed", 0),
        over=sum(counts.get(state, 0) for state in responding_view.SHOWN_STATES["over"]),
        observed=counts.get("observed", 0),
        done=asked_one_of(request, "done", DONE),
    )


def _present(request: Request) -> tuple[Group, ...]:
    proposed = _seen(request, ("proposed",))
    mine = tuple(each for each in proposed if not _hindrance(request, each))
    others = tuple(each for each in proposed if each not in mine)
    return (
        Group("mine", mine),
        Group("others", others),
        Group("running", _seen(request, RUNNING)),
        Group("active", _seen(request, ("active",))),
        Group("failed", _seen(request, ("failed",))),
    )


def _past(request: Request, shown: str) -> tuple[tuple[Group, ...], str | None]:
    page = console_of(request).store.requests.page(
        visitor_of(request).scope,
        states=responding_view.SHOWN_STATES[shown],
        limit=PAGE_SIZE,
        cursor=asked(request, "cursor") or None,
    )
    found = tuple(responding.seen(request, each) for each in page.rows)
    return (Group(shown, found),), page.cursor


def _seen(request: Request, states: tuple[str, ...]) -> tuple[responding_view.RequestView, ...]:
    scope = visitor_of(request).scope
    found = console_of(request).store.requests.list(scope, states=states, limit=SHOWN_OF_A_GROUP)
    return tuple(responding.seen(request, each) for each in found)


def _hindrance(request: Request, seen: responding_view.RequestView) -> str:
    """Return why the visitor cannot approve it; "" where they can."""
    console, visitor = console_of(request), visitor_of(request)
    if not visitor.may(Permission.RESPOND):
        return "your role does not allow this"
    if seen.kept.request.mode == "observe":
        return "it is only observed: nothing is carried out"
    delay, store = console.view.lone_delay, console.store
    return responding_view.hindrance(seen.kept, visitor.name, delay, store, console.now())


def _plan_page(
    request: Request, uid: str, notice: Notice | None = None, status: int = 200
) -> Response:
    kept = responding.known_request(request, uid)
    seen = responding.seen(request, kept)
    values: Values = {
        "active": "responses",
        "seen": seen,
        "kept": kept,
        "wish": kept.request,
        **_about(request, kept),
        "hindrance": _hindrance(request, seen) if kept.request.state == "proposed" else "",
        "mark": _mark(kept),
        "is_moving": kept.request.state in MOVING,
        "done": asked_one_of(request, "done", DONE),
    }
    return show(request, "response.html", status=status, notice=notice, **values)


def _about(request: Request, kept: KeptRequest) -> Values:
    """Return what stands around a request: its incident, approvals, journal and history."""
    store, uid = console_of(request).store, kept.request.uid
    return {
        "incident": store.incidents.get(kept.request.incident_uid, visitor_of(request).scope),
        "facts": responding_view.facts_for(kept),
        "approvals": store.requests.approvals(uid),
        "calls": store.requests.calls(uid),
        "history": store.requests.history(uid),
        "stopped": store.response_stop.read(),
    }


def _mark(kept: KeptRequest) -> str:
    """Return what changes whenever a page of this request is out of date."""
    return f"{kept.request.state} {kept.digest}"
