"""Sources: does each still speak, how late, what could not be read and why."""

from collections import defaultdict
from datetime import datetime, timedelta

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.serve.web import charts
from tocsin.serve.web.event_lines import Row, rows
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import Values, asked, show
from tocsin.serve.web.permissions import Permission
from tocsin.serve.web.ways_in import WayIn, ways_in

router = guarded_router()

SHOWN_HOURS = 24
REJECTS = 50


@operation(router, "GET", "/sources", Permission.READ, include_in_schema=False)
def source_list(request: Request) -> Response:
    """Show every feed."""
    return show(request, "sources.html", **_feeds(request))


@operation(router, "GET", "/parts/sources", Permission.READ, include_in_schema=False)
def source_list_part(request: Request) -> Response:
    """Show every feed, for a page that is open already."""
    return show(request, "parts/sources.html", **_feeds(request))


@operation(router, "GET", "/sources/{feed}", Permission.READ, include_in_schema=False)
def source(request: Request, feed: str) -> Response:
    """Show one feed with its rejects."""
    console, scope = console_of(request), visitor_of(request).scope
    now = console.now()
    found = console.store.sources.get(feed, scope, now)
    if found is None:
        raise HTTPException(404, "no batch of this source was ever stored")
    page = console.store.rejects.list(
        scope, feed=feed, limit=REJECTS, cursor=asked(request, "cursor") or None
    )
    return show(
        request,
        "source.html",
        active="sources",
        feed=found,
        way=ways_in(console.metrics()).get(feed, WayIn()),
        sparks=_sparks(request, now),
        reasons=console.store.rejects.by_reason(scope, feed),
        rejects=[readable(row) for row in rows(page.rows)],
        cursor=page.cursor,
    )


@operation(router, "GET", "/rejects/{uid}", Permission.READ, include_in_schema=False)
def reject(request: Request, uid: str) -> Response:
    """Show one reject with all that was kept of it."""
    found = rows(console_of(request).store.rejects.get(uid, visitor_of(request).scope))
    if not found:
        raise HTTPException(404, "there is no such reject, or it was replayed")
    return show(request, "reject.html", active="sources", reject=readable(found[0]))


def readable(row: Row) -> Values:
    """Return a reject with its bytes as text; bytes that are no UTF-8 become escapes."""
    raw = row["raw"]
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)
    code, _, reason = str(row["reason"]).partition(":")
    return {**row, "raw": text, "code": code, "explanation": reason.strip()}


def _feeds(request: Request) -> Values:
    console, scope = console_of(request), visitor_of(request).scope
    now = console.now()
    return {
        "active": "sources",
        "feeds": console.store.sources.list(scope, now),
        "sparks": _sparks(request, now),
        "rhythms": console.store.sources.rhythms(now),
        "ways": ways_in(console.metrics()),
        "reasons": console.store.rejects.by_reason(scope),
        "failures": console.store.sources.failures(now - timedelta(hours=SHOWN_HOURS), scope),
        "rule_titles": {rule.uid: rule.title for rule in console.rules()},
    }


def _sparks(request: Request, now: datetime) -> dict[str, list[int]]:
    """Return the counts of the last hours of each feed."""
    since = now - timedelta(hours=SHOWN_HOURS)
    by_feed: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for volume in console_of(request).store.sources.volumes(since, visitor_of(request).scope):
        by_feed[volume.feed].append((volume.hour, volume.received))
    return {feed: charts.hourly(each, now, SHOWN_HOURS) for feed, each in by_feed.items()}
