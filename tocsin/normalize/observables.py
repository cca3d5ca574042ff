"""Point at the values of events that are worth searching: addresses, users, keys.

Built from whole columns: a list for each row, made in the database, would cost as much as reading
the record.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.errors import MappingError
from tocsin.normalize.expressions import Written
from tocsin.normalize.targets import Target

_FIELDS: dict[str, pa.DataType] = {
    "name": pa.string(),
    "type_id": pa.int32(),
    "value": pa.string(),
}
TYPE = pa.list_(pa.struct(_FIELDS))


def check_observables(
    paths: Sequence[Written], targets: Mapping[str, Target]
) -> tuple[tuple[str, int], ...]:
    """Return each path with its kind of observable.

    Raises:
        MappingError: for a path that the mapping does not fill, that is a list, or that OCSF has
            no kind of observable for.
    """
    pointers = []
    for written in paths:
        target = targets.get(written.text)
        if target is None:
            raise MappingError(f"{written.text!r} is not filled under `event`", written.location)
        attribute = target.attribute
        if not attribute.observable_id or attribute.is_object or attribute.is_list:
            message = f"OCSF has no kind of observable for {written.text!r}"
            raise MappingError(message, written.location)
        pointers.append((written.text, attribute.observable_id))
    return tuple(pointers)


def observables(rows: pa.Table, pointers: Sequence[tuple[str, int]]) -> pa.Array:
    """Return for each row the name, kind and value of each pointer that is not null.

    Args:
        rows: events with their attributes as nested columns.
        pointers: paths and kinds, as `check_observables` gives them.
    """
    count, width = rows.num_rows, len(pointers)
    if not count or not width:
        return pa.nulls(count, TYPE)
    columns = [_column(rows, path) for path, _ in pointers]
    # Values by column become values by row: element i of the result is in row i // width.
    order = pa.arange(0, count * width)
    row = pc.divide(order, width)
    pointer = pc.subtract(order, pc.multiply(row, width))
    values = pa.concat_arrays(columns).take(pc.add(row, pc.multiply(pointer, count)))
    filled = values.is_valid()
    pointer = pointer.filter(filled)
    names = pa.array([path for path, _ in pointers], pa.string())
    kinds = pa.array([kind for _, kind in pointers], pa.int32())
    found = pa.StructArray.from_arrays(
        [names.take(pointer), kinds.take(pointer), values.filter(filled)], names=list(_FIELDS)
    )
    ends = pc.cumulative_sum(filled.cast(pa.int32()))
    last = pc.add(pc.multiply(pa.arange(0, count), width), width - 1)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.take(last)])
    return pa.ListArray.from_arrays(offsets, found)


def _column(rows: pa.Table, path: str) -> pa.Array:
    first, *rest = path.split(".")
    column = rows.column(first).combine_chunks()
    return (pc.struct_field(column, rest) if rest else column).cast(pa.string())
