"""The door: sign in, sign out, and the first start with its one-time token."""

from fastapi import Request
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.serve.web.guard import (
    address_of,
    console_of,
    cookie_name,
    form_of,
    guarded_router,
    maybe_visitor,
    operation,
    visitor_of,
)
from tocsin.serve.web.page import asked, go, safe_return, show_outside
from tocsin.serve.web.permissions import Permission

router = guarded_router()


@operation(router, "GET", "/sign-in", Permission.ANYONE, include_in_schema=False)
def sign_in_form(request: Request) -> Response:
    """Show the form; before the first user exists, the set-up instead."""
    if console_of(request).store.accounts.needs_setup():
        return go("/setup")
    back = safe_return(asked(request, "next", "/"))
    return go(back) if maybe_visitor(request) else _sign_in_page(request, back)


@operation(router, "POST", "/sign-in", Permission.ANYONE, include_in_schema=False)
def sign_in(request: Request) -> Response:
    """Begin a session, always a new one: a cookie that was planted before is worth nothing."""
    console, form = console_of(request), form_of(request)
    back = safe_return(form.get("next", "/"))
    name = form.get("name", "")
    try:
        token = console.store.accounts.login(
            name, form.get("password", ""), address_of(request), console.now()
        )
    except UsageError as error:
        return _sign_in_page(request, back, name, problem=str(error), status=429)
    if token is None:
        return _sign_in_page(request, back, name, problem="wrong", status=401)
    _end_session(request)
    return _with_session(request, go(back), token)


@operation(router, "POST", "/sign-out", Permission.OWN_SESSION, include_in_schema=False)
def sign_out(request: Request) -> Response:
    """End the session, here and in every other process at once."""
    console = console_of(request)
    console.store.accounts.logout(visitor_of(request).token, console.now())
    answer = go("/sign-in")
    answer.delete_cookie(
        cookie_name(console), secure=console.view.is_tls, httponly=True, samesite="strict"
    )
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@operation(router, "GET", "/setup", Permission.ANYONE, include_in_schema=False)
def set_up_form(request: Request) -> Response:
    """Show the form that takes the token printed at the first start."""
    if not console_of(request).store.accounts.needs_setup():
        return go("/sign-in")
    return show_outside(request, "set_up.html", token=asked(request, "token"), name="", problem="")


@operation(router, "POST", "/setup", Permission.ANYONE, include_in_schema=False)
def set_up(request: Request) -> Response:
    """Create the first admin and sign them in."""
    console, form = console_of(request), form_of(request)
    token, name, password = (form.get(field, "") for field in ("token", "name", "password"))
    try:
        if password != form.get("again", ""):
            raise UsageError("the two passwords differ")
        console.store.accounts.consume_setup_token(token.strip(), name, password, console.now())
        session = console.store.accounts.login(name, password, address_of(request), console.now())
    except UsageError as error:
        return show_outside(
            request, "set_up.html", status=400, token=token, name=name, problem=str(error)
        )
    return _with_session(request, go("/"), session) if session else go("/sign-in")


def _sign_in_page(
    request: Request, back: str, name: str = "", problem: str = "", status: int = 200
) -> Response:
    return show_outside(
        request, "sign_in.html", status=status, back=back, name=name, problem=problem
    )


def _with_session(request: Request, answer: Response, token: str) -> Response:
    console = console_of(request)
    answer.set_cookie(
        cookie_name(console),
        token,
        max_age=int(console.store.accounts.absolute_limit.total_seconds()),
        secure=console.view.is_tls,
        httponly=True,
        samesite="strict",
    )
    return answer


def _end_session(request: Request) -> None:
    console, visitor = console_of(request), maybe_visitor(request)
    if visitor:
        console.store.accounts.logout(visitor.token, console.now())
