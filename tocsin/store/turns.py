"""The way in: what a turn reads from the store, and its one commit.

Events are written to new files and synced; then one transaction of the state holds everything else,
the manifest of those files included. Until it is on disk, nothing of the turn counts.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Insert, func, insert, select

from tocsin.conditions.suppression import HIDDEN
from tocsin.detect import Windows
from tocsin.errors import StoreError
from tocsin.identity import Statement
from tocsin.incidents import Incident
from tocsin.normalize import Normalized
from tocsin.ocsf import RawBatch, concat, schemas
from tocsin.store import (
    findings,
    incidents,
    keys,
    outbox,
    proposals,
    rejects,
    reported,
    resources,
    segments,
    sightings,
    sources,
    suppressions,
)
from tocsin.store.database import Database, raw
from tocsin.store.folder import DataFolder
from tocsin.store.joining import Group, Grouping
from tocsin.store.keys import Key
from tocsin.store.moments import from_microseconds
from tocsin.store.segments import Segment
from tocsin.store.tables import FEEDS, TURNS
from tocsin.store.windows import WindowCache


@dataclass(frozen=True, slots=True)
class Unseen:
    """What is left of a normalized batch without the records that are already stored.

    Attributes:
        normalized: events, findings, resources and rejects that are new, rejects of the batch's
            reader among them.
        duplicates: how many rows were left out.
        generation: lets `commit` refuse a turn that counted on another one which then failed.
        keys: of the new events, findings and resources.
        replayed: identifiers of rejects that these rows take the place of.
    """

    normalized: Normalized
    duplicates: int
    generation: int
    keys: tuple[Key, ...] = ()
    replayed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One batch on its way into the commit.

    Attributes:
        batch: as its source gave it; `cursor` is stored unless `None`.
        unseen: what `Turns.unseen` gave for it.
        findings: rows of `ocsf.schemas.FINDINGS` of every origin, after suppressions.
        matches: rows of `ocsf.schemas.MATCHES`.
        failures: rows of `ocsf.schemas.FAILURES`.
        now: UTC; the time of the turn.
        hidden: rows of `conditions.suppression.HIDDEN`: stored, and no more.
        hidden_matches: rows of `ocsf.schemas.MATCHES` of those.
        redacted: secrets that were taken out of the records, by kind.
        earlier: events of earlier turns that the findings name, as far as they are at hand.
        is_told: whether people are told what becomes of incidents; not of loaded history.
        statements: what the events and resources tell of who is who.
    """

    batch: RawBatch
    unseen: Unseen
    findings: pa.Table
    matches: pa.Table
    failures: pa.Table
    now: datetime
    hidden: pa.Table = field(default_factory=HIDDEN.empty_table)
    hidden_matches: pa.Table = field(default_factory=schemas.MATCHES.empty_table)
    redacted: Mapping[str, int] = field(default_factory=dict)
    earlier: pa.Table = field(default_factory=schemas.EVENT_COLUMNS.empty_table)
    is_told: bool = True
    statements: tuple[Statement, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        batch = self.batch
        tables = (batch.records, batch.rejects, self.findings, self.hidden, self.failures)
        return batch.cursor is None and not any(table.num_rows for table in tables)


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit stored: the incidents that it opened or changed, and how many rows."""

    changed: tuple[Incident, ...]
    events: int
    findings: int
    duplicates: int
    rejects: int


class Turns:
    """Reads and commits of the turn thread.

    Everything here but `cursor` happens while `lock` is held. A turn is: lock, `unseen`, evaluate
    with `windows`, `commit`, unlock, acknowledge. Several batches may pass `unseen` before one
    `commit` takes them all in order (group commit).
    """

    def __init__(self, folder: DataFolder, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._windows = WindowCache()
        self._in_flight: set[Key] = set()
        self._told: dict[str, int] = {}
        self._generation = 0
        self._begun = 0.0

    @contextmanager
    def lock(self, timeout_seconds: float | None = None) -> Iterator[None]:
        """Hold the turn lock of the folder against other threads and processes.

        Raises:
            StoreError: another process kept it for longer than `timeout_seconds`.
        """
        with self._folder.turn_lock.hold(timeout_seconds):
            try:
                self._begun = time.monotonic()
                yield
            finally:
                self._forget()

    def cursor(self, feed: str) -> str | None:
        """Return where `feed` resumes; `None` before its first commit."""
        with self._database.read() as connection:
            query = select(FEEDS.c.cursor).where(FEEDS.c.feed == feed)
            return connection.execute(query).scalar_one_or_none()

    def windows(self) -> Windows:
        """Return the windows as of the last commit of any process."""
        with self._database.read() as connection:
            return self._windows.read(connection, _last_turn(connection))

    def look(self) -> Windows:
        """Return the same without the lock, for those who only look."""
        with self._database.read() as connection:
            return WindowCache().read(connection, _last_turn(connection))

    def unseen(self, batch: RawBatch, normalized: Normalized) -> Unseen:
        """Return `normalized` without what is stored, in flight, or twice in the batch.

        Rejects of the batch's reader (`batch.rejects`) are joined to those of the mapping. A
        finding or resource that rests on an event of the batch has no key of its own: it is new
        when that is. Where a source tells totals, a finding comes back with what this batch adds.
        """
        self._require_lock()
        resting, alone = reported.resting(normalized.findings, normalized.events)
        seen, unrelated = resources.resting(normalized.resources, normalized.events)
        rows = {
            "events": (normalized.events, keys.event_keys(normalized.events)),
            "findings": (alone, keys.finding_keys(alone)),
            "resources": (unrelated, keys.resource_keys(unrelated)),
        }
        wanted = [key for _, part in rows.values() for key in part]
        with self._database.look_up() as connection:
            known = keys.stored(connection, wanted)
        known |= self._in_flight.intersection(wanted)
        fresh: list[Key] = []
        kept: dict[str, pa.Table] = {}
        for name, (table, part) in rows.items():
            kept[name], new = _first_of(table, part, known)
            fresh += new
        self._in_flight.update(fresh)
        duplicates = len(wanted) - len(fresh)
        if resting.num_rows:
            kept["findings"] = self._with_resting(kept, resting)
        if seen.num_rows:
            fresh_seen = resources.resting(seen, kept["events"])[0]
            kept["resources"] = concat([fresh_seen, kept["resources"]], schemas.RESOURCES)
        return self._with_rejects(batch, normalized, kept, duplicates, tuple(fresh))

    def _with_resting(self, kept: Mapping[str, pa.Table], resting: pa.Table) -> pa.Table:
        fresh = reported.of_events(resting, kept["events"])
        with self._database.read() as connection:
            added = reported.shares(connection, fresh, self._told)
        return concat([added, kept["findings"]], schemas.FINDINGS)

    def commit(
        self,
        turns: Sequence[Turn],
        windows: Windows,
        group: Group,
        fixed: Sequence[Statement] = (),
        propose: proposals.Propose | None = None,
    ) -> Committed:
        """Store these turns as one: events are fsynced first, then one transaction holds the rest.

        `group` is called inside the transaction, once a turn that has findings, with the incidents
        as they are at that moment: a change that an analyst makes meanwhile is never overwritten.
        When this returns, every batch may be acknowledged. Turns without anything new write
        nothing.

        Args:
            turns: in the order in which they passed `unseen`.
            windows: after the last of them.
            group: pure; decides which incidents change.
            fixed: who is who by the settings.
            propose: pure; asked once, in the same transaction, about what changed.

        Raises:
            StoreError: nothing is stored; every batch since the last commit must be read again.
        """
        self._require_lock()
        full = [turn for turn in turns if not turn.is_empty]
        if any(turn.unseen.generation != self._generation for turn in full):
            raise StoreError("an earlier commit failed: read the batches after it again")
        if not full and not self._windows.differ(windows):
            return _NOTHING
        try:
            return self._store(full, windows, Grouping(group, tuple(fixed)), propose)
        except BaseException:
            self._forget()
            raise

    def _store(
        self,
        turns: Sequence[Turn],
        windows: Windows,
        grouping: Grouping,
        propose: proposals.Propose | None,
    ) -> Committed:
        written: list[tuple[Segment, pa.Schema]] = []
        is_harmless = True
        try:
            self._write_events(turns, written)
            with self._database.write() as connection:
                turn_id = self._windows.next_turn(_last_turn(connection))
                segments.record(connection, written, turn_id)
                spent = timedelta(seconds=time.monotonic() - self._begun)
                changed = [
                    incident
                    for turn in turns
                    for incident in _store_turn(connection, turn, grouping, spent)
                ]
                proposals.propose_for(connection, propose, changed, turns)
                self._windows.write(connection, windows)
                committed = _sum(turns, changed)
                connection.execute(_turn_row(turn_id, turns, committed))
                is_harmless = False
        except BaseException:
            # Files without a manifest row are swept at the next start. They may only go at once
            # while the transaction has certainly not reached the disk.
            for segment, _ in written if is_harmless else ():
                (self._folder.lake / segment.path).unlink(missing_ok=True)
            raise
        self._windows.keep(windows, turn_id)
        self._in_flight.difference_update(key for turn in turns for key in turn.unseen.keys)
        self._told.clear()
        return committed

    def _write_events(
        self, turns: Sequence[Turn], written: list[tuple[Segment, pa.Schema]]
    ) -> None:
        by_source: dict[str, list[pa.Table]] = {}
        for turn in turns:
            by_source.setdefault(turn.batch.source, []).append(turn.unseen.normalized.events)
        try:
            for source, tables in by_source.items():
                for each in segments.write(self._folder.lake, source, tables):
                    written.append(each)
        except OSError as error:
            raise StoreError(f"events cannot be written: {error}") from error

    def _with_rejects(
        self,
        batch: RawBatch,
        normalized: Normalized,
        kept: dict[str, pa.Table],
        duplicates: int,
        fresh: tuple[Key, ...],
    ) -> Unseen:
        joined = _joined_rejects(batch.rejects, normalized.rejects)
        names = rejects.uids(joined)
        replayed: tuple[str, ...] = ()
        with self._database.read() as connection:
            if isinstance(batch.receipt, rejects.Replay):
                mine = batch.receipt.among(batch.source, batch.records)
                known = rejects.known(connection, mine)
                # Rejects that another replay has settled meanwhile are nobody's duplicates.
                duplicates -= len(mine) - len(known)
                replayed = tuple(sorted(known.difference(names)))
                known = set()
            else:
                known = rejects.known(connection, names)
        new, _ = _first_of(joined, names, known)
        return Unseen(
            normalized=replace(normalized, **kept, rejects=new),
            duplicates=duplicates + joined.num_rows - new.num_rows,
            generation=self._generation,
            keys=fresh,
            replayed=replayed,
        )

    def _require_lock(self) -> None:
        if not self._folder.turn_lock.is_held:
            raise RuntimeError("a turn needs the turn lock: `with store.turns.lock():`")

    def _forget(self) -> None:
        self._in_flight.clear()
        self._told.clear()
        self._generation += 1


_NOTHING = Committed((), 0, 0, 0, 0)

Identity = TypeVar("Identity", Key, str)


def _first_of(
    table: pa.Table, identities: Sequence[Identity], known: set[Identity]
) -> tuple[pa.Table, list[Identity]]:
    """Return the rows that are new, each once, and their identities."""
    distinct = set(identities)
    if len(distinct) == len(identities) and distinct.isdisjoint(known):
        return table, list(identities)
    taken: set[Identity] = set()
    mask: list[bool] = []
    for identity in identities:
        is_new = identity not in known and identity not in taken
        mask.append(is_new)
        if is_new:
            taken.add(identity)
    new = [identity for identity, is_new in zip(identities, mask, strict=True) if is_new]
    return table.filter(pa.array(mask, pa.bool_())), new


def _joined_rejects(reader: pa.Table, mapping: pa.Table) -> pa.Table:
    """Return the rejects of both; those that the mapping has passed on are there once."""
    if not reader.num_rows:
        return mapping
    passed_on = set(rejects.uids(mapping))
    missing = pa.array([uid not in passed_on for uid in rejects.uids(reader)], pa.bool_())
    return concat([mapping, reader.filter(missing)], schemas.REJECTS)


def _store_turn(
    connection: Connection, turn: Turn, grouping: Grouping, spent: timedelta
) -> tuple[Incident, ...]:
    normalized = turn.unseen.normalized
    keys.add(raw(connection), turn.unseen.keys)
    rejects.remove(connection, turn.unseen.replayed)
    rejects.record(connection, turn.batch.feed, normalized.rejects)
    resources.record(connection, normalized.resources)
    events = normalized.events
    if turn.earlier.num_rows:
        events = pa.concat_tables([events, turn.earlier], promote_options="permissive")
    findings.record(connection, turn.findings, turn.matches, events, turn.now)
    if turn.hidden.num_rows:
        suppressions.count(connection, turn.hidden, turn.now)
        findings.record(connection, turn.hidden, turn.hidden_matches, events, turn.now)
    sources.record_failures(connection, turn.failures.to_pylist(), turn.now)
    _count(connection, turn, spent)
    known, changed = grouping.changed(connection, turn.findings, turn.statements, turn.now)
    if not changed:
        return ()
    incidents.record(connection, changed)
    if turn.is_told:
        outbox.note(connection, known, changed)
    return changed


def _count(connection: Connection, turn: Turn, spent: timedelta) -> None:
    batch, normalized = turn.batch, turn.unseen.normalized
    received = batch.records.num_rows + batch.rejects.num_rows
    is_replay = isinstance(batch.receipt, rejects.Replay)
    counts = sources.Counts(
        received=0 if is_replay else received,
        events=normalized.events.num_rows,
        findings=reported.resting(normalized.findings, normalized.events)[1].num_rows,
        resources=resources.resting(normalized.resources, normalized.events)[1].num_rows,
        duplicates=turn.unseen.duplicates,
        rejects=-len(turn.unseen.replayed) if is_replay else normalized.rejects.num_rows,
    )
    if not received and batch.cursor is None:
        return
    times = sources.Times(_newest(normalized.events), turn.now + spent)
    sources.record(connection, batch, counts, times)
    sources.record_volume(connection, batch.feed, counts, turn.now)
    sources.record_redacted(connection, batch.feed, turn.redacted)
    sightings.record(connection, batch.source, normalized.events, turn.now)


def _newest(events: pa.Table) -> datetime | None:
    """Return the time of the newest event whose clock can be believed."""
    believed = events.column("time").filter(pc.invert(events.column("skewed")))
    newest = pc.max(believed).cast(pa.int64()).as_py()
    return None if newest is None else from_microseconds(newest)


def _last_turn(connection: Connection) -> int:
    return connection.execute(select(func.max(TURNS.c.id))).scalar_one() or 0


def _turn_row(turn_id: int, turns: Sequence[Turn], committed: Committed) -> Insert:
    moment = max((turn.now for turn in turns), default=datetime.now(UTC))
    return insert(TURNS).values(
        id=turn_id,
        time=moment,
        batches=len(turns),
        events=committed.events,
        findings=committed.findings,
    )


def _sum(turns: Sequence[Turn], changed: Sequence[Incident]) -> Committed:
    # A later turn of the same commit may change an incident again: the last state counts.
    latest = {incident.uid: incident for incident in changed}
    return Committed(
        changed=tuple(latest.values()),
        events=sum(turn.unseen.normalized.events.num_rows for turn in turns),
        findings=sum(turn.findings.num_rows for turn in turns),
        duplicates=sum(turn.unseen.duplicates for turn in turns),
        rejects=sum(turn.unseen.normalized.rejects.num_rows for turn in turns),
    )
