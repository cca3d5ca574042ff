"""The small frozen things in which questions are asked and answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Rows = TypeVar("Rows")


@dataclass(frozen=True, slots=True)
class Page(Generic[Rows]):
    """One page of an answer.

    Attributes:
        rows: an Arrow table or a tuple, in the order of the query.
        cursor: pass it to the same query for the next page; opaque; `None` on the last page.
    """

    rows: Rows
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of event time, UTC: `since` is inside, `until` is not; `None` is unbounded."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings; every attribute that is `None` lets all pass.

    Attributes:
        min_severity_id: this severity or worse, 1 to 6.
        rule_uid: findings of this rule only.
        entity: uid of the entity a finding is about, or of one that it links.
        incident_uid: findings of this incident only.
        is_alert: only those that someone must look at, or only the others.
        account: cloud account uid.
        since: last match at this time or later, UTC.
        until: first match before this time, UTC.
        text: words of the title, case does not matter.
        is_suppressed: only those that a suppression hides, or only the others: so lists leave out
            what is hidden unless they are asked.
        suppression_uid: findings that this suppression hides, whatever `is_suppressed` says.
        original_uid: findings that suppressions cut from this one, likewise.
    """

    min_severity_id: int | None = None
    rule_uid: str | None = None
    entity: str | None = None
    incident_uid: str | None = None
    is_alert: bool | None = None
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    is_suppressed: bool | None = False
    suppression_uid: str | None = None
    original_uid: str | None = None


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents; every attribute that is `None` lets all pass.

    Attributes:
        status: one of these statuses, by the names of `tocsin.incidents`.
        min_severity_id: this severity or worse, 1 to 6.
        entity: uid of one of its entities.
        assignee: name of the person it is assigned to; "" for nobody.
        updated_since: changed at this time or later, UTC; for pollers.
        since: last activity at this time or later, UTC.
        until: first activity before this time, UTC.
        text: words of the title, case does not matter.
        tag: one of its tags, in lower case.
    """

    status: tuple[str, ...] | None = None
    min_severity_id: int | None = None
    entity: str | None = None
    assignee: str | None = None
    updated_since: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """How much one statement of a person may use before it is stopped with a `UsageError`."""

    timeout_seconds: float = 10.0
    max_rows: int = 10_000
    memory_limit: str = "256MB"


@dataclass(frozen=True, slots=True)
class Retention:
    """How much to keep; `None` keeps all. Days count from receipt, bytes are of event files."""

    days: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What retention took away."""

    files: int
    events: int
    rejects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that fsck found; `repaired` where it was asked to and could."""

    what: str
    remedy: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The size of the store."""

    events: int
    findings: int
    incidents: int
    rejects: int
    files: int
    lake_bytes: int
    state_bytes: int
    free_bytes: int
    oldest_event: datetime | None
    newest_event: datetime | None
