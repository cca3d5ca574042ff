"""Search: ask for events, see when they happened, open one, take them away."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from tocsin.errors import UsageError
from tocsin.ocsf import output
from tocsin.serve.exports import csv_lines
from tocsin.serve.web import charts, rendering
from tocsin.serve.web.drawer import find_event, opened_event
from tocsin.serve.web.event_lines import EventLine, Row, line, lines, rows
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import asked, asked_one_of, show, time_range
from tocsin.serve.web.permissions import Permission
from tocsin.store import Span

if TYPE_CHECKING:
    from tocsin.serve.web.ranges import TimeRange
    from tocsin.store import Store

router = guarded_router()

PAGE_SIZE = 100
EXPORT_PAGE = 1_000
EXPORT_EVENTS = 20_000
TOP_VALUES = 10
DEFAULT_RANGE = "24h"
# What people look for first; every other path is found by typing it or in the drawer.
FIRST_FIELDS = (
    "source",
    "class_uid",
    "api.operation",
    "api.service.name",
    "actor.user.name",
    "src_endpoint.ip",
    "cloud.account.uid",
    "cloud.region",
    "status",
    "http_request.user_agent",
)
CSV_HEADER = (
    "time", "source", "class", "operation", "actor", "address", "target", "account", "status",
    "event_uid",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, or why it could not look."""

    events: list[EventLine] = field(default_factory=list)
    cursor: str | None = None
    count: int = 0
    chart: charts.Chart | None = None
    problem: str = ""
    problem_at: int | None = None


@operation(router, "GET", "/search", Permission.READ, include_in_schema=False)
def search(request: Request) -> Response:
    """Show the answer to the query of the address, with one event open where it names one."""
    span, text = time_range(request, DEFAULT_RANGE), asked(request, "q")
    answer = _answer(request, text, span)
    return show(
        request,
        "search.html",
        active="search",
        span=span,
        text=text,
        answer=answer,
        first_fields=FIRST_FIELDS,
        paths=[each.path for each in console_of(request).store.events.fields()],
        opened=opened_event(request),
    )


@operation(router, "GET", "/events/{uid}", Permission.READ, include_in_schema=False)
def event(request: Request, uid: str) -> Response:
    """Show one event: as a page of its own, or as the drawer beside a list."""
    found = find_event(request, uid)
    if found is None:
        raise HTTPException(404, "this event is not stored, or no longer")
    template = "parts/event.html" if request.headers.get("hx-request") else "event.html"
    return show(request, template, active="search", opened=found)


@operation(router, "GET", "/parts/top-values", Permission.READ, include_in_schema=False)
def top_values(request: Request) -> Response:
    """Show the most frequent values at one path for a query."""
    console, scope = console_of(request), visitor_of(request).scope
    span, text, path = (
        time_range(request, DEFAULT_RANGE),
        asked(request, "q"),
        asked(request, "path"),
    )
    try:
        values = console.store.events.top_values(
            path, text, scope, _stretch(span), limit=TOP_VALUES
        )
        problem = ""
    except UsageError as error:
        values, problem = (), str(error)
    return show(
        request,
        "parts/top_values.html",
        values=values,
        problem=problem,
        path=path,
        text=text,
        span=span,
        highest=max((count for _, count in values), default=1),
    )


@operation(router, "GET", "/search/export", Permission.READ, include_in_schema=False)
def export(request: Request) -> Response:
    """Send the events of a query as a file, newest first, `EXPORT_EVENTS` at most."""
    kind = asked_one_of(request, "format", ("csv", "json"), "csv")
    span, text = time_range(request, DEFAULT_RANGE), asked(request, "q")
    found = _all_rows(console_of(request).store, request, text, span)
    # The first page is fetched here, so that a broken query is an error and not half a file.
    first = next(found, [])
    content = _csv(first, found) if kind == "csv" else _json(first, found)
    media_type = "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"
    disposition = f'attachment; filename="events.{"csv" if kind == "csv" else "jsonl"}"'
    return StreamingResponse(
        content, media_type=media_type, headers={"Content-Disposition": disposition}
    )


def _answer(request: Request, text: str, span: "TimeRange") -> Answer:
    store, scope = console_of(request).store, visitor_of(request).scope
    cursor = asked(request, "cursor") or None
    try:
        page = store.events.search(text, scope, _stretch(span), limit=PAGE_SIZE, cursor=cursor)
        buckets = store.events.histogram(text, scope, _bounded(span))
    except UsageError as error:
        return Answer(problem=str(error), problem_at=_position(str(error), text))
    return Answer(
        events=lines(page.rows),
        cursor=page.cursor,
        count=sum(bucket.count for bucket in buckets),
        chart=charts.histogram(buckets, span, "Events", rendering.url("/search", q=text)),
    )


def _position(problem: str, text: str) -> int | None:
    """Return the place in the query that an error names, counted from 0."""
    found = re.search(r"position (\d{1,5})", problem)
    place = int(found[1]) - 1 if found else -1
    return place if 0 <= place <= len(text) else None


def _stretch(span: "TimeRange") -> Span:
    """Return the span to ask for; a range that ends now takes in clocks that run ahead."""
    return Span(span.start, None if span.is_live else span.end)


def _bounded(span: "TimeRange") -> Span:
    return Span(span.start, span.end)


def _all_rows(
    store: "Store", request: Request, text: str, span: "TimeRange"
) -> Iterator[list[Row]]:
    scope = visitor_of(request).scope
    cursor: str | None = None
    left = EXPORT_EVENTS
    while left > 0:
        page = store.events.search(
            text, scope, _stretch(span), limit=min(left, EXPORT_PAGE), cursor=cursor
        )
        found = rows(page.rows)
        yield found
        left -= len(found)
        cursor = page.cursor
        if cursor is None:
            return


def _csv(first: list[Row], rest: Iterator[list[Row]]) -> Iterator[str]:
    yield from csv_lines([CSV_HEADER, *(_cells(row) for row in first)])
    for found in rest:
        yield from csv_lines(_cells(row) for row in found)


def _cells(row: Row) -> tuple[object, ...]:
    each = line(row)
    return (
        rendering.exact(each.time), each.source, each.kind, each.operation, each.actor,
        each.address, each.target, each.account, each.status, each.uid,
    )  # fmt: skip


def _json(first: list[Row], rest: Iterator[list[Row]]) -> Iterator[str]:
    for found in (first, *rest):
        for row in found:
            yield json.dumps(output.event_json(dict(row)), default=str) + "\n"
