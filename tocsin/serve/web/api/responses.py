"""Action requests over the API: read, approved, refused, taken back; and the stop switch.

What is approved is carried out by the Tocsin that runs. A request with an `Idempotency-Key` counts
once: the same again gets the present state of what the first did.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Query, Request
from starlette.exceptions import HTTPException

from tocsin.errors import UsageError
from tocsin.run import responding_view
from tocsin.serve.web import responding
from tocsin.serve.web.api.asking import router_of
from tocsin.serve.web.api.models import Listed
from tocsin.serve.web.api.repeated import once_of
from tocsin.serve.web.api.response_models import (
    Approving,
    AskedResponses,
    Reasoned,
    ResponseModel,
    ResponseRow,
    RightModel,
    SwitchModel,
)
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission
from tocsin.store.answers import KeptRequest

router = router_of("responses")


@operation(router, "GET", "/responses", Permission.READ, response_model=Listed[ResponseRow])
def list_responses(
    request: Request, asked: Annotated[AskedResponses, Query()]
) -> Listed[ResponseRow]:
    """List action requests, those that changed last first."""
    page = console_of(request).store.requests.page(
        visitor_of(request).scope,
        states=asked.state or (),
        incident_uid=asked.incident,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return Listed(items=[_row(request, each) for each in page.rows], next_cursor=page.cursor)


@operation(router, "GET", "/responses/switch", Permission.READ, response_model=SwitchModel)
def get_switch(request: Request) -> SwitchModel:
    """Get whether all responding is stopped, by whom and why."""
    return _switch(request)


@operation(router, "POST", "/responses/stop", Permission.RESPOND, response_model=SwitchModel)
def stop_responding(request: Request, body: Reasoned) -> SwitchModel:
    """Stop all responding at once: no call is sent any more, also of what is approved."""
    with _conflicts():
        responding.stop(request, body.reason)
    return _switch(request)


@operation(router, "POST", "/responses/resume", Permission.RESPOND, response_model=SwitchModel)
def resume_responding(request: Request, body: Reasoned) -> SwitchModel:
    """Let responding go on."""
    with _conflicts():
        responding.resume(request, body.reason)
    return _switch(request)


@operation(router, "GET", "/responses/{uid}", Permission.READ, response_model=ResponseModel)
def get_response(request: Request, uid: str) -> ResponseModel:
    """Get one action request: plan, calls, rights, approvals, journal, history."""
    return _whole(request, responding.known_request(request, uid))


@operation(
    router, "POST", "/responses/{uid}/approve", Permission.RESPOND, response_model=ResponseModel
)
def approve_response(request: Request, uid: str, body: Approving) -> ResponseModel:
    """Agree to exactly the plan with this digest; the last approval needed lets it be done."""
    with _conflicts():
        kept = responding.approve(request, uid, body.digest, body.reason, once_of(request, body))
    return _whole(request, kept)


@operation(
    router, "POST", "/responses/{uid}/refuse", Permission.RESPOND, response_model=ResponseModel
)
def refuse_response(request: Request, uid: str, body: Reasoned) -> ResponseModel:
    """Say no to what was not begun."""
    with _conflicts():
        kept = responding.refuse(request, uid, body.reason, once_of(request, body))
    return _whole(request, kept)


@operation(
    router, "POST", "/responses/{uid}/undo", Permission.RESPOND, response_model=ResponseModel
)
def undo_response(request: Request, uid: str, body: Reasoned) -> ResponseModel:
    """Take back what was done, unless somebody changed it since."""
    with _conflicts():
        kept = responding.take_back(request, uid, body.reason, once_of(request, body))
    return _whole(request, kept)


def _row(request: Request, kept: KeptRequest) -> ResponseRow:
    seen = responding.seen(request, kept)
    told = responding_view.listed(seen)
    return ResponseRow.model_validate({**told, "incident_uid": kept.request.incident_uid})


def _whole(request: Request, kept: KeptRequest) -> ResponseModel:
    seen = responding.seen(request, kept)
    facts = responding_view.facts_for(kept)
    rights = [RightModel.model_validate(need) for need in facts.needs] if facts else []
    told = responding_view.document(seen, console_of(request).store)
    return ResponseModel.model_validate(
        {**told, "missing_approvals": seen.agreement.missing, "rights": rights}
    )


def _switch(request: Request) -> SwitchModel:
    stopped = console_of(request).store.response_stop.read()
    if stopped is None:
        return SwitchModel(is_stopped=False)
    return SwitchModel(is_stopped=True, who=stopped.who, reason=stopped.reason, since=stopped.time)


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
