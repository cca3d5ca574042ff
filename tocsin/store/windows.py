"""The windows of detection between turns: read once, written by difference."""

import msgspec
from sqlalchemy import Connection, select

from tocsin.detect import Windows
from tocsin.errors import StoreError
from tocsin.store.database import raw
from tocsin.store.moments import to_microseconds
from tocsin.store.tables import WINDOWS


class WindowCache:
    """The stored windows as this process last saw them.

    There may be tens of thousands, and a turn changes a few: only those are written.
    """

    def __init__(self) -> None:
        self._windows = Windows()
        self._turn = 0

    def read(self, connection: Connection, turn: int) -> Windows:
        """Return the stored windows; `turn` is the last commit of any process.

        Raises:
            StoreError: they were not written by this version of Tocsin.
        """
        if turn != self._turn:
            rows = connection.execute(select(WINDOWS))
            try:
                self._windows = Windows.from_rows(
                    (row.key, row.payload, row.expiry) for row in rows
                )
            except msgspec.DecodeError as error:
                raise StoreError(f"windows cannot be read ({error}): run `tocsin fsck`") from error
            self._turn = turn
        return self._windows

    def differ(self, windows: Windows) -> bool:
        """Return whether these are other windows than the stored ones."""
        return windows is not self._windows and windows != self._windows

    def next_turn(self, last: int) -> int:
        """Return the number of the commit that follows `last`, the one that was read."""
        if self._turn != last:
            raise RuntimeError(
                "another process has committed: a turn begins with `turns.windows()`"
            )
        return last + 1

    def write(self, connection: Connection, windows: Windows) -> None:
        """Store what differs, in the transaction of the commit."""
        if windows is self._windows:
            return
        written, missing = windows.changes(self._windows)
        gone = [(key,) for key in missing]
        rows = [(key, payload, to_microseconds(expiry)) for key, payload, expiry in written]
        driver = raw(connection)
        driver.executemany("DELETE FROM windows WHERE key = ?", gone)
        driver.executemany("INSERT OR REPLACE INTO windows VALUES (?, ?, ?)", rows)

    def keep(self, windows: Windows, turn: int) -> None:
        """Remember what the commit `turn` has stored."""
        self._windows = windows
        self._turn = turn
