"""One's own account: change the password, whatever the role."""

from fastapi import Request
from starlette.responses import Response

from tocsin.errors import UsageError
from tocsin.serve.web.guard import (
    address_of,
    console_of,
    form_of,
    guarded_router,
    operation,
    visitor_of,
)
from tocsin.serve.web.page import Notice, asked_one_of, go, show
from tocsin.serve.web.permissions import Permission

router = guarded_router()


@operation(router, "GET", "/account", Permission.OWN_SESSION, include_in_schema=False)
def account(request: Request) -> Response:
    """Show who is signed in and the form for a new password."""
    return _account_page(request)


@operation(router, "POST", "/account", Permission.OWN_SESSION, include_in_schema=False)
def change_password(request: Request) -> Response:
    """Change one's own password; other sessions of the same person end, this one stays."""
    console, form = console_of(request), form_of(request)
    try:
        if form.get("password", "") != form.get("again", ""):
            raise UsageError("the two passwords differ")
        is_changed = console.store.accounts.change_own_password(
            visitor_of(request).token,
            form.get("old", ""),
            form.get("password", ""),
            address_of(request),
            console.now(),
        )
    except UsageError as error:
        return _account_page(request, Notice("bad", str(error)), status=400)
    if not is_changed:
        return _account_page(request, is_wrong=True, status=400)
    return go("/account?done=password")


def _account_page(
    request: Request, notice: Notice | None = None, *, is_wrong: bool = False, status: int = 200
) -> Response:
    return show(
        request,
        "account.html",
        status=status,
        notice=notice,
        is_wrong=is_wrong,
        done=asked_one_of(request, "done", ("password",)),
    )
