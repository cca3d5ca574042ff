"""The Arrow schemas in which rooms speak to each other.

Times are microseconds UTC without a zone (`TIMESTAMP` of the lake); OCSF milliseconds exist only in
`ocsf.output`. Every identifier is derived from content (`ocsf.identifiers`), so a replay changes
nothing.
"""

import pyarrow as pa

TIME = pa.timestamp("us")

ENTITY = pa.struct([("type", pa.string()), ("uid", pa.string()), ("name", pa.string())])
"""One user, key, host, pod, address or account: `type` is `user`, `access_key`, `address`, ..."""

RAW = pa.schema(
    [
        pa.field("raw", pa.binary(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("received_time", TIME, nullable=False),
        pa.field("header", pa.dictionary(pa.int32(), pa.binary())),
    ]
)
"""Records as a source gave them. `origin` is an object key, a file and inode, or a receipt id;
`position` is the byte offset in the file or the index in the object or receipt. `header` holds the
lines above a record of text that say how it is read, null for all others."""

EVENT_COLUMNS = pa.schema(
    [
        pa.field("event_uid", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("received_time", TIME, nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("skewed", pa.bool_(), nullable=False),
        pa.field("day", pa.date32(), nullable=False),
        pa.field("flags", pa.list_(pa.string())),
        pa.field("raw_data", pa.string(), nullable=False),
        pa.field("time", TIME, nullable=False),
        pa.field("class_uid", pa.int32(), nullable=False),
        pa.field("category_uid", pa.int32(), nullable=False),
        pa.field("activity_id", pa.int32(), nullable=False),
        pa.field("type_uid", pa.int64(), nullable=False),
        pa.field("severity_id", pa.int32(), nullable=False),
    ]
)
"""Columns that every event table has; the other OCSF attributes of its mapping follow by name.

`day` is the partition (the event's day, or the day of receipt where the event's time is out of
bounds, then `skewed`); `flags` names oddities of the record such as `duplicate_key`.
"""

REJECTS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("received_time", TIME, nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.binary(), nullable=False),
        pa.field("raw_hash", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("is_replayable", pa.bool_(), nullable=False),
    ]
)
"""Records that no mapping could read. `raw` is whole up to 64 KiB, else its head, and then
`is_replayable` is false; `raw_hash` is that of the whole record. `reason` starts with a stable
code and a colon (`not_json: ...`, `too_deep: ...`)."""

MATCHES = pa.schema(
    [
        pa.field("finding_uid", pa.string(), nullable=False),
        pa.field("rule_uid", pa.string(), nullable=False),
        pa.field("event_uid", pa.string(), nullable=False),
        pa.field("event_time", TIME, nullable=False),
    ]
)
"""One rule that matched one event."""

FINDINGS = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("class_uid", pa.int32(), nullable=False),
        pa.field("rule_uid", pa.string(), nullable=False),
        pa.field("rule_title", pa.string(), nullable=False),
        pa.field("rule_type", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("severity_id", pa.int32(), nullable=False),
        pa.field("is_alert", pa.bool_(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("description", pa.string(), nullable=False),
        pa.field("dedup_key", pa.string(), nullable=False),
        pa.field("period_start", TIME, nullable=False),
        pa.field("first_time", TIME, nullable=False),
        pa.field("last_time", TIME, nullable=False),
        pa.field("match_count", pa.int64(), nullable=False),
        pa.field("entity", ENTITY, nullable=False),
        pa.field("links", pa.list_(ENTITY), nullable=False),
        pa.field("account", pa.string()),
        pa.field("tactics", pa.list_(pa.string()), nullable=False),
        pa.field("techniques", pa.list_(pa.string()), nullable=False),
        pa.field("event_uids", pa.list_(pa.string()), nullable=False),
        pa.field("context", pa.string(), nullable=False),
    ]
)
"""Conclusions of one turn: matches of the same rule, dedup key and period are one row.

`match_count` and `event_uids` count this turn only; the store adds them up. `entity` is what the
finding is about, `links` other entities that the rule ties to it (a created user, a key, a
session). `context` is a JSON object of the rule's own making. `is_alert` is false for findings on
events older than the settable age.
"""

FAILURES = pa.schema(
    [
        pa.field("rule_uid", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("event_uid", pa.string()),
        pa.field("count", pa.int64(), nullable=False),
    ]
)
"""Rules, checks or plugs that could not answer."""

RESOURCES = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("account", pa.string()),
        pa.field("region", pa.string()),
        pa.field("observed_time", TIME, nullable=False),
        pa.field("configuration", pa.string(), nullable=False),
        pa.field("event_uid", pa.string()),
    ]
)
"""Cloud things as they were seen; `configuration` is a JSON object in the provider's own shape, or
`null` for a thing that is gone; `event_uid` is the event of the record that described it."""
