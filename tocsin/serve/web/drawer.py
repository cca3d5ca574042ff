"""The event that lies open beside a list, named by `event=` in the address."""

from dataclasses import dataclass

from fastapi import Request

from tocsin.serve.web.event_lines import (
    RAW_COLUMN,
    Addition,
    EventLine,
    FieldValue,
    Row,
    additions,
    fields,
    line,
    own_fields,
    rows,
)
from tocsin.serve.web.guard import console_of, visitor_of
from tocsin.serve.web.page import asked


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """An event with all its fields and the record it was made from."""

    line: EventLine
    added: list[Addition]
    fields: list[FieldValue]
    own: list[FieldValue]
    raw: str


def opened_event(request: Request) -> OpenedEvent | None:
    """Return the event that the address names; `None` where it names none that is stored."""
    uid = asked(request, "event")
    return find_event(request, uid) if uid else None


def find_event(request: Request, uid: str) -> OpenedEvent | None:
    """Return one event."""
    found = rows(console_of(request).store.events.get(uid, visitor_of(request).scope))
    return _opened(found[0]) if found else None


def _opened(row: Row) -> OpenedEvent:
    raw = str(row.get(RAW_COLUMN) or "")
    return OpenedEvent(line(row), additions(row), fields(row), own_fields(row), raw)
