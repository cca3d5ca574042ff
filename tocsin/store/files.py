"""Event files that count no more: found, waited for, removed."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, delete, insert, select

from tocsin.errors import StoreError
from tocsin.store import keys, segments
from tocsin.store.database import Database, raw
from tocsin.store.folder import DataFolder, Lock
from tocsin.store.tables import RETIRED, SEGMENTS

GRACE = timedelta(minutes=10)
"""How long a file outlives its place in the manifest; longer than any query may run."""

FORGOTTEN_AT_ONCE = 20_000
KEY_COLUMNS = ["event_uid", "time", "flags"]


class Files:
    """The files of the lake, compared with the manifest."""

    def __init__(self, folder: DataFolder, database: Database) -> None:
        self._folder = folder
        self._database = database

    def orphans(self) -> list[Path]:
        """Return files that no row of the state knows; only certain while both locks are held."""
        with self._database.read() as connection:
            known = set(connection.execute(select(SEGMENTS.c.path)).scalars())
            known.update(connection.execute(select(RETIRED.c.path)).scalars())
        lake = self._folder.lake
        return [path for path in _files(lake) if str(path.relative_to(lake)) not in known]

    def sweep(self) -> int:
        """Remove files of turns that never committed; return how many.

        Does nothing while another process is in the middle of a turn or of upkeep.
        """
        with held(self._folder.upkeep_lock, self._folder.turn_lock) as is_held:
            lost = self.orphans() if is_held else []
            for path in lost:
                path.unlink(missing_ok=True)
        return len(lost)

    def purge(self, now: datetime) -> int:
        """Remove retired files whose grace is over, with their keys where they take them along.

        Each step may be repeated after a crash: keys first, in parts that hold up no turn, then
        the file, then its row. The upkeep lock must be held.
        """
        query = select(RETIRED).where(RETIRED.c.time < now - GRACE)
        with self._database.read() as connection:
            rows = list(connection.execute(query))
        for row in rows:
            path = self._folder.lake / row.path
            if row.forgets and path.exists():
                self._forget(path)
            path.unlink(missing_ok=True)
            with self._database.write() as connection:
                connection.execute(delete(RETIRED).where(RETIRED.c.path == row.path))
        self._remove_empty_folders()
        return len(rows)

    def _forget(self, path: Path) -> None:
        for batch in key_batches(path):
            with self._database.write() as connection:
                keys.remove(raw(connection), batch)

    def _remove_empty_folders(self) -> None:
        with held(self._folder.turn_lock) as is_held:
            # Without the lock a turn might be about to write into one.
            for folder in self._folder.lake.glob("*/day=*") if is_held else ():
                if not any(folder.iterdir()):
                    folder.rmdir()


def key_batches(path: Path) -> Iterator[list[keys.Key]]:
    """Yield the keys of an event file, some thousand at a time.

    Raises:
        StoreError: the file cannot be read.
    """
    for batch in segments.batches(path, KEY_COLUMNS, FORGOTTEN_AT_ONCE):
        yield keys.event_keys(pa.Table.from_batches([batch]))


def retire(connection: Connection, paths: Iterable[str], now: datetime, *, forgets: bool) -> None:
    """Take files out of the manifest, in the transaction that replaces or expires them."""
    for path in paths:
        connection.execute(delete(SEGMENTS).where(SEGMENTS.c.path == path))
        connection.execute(insert(RETIRED).values(path=path, time=now, forgets=forgets))


@contextmanager
def held(*locks: Lock) -> Iterator[bool]:
    """Hold all these locks for the block if they are free now; tell whether they are held."""
    with ExitStack() as stack:
        try:
            for lock in locks:
                stack.enter_context(lock.hold(0))
        except StoreError:
            is_held = False
        else:
            is_held = True
        yield is_held


def _files(lake: Path) -> Iterator[Path]:
    for path in lake.rglob("*"):
        if path.is_file():
            yield path
