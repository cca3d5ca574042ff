"""Check a person's SQL on its parse tree: one SELECT over known views, nothing further.

What is not known to be harmless is refused: kinds of tables and of queries by a list of the
allowed; functions by a list of those that read the engine or its settings, wait, or make much
memory of little text.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from tocsin.errors import UsageError

MAX_LENGTH = 20_000
NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"})
TABLES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "TABLE_FUNCTION", "EXPRESSION_LIST"})
TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
CHECKED = "checked by tocsin"
FORBIDDEN_PREFIXES = (
    "__",
    "duckdb_",
    "pragma_",
    "pg_",
    "has_",
    "inet_",
    "parquet_",
    "read_",
    "txid_",
)
FORBIDDEN = frozenset(
    {
        "add_parquet_key",
        "bar",
        "col_description",
        "current_catalog",
        "current_connection_id",
        "current_database",
        "current_query",
        "current_query_id",
        "current_role",
        "current_schema",
        "current_schemas",
        "current_setting",
        "current_transaction_id",
        "current_user",
        "currval",
        "error",
        "force_checkpoint",
        "format",
        "from_substrait",
        "generate_series",
        "get_block_size",
        "getenv",
        "getvariable",
        "glob",
        "in_search_path",
        "invoke",
        "json_deserialize_sql",
        "json_execute_serialized_sql",
        "json_serialize_plan",
        "json_serialize_sql",
        "array_resize",
        "list_resize",
        "lpad",
        "nextval",
        "obj_description",
        "overlay",
        "parse_duckdb_log_message",
        "printf",
        "query",
        "query_table",
        "range",
        "repeat",
        "rpad",
        "session_user",
        "setseed",
        "setval",
        "shobj_description",
        "sleep_ms",
        "stats",
        "user",
        "version",
        "which_secret",
        "write_log",
    }
)
"""Scalar functions; `range` and `generate_series` are allowed as tables, where they stream."""


def check(statement: str, views: frozenset[str]) -> frozenset[str]:
    """Return which of `views` a statement names.

    Raises:
        UsageError: it is not one SELECT, names something else, or uses what is not allowed.
    """
    if len(statement) > MAX_LENGTH:
        raise UsageError(f"the statement is longer than {MAX_LENGTH} characters")
    tree = _parsed(statement)
    named: set[str] = set()
    own = {entry["key"].lower() for entry in _entries(tree)}
    for part in _parts(tree):
        _refuse(part)
        if part.get("type") == "BASE_TABLE":
            name = str(part["table_name"])
            if name.lower() in own:
                continue
            if name.lower() not in views:
                known = ", ".join(sorted(views))
                raise UsageError(f"there is no table {name}: the tables are {known}")
            named.add(name.lower())
    return frozenset(named)


def _parsed(statement: str) -> Any:
    with duckdb.connect(":memory:", config={"threads": 1}) as engine:
        try:
            row = engine.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
        except duckdb.Error as error:
            raise UsageError(f"the statement cannot be read: {error}") from error
    answer: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if answer.get("error"):
        raise UsageError(f"not a SELECT: {answer.get('error_message', 'it cannot be read')}")
    if len(answer["statements"]) != 1:
        raise UsageError("write one SELECT")
    return answer["statements"][0]


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the tree; without recursion, however deep it is."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _entries(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield the named subqueries (WITH) of the tree."""
    for part in _parts(tree):
        if isinstance(part.get("cte_map"), dict):
            yield from part["cte_map"].get("map", ())


def _refuse(part: dict[str, Any]) -> None:
    kind = str(part.get("type", ""))
    if "class" in part:
        if part["class"] == "FUNCTION":
            _refuse_function(part)
        return
    if kind.endswith("_NODE") and kind not in NODES:
        raise UsageError("recursive queries are not allowed")
    is_table = "sample" in part and not kind.endswith("_NODE")
    if is_table and kind not in TABLES:
        raise UsageError("only SELECT over tables, joins and subqueries is allowed")
    if kind == "TABLE_FUNCTION":
        _refuse_table_function(part)
    if part.get("schema_name") or part.get("catalog_name") or part.get("at_clause"):
        raise UsageError('tables are named without schema; quote a source: "aws.cloudtrail"')


def _refuse_function(part: dict[str, Any]) -> None:
    name = str(part["function_name"]).lower()
    if part.get(CHECKED):
        return
    if part.get("schema") or part.get("catalog"):
        raise UsageError(f"the function {name} must be named without schema")
    if name in FORBIDDEN or name.startswith(FORBIDDEN_PREFIXES):
        raise UsageError(f"the function {name} is not allowed here")


def _refuse_table_function(part: dict[str, Any]) -> None:
    function = part["function"]
    name = str(function.get("function_name", "")).lower()
    if name not in TABLE_FUNCTIONS or function.get("schema") or function.get("catalog"):
        raise UsageError(f"the table function {name} is not allowed here")
    function[CHECKED] = True
