"""Find the OCSF attribute that a dotted path of a mapping means, and the SQL type it has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tocsin.errors import Location, MappingError
from tocsin.ocsf import classes

_SQL_TYPES = {
    "integer_t": "INTEGER",
    "port_t": "INTEGER",
    "long_t": "BIGINT",
    "float_t": "DOUBLE",
    "boolean_t": "BOOLEAN",
    "timestamp_t": "TIMESTAMP",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a left side means: the attribute at the end of its path and where it was written."""

    path: str
    attribute: classes.Attribute
    location: Location


def resolve(path: str, among: Sequence[classes.EventClass], location: Location) -> Target:
    """Return the attribute at `path` in one of the classes of `among`.

    Raises:
        MappingError: when OCSF 1.8 has no such path there, with close names.
    """
    deepest = (-1, "")
    for event_class in among:
        attributes, owner = event_class.attributes, event_class.name
        attribute: classes.Attribute | None = None
        for depth, name in enumerate(path.split(".")):
            attribute = attributes.get(name)
            if attribute is None:
                problem = classes.unknown(f"attribute of {owner}", name, attributes)
                deepest = max(deepest, (depth, problem), key=lambda found: found[0])
                break
            attributes, owner = _inside(attribute), attribute.type
        else:
            if attribute is not None:
                return Target(path, attribute, location)
    raise MappingError(f"{path}: {deepest[1]}", location)


def sql_type(attribute: classes.Attribute) -> str | None:
    """Return the SQL type of a scalar attribute; `None` for objects, which keep their own."""
    if attribute.is_object:
        return None
    kind = _SQL_TYPES.get(attribute.type, "VARCHAR")
    return f"{kind}[]" if attribute.is_list else kind


def unknown_fields(target: Target, found: pa.DataType) -> Iterator[str]:
    """Yield a message for each field of `found` that OCSF does not have below `target`."""
    yield from _unknown(target.path, target.attribute, found)


def _unknown(path: str, attribute: classes.Attribute, found: pa.DataType) -> Iterator[str]:
    is_list = isinstance(found, pa.ListType)
    if attribute.is_list != is_list:
        wanted = "a list" if attribute.is_list else "one value"
        yield f"{path} must be {wanted}, the expression gives {found}"
        return
    inner = found.value_type if isinstance(found, pa.ListType) else found
    if not isinstance(inner, pa.StructType):
        if attribute.is_object and not pa.types.is_null(inner):
            yield f"{path} must be an object ({attribute.type}), the expression gives {inner}"
        return
    attributes = _inside(attribute)
    for field in inner:
        if field.name in attributes:
            yield from _unknown(f"{path}.{field.name}", attributes[field.name], field.type)
        elif attributes or not attribute.is_object:
            what = f"attribute of {attribute.type}"
            yield f"{path}: {classes.unknown(what, field.name, attributes)}"


def _inside(attribute: classes.Attribute) -> Mapping[str, classes.Attribute]:
    found = classes.object_named(attribute.type) if attribute.is_object else None
    return found.attributes if found else {}
