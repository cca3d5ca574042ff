"""People: who may come in, and what everybody changed."""

from typing import Literal, cast

from fastapi import Request
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.serve.web.guard import console_of, form_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import Notice, asked, asked_one_of, go, show
from tocsin.serve.web.permissions import ROLES, Permission

router = guarded_router()

Role = Literal["viewer", "analyst", "admin"]

AUDIT_ROWS = 100
DONE = ("added", "role", "password", "disabled", "enabled")


@operation(router, "GET", "/users", Permission.USERS, include_in_schema=False)
def user_list(request: Request) -> Response:
    """Show everybody who may sign in."""
    return _users_page(request)


@operation(router, "POST", "/users", Permission.USERS, include_in_schema=False)
def change_users(request: Request) -> Response:
    """Add somebody, or change what one person may."""
    try:
        done = _change_users(request)
    except UsageError as error:
        return _users_page(request, Notice("bad", str(error)), status=400)
    return go(f"/users?done={done}")


@operation(router, "GET", "/audit", Permission.AUDIT, include_in_schema=False)
def audit(request: Request) -> Response:
    """Show who changed what, newest first; on demand, whether the chain of hashes is whole."""
    log = console_of(request).store.audit
    return show(
        request,
        "audit.html",
        active="audit",
        page=log.list(
            visitor_of(request).scope,
            limit=AUDIT_ROWS,
            cursor=asked(request, "cursor") or None,
            actor=asked(request, "actor") or None,
        ),
        shown_actor=asked(request, "actor"),
        state=log.verify() if asked(request, "verify") else None,
    )


def _change_users(request: Request) -> str:
    accounts, form = console_of(request).store.accounts, form_of(request)
    actor, now = visitor_of(request).name, console_of(request).now()
    name, what = form.get("name", ""), form.get("do", "")
    if what == "add":
        accounts.add_user(name, form.get("password", ""), _role(form), actor, now)
        return "added"
    if what == "role":
        accounts.set_role(name, _role(form), actor, now)
    elif what == "password":
        accounts.set_password(name, form.get("password", ""), actor, now)
    elif what == "disabled":
        accounts.disable(name, actor, now)
    elif what == "enabled":
        accounts.enable(name, actor, now)
    else:
        raise UsageError("the form does not say what to do")
    return what


def _role(form: dict[str, str]) -> Role:
    role = form.get("role", "")
    if role not in ROLES:
        raise UsageError(f"choose a role: {', '.join(ROLES)}")
    return cast("Role", role)


def _users_page(request: Request, notice: Notice | None = None, status: int = 200) -> Response:
    return show(
        request,
        "users.html",
        status=status,
        notice=notice,
        active="users",
        users=console_of(request).store.accounts.users(),
        roles=tuple(ROLES),
        done=asked_one_of(request, "done", DONE),
    )
