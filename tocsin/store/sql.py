"""Answer one SELECT of a person over views of the store.

It is checked first (`statements`) and then runs on an engine of its own, whose access to the
outside is off except for the event files, and which is stopped when its time or memory is up.
"""

import mmap
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Boolean, ColumnElement, Integer, LargeBinary, Table, select

from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope, from_rows, schemas
from tocsin.store import lake, scans, statements, tables
from tocsin.store.database import Database
from tocsin.store.findings import visible
from tocsin.store.incidents import visible as visible_incidents
from tocsin.store.lake import Lake
from tocsin.store.language import EVERYTHING as EVERY_EVENT
from tocsin.store.moments import Moment, without_zones
from tocsin.store.questions import Span, SqlLimits
from tocsin.store.scans import Scan

EVENTS = "events"
STATE = {
    "audit": tables.AUDIT,
    "failures": tables.FAILURES,
    "findings": tables.FINDINGS,
    "incidents": tables.INCIDENTS,
    "matches": tables.MATCHES,
    "rejects": tables.REJECTS,
    "sources": tables.FEEDS,
}
"""Views that are copies of tables of the state; lists and objects in them are JSON text."""

UNLIMITED_ONLY = frozenset({"audit", "rejects"})
"""Their rows belong to no account: a limited scope sees none."""

COPIED_ROWS = 200_000
WATCH_SECONDS = 0.05
MEMORY_SLACK = 2
"""The process may grow by this many times the memory limit before the statement is stopped; DuckDB
does not count the text that its functions make."""


def answer(
    statement: str, scope: Scope, limits: SqlLimits, shared: Lake, database: Database
) -> pa.Table:
    """Answer one SELECT; see `Events.sql`.

    Raises:
        UsageError: it is not allowed, wrong, or over its limits.
    """
    scan = _everything(shared, database, scope, limits)
    sources = {shape.source.lower() for shape in scan.shapes.values()}
    named = statements.check(statement, frozenset({EVENTS, *STATE, *sources}))
    engine = lake.connect(limits.memory_limit, shared.threads)
    try:
        for name in sorted(named):
            if name in STATE:
                engine.register(name, _copied(database, name, scope))
            else:
                _define_events(engine, name, scan)
        _shut(engine, shared.folder)
        return _limited(engine, statement, limits)
    finally:
        engine.close()


def _everything(shared: Lake, database: Database, scope: Scope, limits: SqlLimits) -> Scan:
    with database.read() as connection:
        shapes = shared.shapes(connection)
        segments = lake.manifest(connection, Span())
    conditions = scans.conditions_of(EVERY_EVENT, scope, shapes)
    return Scan(shared, segments, shapes, conditions, Span(), limits.timeout_seconds)


def _define_events(engine: duckdb.DuckDBPyConnection, name: str, scan: Scan) -> None:
    """Define the view of all events, or of one source."""
    shapes = {key for key, shape in scan.shapes.items() if name in {EVENTS, shape.source.lower()}}
    parts = scan.whole_rows(shapes)
    if not parts:
        engine.register(name, schemas.EVENT_COLUMNS.empty_table())
        return
    engine.execute(f"CREATE VIEW {lake.identifier(name)} AS {' UNION ALL BY NAME '.join(parts)}")


def _copied(database: Database, name: str, scope: Scope) -> pa.Table:
    table = STATE[name]
    if scope != EVERYTHING and name in UNLIMITED_ONLY:
        return _schema(table).empty_table()
    query = select(table).where(*_limits(name, scope)).limit(COPIED_ROWS + 1)
    with database.read() as connection:
        rows = [without_zones(row) for row in connection.execute(query).mappings()]
    if len(rows) > COPIED_ROWS:
        raise UsageError(f"{name} has more than {COPIED_ROWS} rows: ask through the API instead")
    return from_rows(rows, _schema(table))


def _limits(name: str, scope: Scope) -> Sequence[ColumnElement[bool]]:
    if scope == EVERYTHING:
        return ()
    if name == "findings":
        return visible(scope)
    if name == "incidents":
        return visible_incidents(scope)
    if name == "matches":
        ours = tables.FINDINGS.c.uid == tables.MATCHES.c.finding_uid
        return [select(tables.FINDINGS.c.uid).where(ours, *visible(scope)).exists()]
    return ()


def _schema(table: Table) -> pa.Schema:
    return pa.schema([(column.name, _type(column.type)) for column in table.c])


def _type(kind: Any) -> pa.DataType:
    if isinstance(kind, Moment):
        return schemas.TIME
    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, Integer):
        return pa.int64()
    return pa.binary() if isinstance(kind, LargeBinary) else pa.string()


def _shut(engine: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Close every way out but the event files, for good."""
    engine.execute(f"SET allowed_directories = [{lake.literal(str(folder) + '/')}]")
    engine.execute("SET python_enable_replacements = false")
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")


def _limited(engine: duckdb.DuckDBPyConnection, statement: str, limits: SqlLimits) -> pa.Table:
    watch = _Watch(engine, limits)
    try:
        with watch:
            relation = engine.sql(statement)
            table: pa.Table = relation.limit(limits.max_rows + 1).to_arrow_table()
    except duckdb.InterruptException as error:
        raise UsageError(watch.reason) from error
    except duckdb.OutOfMemoryException as error:
        raise UsageError(f"the statement needs more than {limits.memory_limit}") from error
    except duckdb.Error as error:
        raise UsageError(f"the statement is wrong: {error}") from error
    if table.num_rows > limits.max_rows:
        raise UsageError(f"more than {limits.max_rows} rows: add LIMIT, or count in the statement")
    return table


class _Watch:
    """Stops the engine when time is up, or when the process has grown too much."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, limits: SqlLimits) -> None:
        self.reason = "the statement was stopped"
        self._engine = engine
        self._limits = limits
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sql-watch", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        deadline = time.monotonic() + self._limits.timeout_seconds
        allowed = _resident_bytes() + MEMORY_SLACK * _bytes(self._limits.memory_limit)
        while not self._done.wait(WATCH_SECONDS):
            if time.monotonic() > deadline:
                self.reason = (
                    f"stopped after {self._limits.timeout_seconds:g} s: ask about a shorter time"
                )
            elif _resident_bytes() > allowed:
                self.reason = f"the statement needs more than {self._limits.memory_limit}"
            else:
                continue
            # Again and again: an interrupt before the statement has begun is forgotten.
            self._engine.interrupt()


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * mmap.PAGESIZE


def _bytes(limit: str) -> int:
    """Return the bytes of `256MB` or `1GiB`, as DuckDB reads them."""
    number = limit.rstrip("BGKMTbgikmt").strip()
    unit = limit[len(number) :].strip().upper()
    base = 1024 if "I" in unit else 1000
    return int(float(number) * base ** "BKMGT".index(unit[0]))
