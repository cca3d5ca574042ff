"""Suppressions: the reasons not to alert, writing one with a look at what it hides, ending one."""

from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.ocsf import identifiers
from tocsin.run import suppressing
from tocsin.serve.web import rendering
from tocsin.serve.web.event_lines import rows
from tocsin.serve.web.guard import (
    Form,
    console_of,
    form_of,
    guarded_router,
    operation,
    visitor_of,
)
from tocsin.serve.web.page import Notice, asked, asked_one_of, go, show
from tocsin.serve.web.permissions import Permission
from tocsin.store import FindingFilter

if TYPE_CHECKING:
    from tocsin.store.answers import KeptSuppression

router = guarded_router()

FIELDS = ("rule", "type", "entity", "condition", "reason", "owner", "expires")
STATES = ("in force", "over")
DONE = ("added", "ended")
SHOWN_FINDINGS = 50
MAX_REASON = 2_000
DEFAULT_LIFE = timedelta(days=30)
LONGEST_LIFE = timedelta(days=365)


@operation(router, "GET", "/suppressions", Permission.READ, include_in_schema=False)
def suppression_list(request: Request) -> Response:
    """Show the suppressions in force, or those that are over."""
    console, now = console_of(request), console_of(request).now()
    every = console.store.suppressions.list(visitor_of(request).scope)
    in_force = [kept for kept in every if kept.holds_at(now)]
    over = [kept for kept in every if not kept.holds_at(now)]
    shown = asked_one_of(request, "state", STATES, "in force")
    return show(
        request,
        "suppressions.html",
        active="suppressions",
        shown=shown,
        suppressions=over if shown == "over" else in_force,
        in_force=len(in_force),
        over=len(over),
        soon=sum("expires_soon" in kept.warnings(now) for kept in in_force),
        idle=sum("idle" in kept.warnings(now) for kept in in_force),
        rule_titles=_titles(request),
    )


@operation(router, "GET", "/suppressions/new", Permission.SUPPRESS, include_in_schema=False)
def new_suppression(request: Request) -> Response:
    """Show an empty form, or one that a finding has filled."""
    console, visitor = console_of(request), visitor_of(request)
    form = dict.fromkeys(FIELDS, "") | {"rule": asked(request, "rule"), "owner": visitor.name}
    form["expires"] = (console.now() + DEFAULT_LIFE).date().isoformat()
    found = rows(console.store.findings.get(asked(request, "finding"), visitor.scope))
    if found:
        entity = found[0]["entity"]
        form["rule"] = str(found[0]["rule_uid"])
        if isinstance(entity, dict):
            form |= {"type": str(entity["type"] or ""), "entity": str(entity["uid"] or "")}
    return _form_page(request, form)


@operation(router, "POST", "/suppressions/new", Permission.SUPPRESS, include_in_schema=False)
def add_suppression(request: Request) -> Response:
    """Show what the form would hide; add it when that was seen."""
    console, visitor, sent = console_of(request), visitor_of(request), form_of(request)
    form = {name: sent.get(name, "").strip() for name in FIELDS}
    now = console.now()
    try:
        suppression = suppressing.read(_written(form), now, visitor.scope)
    except UsageError as error:
        return _form_page(request, form, Notice("bad", str(error)), status=400)
    has_seen = sent.get("seen", "") == _seal(form)
    if sent.get("do") == "add" and has_seen:
        console.store.suppressions.put((suppression,), visitor.name, now, visitor.scope)
        return go(rendering.url(f"/suppressions/{suppression.uid}", done="added"))
    return _form_page(
        request,
        form,
        preview=console.foretell(suppression, visitor.scope),
        is_changed=sent.get("do") == "add",
    )


@operation(router, "GET", "/suppressions/{uid}", Permission.READ, include_in_schema=False)
def suppression(request: Request, uid: str) -> Response:
    """Show one suppression and what it hides."""
    return _page(request, uid)


@operation(router, "POST", "/suppressions/{uid}", Permission.SUPPRESS, include_in_schema=False)
def end_suppression(request: Request, uid: str) -> Response:
    """End one suppression before its time."""
    console, visitor = console_of(request), visitor_of(request)
    _kept(request, uid)
    reason = form_of(request).get("reason", "").strip()[:MAX_REASON]
    try:
        if not reason:
            raise UsageError("say why it ends")
        console.store.suppressions.end(uid, reason, visitor.name, console.now(), visitor.scope)
    except UsageError as error:
        return _page(request, uid, Notice("bad", str(error)), status=409)
    return go(rendering.url(f"/suppressions/{uid}", done="ended"))


def _page(request: Request, uid: str, notice: Notice | None = None, status: int = 200) -> Response:
    console, scope = console_of(request), visitor_of(request).scope
    kept = _kept(request, uid)
    which = FindingFilter(suppression_uid=uid)
    return show(
        request,
        "suppression.html",
        status=status,
        notice=notice,
        active="suppressions",
        kept=kept,
        suppression=kept.suppression,
        problem=suppressing.condition_problem(kept.suppression.condition),
        findings=rows(console.store.findings.list(which, scope, limit=SHOWN_FINDINGS).rows),
        count=console.store.findings.count(which, scope),
        rule_titles=_titles(request),
        done=asked_one_of(request, "done", DONE),
    )


def _form_page(
    request: Request,
    form: Form,
    notice: Notice | None = None,
    status: int = 200,
    *,
    preview: "suppressing.Preview | None" = None,
    is_changed: bool = False,
) -> Response:
    now = console_of(request).now()
    titles = _titles(request)
    known = {"", "*", *titles}
    return show(
        request,
        "suppression_new.html",
        status=status,
        notice=notice,
        active="suppressions",
        form=form,
        # A rule that is no longer in force, or Tocsin's own, is not among the titles.
        rule_titles=titles if form["rule"] in known else {**titles, form["rule"]: form["rule"]},
        preview=preview,
        seen=_seal(form) if preview else "",
        is_changed=is_changed,
        first_day=(now + timedelta(days=1)).date().isoformat(),
        last_day=(now + LONGEST_LIFE).date().isoformat(),
    )


def _kept(request: Request, uid: str) -> "KeptSuppression":
    kept = console_of(request).store.suppressions.get(uid, visitor_of(request).scope)
    if kept is None:
        raise HTTPException(404, "there is no such suppression")
    return kept


def _titles(request: Request) -> dict[str, str]:
    """Return the titles of the rules in force by uid, in order of title."""
    named = [(rule.uid, rule.title) for rule in console_of(request).rules()]
    return dict(sorted(named, key=lambda each: each[1].lower()))


def _written(form: Form) -> suppressing.Written:
    has_entity = form["type"] or form["entity"]
    return suppressing.Written(
        rules=(form["rule"],),
        reason=form["reason"],
        owner=form["owner"],
        expires=form["expires"],
        origin="console",
        entity=f"{form['type'] or '*'}:{form['entity']}" if has_entity else "",
        condition=form["condition"].replace("\r\n", "\n"),
    )


def _seal(form: Form) -> str:
    """Return a mark of what the form says: who adds it has seen what exactly this would hide."""
    return identifiers.derive("sup", *(form[name] for name in FIELDS))
