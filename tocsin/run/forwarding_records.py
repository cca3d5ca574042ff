"""Write what is stored as the records that forwarders send: OCSF JSON, marked as ours.

The mark is a word that nobody can guess. A record that comes back to this Tocsin still holds it and
is not sent a second time: two systems that feed each other do not feed each other forever.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tocsin.act import Record
from tocsin.incidents import Incident, incident_json
from tocsin.ocsf import EVERYTHING, findings
from tocsin.ocsf.output import event_json
from tocsin.store import Store
from tocsin.store.answers import ForwardKey

_EVIDENCE = 10
"""Events that a finding brings along, as its OCSF form tells no more."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Marks:
    """Attributes: `own` of the forwarder that sends, `all` of those of this Tocsin."""

    own: str
    all: frozenset[str]

    def is_echo(self, row: Row) -> bool:
        """Return whether an event is a record that this Tocsin has forwarded before."""
        raw = str(row.get("raw_data") or "")
        return any(mark in raw for mark in self.all)


def records(
    store: Store, keys: Sequence[ForwardKey], marks: Marks, min_severity_id: int = 0
) -> list[Record]:
    """Return the present state of what exists and should leave, in the order of the keys."""
    found: dict[ForwardKey, Record] = {}
    for record in (
        *_findings(store, _of("finding", keys), marks),
        *_incidents(store, _of("incident", keys), marks),
    ):
        if record.severity_id >= min_severity_id:
            found[record.kind, record.uid] = record
    wanted = _of("event", keys)
    if wanted:
        for record in event_records(store.events.many(wanted, EVERYTHING), marks):
            found[record.kind, record.uid] = record
    return [found[key] for key in keys if key in found]


def event_records(events: pa.Table, marks: Marks) -> list[Record]:
    """Return events as records; those that came back are left out."""
    rows: list[Row] = events.to_pylist()
    return [_event(row, marks) for row in rows if not marks.is_echo(row)]


def _of(kind: str, keys: Iterable[ForwardKey]) -> list[str]:
    return [uid for each, uid in keys if each == kind]


def _event(row: Row, marks: Marks) -> Record:
    content = _content(event_json(row), marks)
    uid, title = str(row["event_uid"]), f"{content.get('type_name')}"
    return Record(
        "event", uid, _moment(row["time"]), _number(row.get("severity_id")), title, content
    )


def _findings(store: Store, uids: Sequence[str], marks: Marks) -> Iterable[Record]:
    tables = [store.findings.get(uid, EVERYTHING) for uid in uids]
    rows: list[Row] = [row for table in tables for row in table.to_pylist()]
    wanted = {uid for row in rows for uid in _named(row)}
    events = store.events.many(sorted(wanted), EVERYTHING).to_pylist() if wanted else []
    by_uid: dict[object, Row] = {event["event_uid"]: event for event in events}
    for row in rows:
        related = [by_uid[uid] for uid in _named(row) if uid in by_uid]
        if related and all(map(marks.is_echo, related)):
            continue
        content = _content(findings.finding_json(row, related), marks)
        uid, title = str(row["uid"]), str(row["title"])
        time = _moment(row["updated_time"])
        yield Record("finding", uid, time, _number(row["severity_id"]), title, content)


def _incidents(store: Store, uids: Sequence[str], marks: Marks) -> Iterable[Record]:
    for uid in uids:
        incident = store.forwarding.incident(uid)
        if incident is None or _has_come_back(store, incident, marks):
            continue
        content = _content(incident_json(incident), marks)
        time = _moment(incident.updated_time)
        yield Record("incident", uid, time, incident.severity_id, incident.title, content)


def _has_come_back(store: Store, incident: Incident, marks: Marks) -> bool:
    """Return whether an incident changed by nothing but what was forwarded before.

    What a person changed is newer than all its findings, and always leaves.
    """
    uids = store.forwarding.latest_findings(incident.uid, incident.updated_time)
    rows: list[Row] = [
        row for uid in uids for row in store.findings.get(uid, EVERYTHING).to_pylist()
    ]
    named = sorted({uid for row in rows for uid in _named(row)})
    events = store.events.many(named, EVERYTHING).to_pylist() if named else []
    return bool(events) and all(map(marks.is_echo, events))


def _named(row: Row) -> list[str]:
    uids = row["event_uids"]
    return [str(uid) for uid in uids[:_EVIDENCE]] if isinstance(uids, list) else []


def _content(written: Mapping[str, object], marks: Marks) -> dict[str, object]:
    """Return JSON's own values, with the mark; what JSON has no word for becomes text."""
    content: dict[str, object] = json.loads(json.dumps(written, default=str))
    unmapped = content.setdefault("unmapped", {})
    if isinstance(unmapped, dict):
        own = unmapped.setdefault("tocsin", {})
        if isinstance(own, dict):
            own["mark"] = marks.own
    return content


def _moment(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromtimestamp(0, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
