"""Read findings from a table column by column: what is alike in many of them is made once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.incidents.growth import Finding
from tocsin.ocsf import Entity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = ("type", "uid", "name")


def findings_in(table: pa.Table) -> list[Finding]:
    """Return the rows of a table of findings, times aware.

    Args:
        table: `ocsf.schemas.FINDINGS`, without order.
    """
    links = _lists(table, "links")
    return [
        Finding(*values)
        for values in zip(
            *(_values(table, name) for name in ("uid", "rule_uid", "title", "severity_id")),
            _values(table, "is_alert"),
            entities_of(_array(table, "entity")),
            links,
            [account or "" for account in _values(table, "account")],
            *([tuple(each) for each in _texts(table, name)] for name in ("tactics", "techniques")),
            *(_moments(table, name) for name in ("first_time", "last_time")),
            _values(table, "match_count"),
            [min(uids, default="") for uids in _texts(table, "event_uids")],
            strict=True,
        )
    ]


def entities_of(column: pa.Array) -> list[Entity]:
    """Return the entities of a column of `ocsf.schemas.ENTITY`; what is missing is empty."""
    parts = (pc.struct_field(column, name).to_pylist() for name in _PARTS)
    return list(map(_entity, *parts))


def _lists(table: pa.Table, name: str) -> list[tuple[Entity, ...]]:
    """Return the entities of each row; equal rows share them."""
    column = _array(table, name)
    found = entities_of(column.flatten())
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    made: list[tuple[Entity, ...]] = []
    known: dict[tuple[int, ...], tuple[Entity, ...]] = {}
    begin = 0
    for length in lengths:
        some = found[begin : begin + length]
        made.append(known.setdefault(tuple(map(id, some)), tuple(some)))
        begin += length
    return made


def _moments(table: pa.Table, name: str) -> list[datetime]:
    # Making a moment of Arrow's is dear, and findings of one batch share many.
    ticks: Sequence[int] = _array(table, name).cast(pa.int64()).to_pylist()
    return list(map(_moment, ticks))


def _values(table: pa.Table, name: str) -> list[object]:
    return list(table.column(name).to_pylist())


def _texts(table: pa.Table, name: str) -> list[list[str]]:
    return list(table.column(name).to_pylist())


def _array(table: pa.Table, name: str) -> pa.Array:
    array = table.column(name).combine_chunks()
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


@lru_cache(maxsize=10_000)
def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


@lru_cache(maxsize=10_000)
def _entity(kind: str | None, uid: str | None, name: str | None) -> Entity:
    return Entity(kind or "", uid or "", name or "")
