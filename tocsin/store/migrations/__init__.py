"""Bring the tables of a state database up to date: numbered SQL files, each applied once.

`PRAGMA user_version` holds the number of the last one. A database that already holds data is copied
before it is changed. A file is never edited after its release: mend a mistake with the next number.
"""

import sqlite3
from collections.abc import Callable, Iterator
from importlib.resources import files

from sqlalchemy import Connection

from tocsin.errors import StoreError
from tocsin.store.database import Database, raw


def newest() -> int:
    """Return the number of the newest migration, which this version of Tocsin needs."""
    return max(_numbered())


def migrate(database: Database, back_up: Callable[[int], None]) -> None:
    """Apply what is missing, all of it in one transaction.

    Args:
        database: open; other processes may migrate it at the same time.
        back_up: called with the present number before a database with data is changed.

    Raises:
        StoreError: the database was written by a newer Tocsin.
    """
    with database.read() as connection:
        present = _version(connection)
    if present > newest():
        raise StoreError(
            f"{database.path} has tables of version {present}, this Tocsin knows {newest()}: "
            "install the newer Tocsin that wrote it, or restore an older backup"
        )
    if present == newest():
        return
    if present:
        back_up(present)
    with database.write() as connection:
        # Another process may have been faster.
        _apply(raw(connection), _version(connection))


def _apply(connection: sqlite3.Connection, present: int) -> None:
    for number, text in sorted(_numbered().items()):
        if number <= present:
            continue
        for statement in _statements(text):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")


def _statements(text: str) -> Iterator[str]:
    """Cut a file at the semicolons that end statements; those inside a trigger do not."""
    begun = ""
    for part in text.split(";"):
        begun += part
        if sqlite3.complete_statement(f"{begun};"):
            yield begun
            begun = ""
        else:
            begun += ";"
    if begun.strip(" \n;"):
        yield begun.removesuffix(";")


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _numbered() -> dict[int, str]:
    folder = files("tocsin.store.migrations")
    scripts = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return {int(entry.name[:4]): entry.read_text("utf-8") for entry in scripts}
