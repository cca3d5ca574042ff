"""Rules: what is watched for, what each has found, and the text of one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.serve.web.event_lines import rows
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import asked, asked_one_of, show
from tocsin.serve.web.permissions import Permission
from tocsin.store import FindingFilter

if TYPE_CHECKING:
    from tocsin.serve.web.console import RuleView
    from tocsin.store.answers import RuleCount

router = guarded_router()

SHOWN_FINDINGS = 20
FAILURE_AGE = timedelta(hours=24)
STATES = ("fired", "silent", "failing")
ORDERS = ("severity", "matches", "last", "title")


@operation(router, "GET", "/rules", Permission.READ, include_in_schema=False)
def rule_list(request: Request) -> Response:
    """Show the rules in force."""
    console = console_of(request)
    every = console.rules()
    counts = _counts(request)
    failing = _failing(request)
    return show(
        request,
        "rules.html",
        active="rules",
        rules=[
            rule
            for rule in _ordered(request, every, counts)
            if _is_wanted(request, rule, counts, failing)
        ],
        total=len(every),
        counts=counts,
        failing=failing,
        problems=console.rule_problems(),
        sources=sorted({source for rule in every for source in rule.sources}),
        tactics=sorted({tactic for rule in every for tactic in rule.tactics}),
    )


@operation(router, "GET", "/rules/{uid}", Permission.READ, include_in_schema=False)
def rule(request: Request, uid: str) -> Response:
    """Show one rule: why it is there, what fools it, its examples and its text."""
    console, scope = console_of(request), visitor_of(request).scope
    found = next((each for each in console.rules() if each.uid == uid), None)
    if found is None:
        raise HTTPException(404, "there is no such rule in force")
    page = console.store.findings.list(FindingFilter(rule_uid=uid), scope, limit=SHOWN_FINDINGS)
    return show(
        request,
        "rule.html",
        active="rules",
        rule=found,
        count=_counts(request).get(uid),
        failures=_failing(request).get(uid, 0),
        findings=rows(page.rows),
    )


def _counts(request: Request) -> "dict[str, RuleCount]":
    found = console_of(request).store.findings.by_rule(FindingFilter(), visitor_of(request).scope)
    return {each.rule_uid: each for each in found}


def _failing(request: Request) -> dict[str, int]:
    """Return how often each rule could not answer in the last day."""
    console, scope = console_of(request), visitor_of(request).scope
    totals: dict[str, int] = {}
    for uid, _reason, count in console.store.sources.failures(console.now() - FAILURE_AGE, scope):
        totals[uid] = totals.get(uid, 0) + count
    return totals


def _is_wanted(
    request: Request, rule: "RuleView", counts: "dict[str, RuleCount]", failing: dict[str, int]
) -> bool:
    severity, source, tactic, text = (
        asked(request, name) for name in ("severity", "source", "tactic", "text")
    )
    state = asked_one_of(request, "state", STATES)
    in_state = {
        "": True,
        "fired": rule.uid in counts,
        "silent": rule.uid not in counts,
        "failing": rule.uid in failing,
    }
    words = f"{rule.title} {rule.description} {' '.join(rule.techniques)}".lower()
    return (
        in_state[state]
        and (not severity or str(rule.severity_id) == severity)
        and (not source or source in rule.sources)
        and (not tactic or tactic in rule.tactics)
        and text.lower() in words
    )


def _ordered(
    request: Request, rules: "Sequence[RuleView]", counts: "dict[str, RuleCount]"
) -> "list[RuleView]":
    order = asked_one_of(request, "order", ORDERS, "severity")
    by_title = sorted(rules, key=lambda rule: rule.title.lower())
    if order == "title":
        return by_title
    if order == "severity":
        return sorted(by_title, key=lambda rule: -rule.severity_id)
    if order == "matches":
        return sorted(
            by_title, key=lambda rule: -counts[rule.uid].matches if rule.uid in counts else 0
        )
    return sorted(
        by_title,
        key=lambda rule: -counts[rule.uid].last_time.timestamp() if rule.uid in counts else 0,
    )
