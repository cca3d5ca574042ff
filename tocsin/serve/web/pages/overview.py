"""The first page: is something burning, is it getting worse, do all sources still speak."""

from collections import Counter
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from tocsin.incidents.clocks import clocks_of, finished_time
from tocsin.ocsf import Entity
from tocsin.serve.web import charts, names, rendering
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import Values, show, time_range
from tocsin.serve.web.permissions import Permission
from tocsin.store import FindingFilter, IncidentFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.incidents import Incident

router = guarded_router()

RECENT_INCIDENTS = 8
COUNTED_INCIDENTS = 200
TOP = 6


@operation(router, "GET", "/", Permission.READ, include_in_schema=False)
def overview(request: Request) -> Response:
    """Show the whole page."""
    return show(request, "overview.html", **_contents(request))


@operation(router, "GET", "/parts/overview", Permission.READ, include_in_schema=False)
def overview_part(request: Request) -> Response:
    """Show what changes, for a page that is open already."""
    return show(request, "parts/overview.html", **_contents(request))


@operation(router, "GET", "/parts/open-count", Permission.READ, include_in_schema=False)
def open_count(request: Request) -> Response:
    """Show the number of open incidents in the menu."""
    return show(request, "parts/open_count.html")


def _contents(request: Request) -> Values:
    console, scope = console_of(request), visitor_of(request).scope
    store, now, span = console.store, console.now(), time_range(request)
    targets = console.view.targets
    found = FindingFilter(since=span.start, until=span.end)
    recent = store.incidents.list(IncidentFilter(), scope, limit=COUNTED_INCIDENTS).rows
    counts = store.findings.over_time(found, scope, charts.bar_width(span))
    return {
        "active": "overview",
        "span": span,
        "by_severity": store.incidents.open_by_severity(scope),
        "by_status": store.incidents.by_status(scope),
        "trend": charts.by_severity(counts, span, rendering.url("/findings")),
        "finding_count": store.findings.count(found, scope),
        "top_rules": store.findings.by_rule(found, scope)[:TOP],
        "top_entities": top_entities(recent),
        "feeds": store.sources.list(scope, now),
        "incidents": recent[:RECENT_INCIDENTS],
        "detect_time": median_delay((each.first_time, each.opened_time) for each in recent),
        "resolve_time": median_delay(
            (each.opened_time, ended)
            for each in recent
            if (ended := finished_time(each)) is not None
        ),
        "late": sum(
            any(clock.ended is None and clock.is_late(now) for clock in clocks_of(each, targets))
            for each in recent
            if each.status in names.OPEN_STATUSES
        ),
        "health": console.health(),
        "rule_count": sum(rule.is_on for rule in console.rules()),
    }


def top_entities(incidents: "Sequence[Incident]") -> list[tuple[Entity, int, int]]:
    """Return entities of open incidents with their number and worst severity, most first."""
    counts: Counter[Entity] = Counter()
    worst: dict[Entity, int] = {}
    for incident in incidents:
        if incident.status not in names.OPEN_STATUSES or incident.merged_into:
            continue
        for entity in incident.entities:
            counts[entity] += 1
            worst[entity] = max(worst.get(entity, 0), incident.severity_id)
    ranked = sorted(counts, key=lambda each: (-counts[each], -worst[each], each.uid))
    return [(entity, counts[entity], worst[entity]) for entity in ranked[:TOP]]


def median_delay(pairs: "Iterable[tuple[datetime, datetime]]") -> float | None:
    """Return the median of the seconds between two times; `None` where there are none.

    A median, because one forgotten incident must not hide a good month.
    """
    seconds = [max((later - earlier).total_seconds(), 0.0) for earlier, later in pairs]
    return median(seconds) if seconds else None
