"""Change nested columns: put a field into a struct, complete a struct."""

import pyarrow as pa
import pyarrow.compute as pc


def with_field(column: pa.StructArray, name: str, values: pa.Array) -> pa.StructArray:
    """Return the structs with the field added or replaced; null structs stay null."""
    fields = list(column.type)
    arrays = [pc.struct_field(column, field.name) for field in fields]
    place = column.type.get_field_index(name)
    if place < 0:
        fields.append(pa.field(name, values.type))
        arrays.append(values)
    else:
        fields[place] = pa.field(name, values.type)
        arrays[place] = values
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=column.is_null())


def completed(before: pa.Array, added: pa.StructArray) -> pa.Array:
    """Return what was there before, and what is added where nothing was; fields of both.

    A column that holds no objects stays as it is.
    """
    if not pa.types.is_struct(before.type):
        return before
    had = before.is_valid()
    fields = list(before.type)
    fields += [each for each in added.type if before.type.get_field_index(each.name) < 0]
    arrays = []
    for each in fields:
        old = _field(before, each)
        arrays.append(pc.if_else(had, old, _field(added, each)))
    neither = pc.and_(before.is_null(), added.is_null())
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=neither)


def _field(column: pa.StructArray, field: pa.Field) -> pa.Array:
    if column.type.get_field_index(field.name) < 0:
        return pa.nulls(len(column), field.type)
    return pc.struct_field(column, field.name).cast(field.type)


def path_texts(events: pa.Table, path: str) -> list[str | None] | None:
    """Return the text at a path of structs for each row; `None` where events have no such path."""
    first, *rest = path.split(".")
    if first not in events.column_names:
        return None
    column = events.column(first).combine_chunks()
    for name in rest:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(name) < 0:
            return None
        column = pc.struct_field(column, name)
    found: list[str | None] = column.cast(pa.string()).to_pylist()
    return found
