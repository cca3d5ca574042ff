"""Runs in the peer's environment: pySigma's SQLite backend, and its queries over flat events.

`convert RULES QUERIES` turns rules into SQL; `run QUERIES EVENTS EVENT_KEY PAIRS` loads events into
a table in memory, one text column for each path, as Zircolite does, and runs each query. What
Zircolite does besides, such as its shipped shortening of nested names, is left out in the peer's
favor, and columns that rules name and no event has are there, empty.
"""

import json
import re
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

_BATCH = 10_000
_MOST_COLUMNS = 1_900
Value: TypeAlias = int | float | str


def convert(rules_folder: str, queries_path: str) -> None:
    # Here, for only this step needs them, and where they are is the peer's own environment.
    from sigma.backends.sqlite import sqliteBackend  # type: ignore[import-not-found]
    from sigma.collection import SigmaCollection
    from sigma.exceptions import SigmaError

    backend = sqliteBackend()
    queries: list[list[str]] = []
    refused = 0
    for path in sorted(Path(rules_folder).glob("*.yml")):
        try:
            collection = SigmaCollection.from_yaml(path.read_text(encoding="utf-8"))
            queries += [[str(collection.rules[0].id), sql] for sql in backend.convert(collection)]
        except (SigmaError, NotImplementedError):
            refused += 1
    fields = _fields(rules_folder)
    result = {"queries": queries, "refused": refused, "fields": fields}
    Path(queries_path).write_text(json.dumps(result), encoding="utf-8")


def _fields(rules_folder: str) -> list[str]:
    """Return every field that a rule names."""
    import yaml

    found: set[str] = set()
    for path in Path(rules_folder).glob("*.yml"):
        stack = [yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["detection"]]
        while stack:
            part = stack.pop()
            if isinstance(part, dict):
                found.update(str(key).split("|")[0] for key in part)
                stack.extend(part.values())
            elif isinstance(part, list):
                stack.extend(part)
    return sorted(found)


def run(queries_path: str, events_path: str, event_key: str, pairs_path: str) -> None:
    made = json.loads(Path(queries_path).read_text(encoding="utf-8"))
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA synchronous = OFF")
    connection.create_function("regexp", 2, _regexp, deterministic=True)
    failed = 0
    _load(connection, events_path, event_key, made["fields"])
    with Path(pairs_path).open("w", encoding="utf-8") as out:
        for uid, sql in made["queries"]:
            only_key = sql.replace("SELECT *", f"SELECT `{event_key}`", 1)
            try:
                for (event,) in connection.execute(only_key):
                    out.write(f"{event}\t{uid}\n")
            except sqlite3.Error as error:
                failed += 1
                sys.stderr.write(f"{uid}: {error}\n")
    print(json.dumps({"refused": made["refused"] + failed}))


_PATTERNS: dict[str, re.Pattern[str]] = {}


def _regexp(pattern: str, value: Value | None) -> int:
    if value is None:
        return 0
    compiled = _PATTERNS.get(pattern)
    if compiled is None:
        compiled = _PATTERNS[pattern] = re.compile(pattern)
    return 1 if compiled.search(str(value)) else 0


def _load(
    connection: sqlite3.Connection, events_path: str, event_key: str, fields: Sequence[str]
) -> None:
    """Load the events, a batch at a time, with new columns as they come."""
    columns = {event_key.lower(): event_key}
    connection.execute(f"CREATE TABLE logs ({_quoted(event_key)} TEXT COLLATE NOCASE)")
    for field in fields:
        _add(connection, columns, field)
    with Path(events_path).open(encoding="utf-8") as stream:
        batch: list[dict[str, Value]] = []
        for line in stream:
            flat: dict[str, Value] = {}
            _flatten("", json.loads(line), flat)
            batch.append(flat)
            if len(batch) >= _BATCH:
                _insert(connection, columns, batch)
                batch = []
        _insert(connection, columns, batch)
    connection.commit()


def _flatten(path: str, value: object, flat: dict[str, Value]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{path}.{key}" if path else key, inner, flat)
    elif isinstance(value, bool):
        flat[path] = "true" if value else "false"
    elif isinstance(value, list):
        flat[path] = json.dumps(value)
    elif value is not None:
        flat[path] = value if isinstance(value, int | float | str) else str(value)


def _insert(
    connection: sqlite3.Connection, columns: dict[str, str], batch: list[dict[str, Value]]
) -> None:
    """Insert the events of a batch, those with the same fields together."""
    by_fields: dict[tuple[str, ...], list[dict[str, Value]]] = {}
    for flat in batch:
        by_fields.setdefault(tuple(flat), []).append(flat)
    for fields, alike in by_fields.items():
        kept = [field for field in fields if _add(connection, columns, field)]
        names = ", ".join(_quoted(field) for field in kept)
        places = ", ".join("?" * len(kept))
        connection.executemany(
            f"INSERT INTO logs ({names}) VALUES ({places})",
            ([flat[field] for field in kept] for flat in alike),
        )


def _add(connection: sqlite3.Connection, columns: dict[str, str], field: str) -> bool:
    """Return whether there is a column for the field; it is made where there is room."""
    known = columns.get(field.lower())
    if known is None and len(columns) < _MOST_COLUMNS:
        connection.execute(f"ALTER TABLE logs ADD COLUMN {_quoted(field)} TEXT COLLATE NOCASE")
        known = columns[field.lower()] = field
    return known is not None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


if __name__ == "__main__":
    step, *arguments = sys.argv[1:]
    if step == "convert":
        convert(*arguments)
    else:
        run(*arguments)
