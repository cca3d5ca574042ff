"""Run a compiled mapping in a DuckDB of its own, which sees nothing but the batch.

The connection lives in memory, cannot open files or load extensions, and its settings are locked.
The statement is planned once; each batch passes through the same registered object, so that a
small batch does not pay for planning.
"""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

_FEED_TYPES: dict[str, pa.DataType] = {
    "row number": pa.int32(),
    "received time": pa.timestamp("us"),
    "raw text": pa.string(),
}
FEED = pa.schema(_FEED_TYPES)
"""What the statement reads, as the view `feed`."""

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "256MB",
    "temp_directory": "",
}


class Engine:
    """One connection with one prepared statement; used by one thread at a time."""

    def __init__(self, sql: str, macros: Sequence[str], threads: int) -> None:
        """Plan `sql`.

        Raises:
            duckdb.Error: when the statement does not fit together (types, names).
        """
        self._connection = duckdb.connect(config={**_SETTINGS, "threads": threads})
        self._feed = _Feed()
        # TimeZone is a setting of the session, not of the database. The optimizer of IN would turn
        # each list of names into a join, which costs more than it saves here.
        settings = ("SET TimeZone = 'UTC'", "SET disabled_optimizers = 'in_clause'")
        for statement in (*settings, *macros):
            self._connection.execute(statement).fetchall()
        self._connection.register("feed", self._feed)
        self._connection.execute("SET lock_configuration = true").fetchall()
        self._connection.execute(f"PREPARE mapping AS {sql}").fetchall()

    def check(self, sql: str) -> None:
        """Plan a SELECT over `feed` without keeping it.

        Raises:
            duckdb.Error: when it does not fit together.
        """
        self._connection.execute(f"EXPLAIN {sql}").fetchall()

    def run(self, feed: pa.Table) -> pa.Table:
        """Return one row for each row of `feed`, in any order.

        Raises:
            duckdb.Error: when an expression fails on some row.
        """
        self._feed.table = feed
        try:
            rows: pa.Table = self._connection.sql("EXECUTE mapping").to_arrow_table()
            return rows
        finally:
            self._feed.table = FEED.empty_table()


class _Feed:
    """A registered object whose rows change between executions of a prepared statement."""

    def __init__(self) -> None:
        self.table = FEED.empty_table()

    def __arrow_c_schema__(self) -> object:
        return FEED.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        stream: object = self.table.to_reader().__arrow_c_stream__(requested_schema)
        return stream
