"""Asking the event files: DuckDB in memory, reading Parquet in place."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, select

from tocsin.errors import StoreError, UsageError
from tocsin.store.addresses import MACROS
from tocsin.store.questions import Span
from tocsin.store.segments import Segment
from tocsin.store.tables import SEGMENTS, SHAPES

QUESTIONS_AT_ONCE = 4
_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of some event files."""

    id: str
    source: str
    schema: pa.Schema


class Lake:
    """The folder of event files and the engine that reads them; safe for several threads."""

    def __init__(self, folder: Path, *, memory_limit: str, threads: int) -> None:
        self.folder = folder
        self.memory_limit = memory_limit
        self.threads = threads
        self._lock = threading.Lock()
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._busy = threading.BoundedSemaphore(QUESTIONS_AT_ONCE)
        self._shapes: dict[str, Shape] = {}

    def ask(self, statement: str, values: Sequence[object], timeout_seconds: float) -> pa.Table:
        """Answer a statement of our own making.

        Raises:
            UsageError: the time is up.
            StoreError: DuckDB could not answer.
        """
        with self._busy:
            cursor = self._connection().cursor()
            try:
                return answer(cursor, statement, values, timeout_seconds)
            finally:
                cursor.close()

    def source_sql(self, segments: Iterable[Segment]) -> str:
        """Return the table function that reads these files, which have one shape."""
        return read_parquet(self.folder, segments)

    def shapes(self, connection: Connection) -> dict[str, Shape]:
        """Return the shapes of all event files, by identifier."""
        wanted = set(connection.execute(select(SEGMENTS.c.shape).distinct()).scalars())
        for row in connection.execute(
            select(SHAPES).where(SHAPES.c.id.in_(wanted - self._shapes.keys()))
        ):
            schema = pa.ipc.read_schema(pa.py_buffer(row.content))
            self._shapes[row.id] = Shape(row.id, row.source, schema)
        return {name: self._shapes[name] for name in sorted(wanted)}

    def close(self) -> None:
        """Close the engine."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def _connection(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._engine is None:
                self._engine = connect(self.memory_limit, self.threads)
                self._engine.execute("SET parquet_metadata_cache = true")
            return self._engine


def connect(memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Return an engine in memory that loads nothing from elsewhere and never spills to disk."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB 2.0.0 fails inside ("Vector::Reference used on vector of different type") where it puts
    # off reading columns of a query with LIMIT that filters by a member of a struct.
    connection.execute("SET disabled_optimizers = 'late_materialization'")
    for macro in MACROS:
        connection.execute(macro)
    return connection


def answer(
    cursor: duckdb.DuckDBPyConnection,
    statement: str,
    values: Sequence[object],
    timeout_seconds: float,
) -> pa.Table:
    """Run one statement and give up when the time is up.

    Raises:
        UsageError: the time is up, or it needs more memory than it may have.
        StoreError: DuckDB could not answer.
    """
    try:
        with _stopped_after(cursor, timeout_seconds):
            table: pa.Table = cursor.sql(statement, params=list(values)).to_arrow_table()
            return table
    except duckdb.InterruptException as error:
        raise UsageError(
            f"stopped after {timeout_seconds:g} s: ask about a shorter time or less"
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise UsageError("the answer needs too much memory: ask about a shorter time") from error
    except duckdb.Error as error:
        raise StoreError(f"the event files cannot be read: {error}") from error


@contextmanager
def _stopped_after(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what runs within once the time is up."""
    done = threading.Event()

    def watch() -> None:
        # Again and again: an interrupt before the statement has begun is forgotten.
        wait = seconds
        while not done.wait(wait):
            cursor.interrupt()
            wait = _AGAIN_SECONDS

    thread = threading.Thread(target=watch, name="question-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        # The cursor is closed next; nobody may touch it then.
        thread.join()


def manifest(connection: Connection, span: Span) -> list[Segment]:
    """Return the files that may hold events of `span`, newest first."""
    query = select(SEGMENTS)
    if span.since is not None:
        query = query.where(SEGMENTS.c.max_time >= span.since)
    if span.until is not None:
        query = query.where(SEGMENTS.c.min_time < span.until)
    newest = query.order_by(SEGMENTS.c.max_time.desc(), SEGMENTS.c.path)
    return [Segment.of(row) for row in connection.execute(newest)]


def read_parquet(folder: Path, segments: Iterable[Segment]) -> str:
    """Return the table function that reads these files; their names are of our own making."""
    paths = ", ".join(literal(str(folder / segment.path)) for segment in segments)
    return f"read_parquet([{paths}], hive_partitioning = false, filename = true)"


def literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
