"""Batches for tests of the crank."""

from datetime import datetime

import msgspec

from tocsin.ocsf import RawBatch, from_rows, schemas

NOON = datetime(2026, 11, 23, 12, 0)


def batch(
    *records: dict[str, object] | bytes,
    source: str = "aws.cloudtrail",
    feed: str = "feed",
    cursor: str | None = None,
    origin: str = "object-1",
    first: int = 0,
) -> RawBatch:
    """Return a batch of these records, dictionaries as JSON, bytes as they are."""
    rows = [
        {
            "raw": record if isinstance(record, bytes) else msgspec.json.encode(record),
            "origin": origin,
            "position": first + place,
            "received_time": NOON,
        }
        for place, record in enumerate(records)
    ]
    return RawBatch(
        source=source,
        feed=feed,
        records=from_rows(rows, schemas.RAW),
        cursor=cursor,
        receipt=None,
        rejects=schemas.REJECTS.empty_table(),
    )
