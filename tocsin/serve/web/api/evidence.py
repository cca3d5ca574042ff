"""Evidence of incidents over the API: events and files, with their SHA-256.

Bytes are only ever given as a file to save: a browser neither shows nor runs them.
"""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Query, Request
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from tocsin.errors import StoreError, UsageError
from tocsin.serve.web.api.asking import Asked, router_of
from tocsin.serve.web.api.incident_work import known
from tocsin.serve.web.api.models import Model, Moment
from tocsin.serve.web.api.repeated import once_of
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.headers import POLICY, SANDBOX
from tocsin.serve.web.permissions import Permission
from tocsin.serve.web.text import plain
from tocsin.store.answers import Attaching, Evidence

router = router_of("evidence")


class EvidenceModel(Model):
    """A piece of evidence; `removed_time` is null while its bytes are kept."""

    uid: str
    incident_uid: str
    kind: Literal["event", "file"]
    name: str
    note: str
    sha256: str
    size_bytes: int
    time: Moment
    actor: str
    removed_time: Moment | None
    removed_by: str
    removed_reason: str


class AskedFile(Asked):
    """How a file is called, and why it matters."""

    name: str = Field(min_length=1, max_length=400)
    note: str = Field(default="", max_length=2000)


class AttachedEvents(Model):
    """Events to keep with an incident, and why they matter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_uids: tuple[str, ...] = Field(min_length=1, max_length=100)
    note: str = Field(default="", max_length=2000)


class Removal(Model):
    """Why a piece is removed for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=2000)


class _File(Model):
    """What an idempotency key of a file stands for."""

    name: str
    note: str
    sha256: str


@operation(
    router,
    "GET",
    "/incidents/{uid}/evidence",
    Permission.READ,
    response_model=list[EvidenceModel],
)
def list_evidence(request: Request, uid: str) -> list[EvidenceModel]:
    """List the evidence of an incident and of those merged into it, oldest first."""
    home = known(request, uid).uid
    found = console_of(request).store.evidence.list(home, visitor_of(request).scope)
    return [EvidenceModel.model_validate(each) for each in found]


@operation(
    router,
    "POST",
    "/incidents/{uid}/evidence/events",
    Permission.TRIAGE,
    response_model=list[EvidenceModel],
)
def attach_events(request: Request, uid: str, body: AttachedEvents) -> list[EvidenceModel]:
    """Keep events with an incident, whatever retention removes.

    A request with an `Idempotency-Key` counts once: the same again gets the first answer.
    """
    how = attaching(request, uid, body.note)
    evidence = console_of(request).store.evidence
    try:
        found = evidence.attach_events(body.event_uids, how, once=once_of(request, body))
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
    return [EvidenceModel.model_validate(each) for each in found]


@operation(
    router,
    "POST",
    "/incidents/{uid}/evidence/files",
    Permission.TRIAGE,
    response_model=EvidenceModel,
)
async def attach_file(
    request: Request, uid: str, asked: Annotated[AskedFile, Query()]
) -> EvidenceModel:
    """Attach a file of at most 25 MiB; the body is the file itself.

    A request with an `Idempotency-Key` counts once: the same again gets the first answer.
    """
    how = await run_in_threadpool(attaching, request, uid, asked.note)
    evidence = console_of(request).store.evidence
    try:
        with evidence.upload() as upload:
            async for part in request.stream():
                await run_in_threadpool(upload.write, part)
            file = _File(name=asked.name, note=asked.note, sha256=upload.sha256)
            once = once_of(request, file)
            found = await run_in_threadpool(
                lambda: evidence.attach_file(upload, asked.name, how, once=once)
            )
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
    return EvidenceModel.model_validate(found)


@operation(router, "GET", "/evidence/{uid}/content", Permission.READ, response_model=None)
def get_content(request: Request, uid: str) -> Response:
    """Get the bytes of a piece as a file to save, after they were compared with its hash."""
    try:
        found, path = console_of(request).store.evidence.open(uid, visitor_of(request).scope)
    except UsageError as error:
        raise HTTPException(404, str(error)) from error
    except StoreError as error:
        raise HTTPException(409, "the bytes are gone or were changed: ask for fsck") from error
    return FileResponse(
        path,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(_file_name(found))}",
            POLICY: SANDBOX,
        },
    )


@operation(
    router,
    "POST",
    "/evidence/{uid}/remove",
    Permission.REMOVE_EVIDENCE,
    response_model=EvidenceModel,
)
def remove_evidence(request: Request, uid: str, body: Removal) -> EvidenceModel:
    """Remove the bytes of a piece for good; who did and why stays."""
    console, visitor = console_of(request), visitor_of(request)
    try:
        found = console.store.evidence.remove(
            uid, body.reason, visitor.name, console.now(), visitor.scope
        )
    except UsageError as error:
        raise HTTPException(409, str(error)) from error
    return EvidenceModel.model_validate(found)


def attaching(request: Request, uid: str, note: str) -> Attaching:
    """Return who attaches something to which incident, and why."""
    visitor = visitor_of(request)
    home = known(request, uid).uid
    return Attaching(home, visitor.name, console_of(request).now(), visitor.scope, note)


def _file_name(piece: Evidence) -> str:
    name = f"{piece.name}.json" if piece.kind == "event" else piece.name
    return plain(name).replace("/", "_")
