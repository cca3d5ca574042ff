"""Entries of `enrichments`: what was added to an event, to which value, by whom.

Source: https://schema.ocsf.io/1.8.0/objects/enrichment
"""

import pyarrow as pa

from tocsin.ocsf import schemas

COLUMN = "enrichments"
ENTRY = pa.struct(
    [
        ("name", pa.string()),
        ("value", pa.string()),
        ("type", pa.string()),
        ("data", pa.string()),
        ("provider", pa.string()),
        ("created_time", schemas.TIME),
    ]
)
"""`name` is the path of the value that something is said of, `data` a JSON object."""


def added(events: pa.Table, entries: pa.ListArray) -> pa.Table:
    """Return the events with entries added to `enrichments`; what was there stays in front.

    Args:
        events: any events.
        entries: a list of `ENTRY` or null for each row.
    """
    if COLUMN not in events.column_names:
        return events.append_column(COLUMN, entries)
    before = events.column(COLUMN).combine_chunks()
    kind = _joined(before.type.value_type, entries.type.value_type)
    if entries.null_count == len(entries) and kind == before.type.value_type:
        return events
    old, new = before.to_pylist(), entries.to_pylist()
    lists = [[*(a or ()), *(b or ())] or None for a, b in zip(old, new, strict=True)]
    place = events.column_names.index(COLUMN)
    return events.set_column(place, COLUMN, pa.array(lists, pa.list_(kind)))


def _joined(before: pa.StructType, added_type: pa.StructType) -> pa.StructType:
    fields = {each.name: each.type for each in added_type} | {
        each.name: each.type for each in before
    }
    return pa.struct(list(fields.items()))
