"""Small tables and turns for the tests of the store."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa

from tocsin import incidents
from tocsin.detect import Windows
from tocsin.normalize import Normalized
from tocsin.ocsf import RawBatch, identifiers, schemas
from tocsin.store import Store, Turn

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOURCE = "aws.cloudtrail"
OCSF = pa.schema(
    [
        pa.field("metadata", pa.struct([("uid", pa.string())])),
        pa.field("actor", pa.struct([("user", pa.struct([("name", pa.string())]))])),
        pa.field("api", pa.struct([("operation", pa.string())])),
        pa.field("src_endpoint", pa.struct([("ip", pa.string())])),
        pa.field("cloud", pa.struct([("account", pa.struct([("uid", pa.string())]))])),
        pa.field(
            "resources",
            pa.list_(pa.struct([("uid", pa.string()), ("namespace", pa.string())])),
        ),
        pa.field("is_mfa", pa.bool_()),
    ]
)
EVENTS = pa.schema([*schemas.EVENT_COLUMNS, *OCSF])

group = partial(incidents.group, gap=timedelta(hours=1), threshold=3)


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def event(name: str, minutes: float = 0, **values: Any) -> dict[str, Any]:
    time = values.pop("time", NOON + timedelta(minutes=minutes))
    row = {
        "event_uid": identifiers.derive("evt", name),
        "source": SOURCE,
        "received_time": naive(NOON),
        "origin": "file.json",
        "position": 0,
        "skewed": False,
        "day": naive(time).date(),
        "flags": [],
        "raw_data": f'{{"eventID": "{name}"}}',
        "time": naive(time),
        "class_uid": 6003,
        "category_uid": 6,
        "activity_id": 1,
        "type_uid": 600301,
        "severity_id": 1,
        "metadata": {"uid": name},
        "actor": {"user": {"name": values.pop("user", "alice")}},
        "api": {"operation": values.pop("operation", "GetObject")},
        "src_endpoint": {"ip": values.pop("ip", "198.51.100.7")},
        "cloud": {"account": {"uid": values.pop("account", "111122223333")}},
        "resources": values.pop("resources", []),
        "is_mfa": None,
    }
    return {**row, **values}


def event_table(rows: Sequence[dict[str, Any]], schema: pa.Schema = EVENTS) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema)


def uid(name: str) -> str:
    return identifiers.derive("evt", name)


def finding(name: str, events: Sequence[str] = (), **values: Any) -> dict[str, Any]:
    row = {
        "uid": identifiers.derive("fnd", name),
        "class_uid": 2004,
        "rule_uid": "rule-1",
        "rule_title": "A rule",
        "rule_type": "Sigma",
        "source": SOURCE,
        "severity_id": 4,
        "is_alert": True,
        "title": "Something happened",
        "description": "It did.",
        "dedup_key": "alice",
        "period_start": naive(NOON),
        "first_time": naive(NOON),
        "last_time": naive(NOON),
        "match_count": max(1, len(events)),
        "entity": {"type": "user", "uid": "alice", "name": "alice"},
        "links": [],
        "account": "111122223333",
        "tactics": ["defense-evasion"],
        "techniques": ["T1562.008"],
        "event_uids": [uid(one) for one in events],
        "context": "{}",
    }
    return {**row, **values}


def match(of: dict[str, Any], event_uid: str, minutes: float = 0) -> dict[str, Any]:
    return {
        "finding_uid": of["uid"],
        "rule_uid": of["rule_uid"],
        "event_uid": event_uid,
        "event_time": naive(NOON + timedelta(minutes=minutes)),
    }


def reject(position: int, reason: str = "not_json: expected a value", **values: Any) -> Any:
    raw = values.pop("raw", b"{broken")
    row = {
        "source": SOURCE,
        "origin": "file.json",
        "position": position,
        "received_time": naive(NOON),
        "reason": reason,
        "raw": raw,
        "raw_hash": identifiers.content_hash(raw),
        "size_bytes": len(raw),
        "is_replayable": True,
    }
    return {**row, **values}


def batch(
    count: int = 0,
    *,
    feed: str = "trail",
    cursor: str | None = None,
    rejects: Sequence[Any] = (),
    receipt: object = None,
    received: datetime = NOON,
) -> RawBatch:
    records = [
        {"raw": b"{}", "origin": "file.json", "position": n, "received_time": naive(received)}
        for n in range(count)
    ]
    return RawBatch(
        source=SOURCE,
        feed=feed,
        records=pa.Table.from_pylist(records, schema=schemas.RAW),
        cursor=cursor,
        receipt=receipt,
        rejects=pa.Table.from_pylist(list(rejects), schema=schemas.REJECTS),
    )


def normalized(
    events: Sequence[dict[str, Any]] | pa.Table = (), rejects: Sequence[Any] = ()
) -> Normalized:
    return Normalized(
        events=events if isinstance(events, pa.Table) else event_table(events),
        findings=schemas.FINDINGS.empty_table(),
        resources=schemas.RESOURCES.empty_table(),
        rejects=pa.Table.from_pylist(list(rejects), schema=schemas.REJECTS),
    )


def turn(
    store: Store,
    raw: RawBatch,
    result: Normalized,
    *,
    findings: Sequence[dict[str, Any]] = (),
    matches: Sequence[dict[str, Any]] = (),
    failures: Sequence[dict[str, Any]] = (),
    now: datetime = NOON,
) -> Turn:
    return Turn(
        batch=raw,
        unseen=store.turns.unseen(raw, result),
        findings=pa.Table.from_pylist(list(findings), schema=schemas.FINDINGS),
        matches=pa.Table.from_pylist(list(matches), schema=schemas.MATCHES),
        failures=pa.Table.from_pylist(list(failures), schema=schemas.FAILURES),
        now=now,
    )


def store_events(
    store: Store,
    events: Sequence[dict[str, Any]] | pa.Table,
    *,
    findings: Sequence[dict[str, Any]] = (),
    matches: Sequence[dict[str, Any]] = (),
    grouping: Callable[..., incidents.Grouped] = group,
    now: datetime = NOON,
    feed: str = "trail",
    cursor: str | None = None,
) -> Any:
    """Take one whole turn."""
    count = events.num_rows if isinstance(events, pa.Table) else len(events)
    raw = batch(count, feed=feed, cursor=cursor, received=now)
    with store.turns.lock():
        windows = store.turns.windows()
        one = turn(store, raw, normalized(events), findings=findings, matches=matches, now=now)
        return store.turns.commit([one], windows, grouping)


__all__ = [
    "NOON",
    "Windows",
    "batch",
    "event",
    "event_table",
    "finding",
    "group",
    "match",
    "normalized",
    "reject",
    "store_events",
    "turn",
    "uid",
]
