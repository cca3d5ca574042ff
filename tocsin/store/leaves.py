"""The texts at a path of an events table, read column by column: no row becomes a Python object.

Paths lead through structs and into every element of lists, as those of conditions do; column and
field names are those of OCSF, which hold no dots.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc


def chosen(events: pa.Table, uids: Iterable[str], paths: Iterable[str]) -> pa.Table:
    """Return the events of these uids, with the columns that the paths need alone."""
    roots = {path.partition(".")[0] for path in paths} & set(events.schema.names)
    wanted = pc.is_in(events.column("event_uid"), pa.array(sorted(uids), pa.string()))
    return events.select(["event_uid", *sorted(roots)]).filter(wanted)


def texts_at(events: pa.Table, path: str) -> Iterator[tuple[int, str]]:
    """Yield the texts at a path with the places of their rows, in order, empty ones left out."""
    root, *segments = path.split(".")
    if root not in events.schema.names or not events.num_rows:
        return
    array = pa.concat_arrays(events.column(root).chunks)
    rows = pa.array(range(len(array)))
    array, rows = _opened(array, rows)
    for segment in segments:
        if not pa.types.is_struct(array.type) or segment not in [each.name for each in array.type]:
            return
        array, rows = _opened(pc.struct_field(array, segment), rows)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        for row, text in zip(rows.to_pylist(), array.to_pylist(), strict=True):
            if text:
                yield row, text


def first_texts(events: pa.Table, paths: Sequence[str]) -> list[str]:
    """Return for each row the first text at the first path that has one, "" where none has."""
    found = [""] * events.num_rows
    for path in paths:
        for row, text in texts_at(events, path):
            if not found[row]:
                found[row] = text
    return found


def _opened(array: pa.Array, rows: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the elements of lists, however deep, with the rows that they belong to."""
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        rows = rows.take(pc.list_parent_indices(array))
        array = pc.list_flatten(array)
    return array, rows
