"""The page of one entity: its findings, incidents, links, risk by day, inventory and events."""

import json
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from tocsin.ocsf import Entity
from tocsin.run import entities
from tocsin.serve.web.drawer import opened_event
from tocsin.serve.web.event_lines import Row, lines, rows
from tocsin.serve.web.guard import console_of, guarded_router, operation, visitor_of
from tocsin.serve.web.page import asked, show
from tocsin.serve.web.permissions import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

router = guarded_router()

SHOWN_FACTS = 24
LONGEST_FACT = 300


@operation(router, "GET", "/entities/{kind}/{uid:path}", Permission.READ, include_in_schema=False)
def entity(request: Request, kind: str, uid: str) -> Response:
    """Show what is known of one entity; its events follow in a part of their own."""
    return _page(request, kind, uid)


@operation(router, "GET", "/entities", Permission.READ, include_in_schema=False)
def entity_asked(request: Request) -> Response:
    """Show the same of an entity whose uid no path can hold, such as one with a line break."""
    asked_for = request.query_params
    return _page(request, asked_for.get("type", ""), asked_for.get("uid", ""))


def _page(request: Request, kind: str, uid: str) -> Response:
    console, scope = console_of(request), visitor_of(request).scope
    view = entities.view_of(console.store, Entity(kind, uid), scope, console.now())
    states = rows(view.states)
    return show(
        request,
        "entity.html",
        active="findings",
        entity=view.portrait.entity,
        portrait=view.portrait,
        findings=rows(view.findings),
        incidents=view.incidents,
        states=states,
        identities=view.identities,
        facts=_facts(states[0]) if states else [],
        opened=opened_event(request),
    )


@operation(router, "GET", "/parts/entity-events", Permission.READ, include_in_schema=False)
def entity_events(request: Request) -> Response:
    """Show the latest events of an entity."""
    console, scope = console_of(request), visitor_of(request).scope
    about = Entity(asked(request, "type"), asked(request, "uid"), asked(request, "name"))
    found = entities.events_of(console.store, about, scope, console.now())
    return show(
        request,
        "parts/entity_events.html",
        entity=about,
        events=lines(found.events),
        problem=found.problem,
        search=found.query,
    )


def _facts(state: Row) -> list[tuple[str, str]]:
    """Return the first values of how a thing was last seen, by dotted path."""
    try:
        parsed = json.loads(str(state["configuration"]))
    except (ValueError, RecursionError):
        return []
    return list(_leaves("", parsed))[:SHOWN_FACTS]


def _leaves(path: str, value: object, depth: int = 0) -> "Iterable[tuple[str, str]]":
    if isinstance(value, dict) and depth < 4:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}" if path else str(name), inner, depth + 1)
    elif value not in (None, "", [], {}):
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        yield path, text[:LONGEST_FACT]
