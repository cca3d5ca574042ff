"""Keeping the data folder in order: retention, compaction, fsck, backup, figures."""

import shutil
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from tocsin.store import backup, compaction, fsck, retention
from tocsin.store.database import Database
from tocsin.store.files import Files, held
from tocsin.store.folder import DataFolder
from tocsin.store.questions import Damage, Figures, Removed, Retention
from tocsin.store.tables import FINDINGS, INCIDENTS, REJECTS, SEGMENTS

NOTHING = Removed(0, 0, 0, 0)


class Maintenance:
    """Work beside the turns; each call may run while turns do, one such call at a time."""

    def __init__(self, folder: DataFolder, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._files = Files(folder, database)

    def sweep(self) -> int:
        """Remove files of turns that never committed; return how many.

        Does nothing while another process is in the middle of a turn.
        """
        return self._files.sweep()

    def retain(self, limits: Retention, now: datetime) -> Removed:
        """Remove the oldest files by day of receipt, and old rejects.

        They no longer count at once; files and keys go some minutes later, in a following call.
        Nothing happens while other upkeep is under way.
        """
        with held(self._folder.upkeep_lock) as is_held:
            if not is_held:
                return NOTHING
            removed = retention.retain(self._database, limits, now)
            self._files.purge(now)
            return removed

    def compact(self, now: datetime, *, max_files: int = 500) -> int:
        """Merge small files of one source and day into sorted ones; return how many vanished.

        Replaced files stay for a grace time, so that running queries end in peace. Nothing happens
        while other upkeep is under way.
        """
        with held(self._folder.upkeep_lock) as is_held:
            if not is_held:
                return 0
            vanished = compaction.compact(self._folder, self._database, now, max_files)
            self._files.purge(now)
            return vanished

    def fsck(self, *, repair: bool = False) -> tuple[Damage, ...]:
        """Compare files, manifest, keys, counters, audit chain and database with each other.

        Every row is read. Turns may go on; files that no turn knows are only looked for where none
        is under way.
        """
        with self._folder.upkeep_lock.hold():
            return tuple(fsck.check(self._folder, self._database, repair=repair))

    def glance(self) -> tuple[Damage, ...]:
        """Return the damage that shows in seconds: files that are gone or cut, counters.

        While other upkeep is under way, nothing is looked at.
        """
        with held(self._folder.upkeep_lock) as is_held:
            return tuple(fsck.glance(self._folder, self._database)) if is_held else ()

    def backup(self, target: Path) -> None:
        """Copy the whole store as of one moment to the new folder `target`; turns go on.

        Raises:
            StoreError: `target` is not empty or cannot be written.
        """
        with self._folder.upkeep_lock.hold():
            backup.back_up(self._folder, self._database, target)

    def figures(self) -> Figures:
        """Return sizes."""
        columns = SEGMENTS.c
        query = select(
            func.count(),
            func.coalesce(func.sum(columns.rows), 0),
            func.coalesce(func.sum(columns.size_bytes), 0),
            func.min(columns.min_time),
            func.max(columns.max_time),
        )
        with self._database.read() as connection:
            files, events, lake_bytes, oldest, newest = connection.execute(query).one()
            counts = [
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (FINDINGS, INCIDENTS, REJECTS)
            ]
        state = self._folder.state
        parts = [state, state.with_name(state.name + "-wal")]
        return Figures(
            events=events,
            findings=counts[0],
            incidents=counts[1],
            rejects=counts[2],
            files=files,
            lake_bytes=lake_bytes,
            state_bytes=sum(part.stat().st_size for part in parts if part.exists()),
            free_bytes=shutil.disk_usage(self._folder.path).free,
            oldest_event=oldest,
            newest_event=newest,
        )
