"""Read tactics and techniques of ATT&CK out of `finding_info.attacks`."""

from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.normalize.columns import inside, text_array
from tocsin.ocsf.findings import TACTIC_UIDS

_TACTICS = pa.array(TACTIC_UIDS.values(), pa.string())
_SHORT_NAMES = pa.array(TACTIC_UIDS.keys(), pa.string())


def attacks(told: pa.Array | None, count: int) -> dict[str, pa.Array]:
    """Return the columns of tactics and techniques, each of a finding once, in their order.

    Args:
        told: the lists of attacks; `None` where there are none.
        count: how many findings there are.
    """
    if told is None or not isinstance(told.type, pa.ListType):
        nothing = pa.ListArray.from_arrays(pa.array([0] * (count + 1), pa.int32()), _TACTICS[:0])
        return {"tactics": nothing, "techniques": nothing}
    each = told.flatten()
    owners = pc.list_parent_indices(told)
    tactic_owners, uids = _tactics(each, owners)
    known = pc.index_in(uids, value_set=_TACTICS)
    return {
        "tactics": _listed(count, tactic_owners, known, _SHORT_NAMES),
        "techniques": _listed(count, owners, *_techniques(each)),
    }


def _tactics(each: pa.Array, owners: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the finding and the uid of the one tactic and of the several of each attack."""
    ones = text_array(inside(each, "tactic", "uid"), len(each))
    several = inside(each, "tactics")
    if several is None or not isinstance(several.type, pa.ListType):
        return owners, ones
    flat = several.flatten()
    more = text_array(inside(flat, "uid"), len(flat))
    parents = pc.list_parent_indices(several)
    places = pa.concat_arrays([pa.arange(0, len(each)).cast(pa.int64()), parents.cast(pa.int64())])
    order = pc.array_sort_indices(places)  # is stable: the one tactic before the several
    uids = pa.concat_arrays([ones, more])
    return owners.take(places.take(order)), uids.take(order)


def _techniques(each: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the sub-technique of each attack, else its technique, as indices of texts."""
    fine = text_array(inside(each, "sub_technique", "uid"), len(each))
    coarse = text_array(inside(each, "technique", "uid"), len(each))
    chosen = pc.if_else(pc.equal(fine, ""), coarse, fine)
    encoded = pc.if_else(pc.equal(chosen, ""), None, chosen).dictionary_encode()
    return encoded.indices, encoded.dictionary


def _listed(count: int, owners: pa.Array, indices: pa.Array, names: pa.Array) -> pa.Array:
    """Return a list for each of `count` owners: its names, each once, null left out."""
    given = indices.is_valid()
    width = max(len(names), 1)
    pairs = pc.add(
        pc.multiply(owners.filter(given).cast(pa.int64()), width),
        indices.filter(given).cast(pa.int64()),
    ).unique()
    owner = pc.divide(pairs, width)
    sizes = [0] * count
    for index in owner.to_pylist():
        sizes[index] += 1
    values = names.take(pc.subtract(pairs, pc.multiply(owner, width)))
    return pa.ListArray.from_arrays(pa.array([0, *accumulate(sizes)], pa.int32()), values)
