"""The state database: SQLite in WAL mode, every commit on disk before it returns.

One connection writes, with a large cache; a few others read, each on a snapshot of its own.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from tocsin.errors import StoreError

WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 4_096
READERS = 8
BUSY_TIMEOUT_MILLISECONDS = 20_000
CHECKPOINT_PAGES = 16_384
"""64 MiB of log before it is folded into the file: keys of events fall on random pages, and a page
that was changed by many commits is then written back once."""


class Database:
    """An open state database; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch(mode=0o600, exist_ok=True)
        self._writer = _engine(path, pool_size=1, cache_kib=WRITER_CACHE_KIB)
        self._readers = _engine(path, pool_size=READERS, cache_kib=READER_CACHE_KIB)
        self._writing = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection on one snapshot.

        Raises:
            StoreError: SQLite could not answer.
        """
        with _as_store_error(self.path), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the one connection that writes, in a transaction that began at once.

        It is committed, and on disk, when the block ends; rolled back when the block raises.

        Raises:
            StoreError: SQLite could not write; nothing of the block is stored.
        """
        with self._writing, _as_store_error(self.path), self._writer.connect() as connection:
            connection = connection.execution_options(begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    @contextmanager
    def look_up(self) -> Iterator[sqlite3.Connection]:
        """Give SQLite's own connection of the writer, outside a transaction, for bulk look-ups.

        The writer's cache holds the keys that the coming commit will touch.
        """
        with self._writing, _as_store_error(self.path):
            raw = self._writer.raw_connection()
            try:
                yield driver(raw.driver_connection)
            finally:
                raw.close()

    def copy_to(self, path: Path) -> None:
        """Copy the whole database as of one moment to a new file, while others go on writing."""
        with _as_store_error(path):
            source = self._readers.raw_connection()
            target = sqlite3.connect(path)
            try:
                driver(source.driver_connection).backup(target)
            finally:
                target.close()
                source.close()

    def close(self) -> None:
        """Close every connection."""
        self._readers.dispose()
        self._writer.dispose()


def driver(connection: object) -> sqlite3.Connection:
    """Return SQLite's own connection behind one of SQLAlchemy's."""
    if not isinstance(connection, sqlite3.Connection):
        raise StoreError("the state database is not SQLite")
    return connection


def raw(connection: Connection) -> sqlite3.Connection:
    """Return SQLite's own connection inside the transaction of `connection`, for bulk writes."""
    return driver(connection.connection.driver_connection)


def add_new(connection: Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
    """Insert rows in bulk, inside the transaction of `connection`; those that are there stay.

    Args:
        connection: writing.
        table: its name, of our own making.
        rows: values in the order of its columns.
    """
    values = list(rows)
    if values:
        marks = ", ".join("?" for _ in values[0])
        raw(connection).executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)


@contextmanager
def _as_store_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"{path}: {cause}") from error


def _engine(path: Path, *, pool_size: int, cache_kib: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=60,
        connect_args={"check_same_thread": False, "cached_statements": 256},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy's recipe: the driver must not begin transactions by itself.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            f"cache_size = -{cache_kib}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {CHECKPOINT_PAGES * 4096}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine
