"""Write to events what indicators say of them: `osint`, and an entry of `enrichments`.

Source: https://schema.ocsf.io/1.8.0/objects/osint; the profile of that name declares it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tocsin.intelligence.indicators import Indicator
from tocsin.ocsf import enrichments, schemas

PROFILE = "osint"
OSINT = pa.list_(
    pa.struct(
        [
            ("category", pa.string()),
            ("confidence", pa.string()),
            ("confidence_id", pa.int32()),
            ("expiration_time", schemas.TIME),
            ("external_uid", pa.string()),
            ("labels", pa.list_(pa.string())),
            ("name", pa.string()),
            ("src_url", pa.string()),
            ("type", pa.string()),
            ("type_id", pa.int32()),
            ("value", pa.string()),
            ("vendor_name", pa.string()),
        ]
    )
)
_TYPES = {
    "address": (1, "IP Address"),
    "network": (1, "IP Address"),
    "domain": (2, "Domain"),
    "hash": (4, "Hash"),
    "url": (5, "URL"),
    "certificate": (7, "Digital Certificate"),
    "mail": (9, "Email Address"),
    "ja3": (4, "Hash"),
}
_CONFIDENCES = ((70, 3, "High"), (40, 2, "Medium"), (0, 1, "Low"))


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written of one indicator in one event."""

    indicator: Indicator
    path: str
    value: str
    direction: str


def marked(events: pa.Table, marks: Mapping[int, Sequence[Mark]]) -> pa.Table:
    """Return the events with `osint` and entries of `enrichments`, by row; null where none."""
    if not events.num_rows:
        return events
    told: list[list[dict[str, object]] | None] = [None] * events.num_rows
    entries: list[list[dict[str, object]] | None] = [None] * events.num_rows
    for row, some in marks.items():
        told[row] = [_osint(mark) for mark in some]
        entries[row] = [_entry(mark) for mark in some]
    if PROFILE not in events.column_names:
        # What a source says of its own accord stays its own.
        events = events.append_column(PROFILE, pa.array(told, OSINT))
    received = events.column("received_time").to_pylist()
    for row, listed in enumerate(entries):
        for entry in listed or ():
            entry["created_time"] = received[row]
    added = pa.array(entries, pa.list_(enrichments.ENTRY))
    return _with_profile(enrichments.added(events, added), marks)


def _with_profile(events: pa.Table, rows: Mapping[int, object]) -> pa.Table:
    """Return the events whose `metadata.profiles` names the profile where it is needed."""
    if not rows or "metadata" not in events.column_names:
        return events
    column = events.column("metadata").combine_chunks()
    if column.type.get_field_index("profiles") < 0:
        return events
    values = column.to_pylist()
    for row in rows:
        if values[row] is not None:
            values[row]["profiles"] = [*(values[row]["profiles"] or ()), PROFILE]
    place = events.column_names.index("metadata")
    return events.set_column(place, "metadata", pa.array(values, column.type))


def _osint(mark: Mark) -> dict[str, object]:
    found = mark.indicator
    number, name = _TYPES[found.kind]
    _, confidence_id, confidence = next(
        each for each in _CONFIDENCES if found.confidence >= each[0]
    )
    return {
        "category": mark.direction,
        "confidence": confidence,
        "confidence_id": confidence_id,
        "expiration_time": found.valid_until,
        "external_uid": found.uid,
        "labels": list(found.labels) or None,
        "name": found.name or None,
        "src_url": found.reference or None,
        "type": name,
        "type_id": number,
        "value": found.value,
        "vendor_name": found.feed,
    }


def _entry(mark: Mark) -> dict[str, object]:
    found = mark.indicator
    data = {"indicator": found.value, "confidence": found.confidence, "labels": list(found.labels)}
    return {
        "name": mark.path,
        "value": mark.value,
        "type": "intelligence",
        "data": json.dumps(data),
        "provider": found.feed,
    }
