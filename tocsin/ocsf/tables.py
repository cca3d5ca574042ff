"""Tables and small frozen things that pass between rooms."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Entity:
    """What findings are grouped by: one user, key, host, pod, address or account."""

    type: str
    uid: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The accounts and namespaces that a person or token may see; `None` means all."""

    accounts: frozenset[str] | None = None
    namespaces: frozenset[str] | None = None


EVERYTHING = Scope()
"""The scope of Tocsin itself and of people without limits."""


@dataclass(frozen=True, slots=True)
class RawBatch:
    """A bounded number of records of one source on their way through one turn.

    Attributes:
        source: the source's type, which names its mapping: `aws.cloudtrail`.
        feed: the configured feed the records came through; unique in a data folder, the owner of
            the cursor and of the counters.
        records: rows of `ocsf.schemas.RAW`.
        cursor: where `feed` resumes once this batch is committed; opaque outside its source, `None`
            where the sender keeps it (receivers, queues).
        receipt: what `acknowledge` of the source needs; never stored, never looked into.
        rejects: rows of `ocsf.schemas.REJECTS` that the source's reader could not cut into records.
    """

    source: str
    feed: str
    records: pa.Table
    cursor: str | None
    receipt: object
    rejects: pa.Table


def empty(schema: pa.Schema) -> pa.Table:
    """Return a table of `schema` without rows."""
    return schema.empty_table()


def from_rows(rows: Iterable[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Return a table of `schema` from a few rows; bulk work stays in columns."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def concat(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """Return the rows of all tables, which have `schema`; an empty table where there are none."""
    filled = [table for table in tables if table.num_rows]
    return pa.concat_tables(filled) if filled else empty(schema)
