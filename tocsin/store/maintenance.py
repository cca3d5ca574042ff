"""Keeping the data folder in order: retention, compaction, fsck, backup, figures."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Retention:
    """How much to keep; `None` keeps all. Days count from receipt, bytes are of event files."""

    days: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What retention took away."""

    files: int
    events: int
    rejects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that fsck found; `repaired` where it was asked to and could."""

    what: str
    remedy: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The size of the store."""

    events: int
    findings: int
    incidents: int
    rejects: int
    files: int
    lake_bytes: int
    state_bytes: int
    free_bytes: int
    oldest_event: datetime | None
    newest_event: datetime | None


class Maintenance:
    """Work beside the turns; each call may run while turns do."""

    def retain(self, retention: Retention, now: datetime) -> Removed:
        """Remove the oldest files by day of receipt, with their keys, and old rejects."""
        raise NotImplementedError

    def compact(self, now: datetime, *, max_files: int = 500) -> int:
        """Merge small files of one source and day into sorted ones; return how many vanished.

        Replaced files stay for a grace time, so that running queries end in peace.
        """
        raise NotImplementedError

    def fsck(self, *, repair: bool = False) -> tuple[Damage, ...]:
        """Compare files, manifest, keys, counters, audit chain and database with each other."""
        raise NotImplementedError

    def backup(self, target: Path) -> None:
        """Copy the whole store as of one moment to the new folder `target`; turns go on.

        Raises:
            StoreError: `target` exists or cannot be written.
        """
        raise NotImplementedError

    def figures(self) -> Figures:
        """Return sizes."""
        raise NotImplementedError


def restore(source: Path, target: Path) -> None:
    """Make the new data folder `target` from a backup, checked file by file.

    Raises:
        StoreError: the backup is not whole, or `target` is not empty.
    """
    raise NotImplementedError
