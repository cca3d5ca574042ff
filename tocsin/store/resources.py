"""Observations of resources, as they were described by events and scanners."""

import pyarrow as pa
from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert

from tocsin.store.tables import RESOURCES


def record(connection: Connection, observed: pa.Table) -> None:
    """Store rows of `ocsf.schemas.RESOURCES` in their commit; a known observation stays."""
    for row in observed.to_pylist():
        connection.execute(insert(RESOURCES).values(row).on_conflict_do_nothing())
