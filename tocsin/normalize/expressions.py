"""Check the expressions of a mapping on the tree that DuckDB's own parser gives.

An expression is a scalar one over declared fields. What could see or change anything else (a
subquery, a clock, chance, a setting, a file) or grow without bound (`repeat`) is refused by an
allow list, not found by a search for known evils.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

import duckdb
import msgspec

from tocsin.errors import Location, MappingError

Structure: TypeAlias = "str | Mapping[str, Structure] | Sequence[Structure]"
"""What a record holds: the name of a type, an object of structures, or a list of one structure."""

Scope: TypeAlias = Mapping[str, "Structure | None"]
"""The names an expression may use; `None` where nothing is known of the value's inside."""

_FUNCTION_NAMES = """
    abs array_to_string ceil concat concat_ws contains ends_with epoch_ms floor greatest if ifnull
    json_array_length json_extract json_extract_string json_type least left len length list_apply
    list_concat list_contains list_distinct list_extract list_filter list_has_any list_position
    list_slice list_transform list_value lower ltrim make_timestamp make_timestamp_ms nullif prefix
    regexp_extract regexp_full_match regexp_matches regexp_replace replace reverse right round rtrim
    split_part starts_with string_split strip_accents struct_extract struct_pack substr substring
    suffix trim try_strptime upper
    ->> ~~ !~~ ~~~ || + - * / % ^@
"""
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
"""Functions that every mapping may call, besides the macros of `content/functions.sql`."""

_CLASSES = frozenset(
    ("COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "CASE", "COMPARISON", "CONJUNCTION")
    + ("BETWEEN", "CAST", "TYPE", "LAMBDA")
)
_CAST_TYPES = frozenset(
    ("VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "TIMESTAMP", "DATE", "LIST")
    + ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
)
_MAX_EXPRESSION = 20_000

Node: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression.

    Attributes:
        sql: its text, safe to stand in parentheses.
        columns: the dotted paths of fields that it reads, as written.
        results: the texts it can yield as they stand in it (`'read'`).
        is_computed: whether it can yield anything else.
        is_constant: whether it is nothing but a literal.
        field: the path when it is nothing but that field.
    """

    sql: str
    columns: frozenset[str]
    results: tuple[str, ...]
    is_computed: bool
    is_constant: bool
    field: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """An expression as it stands in a file."""

    text: str
    location: Location


def parse(written: Sequence[Written]) -> list[Node]:
    """Return the tree of each expression, in one pass.

    Raises:
        MappingError: for the first that is not one scalar expression.
    """
    texts = [f"SELECT ({item.text}\n)" for item in written]
    for item in written:
        if len(item.text) > _MAX_EXPRESSION:
            raise MappingError("the expression is too long", item.location)
    with duckdb.connect() as connection:
        query = "SELECT json_serialize_sql(text) FROM (SELECT unnest($texts) AS text)"
        rows = connection.sql(query, params={"texts": texts}).fetchall() if texts else []
    return [_root(item, row[0]) for item, row in zip(written, rows, strict=True)]


def check(written: Written, root: Node, scope: Scope, macros: frozenset[str]) -> Expression:
    """Return the expression when all that it uses is allowed.

    Args:
        written: its text and place.
        root: its tree, as `parse` gave it.
        scope: names it may read.
        macros: functions it may call besides `FUNCTIONS`.

    Raises:
        MappingError: with what is not allowed and what would be right.
    """
    checker = _Checker(written.location, scope, FUNCTIONS | macros)
    checker.visit(root, frozenset())
    results, is_computed = _results(root)
    is_field = root["class"] == "COLUMN_REF"
    return Expression(
        sql=f"({written.text}\n)",
        columns=frozenset(checker.columns),
        results=tuple(results),
        is_computed=is_computed,
        is_constant=root["class"] == "CONSTANT",
        field=".".join(_names(root)) if is_field else None,
    )


def constant(sql: str) -> Expression:
    """Return an expression of our own making, without fields."""
    return Expression(sql, frozenset(), (), is_computed=False, is_constant=True, field=None)


def _root(item: Written, serialized: object) -> Node:
    tree = msgspec.json.decode(str(serialized), type=dict[str, object])
    if tree.get("error"):
        hint = '; quote a field whose name is a word of SQL, like "select"'
        message = f"{item.text!r}: {tree.get('error_message')}{hint}"
        raise MappingError(message, item.location)
    statements = msgspec.convert(tree["statements"], list[Node])
    select = msgspec.convert(statements[0]["node"], Node) if len(statements) == 1 else {}
    selected = select.get("select_list")
    source = select.get("from_table")
    clauses = ("where_clause", "having", "qualify", "sample", "group_expressions", "modifiers")
    is_scalar = (
        isinstance(selected, list)
        and len(selected) == 1
        and isinstance(source, dict)
        and source.get("type") == "EMPTY"
        and not any(select.get(clause) for clause in clauses)
    )
    if not is_scalar:
        raise MappingError(f"{item.text!r} is not one scalar expression", item.location)
    return msgspec.convert(selected, list[Node])[0]


class _Checker:
    def __init__(self, location: Location, scope: Scope, functions: frozenset[str]) -> None:
        self._location = location
        self._scope = scope
        self._functions = functions
        self.columns: set[str] = set()

    def visit(self, node: Node, bound: frozenset[str]) -> None:
        """Check `node` and what is below it; `bound` are the parameters of lambdas around it."""
        kind = node.get("class")
        if kind not in _CLASSES:
            raise self._error(f"{str(kind).lower()} is not allowed in a mapping")
        if kind == "COLUMN_REF":
            self._column(node, bound)
        elif kind == "FUNCTION":
            self._function(node)
        elif kind == "TYPE":
            self._type(node)
        elif kind == "LAMBDA":
            bound = self._bind(node, bound)
        inner = {"expr": node["expr"]} if kind == "LAMBDA" else node
        for child in children(inner):
            self.visit(child, bound)

    def _column(self, node: Node, bound: frozenset[str]) -> None:
        names = _names(node)
        if names[0] in bound:
            return
        path = ".".join(names)
        if names[0] not in self._scope:
            raise self._error(_unknown_field(path, self._scope))
        inside: Structure | None = self._scope[names[0]]
        for name in names[1:]:
            if inside is None:
                break
            if not isinstance(inside, Mapping) or name not in inside:
                raise self._error(f"{path!r} is not declared under `record`")
            inside = inside[name]
        self.columns.add(path)

    def _function(self, node: Node) -> None:
        name = str(node.get("function_name")).lower()
        is_plain = not (node.get("schema") or node.get("catalog") or node.get("filter"))
        if name not in self._functions or node.get("distinct") or not is_plain:
            close = get_close_matches(name, sorted(self._functions), n=2)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise self._error(f"the function {name!r} is not allowed in a mapping{hint}")

    def _type(self, node: Node) -> None:
        if str(node.get("type_name")).upper() not in _CAST_TYPES:
            raise self._error(f"casts to {node.get('type_name')} are not allowed in a mapping")

    def _bind(self, node: Node, bound: frozenset[str]) -> frozenset[str]:
        if node.get("syntax_type") == "SINGLE_ARROW":
            raise self._error("`->` is not allowed; use `->>` for JSON and `lambda x: …` for lists")
        return bound | parameters(node)

    def _error(self, message: str) -> MappingError:
        return MappingError(message, self._location)


def _unknown_field(path: str, scope: Scope) -> str:
    close = get_close_matches(path.split(".")[0], sorted(scope), n=2)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; declare it under `record`"
    return f"unknown field {path!r}{hint}"


def parameters(node: Node) -> frozenset[str]:
    """Return the names that a lambda binds: it has either one name or row(name, name)."""
    written = msgspec.convert(node["lhs"], Node)
    names = [written] if written["class"] == "COLUMN_REF" else list(children(written))
    return frozenset(_names(name)[0] for name in names)


def children(node: Node) -> Iterator[Node]:
    """Yield every expression directly below `node`, wherever the tree keeps it."""
    stack: list[object] = list(node.values())
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "class" in value:
                yield value
            else:
                stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _names(node: Node) -> list[str]:
    return msgspec.convert(node["column_names"], list[str])


def _results(node: Node) -> tuple[list[str], bool]:
    """Return the literal texts an expression can yield and whether it can yield others."""
    if node["class"] == "CONSTANT":
        literal = msgspec.convert(node["literal"], dict[str, str])
        is_null = literal["kind"] == "NULL_LITERAL"
        return ([] if is_null else [literal["text"]]), False
    alternatives = branches(node)
    if alternatives is None:
        return [], True
    found = [_results(branch) for branch in alternatives]
    results = [text for texts, _ in found for text in texts]
    return results, any(is_computed for _, is_computed in found)


def branches(node: Node) -> list[Node] | None:
    """Return the expressions of which `node` yields one; `None` when it computes its value."""
    if node["class"] == "CASE":
        checks = msgspec.convert(node["case_checks"], list[dict[str, Node]])
        return [check["then_expr"] for check in checks] + [msgspec.convert(node["else_expr"], Node)]
    if node.get("type") == "OPERATOR_COALESCE":
        return list(msgspec.convert(node["children"], list[Node]))
    if node["class"] == "FUNCTION" and node.get("function_name") == "if":
        arguments = msgspec.convert(node["arguments"], list[dict[str, object]])
        return [msgspec.convert(argument["expression"], Node) for argument in arguments[1:]]
    return None
