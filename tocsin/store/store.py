"""The door to a data folder."""

from pathlib import Path
from types import TracebackType

from tocsin.store.accounts import Accounts
from tocsin.store.audit import Audit
from tocsin.store.events import Events
from tocsin.store.findings import Findings
from tocsin.store.incidents import Incidents
from tocsin.store.maintenance import Maintenance, restore
from tocsin.store.rejects import Rejects
from tocsin.store.sources import Sources
from tocsin.store.turns import Turns


class Store:
    """An open data folder; safe to use from several threads.

    Attributes:
        folder: the data folder.
        is_demo: whether the folder holds the demo and nothing else.
        turns: the way in: what a turn reads and its one commit.
        events: search, histogram, top values, SQL.
        findings: lists and single findings with their evidence.
        incidents: lists, stories and changes of incidents.
        sources: counters, lag and silence of each feed.
        rejects: records no mapping could read, and their replay.
        accounts: the set-up token, users, sessions.
        audit: the hash-chained log of changes.
        maintenance: retention, compaction, fsck, backup, figures.
    """

    folder: Path
    is_demo: bool
    turns: Turns
    events: Events
    findings: Findings
    incidents: Incidents
    sources: Sources
    rejects: Rejects
    accounts: Accounts
    audit: Audit
    maintenance: Maintenance

    @classmethod
    def open(
        cls, folder: Path, *, demo: bool = False, memory_limit: str = "256MB", threads: int = 2
    ) -> "Store":
        """Open `folder`, created with mode 0700 where absent, and bring its tables up to date.

        Older tables are migrated after a backup. Files of turns that never committed are removed,
        unless another process is in the middle of one.

        Args:
            folder: the data folder.
            demo: whether this is the demo; the folder's marker must say the same.
            memory_limit: what DuckDB may use for one query, `256MB`.
            threads: of one query.

        Raises:
            StoreError: the folder belongs to the other kind (demo or real), was written by a newer
                Tocsin, is not writable, or is damaged; the text says what to do.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection; a second call does nothing."""

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @staticmethod
    def restore(source: Path, target: Path) -> None:
        """Make the new data folder `target` from a backup; see `Maintenance.backup`."""
        restore(source, target)
