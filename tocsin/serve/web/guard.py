"""The guard at every route: who is it, may they, and did they mean to.

A route is a `GuardedRoute` with a permission, or it cannot be made. Whatever changes something must
come from our own pages: the browser's word about where it comes from (Sec-Fetch-Site, Origin), a
SameSite=Strict cookie, and a token that only our pages know.
"""

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from tocsin.ocsf import Scope
from tocsin.serve.web.console import Console
from tocsin.serve.web.permissions import SAFE_METHODS, Permission, can_guard, is_allowed

PERMISSION_KEY = "x-permission"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 100

Form = dict[str, str]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


class SignInNeededError(Exception):
    """The operation needs a session and there is none."""


class UnguardedError(TypeError):
    """A route was declared without a permission, or with one too weak for its method."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person.

    Attributes:
        name: of the user.
        role: `viewer`, `analyst` or `admin`.
        scope: what of the store they may see.
        token: their session; never shown.
        csrf: what their forms must bring along.
    """

    name: str
    role: str
    scope: Scope
    token: str
    csrf: str

    def may(self, permission: str) -> bool:
        """Say whether they hold a permission, by its name."""
        return is_allowed(self.role, Permission(permission))


def operation(
    router: APIRouter, method: str, path: str, permission: Permission, **options: Any
) -> Callable[[Endpoint], Endpoint]:
    """Declare an endpoint with the permission that it asks for.

    Args:
        router: must make `GuardedRoute`s.
        method: `GET`, `POST`, ...
        path: as FastAPI reads it.
        permission: checked before anything of the request is looked at.
        options: of FastAPI's route (response model and the like).
    """
    extra = {PERMISSION_KEY: permission.value}

    def declare(endpoint: Endpoint) -> Endpoint:
        router.add_api_route(path, endpoint, methods=[method], openapi_extra=extra, **options)
        return endpoint

    return declare


class GuardedRoute(APIRoute):
    """A route that knows its permission and checks it first."""

    def __init__(self, path: str, endpoint: Callable[..., object], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        named = (self.openapi_extra or {}).get(PERMISSION_KEY)
        if named is None:
            raise UnguardedError(f"route {path} has no permission: declare it by `operation`")
        self.permission = Permission(named)
        if not can_guard(self.permission, frozenset(self.methods or ())):
            raise UnguardedError(f"route {path} changes things, but {named} is for reading only")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the guard before it."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            await _admit(request, self.permission)
            return await handle(request)

        return guarded


def guarded_router(prefix: str = "") -> APIRouter:
    """Return a router whose routes are all guarded."""
    return APIRouter(prefix=prefix, route_class=GuardedRoute)


def console_of(request: Request) -> Console:
    """Return the console that the application was made with."""
    return cast("Console", request.app.state.console)


def visitor_of(request: Request) -> Visitor:
    """Return who is signed in.

    Raises:
        SignInNeededError: nobody is.
    """
    visitor = maybe_visitor(request)
    if visitor is None:
        raise SignInNeededError
    return visitor


def maybe_visitor(request: Request) -> Visitor | None:
    """Return who is signed in, `None` for nobody."""
    return cast("Visitor | None", getattr(request.state, "visitor", None))


def address_of(request: Request) -> str:
    """Return the address that the request came from, "" where none is known."""
    return request.client.host if request.client else ""


def form_of(request: Request) -> Form:
    """Return the fields of the form that was sent; the last one of a name counts."""
    return cast("Form", request.state.form)


def cookie_name(console: Console) -> str:
    """Return the session cookie's name; `__Host-` binds it to this host and to TLS."""
    return "__Host-tocsin" if console.view.is_tls else "tocsin"


def csrf_token(session_token: str) -> str:
    """Return the token that forms of this session bring along.

    It is derived, so that it needs no store and dies with the session.
    """
    return hmac.new(session_token.encode(), b"tocsin csrf", sha256).hexdigest()


async def _admit(request: Request, permission: Permission) -> None:
    visitor = await _recognize(request)
    request.state.visitor = visitor
    if permission is Permission.METRICS and visitor is None and _is_this_machine(request):
        return
    if visitor is None and permission is not Permission.ANYONE:
        raise SignInNeededError
    if not is_allowed(visitor.role if visitor else None, permission):
        raise HTTPException(403, "your role does not allow this")
    if request.method not in SAFE_METHODS:
        await _check_intent(request, visitor, permission)


async def _recognize(request: Request) -> Visitor | None:
    console = console_of(request)
    token = request.cookies.get(cookie_name(console), "")
    if not token or len(token) > 512:
        return None
    # The store reads a disk; the event loop must not wait for it.
    user = await run_in_threadpool(console.store.accounts.session, token, console.now())
    if user is None:
        return None
    return Visitor(user.name, user.role, user.scope, token, csrf_token(token))


async def _check_intent(request: Request, visitor: Visitor | None, permission: Permission) -> None:
    if not _is_own_page(request):
        raise HTTPException(403, "this request does not come from a page of Tocsin")
    form = await _read_form(request)
    request.state.form = form
    if permission is Permission.ANYONE:
        # The way in: there is no session yet that a token could be bound to.
        return
    sent = request.headers.get(CSRF_HEADER) or form.get(CSRF_FIELD, "")
    if visitor is None or not hmac.compare_digest(sent.encode(), visitor.csrf.encode()):
        raise HTTPException(403, "the form is out of date: reload the page and send it again")


def _is_own_page(request: Request) -> bool:
    """Believe Sec-Fetch-Site, which no page can forge; else compare the Origin with the Host."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc.lower() == request.headers.get("host", "").lower()


async def _read_form(request: Request) -> Form:
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM_TYPE:
        return {}
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None


def _is_this_machine(request: Request) -> bool:
    if not console_of(request).view.metrics_without_sign_in or request.client is None:
        return False
    # A proxy on this machine passes strangers on; it says so by these headers.
    is_passed_on = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    return request.client.host in {"127.0.0.1", "::1"} and not is_passed_on
