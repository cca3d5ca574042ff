"""Events tables made by hand, in the shape that mappings give them."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tocsin.conditions import lookup
from tocsin.detect.log_sources import LogSources
from tocsin.ocsf import schemas

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CLOUDTRAIL = "aws.cloudtrail"

LOG_SOURCES = LogSources.read(
    """
sources:
  aws.cloudtrail:
    sigma: [{product: aws, service: cloudtrail}]
    log_types: [AWS.CloudTrail]
    native: [resources]
  kubernetes.audit:
    sigma: [{product: kubernetes, service: audit, category: application}]
    log_types: [Kubernetes.Audit]
""",
    "log_sources.yaml",
)

_USER = pa.struct(
    [
        ("uid", pa.string()),
        ("name", pa.string()),
        ("type", pa.string()),
        ("credential_uid", pa.string()),
    ]
)
_SESSION = pa.struct([("uid", pa.string()), ("issuer", pa.string())])
SCHEMA = pa.schema(
    [
        *schemas.EVENT_COLUMNS,
        pa.field("actor", pa.struct([("user", _USER), ("session", _SESSION)])),
        pa.field("api", pa.struct([("operation", pa.string())])),
        pa.field("cloud", pa.struct([("account", pa.struct([("uid", pa.string())]))])),
        pa.field("src_endpoint", pa.struct([("ip", pa.string())])),
        pa.field("class_name", pa.string()),
    ]
)


def event_table(*records, source=CLOUDTRAIL, start=NOON, minutes=None):
    """Return a table of these native records, one a minute from `start`."""
    minutes = minutes or range(len(records))
    rows = [
        _row(index, record, source, start + timedelta(minutes=minute))
        for index, (record, minute) in enumerate(zip(records, minutes, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _row(index, record, source, time):
    text = record if isinstance(record, str) else json.dumps(record)
    record = record if isinstance(record, dict) else {}
    return {
        "event_uid": f"evt_{index}",
        "source": source,
        "received_time": time.replace(tzinfo=None),
        "origin": "test",
        "position": index,
        "skewed": False,
        "day": time.date(),
        "flags": [],
        "raw_data": text,
        "time": time.replace(tzinfo=None),
        "class_uid": 6003,
        "category_uid": 6,
        "activity_id": 1,
        "type_uid": 600301,
        "severity_id": 1,
        "actor": {
            "user": {
                "uid": _first(record, "userIdentity.arn") or _first(record, "user.username"),
                "name": _first(record, "userIdentity.userName") or _first(record, "user.username"),
                "credential_uid": _first(record, "userIdentity.accessKeyId"),
            },
            "session": {
                "issuer": _first(record, "userIdentity.sessionContext.sessionIssuer.arn"),
            },
        },
        "api": {"operation": _first(record, "eventName") or _first(record, "verb")},
        "cloud": {"account": {"uid": _first(record, "recipientAccountId")}},
        "src_endpoint": {"ip": _first(record, "sourceIPAddress")},
        "class_name": "API Activity",
    }


def _first(record, path):
    return next((value for value in lookup(record, path) if isinstance(value, str)), None)
