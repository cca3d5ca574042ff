"""The door to a data folder."""

from pathlib import Path
from types import TracebackType

from tocsin.store import backup, durable, migrations
from tocsin.store.accounts import Accounts
from tocsin.store.audit import Audit
from tocsin.store.database import Database
from tocsin.store.entities import Entities
from tocsin.store.events import Events
from tocsin.store.evidence import EvidenceRoom
from tocsin.store.findings import Findings
from tocsin.store.folder import DataFolder
from tocsin.store.forwarding import Forwarding
from tocsin.store.identities import Identities
from tocsin.store.incident_decisions import Decisions
from tocsin.store.incidents import Incidents
from tocsin.store.indicators import Indicators
from tocsin.store.lake import Lake
from tocsin.store.leaving import Leaving
from tocsin.store.maintenance import Maintenance
from tocsin.store.outbox import Outbox
from tocsin.store.proposals import Playbooks
from tocsin.store.rejects import Rejects
from tocsin.store.request_work import RequestWork
from tocsin.store.requests import Requests
from tocsin.store.resources import Resources
from tocsin.store.response_stop import ResponseStop
from tocsin.store.schedules import Schedules
from tocsin.store.sightings import Sightings
from tocsin.store.sources import Sources
from tocsin.store.stories import Stories
from tocsin.store.suppressions import Suppressions
from tocsin.store.tickets import Tickets
from tocsin.store.tuning import Tuning
from tocsin.store.turns import Turns


class Store:
    """An open data folder; safe to use from several threads.

    Attributes:
        folder: the data folder.
        is_demo: whether the folder holds the demo and nothing else.
        turns: the way in: what a turn reads and its one commit.
        events: search, histogram, top values, SQL.
        findings: lists and single findings with their evidence.
        entities: findings by what they name.
        incidents: lists, timelines and changes of incidents.
        decisions: merges and splits of incidents by people.
        evidence: events and files that people attached to incidents.
        identities: who was who, and when.
        stories: what the events of incidents did.
        resources: things that were described, and since when they are so.
        indicators: threat intelligence, and what is known of its feeds.
        sources: counters, lag and silence of each feed.
        rejects: records no mapping could read, and their replay.
        forwarding: what leaves to other systems, and how far each has come.
        outbox: what is told to people, and how far it has come.
        tickets: of incidents in other systems, and what comes next for each.
        leaving: messages and tickets page by page, and what is tried again.
        suppressions: reasons not to alert, and what they hid.
        tuning: figures for those who tune rules.
        playbooks: those that were stopped, and what all of them asked for.
        requests: wishes to act, what became of them, and what people say to them.
        request_work: the same for the one who carries them out.
        response_stop: the switch that stops all responding.
        accounts: the set-up token, users, sessions.
        audit: the hash-chained log of changes, and its checkpoints.
        schedules: what runs by the clock, and who runs it.
        maintenance: retention, compaction, fsck, backup, figures.
    """

    def __init__(self, folder: DataFolder, database: Database, lake: Lake, *, demo: bool) -> None:
        self.folder = folder.path
        self.is_demo = demo
        self.turns = Turns(folder, database)
        self.events = Events(lake, database)
        self.findings = Findings(database)
        self.entities = Entities(database)
        self.incidents = Incidents(database)
        self.decisions = Decisions(database)
        self.evidence = EvidenceRoom(folder.evidence, database, self.events)
        self.identities = Identities(database)
        self.stories = Stories(database)
        self.resources = Resources(database)
        self.indicators = Indicators(folder.path / "indicators")
        self.sources = Sources(database)
        self.rejects = Rejects(database)
        self.suppressions = Suppressions(database)
        self.tuning = Tuning(database)
        self.accounts = Accounts(database)
        self.sightings = Sightings(database)
        self.forwarding = Forwarding(database, lake)
        self.outbox = Outbox(database)
        self.tickets = Tickets(database)
        self.leaving = Leaving(database)
        self.requests = Requests(database)
        self.playbooks = Playbooks(database)
        self.request_work = RequestWork(database)
        self.response_stop = ResponseStop(folder.path)
        self.audit = Audit(database, folder.path / "secrets" / "audit.key")
        self.schedules = Schedules(database)
        self.maintenance = Maintenance(folder, database)
        self._database = database
        self._lake = lake

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
        data = DataFolder(folder.resolve())
        data.prepare(demo=demo)
        database = Database(data.state)
        try:
            migrations.migrate(database, lambda number: _back_up(data, database, number))
        except BaseException:
            database.close()
            raise
        # The names of the database's own files.
        durable.sync_folder(data.path)
        lake = Lake(data.lake, memory_limit=memory_limit, threads=threads)
        store = cls(data, database, lake, demo=demo)
        store.maintenance.sweep()
        return store

    def close(self) -> None:
        """Close every connection; a second call does nothing."""
        self._lake.close()
        self._database.close()

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
    def kind(folder: Path) -> str | None:
        """Return `demo` or `real`; `None` where `folder` is no data folder yet.

        Raises:
            StoreError: the marker is damaged.
        """
        return DataFolder(folder.resolve()).kind()

    @staticmethod
    def switch(folder: Path) -> ResponseStop:
        """Return the switch that stops responding, without opening anything: it always works."""
        return ResponseStop(DataFolder(folder.resolve()).path)

    @staticmethod
    def restore(source: Path, target: Path) -> None:
        """Make the new data folder `target` from a backup; see `Maintenance.backup`."""
        backup.restore(source, target)


def _back_up(data: DataFolder, database: Database, number: int) -> None:
    """Copy the state before a migration changes it; the copy of a former try is replaced."""
    with durable.new_file(data.backups / f"state-before-{number + 1:04}.sqlite") as temporary:
        temporary.unlink(missing_ok=True)
        database.copy_to(temporary)
