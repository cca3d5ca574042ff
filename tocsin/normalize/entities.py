"""Whom each finding concerns: the entities that a mapping gave, as columns.

The first entity of a finding is its own, the others are linked. Everything is done for a whole
batch at once: tuples and dicts of each finding would cost several times what is said here.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.normalize.columns import inside, text_array
from tocsin.ocsf import schemas

MOST = 50
"""Entities of one finding, its own included; what stands behind them is left out."""
MAX_NAME = 1_000
"""Characters of a uid or a name."""


class _Flat(NamedTuple):
    """Entities of all findings one after the other, with the number of their finding."""

    owners: pa.Array
    kinds: pa.Array
    uids: pa.Array
    names: pa.Array

    def filter(self, wanted: pa.Array) -> "_Flat":
        return _Flat(*(column.filter(wanted) for column in self))


def entity_columns(told: pa.Array | None, accounts: pa.Array, source: str) -> dict[str, pa.Array]:
    """Return the columns `entity` and `links` of findings.

    An entity without type or uid is none, one that stands twice counts once. A finding without any
    concerns its account, and one without account the source.

    Args:
        told: the lists of entities of the findings; `None` where there are none.
        accounts: the account of each finding, empty where it has none.
        source: the mapping's.
    """
    count = len(accounts)
    flat = _distinct(_read(told))
    is_first = _differs(flat.owners)
    places = pc.indices_nonzero(is_first).cast(pa.int64())
    with_some = flat.owners.filter(is_first)
    has_account = pc.not_equal(accounts, "")
    stand_in = pc.if_else(has_account, accounts, source)
    rows = pc.index_in(pa.arange(0, count), value_set=with_some)
    place = places.take(rows)
    entity = (
        pc.coalesce(flat.kinds.take(place), pc.if_else(has_account, "account", "source")),
        pc.coalesce(flat.uids.take(place), stand_in),
        pc.coalesce(flat.names.take(place), stand_in),
    )
    rank = pc.subtract(
        pa.arange(0, len(is_first)), places.take(pc.index_in(flat.owners, value_set=with_some))
    )
    linked = flat.filter(pc.and_(pc.greater(rank, 0), pc.less(rank, MOST)))
    return {"entity": _packed(*entity), "links": _lists(linked, count)}


def cut(array: pa.Array, length: int) -> pa.Array:
    """Return the first `length` characters of each text."""
    longest = pc.max(pc.binary_length(array)).as_py() or 0
    return array if longest <= length else pc.utf8_slice_codeunits(array, 0, length)


def _read(told: pa.Array | None) -> _Flat:
    """Return the entities that have a type and a uid."""
    if told is None or not isinstance(told.type, pa.ListType):
        nothing = pa.array([], pa.string())
        return _Flat(pa.array([], pa.int64()), nothing, nothing, nothing)
    each = told.flatten()
    kinds, uids, names = (
        text_array(inside(each, name), len(each)) for name in ("type", "uid", "name")
    )
    uids, names = cut(uids, MAX_NAME), cut(names, MAX_NAME)
    owners = pc.list_parent_indices(told).cast(pa.int64())
    names = pc.if_else(pc.equal(names, ""), uids, names)
    filled = pc.and_(pc.not_equal(kinds, ""), pc.not_equal(uids, ""))
    flat = _Flat(owners, kinds, uids, names)
    return flat if pc.all(filled).as_py() else flat.filter(filled)


def _distinct(flat: _Flat) -> _Flat:
    """Leave out an entity that its finding has already."""
    kinds, uids = flat.kinds.dictionary_encode(), flat.uids.dictionary_encode()
    pairs = pc.add(pc.multiply(flat.owners, len(kinds.dictionary)), kinds.indices)
    pairs = pc.add(pc.multiply(pairs, len(uids.dictionary)), uids.indices)
    encoded = pairs.dictionary_encode()
    if len(encoded.dictionary) == len(pairs):
        return flat
    # Numbers are given in the order of first sight, so that the first of each is the highest yet.
    return flat.filter(_differs(pc.cumulative_max(encoded.indices)))


def _differs(values: pa.Array) -> pa.Array:
    """Say of each value whether it is another one than that before it."""
    if not len(values):
        return pa.array([], pa.bool_())
    return pa.concat_arrays([pa.array([True]), pc.not_equal(values[1:], values[:-1])])


def _packed(*columns: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays(list(columns), fields=list(schemas.ENTITY))


def _lists(linked: _Flat, count: int) -> pa.Array:
    sizes = linked.owners.value_counts()
    rows = pc.index_in(pa.arange(0, count), value_set=sizes.field("values"))
    ends = pc.cumulative_sum(pc.fill_null(sizes.field("counts").take(rows), 0))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, _packed(linked.kinds, linked.uids, linked.names))
