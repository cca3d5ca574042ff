"""Things that sources describe, for the API."""

import json
from typing import Annotated

from fastapi import Query, Request
from pydantic import Field, JsonValue
from starlette.exceptions import HTTPException

from tocsin.serve.web.api.asking import Asked, Paged, Text, router_of
from tocsin.serve.web.api.models import Listed, Model, Moment
from tocsin.serve.web.event_lines import Row, rows
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission

router = router_of("resources")


class AskedResources(Paged):
    """Which things."""

    type: Text = None
    text: Text = None
    gone: bool = Field(default=False, description="whether to give those that are no more too")


class AskedHistory(Asked):
    """Of which thing."""

    uid: str = Field(min_length=1, max_length=1_000)
    limit: int = Field(default=100, ge=1, le=1000)


class ResourceModel(Model):
    """A thing as it was seen at a moment; `configuration` is null where it was gone."""

    uid: str
    type: str
    name: str | None
    account: str | None
    region: str | None
    observed_time: Moment
    configuration: JsonValue


@operation(router, "GET", "/resources", Permission.READ, response_model=Listed[ResourceModel])
def list_resources(
    request: Request, asked: Annotated[AskedResources, Query()]
) -> Listed[ResourceModel]:
    """List things as they were last described, newest first."""
    page = console_of(request).store.resources.list(
        visitor_of(request).scope,
        type=asked.type,
        text=asked.text,
        gone=asked.gone,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return Listed(items=[_resource(row) for row in rows(page.rows)], next_cursor=page.cursor)


# A uid may hold slashes and colons: it is asked for as a parameter.
@operation(router, "GET", "/resources/history", Permission.READ, response_model=list[ResourceModel])
def resource_history(
    request: Request, asked: Annotated[AskedHistory, Query()]
) -> list[ResourceModel]:
    """List what was seen of one thing, newest first."""
    store = console_of(request).store
    found = store.resources.history(asked.uid, visitor_of(request).scope, limit=asked.limit)
    if not found.num_rows:
        raise HTTPException(404, "nothing was seen of such a thing")
    return [_resource(row) for row in rows(found)]


def _resource(row: Row) -> ResourceModel:
    return ResourceModel.model_validate(
        {**row, "configuration": json.loads(str(row["configuration"]))}
    )
