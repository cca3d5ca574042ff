"""Incidents and findings of the API."""

from fastapi import Request
from starlette.exceptions import HTTPException

from tocsin.errors import UsageError
from tocsin.incidents import Change
from tocsin.run import stories
from tocsin.serve.web.api.asking import Findings, Incidents, Pages, router_of
from tocsin.serve.web.api.incident_work import known
from tocsin.serve.web.api.models import (
    FindingModel,
    IncidentChange,
    IncidentModel,
    Listed,
    StoryLine,
    TimelineMoment,
    ToldIncidentModel,
)
from tocsin.serve.web.api.repeated import once_of
from tocsin.serve.web.event_lines import rows
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission

router = router_of("incidents and findings")


@operation(router, "GET", "/incidents", Permission.READ, response_model=Listed[IncidentModel])
def list_incidents(request: Request, asked: Incidents) -> Listed[IncidentModel]:
    """List incidents, last activity first; with `updated_since`, oldest change first."""
    page = console_of(request).store.incidents.list(
        asked.filter(), visitor_of(request).scope, limit=asked.limit, cursor=asked.cursor
    )
    items = [IncidentModel.model_validate(each) for each in page.rows]
    return Listed(items=items, next_cursor=page.cursor)


@operation(router, "GET", "/incidents/{uid}", Permission.READ, response_model=ToldIncidentModel)
def get_incident(request: Request, uid: str) -> ToldIncidentModel:
    """Get one incident with its story; the one it was merged into where that happened."""
    console, scope = console_of(request), visitor_of(request).scope
    found = known(request, uid)
    harmless = {rule.uid: rule.false_positives for rule in console.rules()}
    told = stories.story_of(console.store, found, scope, harmless)
    lines = tuple(StoryLine.model_validate(line) for line in told)
    return ToldIncidentModel(**IncidentModel.model_validate(found).model_dump(), story=lines)


@operation(router, "PATCH", "/incidents/{uid}", Permission.TRIAGE, response_model=IncidentModel)
def change_incident(request: Request, uid: str, body: IncidentChange) -> IncidentModel:
    """Change an incident: status, assignee, verdict, tags, tasks, links; or comment on it.

    A request with an `Idempotency-Key` counts once: the same again gets the first answer.
    """
    console, visitor = console_of(request), visitor_of(request)
    known(request, uid)
    change = Change(**body.model_dump())
    try:
        changed = console.store.incidents.change(
            uid, change, visitor.name, console.now(), visitor.scope, once=once_of(request, body)
        )
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
    return IncidentModel.model_validate(changed)


@operation(
    router,
    "GET",
    "/incidents/{uid}/timeline",
    Permission.READ,
    response_model=list[TimelineMoment],
)
def get_timeline(request: Request, uid: str, asked: Pages) -> list[TimelineMoment]:
    """List what happened in an incident, oldest first."""
    found = known(request, uid)
    moments = console_of(request).store.incidents.timeline(
        found.uid, visitor_of(request).scope, limit=asked.limit
    )
    return [TimelineMoment.model_validate(each) for each in moments]


@operation(router, "GET", "/findings", Permission.READ, response_model=Listed[FindingModel])
def list_findings(request: Request, asked: Findings) -> Listed[FindingModel]:
    """List findings, last match first."""
    page = console_of(request).store.findings.list(
        asked.filter(), visitor_of(request).scope, limit=asked.limit, cursor=asked.cursor
    )
    items = [FindingModel.model_validate(row) for row in rows(page.rows)]
    return Listed(items=items, next_cursor=page.cursor)


@operation(router, "GET", "/findings/{uid}", Permission.READ, response_model=FindingModel)
def get_finding(request: Request, uid: str) -> FindingModel:
    """Get one finding."""
    found = rows(console_of(request).store.findings.get(uid, visitor_of(request).scope))
    if not found:
        raise HTTPException(404, "there is no such finding")
    return FindingModel.model_validate(found[0])
