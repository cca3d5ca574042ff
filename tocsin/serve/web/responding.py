"""What people do about action requests, for the pages and the API alike."""

from fastapi import Request
from starlette.exceptions import HTTPException

from tocsin.errors import StoreError, UsageError
from tocsin.run import responding_view
from tocsin.serve.web.guard import console_of, visitor_of
from tocsin.store.answers import KeptRequest, Once

LONGEST_REASON = 2_000


def known_request(request: Request, uid: str) -> KeptRequest:
    """Return the action request with exactly this uid.

    Raises:
        HTTPException: 404 where the visitor sees none.
    """
    found = console_of(request).store.requests.get(uid, visitor_of(request).scope)
    if found is None or found.request.uid != uid:
        raise HTTPException(404, "there is no such request")
    return found


def seen(request: Request, kept: KeptRequest) -> responding_view.RequestView:
    """Return an action request as people read it."""
    console = console_of(request)
    return responding_view.view_with(kept, console.view.lone_delay, console.store, console.now())


def approve(
    request: Request, uid: str, digest: str, reason: str, once: Once | None = None
) -> KeptRequest:
    """Store the visitor's word for the plan that they saw.

    Raises:
        UsageError: it does not count, such as because the plan has changed.
    """
    console, visitor = console_of(request), visitor_of(request)
    return console.store.requests.approve(
        known_request(request, uid).request.uid,
        digest,
        visitor.name,
        console.now(),
        visitor.scope,
        reason=reason.strip(),
        lone_delay=console.view.lone_delay,
        once=once,
    )


def refuse(request: Request, uid: str, reason: str, once: Once | None = None) -> KeptRequest:
    """Say no for the visitor.

    Raises:
        UsageError: no reason is given, or it is too late.
    """
    console, visitor = console_of(request), visitor_of(request)
    uid = known_request(request, uid).request.uid
    why = needed(reason)
    return console.store.requests.refuse(
        uid, visitor.name, why, console.now(), visitor.scope, once=once
    )


def take_back(request: Request, uid: str, reason: str, once: Once | None = None) -> KeptRequest:
    """Ask for the visitor that what was done is taken back.

    Raises:
        UsageError: no reason is given, or there is nothing to take back.
    """
    console, visitor = console_of(request), visitor_of(request)
    uid = known_request(request, uid).request.uid
    why = needed(reason)
    return console.store.requests.ask_undo(
        uid, visitor.name, why, console.now(), visitor.scope, once=once
    )


def stop(request: Request, reason: str) -> None:
    """Stop all responding at once: first the file, for the database may be what is broken.

    Raises:
        UsageError: no reason is given, or the switch cannot be set.
    """
    console, visitor = console_of(request), visitor_of(request)
    why = needed(reason)
    try:
        console.store.response_stop.set(visitor.name, why, console.now())
    except StoreError as error:
        raise UsageError(str(error)) from error
    _note(request, "respond.stop", why)


def resume(request: Request, reason: str) -> None:
    """Let responding go on.

    Raises:
        UsageError: no reason is given, or the switch cannot be cleared.
    """
    why = needed(reason)
    try:
        was_stopped = console_of(request).store.response_stop.clear()
    except StoreError as error:
        raise UsageError(str(error)) from error
    if was_stopped:
        _note(request, "respond.resume", why)


def needed(reason: str) -> str:
    """Return a reason without spaces around it.

    Raises:
        UsageError: there is none, or it is a novel.
    """
    reason = reason.strip()
    if not reason:
        raise UsageError("say why: it is kept, and others read it")
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason is longer than {LONGEST_REASON} characters")
    return reason


def _note(request: Request, word: str, reason: str) -> None:
    console, visitor = console_of(request), visitor_of(request)
    console.store.audit.append(visitor.name, word, "", {"reason": reason}, console.now())
