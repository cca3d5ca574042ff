"""Events tables and knowledge for tests of enrichment."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from tocsin.enrich import Knowledge, Place

NOON = datetime(2026, 11, 23, 12, 0)
BERLIN = Place(
    country="DE",
    city="Berlin",
    region="BE",
    continent="Europe",
    latitude=52.5,
    longitude=13.4,
    number=64_496,
    organization="Carrier",
    location_provider="City 2026-11-01",
    network_provider="ASN 2026-11-01",
)


class Asked:
    """A look-up that knows Berlin only, and remembers what it was asked."""

    def __init__(self, known: dict[str, Place] | None = None) -> None:
        self.known = {"203.0.113.7": BERLIN} if known is None else known
        self.calls: list[list[str]] = []

    def __call__(self, addresses: Sequence[str]) -> list[Place | None]:
        self.calls.append(list(addresses))
        return [self.known.get(each) for each in addresses]


def events(*rows: dict[str, object], **types: pa.DataType) -> pa.Table:
    """Return rows with `src_endpoint.ip` and what else they say."""
    told = [
        {"event_uid": f"evt_{place}", "received_time": NOON, **row}
        for place, row in enumerate(rows)
    ]
    schema = pa.schema(
        [
            ("event_uid", pa.string()),
            ("received_time", pa.timestamp("us")),
            ("src_endpoint", types.get("src_endpoint", pa.struct([("ip", pa.string())]))),
            *((name, kind) for name, kind in types.items() if name != "src_endpoint"),
        ]
    )
    return pa.Table.from_pylist(told, schema=schema)


def knowing(look_up: Asked | None = None, **more: object) -> Knowledge:
    return Knowledge(look_up=look_up or Asked(), **more)  # type: ignore[arg-type]
