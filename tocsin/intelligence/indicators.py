"""One thing that a feed holds against the world, and tables of many."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import pyarrow as pa

from tocsin.intelligence.keys import key_of
from tocsin.ocsf import schemas

TABLE = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("uid", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("confidence", pa.int32(), nullable=False),
        pa.field("labels", pa.list_(pa.string()), nullable=False),
        pa.field("valid_from", schemas.TIME),
        pa.field("valid_until", schemas.TIME, nullable=False),
        pa.field("reference", pa.string(), nullable=False),
    ]
)
"""Indicators of one feed, as they are kept."""

_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Indicator:
    """One value that means trouble.

    Attributes:
        kind: `address`, `network`, `domain`, `url`, `hash`, `mail`, `ja3` or `certificate`.
        value: normalized.
        uid: what its feed calls it; one object of a feed may hold several values.
        confidence: how sure its feed is, 0 to 100.
        valid_until: from then on it matches nothing; UTC without zone.
        reference: where to read more.
    """

    kind: str
    value: str
    uid: str
    confidence: int
    valid_until: datetime
    valid_from: datetime | None = None
    name: str = ""
    labels: tuple[str, ...] = ()
    reference: str = ""
    feed: str = ""


class IndicatorTable:
    """Between indicators and tables of them."""

    schema = TABLE

    @staticmethod
    def chunks(indicators: Iterable[Indicator]) -> Iterator[pa.Table]:
        """Yield the indicators in tables that memory hardly notices."""
        waiting = iter(indicators)
        while some := list(islice(waiting, _CHUNK)):
            columns = [
                pa.array([key_of(each.kind, each.value) for each in some], pa.uint64()),
                *(
                    pa.array([getattr(each, field.name) for each in some], field.type)
                    for field in list(TABLE)[1:]
                ),
            ]
            yield pa.table(columns, schema=TABLE)

    @staticmethod
    def indicator(row: Mapping[str, object], feed: str) -> Indicator:
        """Return the indicator of a row."""
        told = {name: row[name] for name in TABLE.names if name not in ("key", "labels")}
        labels = row["labels"]
        names = tuple(map(str, labels)) if isinstance(labels, list) else ()
        return Indicator(**told, labels=names, feed=feed)  # type: ignore[arg-type]  # columns of TABLE
