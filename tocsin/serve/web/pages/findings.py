"""Findings: what each rule has found, and one finding with the events that it rests on."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.serve.web import charts, names, rendering
from tocsin.serve.web.drawer import opened_event
from tocsin.serve.web.event_lines import lines, rows
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import Values, asked, asked_one_of, show, time_range
from tocsin.serve.web.permissions import Permission
from tocsin.store import FindingFilter

if TYPE_CHECKING:
    from tocsin.serve.web.ranges import TimeRange

router = guarded_router()
_MAX_DEPTH = 5

PAGE_SIZE = 100
SHOWN_MATCHES = 50
VIEWS = ("rules", "list")
ALERTS = ("alerts", "quiet")
HIDDEN = ("only", "too")


@operation(router, "GET", "/findings", Permission.READ, include_in_schema=False)
def finding_list(request: Request) -> Response:
    """Show findings by rule, or one by one where the address narrows them down."""
    console, scope = console_of(request), visitor_of(request).scope
    store, span = console.store, time_range(request, "7d")
    which = finding_filter(request, span)
    is_cut = which.suppression_uid or which.original_uid
    is_narrow = bool(which.rule_uid or which.entity or which.incident_uid or is_cut)
    view = asked_one_of(request, "view", VIEWS, "list" if is_narrow else "rules")
    counts = store.findings.over_time(which, scope, charts.bar_width(span))
    cursor = asked(request, "cursor") or None
    page = store.findings.list(which, scope, limit=PAGE_SIZE, cursor=cursor)
    here = {name: value for name, value in request.query_params.items() if name != "cursor"}
    return show(
        request,
        "findings.html",
        active="findings",
        span=span,
        shown=view,
        groups=store.findings.by_rule(which, scope) if view == "rules" else (),
        findings=rows(page.rows) if view == "list" else [],
        cursor=page.cursor if view == "list" else None,
        count=store.findings.count(which, scope),
        by_severity=store.findings.by_severity(which, scope),
        trend=charts.by_severity(counts, span, rendering.url("/findings", here, view=view)),
        rule=_rule(request, which.rule_uid or ""),
    )


@operation(router, "GET", "/findings/{uid}", Permission.READ, include_in_schema=False)
def finding(request: Request, uid: str) -> Response:
    """Show one finding: why, what about, and its events."""
    console, scope = console_of(request), visitor_of(request).scope
    found = rows(console.store.findings.get(uid, scope))
    if not found:
        raise HTTPException(404, "there is no such finding")
    row = found[0]
    matches = console.store.findings.matches(uid, scope, limit=SHOWN_MATCHES).rows
    event_uids = tuple(str(row["event_uid"]) for row in rows(matches))
    return show(
        request,
        "finding.html",
        active="findings",
        finding=row,
        opened=opened_event(request),
        context=_context(str(row["context"])),
        events=lines(console.store.events.many(event_uids, scope)),
        rule=_rule(request, str(row["rule_uid"])),
        **_hidden(request, row),
    )


def _hidden(request: Request, row: Mapping[str, object]) -> Values:
    """Return what a suppression has to do with a finding: which hid it, how much of it is hidden.

    One that reaches further than the visitor may see is not named to them.
    """
    store, scope = console_of(request).store, visitor_of(request).scope
    cut = store.findings.list(FindingFilter(original_uid=str(row["uid"])), scope).rows
    original = str(row["original_uid"])
    return {
        "suppression": store.suppressions.get(str(row["suppression_uid"]), scope),
        "original": bool(original) and store.findings.get(original, scope).num_rows > 0,
        "cut_off": sum(cut.column("match_count").to_pylist()),
    }


def finding_filter(request: Request, span: "TimeRange") -> FindingFilter:
    """Return which findings the address asks for."""
    severity = asked_one_of(request, "severity", [str(each) for each in names.SEVERITIES])
    alert = asked_one_of(request, "alert", ALERTS)
    hidden = asked_one_of(request, "hidden", HIDDEN)
    return FindingFilter(
        min_severity_id=int(severity) if severity else None,
        rule_uid=asked(request, "rule") or None,
        entity=asked(request, "entity") or None,
        incident_uid=asked(request, "incident") or None,
        is_alert={"": None, "alerts": True, "quiet": False}[alert],
        account=asked(request, "account") or None,
        since=span.start,
        until=None if span.is_live else span.end,
        text=asked(request, "text") or None,
        is_suppressed={"": False, "only": True, "too": None}[hidden],
        suppression_uid=asked(request, "suppression") or None,
        original_uid=asked(request, "original") or None,
    )


def _rule(request: Request, uid: str) -> object:
    """Return the rule in force with this identifier; `None` where it was taken away."""
    return next((rule for rule in console_of(request).rules() if rule.uid == uid), None)


def _context(text: str) -> dict[str, object]:
    """Return what a rule noted about its finding; anything but an object is one value."""
    try:
        parsed = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {"context": text}
    if not isinstance(parsed, dict):
        return {"context": parsed}
    return {name: _plain(value) for name, value in parsed.items()}


def _plain(value: object, depth: int = 0) -> object:
    """Return a value as people read it: what it holds in words, and no braces."""
    if isinstance(value, dict | list) and depth == _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(inner, depth + 1)}" for name, inner in value.items())
    if isinstance(value, list):
        return "; ".join(str(_plain(inner, depth + 1)) for inner in value)
    return value
