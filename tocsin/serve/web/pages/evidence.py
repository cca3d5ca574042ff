"""Keep the events that the page of an incident shows, whatever retention removes."""

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.serve.web import rendering, story
from tocsin.serve.web.api.evidence import attaching
from tocsin.serve.web.event_lines import rows
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import go
from tocsin.serve.web.permissions import Permission
from tocsin.store import FindingFilter

router = guarded_router()

SHOWN_FINDINGS = 100
SHOWN_EVENTS = 50


@operation(router, "POST", "/incidents/{uid}/evidence", Permission.TRIAGE, include_in_schema=False)
def keep_events(request: Request, uid: str) -> Response:
    """Attach the events of an incident's findings that are still stored."""
    store, scope = console_of(request).store, visitor_of(request).scope
    how = attaching(request, uid, "")
    which = FindingFilter(incident_uid=how.incident_uid)
    findings = rows(store.findings.list(which, scope, limit=SHOWN_FINDINGS).rows)
    wanted = tuple(story.event_uids(findings)[:SHOWN_EVENTS])
    stored = [str(row["event_uid"]) for row in rows(store.events.many(wanted, scope))]
    try:
        store.evidence.attach_events(stored, how)
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
    query = {name: value for name, value in request.query_params.items() if name != "done"}
    return go(rendering.url(f"/incidents/{how.incident_uid}", query, done="kept") + "#evidence")
