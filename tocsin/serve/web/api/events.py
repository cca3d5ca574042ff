"""Search of the API: events, histogram, top values, fields."""

import json
from typing import TYPE_CHECKING, cast

from fastapi import Request
from starlette.exceptions import HTTPException

from tocsin.ocsf import output
from tocsin.serve.web.api.asking import Events, Histogram, Values, router_of
from tocsin.serve.web.api.models import BucketModel, FieldModel, Listed, OcsfEvent, ValueCount
from tocsin.serve.web.event_lines import Row, rows
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission

if TYPE_CHECKING:
    from tocsin.store.answers import Events as StoredEvents

router = router_of("events")


@operation(router, "GET", "/events", Permission.READ, response_model=Listed[OcsfEvent])
def search_events(request: Request, asked: Events) -> Listed[OcsfEvent]:
    """Search events, newest first; items are OCSF events."""
    page = _events(request).search(
        asked.q, visitor_of(request).scope, asked.span, limit=asked.limit, cursor=asked.cursor
    )
    return Listed(items=[ocsf_event(row) for row in rows(page.rows)], next_cursor=page.cursor)


@operation(router, "GET", "/events/histogram", Permission.READ, response_model=list[BucketModel])
def count_events(request: Request, asked: Histogram) -> list[BucketModel]:
    """Count the events of a query over time."""
    bars = _events(request).histogram(
        asked.q, visitor_of(request).scope, asked.span, buckets=asked.buckets
    )
    return [BucketModel.model_validate(bar) for bar in bars]


@operation(router, "GET", "/events/top-values", Permission.READ, response_model=list[ValueCount])
def top_values(request: Request, asked: Values) -> list[ValueCount]:
    """List the most frequent values at a path."""
    found = _events(request).top_values(
        asked.path, asked.q, visitor_of(request).scope, asked.span, limit=asked.limit
    )
    return [ValueCount(value=value, count=count) for value, count in found]


@operation(router, "GET", "/events/fields", Permission.READ, response_model=list[FieldModel])
def list_fields(request: Request) -> list[FieldModel]:
    """List every path that stored events have."""
    return [FieldModel.model_validate(field) for field in _events(request).fields()]


@operation(router, "GET", "/events/{uid}", Permission.READ, response_model=OcsfEvent)
def get_event(request: Request, uid: str) -> OcsfEvent:
    """Get one event."""
    found = rows(_events(request).get(uid, visitor_of(request).scope))
    if not found:
        raise HTTPException(404, "this event is not stored, or no longer")
    return ocsf_event(found[0])


def _events(request: Request) -> "StoredEvents":
    return console_of(request).store.events


def ocsf_event(row: Row) -> OcsfEvent:
    """Return the OCSF event of a row; what JSON has no word for becomes text."""
    text = json.dumps(output.event_json(dict(row)), default=str)
    return cast("OcsfEvent", json.loads(text))
