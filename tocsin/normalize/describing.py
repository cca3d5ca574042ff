"""Take what records say about things: an event of an inventory is an observation too.

The mapping says which records describe a thing, and how it is called; what is known of it then is
one JSON object, in the provider's own shape. Each observation rests on the event of its record, so
a record that arrives twice is seen once.
"""

from collections.abc import Sequence

import msgspec
import pyarrow as pa

from tocsin.ocsf import schemas

RESOURCE = "described resource"
"""The column of the statement that says what a record describes."""

GONE = "null"
"""The configuration of a thing that was seen to be no more."""

_MAX_NAME = 1_000


def described(events: pa.Table, rows: pa.Table, texts: Sequence[str]) -> pa.Table:
    """Return a row of `ocsf.schemas.RESOURCES` for each record that describes a thing.

    A record without uid or type describes none. Where the mapping names no configuration, the whole
    record is it; where it names one that is null, the thing is gone; where that is no JSON object,
    the record describes nothing.

    Args:
        events: as the mapping gave them.
        rows: the rows that they come from, in the same order, with `RESOURCE`.
        texts: the records as JSON, in the same order.
    """
    uids = events.column("event_uid").to_pylist()
    times = events.column("time").to_pylist()
    found = []
    for index, said in enumerate(rows.column(RESOURCE).to_pylist()):
        if not said or not said["uid"] or not said["type"]:
            continue
        configuration = _configuration(said, texts[index])
        if configuration is None:
            continue
        names = {
            name: said[name][:_MAX_NAME] if said[name] else None
            for name in ("uid", "type", "name", "account", "region")
        }
        found.append(
            {
                **names,
                "observed_time": said["time"] or times[index],
                "configuration": configuration,
                "event_uid": uids[index],
            }
        )
    return pa.Table.from_pylist(found, schema=schemas.RESOURCES)


def _configuration(said: dict[str, object], record: str) -> str | None:
    if "configuration" not in said:
        return record
    text = said["configuration"]
    if text is None:
        return GONE
    try:
        is_object = isinstance(msgspec.json.decode(str(text)), dict)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return str(text) if is_object else None
