"""Integrations: messages, tickets, forwarding and schedules; what was refused is tried again."""

from fastapi import Request
from starlette.responses import Response

from tocsin.errors import SettingsError, UsageError, WorldError
from tocsin.ocsf import EVERYTHING
from tocsin.serve.web.guard import (
    console_of,
    form_of,
    guarded_router,
    operation,
    visitor_of,
)
from tocsin.serve.web.page import Notice, asked_one_of, go, show
from tocsin.serve.web.permissions import Permission
from tocsin.store.answers import Asking, WhichMessages, WhichTickets

router = guarded_router()

DONE = ("tested", "messages", "tickets", "forwarder")
SHOWN_MESSAGES = 20
SHOWN_TICKETS = 20


@operation(router, "GET", "/integrations", Permission.READ, include_in_schema=False)
def integrations(request: Request) -> Response:
    """Show what leaves to people and other systems, and what runs by the clock."""
    return _page(request)


@operation(router, "POST", "/integrations", Permission.OPERATE, include_in_schema=False)
def operate(request: Request) -> Response:
    """Send a test message, or have something tried again."""
    try:
        done = _done(request)
    except UsageError as error:
        return _page(request, Notice("bad", str(error)), status=400)
    except (WorldError, SettingsError) as error:
        return _page(request, Notice("bad", str(error)), status=409)
    return go(f"/integrations?done={done}")


def _done(request: Request) -> str:
    console, form = console_of(request), form_of(request)
    name, what = form.get("name", ""), form.get("do", "")
    asking = Asking(visitor_of(request).name, console.now())
    if what == "test":
        console.integrations.send_test(name, asking)
        return "tested"
    if what == "messages":
        console.store.leaving.retry_messages(asking, name or None, form.get("uid") or None)
    elif what == "tickets":
        console.store.leaving.retry_tickets(asking, name or None)
    elif what == "forwarder":
        console.integrations.retry_forwarder(name, asking.actor, asking.now)
    else:
        raise UsageError("the form does not say what to do")
    return what


def _page(request: Request, notice: Notice | None = None, status: int = 200) -> Response:
    console, scope = console_of(request), visitor_of(request).scope
    leaving, ways = console.store.leaving, console.integrations
    return show(
        request,
        "integrations.html",
        status=status,
        notice=notice,
        active="integrations",
        notifiers=ways.notifiers(),
        routes=ways.routes(),
        refused=leaving.messages(WhichMessages("parked"), scope, limit=SHOWN_MESSAGES).rows,
        messages=leaving.messages(WhichMessages(), scope, limit=SHOWN_MESSAGES).rows,
        systems=ways.systems(scope),
        tickets=leaving.tickets(WhichTickets(), scope, limit=SHOWN_TICKETS).rows,
        forwarders=ways.forwarders(scope),
        schedules=console.store.schedules.list(),
        sees_all=scope == EVERYTHING,
        done=asked_one_of(request, "done", DONE),
    )
