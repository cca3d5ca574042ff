"""Compile the tree of a search to SQL for event files of one shape, with bound values.

SQL is two-valued here: a missing value matches nothing, and NOT turns exactly that around. A path
that only other shapes have is false in this one.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from tocsin.errors import UsageError
from tocsin.ocsf import Scope
from tocsin.store import comparisons
from tocsin.store.comparisons import FALSE, TRUE, Condition, Kind, Test, kind_of
from tocsin.store.lake import identifier
from tocsin.store.language import Between, Compare, Every, Exists, Not, Query, Some, Words

ALIAS = "e"
"""Of the table whose columns a condition names."""

ACCOUNT_PATH = "cloud.account.uid"
NAMESPACE_PATH = "resources.namespace"
SHORT_PATHS = {"severity": "severity_id"}
"""What people write and what is meant, where the longer path is no column of its own."""


def compile_search(query: Query, schema: pa.Schema) -> Condition:
    """Return the condition for event files with this schema, whose table is called `ALIAS`.

    Raises:
        UsageError: a value does not fit its path; with the position.
    """
    match query:
        case Words(value):
            return comparisons.contains(f"{ALIAS}.raw_data", value)
        case Not(part):
            inner = compile_search(part, schema)
            return Condition(f"(NOT coalesce({inner.sql}, false))", inner.values)
        case Every(parts):
            return joined([compile_search(part, schema) for part in parts], " AND ", TRUE)
        case Some(parts):
            return joined([compile_search(part, schema) for part in parts], " OR ", FALSE)
        case Exists(path):
            return _reached(path, schema, comparisons.exists)
        case Compare(path):
            return _reached(path, schema, comparisons.compared(query))
        case Between(path):
            return _reached(path, schema, comparisons.between(query))


def compile_scope(scope: Scope, schema: pa.Schema) -> Condition:
    """Return the condition that an event is inside `scope`; case counts."""
    limits = ((ACCOUNT_PATH, scope.accounts), (NAMESPACE_PATH, scope.namespaces))
    parts = [
        _reached(path, schema, comparisons.among(sorted(allowed)))
        for path, allowed in limits
        if allowed is not None
    ]
    return joined(parts, " AND ", TRUE)


def joined(parts: Sequence[Condition], word: str, without_parts: Condition) -> Condition:
    """Return the conditions joined by ` AND ` or ` OR `."""
    parts = [part for part in parts if part != without_parts]
    if not parts:
        return without_parts
    values = tuple(value for part in parts for value in part.values)
    return Condition(f"({word.join(part.sql for part in parts)})", values)


def check_paths(query: Query, schemas: Sequence[pa.Schema], known: Iterable[str] = ()) -> None:
    """Make sure that each path of a search exists somewhere.

    Args:
        query: the search.
        schemas: of everything stored.
        known: paths that may come, although nothing stored has them.

    Raises:
        UsageError: naming the position and the nearest path.
    """
    expected = set(known)
    for path, position in _paths(query):
        full = SHORT_PATHS.get(path, path)
        if full in expected or any(type_at(full, schema) for schema in schemas):
            continue
        paths = sorted(expected.union(*(leaves(schema) for schema in schemas)))
        near = difflib.get_close_matches(full, paths, 1, 0.6)
        near = near or [name for name in paths if name.split(".")[-1] == full.split(".")[-1]][:1]
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"the path {path} at position {position + 1} is not known{hint}")


def leaves(schema: pa.Schema) -> dict[str, Kind]:
    """Return every path of a schema with its kind, objects left out."""
    found: dict[str, Kind] = {}
    for field in schema:
        found.update(_leaves_of(field.name, field.type))
    return found


def values_at(path: str, schema: pa.Schema) -> str | None:
    """Return an SQL list of the values at a path as text, `None` where the shape has it not."""
    full = SHORT_PATHS.get(path, path)
    kind = type_at(full, schema)
    if kind is None or pa.types.is_struct(kind):
        return None
    name, *rest = full.split(".")
    return _listed(f"{ALIAS}.{identifier(name)}", schema.field(name).type, rest, 0)


def type_at(path: str, schema: pa.Schema) -> pa.DataType | None:
    """Return the type at a path, inside lists that of the elements; `None` where there is none."""
    name, *rest = path.split(".")
    if schema.get_field_index(name) < 0:
        return None
    kind = _element(schema.field(name).type)
    for part in rest:
        place = kind.get_field_index(part) if pa.types.is_struct(kind) else -1
        if place < 0:
            return None
        kind = _element(kind.field(place).type)
    return kind


def _reached(path: str, schema: pa.Schema, test: Test) -> Condition:
    full = SHORT_PATHS.get(path, path)
    if type_at(full, schema) is None:
        return FALSE
    name, *rest = full.split(".")
    return _reach(f"{ALIAS}.{identifier(name)}", schema.field(name), rest, test, 0)


def _reach(
    expression: str, field: "pa.Field[pa.DataType]", rest: Sequence[str], test: Test, depth: int
) -> Condition:
    if pa.types.is_list(field.type):
        element = f"element_{depth}"
        value = field.type.value_field.with_name(field.name)
        inner = _reach(element, value, rest, test, depth + 1)
        kept = f"list_filter({expression}, lambda {element}: coalesce({inner.sql}, false))"
        return Condition(f"len({kept}) > 0", inner.values)
    if not rest:
        return test(expression, kind_of(field.name, field.type))
    child = _child(field.type, rest[0])
    return _reach(f"{expression}.{identifier(rest[0])}", child, rest[1:], test, depth)


def _listed(expression: str, kind: pa.DataType, rest: Sequence[str], depth: int) -> str:
    if pa.types.is_list(kind):
        element = f"element_{depth}"
        inner = _listed(element, kind.value_type, rest, depth + 1)
        return f"flatten(list_transform({expression}, lambda {element}: {inner}))"
    if not rest:
        return f"[{expression}::VARCHAR]"
    child = _child(kind, rest[0]).type
    return _listed(f"{expression}.{identifier(rest[0])}", child, rest[1:], depth)


def _child(kind: pa.DataType, name: str) -> "pa.Field[pa.DataType]":
    if not pa.types.is_struct(kind):
        raise KeyError(name)
    return kind.field(kind.get_field_index(name))


def _element(kind: pa.DataType) -> pa.DataType:
    while pa.types.is_list(kind):
        kind = kind.value_type
    return kind


def _leaves_of(path: str, kind: pa.DataType) -> Iterator[tuple[str, Kind]]:
    inner = _element(kind)
    if not pa.types.is_struct(inner):
        yield path, kind_of(path.rsplit(".", 1)[-1], inner)
        return
    for child in inner:
        yield from _leaves_of(f"{path}.{child.name}", child.type)


def _paths(query: Query) -> Iterator[tuple[str, int]]:
    match query:
        case Not(part):
            yield from _paths(part)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from _paths(part)
        case Exists(path, position):
            yield path, position
        case Compare() | Between():
            yield query.path, query.position
        case Words():
            return
