"""Sources, rules, rejects, audit and the visitor themselves, for the API."""

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tocsin.serve.web.api.asking import Audit, Rejects, router_of
from tocsin.serve.web.api.models import (
    AuditModel,
    FeedModel,
    Listed,
    Me,
    RejectModel,
    RuleModel,
)
from tocsin.serve.web.console import RuleView
from tocsin.serve.web.event_lines import Row, rows
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import ROLES, Permission
from tocsin.serve.web.ways_in import WayIn, ways_in
from tocsin.store import FindingFilter
from tocsin.store.answers import FeedHealth, RuleCount

router = router_of("sources and rules")


@operation(router, "GET", "/me", Permission.OWN_SESSION, response_model=Me)
def who_am_i(request: Request) -> Me:
    """Say who is signed in, and the token that changes need."""
    visitor = visitor_of(request)
    permissions = sorted(ROLES[visitor.role])
    return Me(
        name=visitor.name,
        role=visitor.role,
        permissions=[each.value for each in permissions],
        csrf=visitor.csrf,
    )


@operation(router, "GET", "/sources", Permission.READ, response_model=list[FeedModel])
def list_sources(request: Request) -> list[FeedModel]:
    """List every feed with counters, lag and silence."""
    console, scope = console_of(request), visitor_of(request).scope
    ways = ways_in(console.metrics())
    feeds = console.store.sources.list(scope, console.now())
    return [_feed(feed, ways.get(feed.feed, WayIn())) for feed in feeds]


@operation(router, "GET", "/rules", Permission.READ, response_model=list[RuleModel])
def list_rules(request: Request) -> list[RuleModel]:
    """List the rules in force with what they have found."""
    counts = _counts(request)
    return [_rule(rule, counts.get(rule.uid)) for rule in console_of(request).rules() if rule.is_on]


@operation(router, "GET", "/rules/{uid}", Permission.READ, response_model=RuleModel)
def get_rule(request: Request, uid: str) -> RuleModel:
    """Get one rule."""
    for rule in console_of(request).rules():
        if rule.uid == uid:
            return _rule(rule, _counts(request).get(uid))
    raise HTTPException(404, "there is no such rule in force")


@operation(router, "GET", "/rejects", Permission.READ, response_model=Listed[RejectModel])
def list_rejects(request: Request, asked: Rejects) -> Listed[RejectModel]:
    """List records that no mapping could read, newest first; `raw` holds their first 4 KiB."""
    page = console_of(request).store.rejects.list(
        visitor_of(request).scope, feed=asked.feed, limit=asked.limit, cursor=asked.cursor
    )
    return Listed(items=[_reject(row) for row in rows(page.rows)], next_cursor=page.cursor)


@operation(router, "GET", "/rejects/{uid}", Permission.READ, response_model=RejectModel)
def get_reject(request: Request, uid: str) -> RejectModel:
    """Get one reject with all that was kept of it."""
    found = rows(console_of(request).store.rejects.get(uid, visitor_of(request).scope))
    if not found:
        raise HTTPException(404, "there is no such reject, or it was replayed")
    return _reject(found[0])


@operation(router, "GET", "/audit", Permission.AUDIT, response_model=Listed[AuditModel])
def list_audit(request: Request, asked: Audit) -> Listed[AuditModel]:
    """List who changed what, newest first."""
    page = console_of(request).store.audit.list(
        visitor_of(request).scope, limit=asked.limit, cursor=asked.cursor, actor=asked.actor
    )
    items = [AuditModel.model_validate(row) for row in page.rows]
    return Listed(items=items, next_cursor=page.cursor)


@operation(router, "GET", "/openapi.json", Permission.READ, include_in_schema=False)
def openapi(request: Request) -> Response:
    """Answer with the document of this API."""
    return JSONResponse(request.app.openapi())


def _counts(request: Request) -> dict[str, RuleCount]:
    found = console_of(request).store.findings.by_rule(FindingFilter(), visitor_of(request).scope)
    return {each.rule_uid: each for each in found}


def _rule(rule: RuleView, count: RuleCount | None) -> RuleModel:
    return RuleModel(
        uid=rule.uid,
        title=rule.title,
        description=rule.description,
        severity_id=rule.severity_id,
        kind=rule.kind,
        sources=tuple(rule.sources),
        tactics=tuple(rule.tactics),
        techniques=tuple(rule.techniques),
        false_positives=tuple(rule.false_positives),
        references=tuple(rule.references),
        location=rule.location,
        findings=count.findings if count else 0,
        matches=count.matches if count else 0,
        last_time=count.last_time if count else None,
    )


def _feed(feed: FeedHealth, way: WayIn) -> FeedModel:
    return FeedModel(
        feed=feed.feed,
        source=feed.source,
        received=feed.received,
        events=feed.events,
        findings=feed.findings,
        resources=feed.resources,
        duplicates=feed.duplicates,
        rejects=feed.rejects,
        last_event_time=feed.last_event_time,
        last_received_time=feed.last_received_time,
        lag_seconds=feed.lag.total_seconds() if feed.lag is not None else None,
        rhythm_seconds=feed.rhythm.total_seconds() if feed.rhythm is not None else None,
        is_silent=feed.is_silent,
        own_lag_seconds=feed.own_lag.total_seconds() if feed.own_lag is not None else None,
        redacted=dict(feed.redacted),
        in_flight=way.in_flight,
        guarantee=way.guarantee,
        kind=way.kind,
        lost=dict(way.lost),
    )


def _reject(row: Row) -> RejectModel:
    raw = row["raw"]
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)
    return RejectModel.model_validate({**row, "raw": text})
