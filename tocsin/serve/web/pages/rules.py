"""Rules: what is watched for, what each has found, and the text of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    from tocsin.run.rule_work import Learning, Noise
    from tocsin.serve.web.console import RuleView
    from tocsin.store.answers import RuleCount

router = guarded_router()

SHOWN_FINDINGS = 20
FAILURE_AGE = timedelta(hours=24)
SWITCHED_OFF_AGE = timedelta(hours=1)
SWITCHED_OFF = "switched_off: "
NOISE_AGE = timedelta(days=30)
STATES = ("fired", "silent", "failing", "tune", "learning", "rated", "off")
ORDERS = ("severity", "matches", "last", "title")


@operation(router, "GET", "/rules", Permission.READ, include_in_schema=False)
def rule_list(request: Request) -> Response:
    """Show the rules in force, and those that are switched off."""
    console = console_of(request)
    every = console.rules()
    counts = _counts(request)
    figures = _Figures(counts, _failing(request), _noise(request), console.learning())
    return show(
        request,
        "rules.html",
        active="rules",
        rules=[
            rule for rule in _ordered(request, every, counts) if _is_wanted(request, rule, figures)
        ],
        total=len(every),
        version=console.rules_version(),
        counts=counts,
        failing=figures.failing,
        noise=figures.noise,
        learning=figures.learning,
        switched_off=_switched_off(request),
        problems=sorted(console.rule_problems(), key=lambda each: each.is_warning),
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
        noise=_noise(request).get(uid),
        learning=console.learning().get(uid),
        switched_off=_switched_off(request).get(uid, ""),
        findings=rows(page.rows),
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    """What is known of rules beside their files, by uid."""

    counts: "Mapping[str, RuleCount]"
    failing: Mapping[str, int]
    noise: "Mapping[str, Noise]"
    learning: "Mapping[str, Learning]"


def _noise(request: Request) -> "dict[str, Noise]":
    """Return what each rule has found in the last month, and what may be done about it."""
    from tocsin.run.rule_work import noise

    console, scope = console_of(request), visitor_of(request).scope
    now = console.now()
    return {each.told.rule_uid: each for each in noise(console.store, now - NOISE_AGE, now, scope)}


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


def _switched_off(request: Request) -> dict[str, str]:
    """Return why rules are switched off that were to be asked within the last hour."""
    console, scope = console_of(request), visitor_of(request).scope
    failures = console.store.sources.failures(console.now() - SWITCHED_OFF_AGE, scope)
    return {
        uid: reason.removeprefix(SWITCHED_OFF)
        for uid, reason, _count in failures
        if reason.startswith(SWITCHED_OFF)
    }


def _is_wanted(request: Request, rule: "RuleView", figures: _Figures) -> bool:
    severity, source, tactic, text = (
        asked(request, name) for name in ("severity", "source", "tactic", "text")
    )
    state = asked_one_of(request, "state", STATES)
    in_state = {
        "": True,
        "fired": rule.uid in figures.counts,
        "silent": rule.is_on and rule.uid not in figures.counts,
        "failing": rule.uid in figures.failing,
        "tune": rule.uid in figures.noise and bool(figures.noise[rule.uid].hint),
        "learning": rule.uid in figures.learning,
        "rated": rule.own_severity_id is not None,
        "off": not rule.is_on,
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
