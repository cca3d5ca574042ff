"""Which source tells of which host, and since when no more."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from tocsin.store.database import Database
from tocsin.store.tables import SIGHTINGS

MOST_HOSTS = 2_000
"""Of one batch: whoever forges names of hosts must not fill the table faster than that."""
_NAMES = ("hostname", "name", "uid", "instance_uid")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A host in the records of one source, by the name or identifier that it goes by there."""

    host: str
    source: str
    first_time: datetime
    last_time: datetime


class Sightings:
    """Hosts by source, by time of receipt."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> tuple[Sighting, ...]:
        """Return all of them, by host."""
        query = select(SIGHTINGS).order_by(SIGHTINGS.c.host, SIGHTINGS.c.source)
        with self._database.read() as connection:
            return tuple(Sighting(*row) for row in connection.execute(query))

    def forget(self, before: datetime) -> int:
        """Remove those whose last time is before; return how many."""
        with self._database.write() as connection:
            old = delete(SIGHTINGS).where(SIGHTINGS.c.last_time < before)
            return int(connection.execute(old).rowcount)


def record(connection: Connection, source: str, events: pa.Table, now: datetime) -> None:
    """Note the hosts of events, in their commit."""
    rows = [
        {"host": host, "source": source, "first_time": now, "last_time": now}
        for host in hosts_of(events)
    ]
    if not rows:
        return
    new = insert(SIGHTINGS)
    later = {"last_time": func.max(SIGHTINGS.c.last_time, new.excluded.last_time)}
    connection.execute(
        new.on_conflict_do_update(index_elements=["host", "source"], set_=later), rows
    )


def hosts_of(events: pa.Table) -> builtins.list[str]:
    """Return the names and identifiers of hosts in `device`, in small letters, without domain."""
    if "device" not in events.column_names or not events.num_rows:
        return []
    device = events.column("device").combine_chunks()
    kind = device.type
    if not isinstance(kind, pa.StructType):
        return []
    found: set[str] = set()
    for field in kind:
        if field.name in _NAMES and pa.types.is_string(field.type):
            told = pc.unique(pc.struct_field(device, field.name))
            found |= set(same_names(value for value in told.to_pylist() if value))
    return sorted(found)[:MOST_HOSTS]


def same_names(names: Iterable[str]) -> Iterable[str]:
    """Return names as they are compared: small letters, hosts without their domain."""
    for name in names:
        word = name.strip().lower()[:253]
        head, dot, rest = word.partition(".")
        is_address = dot and rest.replace(".", "").isdigit()
        if word and "/" not in word:
            yield word if is_address or ":" in word else head
