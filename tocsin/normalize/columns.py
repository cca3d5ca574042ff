"""Read leaves of nested columns as plain lists.

What is nested costs many times as much to read row by row as its leaves one after the other.
"""

import pyarrow as pa
import pyarrow.compute as pc


def leaf(rows: pa.Table, path: str) -> pa.Array | None:
    """Return the column at a dotted path; `None` where there is none."""
    first, *rest = path.split(".")
    if first not in rows.schema.names:
        return None
    return inside(rows.column(first).combine_chunks(), *rest)


def inside(array: pa.Array, *names: str) -> pa.Array | None:
    """Return what is below `names` in objects, null where one on the way is; `None` if not so."""
    kind = array.type
    for name in names:
        if not isinstance(kind, pa.StructType) or kind.get_field_index(name) < 0:
            return None
        kind = kind.field(name).type
    return pc.struct_field(array, list(names)) if names else array


def texts(array: pa.Array | None, count: int) -> list[str]:
    """Return `count` texts, empty for null and for all that is no text."""
    return list(text_array(array, count).to_pylist())


def text_array(array: pa.Array | None, count: int) -> pa.Array:
    """Return `count` texts as a column, empty for null and for all that is no text."""
    if array is None or not (
        pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    ):
        return pa.repeat(pa.scalar(""), count)
    return pc.fill_null(array, "").cast(pa.string())


def elements(array: pa.Array | None, count: int) -> tuple[list[int], pa.Array | None]:
    """Return how many elements each of `count` lists has, and all of them; 0 for null."""
    if array is None or not isinstance(array.type, pa.ListType):
        return [0] * count, None
    return pc.fill_null(pc.list_value_length(array), 0).to_pylist(), array.flatten()
