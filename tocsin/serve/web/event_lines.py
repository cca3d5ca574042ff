"""One event as a line of a table and as a list of its fields.

Events are wide and nested; a table shows the eight things that people look for first, the drawer
shows every field with its dotted OCSF path.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from tocsin.ocsf import classes
from tocsin.serve.web import names

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, object]

UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)

# Columns of ours beside the OCSF attributes; the drawer shows them apart, `raw_data` below all.
OWN_COLUMNS = (
    "event_uid",
    "source",
    "received_time",
    "origin",
    "position",
    "skewed",
    "day",
    "flags",
)
RAW_COLUMN = "raw_data"


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One value of an event and the path by which it is searched."""

    path: str
    value: object


@dataclass(frozen=True, slots=True)
class Addition:
    """Something that was added to a value of an event, and who says so."""

    path: str
    value: str
    kind: str
    told: str
    provider: str


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as a line; "" where it has no such thing."""

    uid: str
    time: datetime
    source: str
    severity_id: int
    kind: str
    operation: str
    actor: str
    address: str
    target: str
    account: str
    status: str

    @property
    def failed(self) -> bool:
        """Whether what was tried did not work."""
        return self.status == "Failure"


def rows(table: "pa.Table") -> list[Row]:
    """Return the rows of a small table."""
    return [row for row in table.to_pylist()]


def line(row: Row) -> EventLine:
    """Return the line of one row of the events table."""
    time = row["time"]
    severity_id = row.get("severity_id")
    return EventLine(
        uid=str(row["event_uid"]),
        time=time if isinstance(time, datetime) else UNKNOWN_TIME,
        source=str(row["source"]),
        severity_id=severity_id if isinstance(severity_id, int) else 0,
        kind=class_caption(row),
        operation=_first(row, "api.operation", "activity_name"),
        actor=_first(row, "actor.user.name", "actor.user.uid", "user.name", "actor.app_name"),
        address=_first(row, "src_endpoint.ip", "src_endpoint.domain", "src_endpoint.svc_name"),
        target=_first(row, "resources.name", "resources.uid", "user.name", "dst_endpoint.hostname"),
        account=_first(row, "cloud.account.name", "cloud.account.uid"),
        status=_first(row, "status"),
    )


def lines(table: "pa.Table") -> list[EventLine]:
    """Return the lines of a small table."""
    return [line(row) for row in rows(table)]


def fields(row: Row) -> list[FieldValue]:
    """Return every OCSF value of an event by path; list elements share the path of their list."""
    attributes = {
        name: value for name, value in row.items() if name not in OWN_COLUMNS and name != RAW_COLUMN
    }
    return sorted(_leaves("", attributes), key=lambda leaf: leaf.path)


def own_fields(row: Row) -> list[FieldValue]:
    """Return what Tocsin itself noted about the event."""
    return [FieldValue(name, row[name]) for name in OWN_COLUMNS if row.get(name) not in (None, [])]


def additions(row: Row) -> list[Addition]:
    """Return what was added to an event: places, networks, assets, people, indicators."""
    return [
        Addition(
            path=str(each.get("name") or ""),
            value=str(each.get("value") or ""),
            kind=str(each.get("type") or ""),
            told=_told(each.get("data")),
            provider=str(each.get("provider") or ""),
        )
        for each in at(row, "enrichments")
        if isinstance(each, Mapping)
    ]


def _told(data: object) -> str:
    """Return a JSON object in a few words; other text as it is."""
    try:
        found = json.loads(data) if isinstance(data, str) else data
    except ValueError:
        return str(data)
    if not isinstance(found, dict):
        return "" if found is None else str(found)
    return ", ".join(
        name.replace("_", " ") if each is True else _words(each)
        for name, each in found.items()
        if each not in (None, "", [], False)
    )


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def at(row: object, path: str) -> Iterator[object]:
    """Yield every value at a dotted path, through objects and list elements."""
    if not path:
        yield from (row if isinstance(row, list) else [row])
        return
    if isinstance(row, list):
        for element in row:
            yield from at(element, path)
    elif isinstance(row, Mapping):
        name, _, rest = path.partition(".")
        if row.get(name) is not None:
            yield from at(row[name], rest)


def class_caption(row: Row) -> str:
    """Return the caption of an event's class, its number where OCSF does not name it."""
    uid = row.get("class_uid")
    found = classes.class_numbered(uid) if isinstance(uid, int) else None
    return found.caption if found else str(uid or "")


def severity_name(row: Row) -> str:
    """Return the caption of an event's or finding's severity."""
    severity_id = row.get("severity_id")
    return names.severity(severity_id if isinstance(severity_id, int) else 0)


def _first(row: Row, *paths: str) -> str:
    """Return the first value that any of the paths has, as text."""
    for path in paths:
        for value in at(row, path):
            if value not in (None, ""):
                return str(value)
    return ""


def _leaves(path: str, value: object) -> Iterator[FieldValue]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list):
        for element in value:
            yield from _leaves(path, element)
    elif isinstance(value, date) and not isinstance(value, datetime):
        yield FieldValue(path, value.isoformat())
    else:
        yield FieldValue(path, value)
