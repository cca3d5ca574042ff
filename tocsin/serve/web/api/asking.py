"""What operations of the API may be asked: filters, stretches of time, pages.

A parameter that does not exist is refused, so that a misspelled filter never means "everything".
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tocsin.incidents import Status
from tocsin.serve.web.api.models import Refusal
from tocsin.serve.web.guard import GuardedRoute
from tocsin.store import FindingFilter, IncidentFilter, Span

PREFIX = "/api/v1"

_REFUSALS = {
    400: "The request cannot be understood",
    401: "Sign in first",
    403: "Your role does not allow this",
    404: "There is no such thing",
    409: "Not possible now",
    422: "The request cannot be understood",
}


def router_of(tag: str) -> APIRouter:
    """Return a router of the API whose routes are guarded and say how they refuse."""
    # Any: FastAPI's own type of this argument.
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": Refusal, "description": text} for code, text in _REFUSALS.items()
    }
    return APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=[tag], responses=responses)


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is out of range") from None


Moment = Annotated[datetime | None, AfterValidator(_in_utc)]
Text = Annotated[str | None, Field(max_length=400)]
Severity = Annotated[int | None, Field(ge=1, le=6, description="this OCSF severity or worse")]


class Asked(BaseModel):
    """Parameters of one operation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paged(Asked):
    """Parameters of a list."""

    limit: int = Field(default=100, ge=1, le=1000, description="rows of one page")
    cursor: str | None = Field(
        default=None, max_length=2000, description="`next_cursor` of the last page"
    )


class AskedIncidents(Paged):
    """Which incidents; with `updated_since`, the oldest change comes first."""

    status: list[Status] | None = None
    min_severity_id: Severity = None
    entity: Text = None
    assignee: Text = None
    updated_since: Moment = None
    since: Moment = None
    until: Moment = None
    text: Text = None
    tag: Text = None

    def filter(self) -> IncidentFilter:
        """Return the store's words for it."""
        return IncidentFilter(
            status=tuple(self.status) if self.status else None,
            min_severity_id=self.min_severity_id,
            entity=self.entity,
            assignee=self.assignee,
            updated_since=self.updated_since,
            since=self.since,
            until=self.until,
            text=self.text,
            tag=self.tag.lower() if self.tag else None,
        )


class AskedFindings(Paged):
    """Which findings."""

    min_severity_id: Severity = None
    rule_uid: Text = None
    entity: Text = None
    incident_uid: Text = None
    is_alert: bool | None = None
    account: Text = None
    since: Moment = None
    until: Moment = None
    text: Text = None
    suppressed: Literal["no", "only", "too"] = Field(
        default="no", description="whether to give what suppressions hide"
    )
    suppression_uid: Text = None
    original_uid: Text = None

    def filter(self) -> FindingFilter:
        """Return the store's words for it."""
        is_suppressed = {"no": False, "only": True, "too": None}[self.suppressed]
        names = self.model_dump(exclude={"limit", "cursor", "suppressed"})
        return FindingFilter(**names, is_suppressed=is_suppressed)


class AskedSpan(Asked):
    """A query in the search language and a stretch of event time."""

    q: str = Field(default="", max_length=4000, description="query in the search language")
    since: Moment = None
    until: Moment = None

    @property
    def span(self) -> Span:
        """The stretch in the store's words."""
        return Span(self.since, self.until)


class AskedEvents(AskedSpan, Paged):
    """Which events."""


class AskedHistogram(AskedSpan):
    """Which events, in how many bars."""

    buckets: int = Field(default=60, ge=1, le=500)


class AskedValues(AskedSpan):
    """Which events, and the values at which path."""

    path: str = Field(max_length=200, description="dotted OCSF path")
    limit: int = Field(default=10, ge=1, le=100)


class AskedRejects(Paged):
    """Which rejects."""

    feed: Text = None


class AskedAudit(Paged):
    """Which changes."""

    actor: Text = None


Incidents = Annotated[AskedIncidents, Query()]
Findings = Annotated[AskedFindings, Query()]
Events = Annotated[AskedEvents, Query()]
Histogram = Annotated[AskedHistogram, Query()]
Values = Annotated[AskedValues, Query()]
Rejects = Annotated[AskedRejects, Query()]
Audit = Annotated[AskedAudit, Query()]
Pages = Annotated[Paged, Query()]
