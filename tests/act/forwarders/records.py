"""Records as forwarders get them."""

from datetime import UTC, datetime

from tocsin.act import Record

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a-secret-of-no-one-0123456789"


def record(number: int = 0, kind: str = "finding", **content: object) -> Record:
    uid = f"fnd_{number:032x}"
    whole = {
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "time": 1795435200000,
        "severity_id": 4,
        "message": "Logging | was = stopped\nby eve",
        "finding_info": {
            "uid": uid,
            "title": "Logging was stopped",
            "desc": "Somebody stopped the trail.",
            "analytic": {"uid": "rule-1", "name": "A rule"},
            "first_seen_time": 1795435200000,
            "created_time": 1795435200000,
        },
        "metadata": {"uid": uid, "version": "1.8.0", "product": {"name": "Tocsin"}},
        "unmapped": {"entity": {"type": "user", "uid": "eve", "name": "eve"}},
    }
    return Record(kind, uid, NOON, 4, "Logging was stopped", whole | content)  # type: ignore[arg-type]


def records(count: int) -> list[Record]:
    return [record(number) for number in range(count)]
