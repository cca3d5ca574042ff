"""Merge and split incidents over the API, and take that back.

A request with an `Idempotency-Key` counts once: the same again gets the first answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from starlette.exceptions import HTTPException

from tocsin.errors import UsageError
from tocsin.serve.web.api.asking import router_of
from tocsin.serve.web.api.incident_work import known
from tocsin.serve.web.api.models import (
    DecisionModel,
    IncidentModel,
    Merging,
    Splitting,
    TakingBack,
)
from tocsin.serve.web.api.repeated import once_of
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission
from tocsin.store.answers import Decider

router = router_of("work on incidents")


@operation(router, "POST", "/incidents/merge", Permission.TRIAGE, response_model=IncidentModel)
def merge_incidents(request: Request, body: Merging) -> IncidentModel:
    """Merge incidents into the oldest of them; the others point to it."""
    with _conflicts():
        merged = console_of(request).store.decisions.merge(
            body.uids, decider_of(request, body.reason), once=once_of(request, body)
        )
    return IncidentModel.model_validate(merged)


@operation(
    router, "POST", "/incidents/{uid}/split", Permission.TRIAGE, response_model=IncidentModel
)
def split_incident(request: Request, uid: str, body: Splitting) -> IncidentModel:
    """Move findings into a new incident, which is the answer; grouping keeps the two apart."""
    known(request, uid)
    with _conflicts():
        new = console_of(request).store.decisions.split(
            uid,
            body.finding_uids,
            body.entity_uids,
            decider_of(request, body.reason),
            once=once_of(request, body),
        )
    return IncidentModel.model_validate(new)


@operation(
    router, "GET", "/incidents/{uid}/decisions", Permission.READ, response_model=list[DecisionModel]
)
def list_decisions(request: Request, uid: str) -> list[DecisionModel]:
    """List merges and splits of an incident, newest first: who, when, why."""
    known(request, uid)
    scope = visitor_of(request).scope
    found = console_of(request).store.decisions.list(uid, scope)
    return [DecisionModel.model_validate(each) for each in found]


@operation(router, "POST", "/decisions/{uid}/undo", Permission.TRIAGE, response_model=IncidentModel)
def undo_decision(request: Request, uid: str, body: TakingBack) -> IncidentModel:
    """Take a merge or split back; the answer is the incident that lived on."""
    with _conflicts():
        kept = console_of(request).store.decisions.undo(
            uid, decider_of(request, body.reason), once=once_of(request, body)
        )
    return IncidentModel.model_validate(kept)


def decider_of(request: Request, reason: str) -> Decider:
    """Return who asks for this, why, and when."""
    visitor = visitor_of(request)
    return Decider(visitor.name, reason, console_of(request).now(), visitor.scope)


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
