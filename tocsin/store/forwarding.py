"""What leaves to other systems: how far each forwarder has come, and what it sends next.

Findings, incidents and matched events are read from `changes`, which triggers write in the commit
itself; events of a search are read from the files of the turns behind the last one that was sent. A
forwarder moves on only after its target took what it sent: so each thing leaves at least once.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Literal, TypeAlias

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.errors import UsageError
from tocsin.incidents import Incident
from tocsin.ocsf import EVERYTHING
from tocsin.store import audit, documents, language, scans
from tocsin.store.database import Database, add_new
from tocsin.store.lake import Lake
from tocsin.store.moments import to_microseconds
from tocsin.store.questions import Span
from tocsin.store.scans import Place, Scan
from tocsin.store.segments import Segment
from tocsin.store.tables import (
    CHANGES,
    FINDINGS,
    FORWARD_AGAIN,
    FORWARDERS,
    INCIDENT_FINDINGS,
    INCIDENTS,
    SEGMENTS,
    TURNS,
)

MOST_TRIES = 5
WINDOW_ROWS = 100_000
NO_TURN = -1
REPLAYED = "forwarder.replay"
_FIRST_WAIT = timedelta(seconds=5)
_SCAN_SECONDS = 60.0

Kind: TypeAlias = Literal["finding", "incident", "event"]
Key: TypeAlias = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was stored or changed; `seq` orders all of them by their commits."""

    seq: int
    key: Key


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a forwarder has come.

    Attributes:
        change_seq: of the last change that was sent or did not concern it.
        turn_id: of the last turn whose events were looked through; -1 while it wants none.
    """

    change_seq: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class Window:
    """Events of a few turns: those after `after`, `until` among them."""

    after: int
    until: int


@dataclass(frozen=True, slots=True)
class ForwarderState:
    """How a forwarder does.

    Attributes:
        name: of the settings.
        sent: records that its target took, repetitions among them.
        sent_time: when it last took any, UTC.
        waiting: findings, incidents and matched events that no attempt has reached; of all kinds.
        again: records that will be sent again.
        parked: records that were refused too often and wait for a person.
        reasons: of some of the parked ones.
        problem: why nothing leaves at present; "" where all is well.
    """

    name: str
    sent: int
    sent_time: datetime | None
    waiting: int
    again: int
    parked: int
    reasons: tuple[str, ...]
    problem: str


class Forwarding:
    """Positions and queues of forwarders."""

    def __init__(self, database: Database, lake: Lake) -> None:
        self._database = database
        self._lake = lake

    def register(self, names: Collection[str]) -> frozenset[str]:
        """Know these forwarders and forget all others; return the marks of all.

        A new one begins with what happens from now on. A mark is a word that nobody can guess; it
        stands in what leaves, so that a record that comes back is recognized.
        """
        with self._database.write() as connection:
            connection.execute(delete(FORWARDERS).where(FORWARDERS.c.name.not_in(names)))
            gone = FORWARD_AGAIN.c.forwarder.not_in(names)
            connection.execute(delete(FORWARD_AGAIN).where(gone))
            here = {
                "change_seq": _last_change(connection),
                "turn_id": _last_turn(connection),
                "sent": 0,
                "problem": "",
            }
            for name in names:
                row = {"name": name, "mark": f"tocsin-{secrets.token_hex(12)}", **here}
                connection.execute(insert(FORWARDERS).values(row).on_conflict_do_nothing())
            _prune(connection)
            return frozenset(connection.execute(select(FORWARDERS.c.mark)).scalars())

    def follow_events(self, name: str, *, is_wanted: bool) -> None:
        """Begin with the events of coming turns, where none were wanted before; or stop."""
        columns = FORWARDERS.c
        mine = update(FORWARDERS).where(columns.name == name)
        with self._database.write() as connection:
            if is_wanted:
                here = mine.where(columns.turn_id == NO_TURN)
                connection.execute(here.values(turn_id=_last_turn(connection)))
            else:
                connection.execute(mine.values(turn_id=NO_TURN))

    def incident(self, uid: str) -> Incident | None:
        """Return an incident as it is, also one that was merged into another."""
        with self._database.read() as connection:
            query = select(INCIDENTS.c.body).where(INCIDENTS.c.uid == uid)
            body = connection.execute(query).scalar_one_or_none()
        return None if body is None else documents.incident(body)

    def latest_findings(self, incident: str, at: datetime) -> list[str]:
        """Return up to 20 findings of an incident that changed last, unless before `at`."""
        mine = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
        tied = INCIDENT_FINDINGS.c.incident_uid == incident
        query = select(FINDINGS.c.uid, FINDINGS.c.updated_time).join(INCIDENT_FINDINGS, mine)
        query = query.where(tied, FINDINGS.c.updated_time >= at)
        with self._database.read() as connection:
            newest = query.order_by(FINDINGS.c.updated_time.desc()).limit(20)
            rows = connection.execute(newest).all()
        return [row.uid for row in rows if row.updated_time == rows[0].updated_time]

    def mark(self, name: str) -> str:
        """Return the mark of a registered forwarder."""
        with self._database.read() as connection:
            query = select(FORWARDERS.c.mark).where(FORWARDERS.c.name == name)
            return str(connection.execute(query).scalar_one())

    def standing(self, name: str) -> Standing:
        """Return how far a registered forwarder has come."""
        query = select(FORWARDERS.c.change_seq, FORWARDERS.c.turn_id)
        with self._database.read() as connection:
            row = connection.execute(query.where(FORWARDERS.c.name == name)).one()
        return Standing(row.change_seq, row.turn_id)

    def changes(self, name: str, kinds: Collection[Kind], limit: int) -> tuple[list[Change], int]:
        """Return what comes next of these kinds, and the place to go to once that is sent."""
        behind = select(FORWARDERS.c.change_seq).where(FORWARDERS.c.name == name)
        query = select(CHANGES).where(
            CHANGES.c.seq > behind.scalar_subquery(), CHANGES.c.kind.in_(kinds)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(CHANGES.c.seq).limit(limit)).all()
            found = [Change(row.seq, (row.kind, row.uid)) for row in rows]
            last = found[-1].seq if len(found) == limit else _last_change(connection)
        return found, last

    def due(self, name: str, now: datetime, limit: int) -> list[Key]:
        """Return what is to be sent again now, longest due first."""
        columns = FORWARD_AGAIN.c
        query = select(columns.kind, columns.uid).where(
            columns.forwarder == name, ~columns.is_parked, columns.due_time <= now
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(columns.due_time).limit(limit))
            return [(row.kind, row.uid) for row in rows]

    def window(self, name: str) -> Window | None:
        """Return the turns whose events come next, about 100,000 rows; `None` where none wait."""
        after = self.standing(name).turn_id
        if after == NO_TURN:
            return None
        query = select(SEGMENTS.c.turn_id, func.sum(SEGMENTS.c.rows).label("n"))
        query = query.where(SEGMENTS.c.turn_id > after).group_by(SEGMENTS.c.turn_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(SEGMENTS.c.turn_id)).all()
        if not rows:
            return None
        totals = accumulate(row.n for row in rows)
        within = [
            row.turn_id for row, total in zip(rows, totals, strict=True) if total <= WINDOW_ROWS
        ]
        return Window(after, within[-1] if within else rows[0].turn_id)

    def events(
        self, query: str, window: Window, behind: Place | None, limit: int
    ) -> tuple[pa.Table, Place | None]:
        """Return events of a window that match, newest first, and the place of the last one.

        Args:
            query: in the search language; "" for all.
            window: of `window`.
            behind: where the page before ended.
            limit: rows of a page; the place is `None` where fewer are left.

        Raises:
            UsageError: the query cannot be understood.
        """
        tree = language.parse(query)
        with self._database.read() as connection:
            shapes = self._lake.shapes(connection)
            segments = _of_turns(connection, window)
        conditions = scans.conditions_of(tree, EVERYTHING, shapes)
        scan = Scan(self._lake, segments, shapes, conditions, Span(), _SCAN_SECONDS)
        places = scan.newest(limit, behind)
        return scan.rows(places), places[-1] if len(places) == limit else None

    @staticmethod
    def check(query: str) -> None:
        """Refuse a search that cannot be understood.

        Raises:
            UsageError: the text says where.
        """
        language.parse(query)

    def sent(
        self,
        name: str,
        now: datetime,
        *,
        taken: Sequence[Key] = (),
        gone: Sequence[Key] = (),
        refused: Mapping[Key, str] | None = None,
        change_seq: int | None = None,
        turn_id: int | None = None,
    ) -> None:
        """Store in one transaction what became of a batch, and move on.

        Args:
            name: of the forwarder.
            now: UTC.
            taken: what the target took.
            gone: what exists no more, so that nobody can send it.
            refused: why the target refused the others; each is tried again, and parked at last.
            change_seq: go on behind this change.
            turn_id: go on behind this turn.
        """
        mine = FORWARDERS.c.name == name
        moves: dict[str, object] = {"problem": ""}
        if change_seq is not None:
            moves["change_seq"] = func.max(FORWARDERS.c.change_seq, change_seq)
        if turn_id is not None:
            moves["turn_id"] = turn_id
        if taken:
            moves |= {"sent": FORWARDERS.c.sent + len(taken), "sent_time": now}
        with self._database.write() as connection:
            connection.execute(update(FORWARDERS).where(mine).values(**moves))
            for kind, uid in (*taken, *gone):
                connection.execute(delete(FORWARD_AGAIN).where(*_is(name, (kind, uid))))
            for key, reason in (refused or {}).items():
                _refuse(connection, name, key, reason, now)
            if change_seq is not None:
                _prune(connection)

    def fail(self, name: str, problem: str) -> None:
        """Note why nothing leaves at present."""
        with self._database.write() as connection:
            mine = FORWARDERS.c.name == name
            connection.execute(update(FORWARDERS).where(mine).values(problem=problem))

    def states(self) -> tuple[ForwarderState, ...]:
        """Return how each registered forwarder does, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(FORWARDERS).order_by(FORWARDERS.c.name)).all()
            return tuple(
                ForwarderState(
                    row.name,
                    row.sent,
                    row.sent_time,
                    _waiting(connection, row.change_seq),
                    _count_again(connection, row.name, is_parked=False),
                    _count_again(connection, row.name, is_parked=True),
                    _reasons(connection, row.name),
                    row.problem,
                )
                for row in rows
            )

    def unpark(self, name: str, actor: str, now: datetime) -> int:
        """Let what is parked be sent again, with all its tries; return how much that is."""
        self._require(name)
        columns = FORWARD_AGAIN.c
        parked = update(FORWARD_AGAIN).where(columns.forwarder == name, columns.is_parked)
        with self._database.write() as connection:
            count = connection.execute(
                parked.values(tries=0, is_parked=False, due_time=now)
            ).rowcount
            details = {"what": "parked", "records": count}
            audit.record(connection, actor, REPLAYED, name, details, now=now)
        return count

    def replay(
        self,
        name: str,
        kinds: Collection[Kind],
        since: datetime,
        actor: str,
        now: datetime,
        *,
        events: bool,
    ) -> int:
        """Let findings and incidents that changed since then leave again; return how many.

        Args:
            name: of the forwarder.
            kinds: of those that it sends.
            since: UTC.
            actor: who asks; for the audit log.
            now: UTC.
            events: whether events of its search leave again too, from the first turn since then.
        """
        self._require(name)
        tables = {"finding": FINDINGS, "incident": INCIDENTS}
        with self._database.write() as connection:
            rows: list[tuple[object, ...]] = []
            for kind, table in tables.items():
                if kind in kinds:
                    query = select(table.c.uid).where(table.c.updated_time >= since)
                    if kind == "finding":
                        query = query.where(FINDINGS.c.suppression_uid == "")
                    uids = connection.execute(query).scalars()
                    rows += [(name, kind, uid, 0, to_microseconds(now), "", 0) for uid in uids]
            add_new(connection, FORWARD_AGAIN.name, rows)
            if events:
                first = select(func.max(TURNS.c.id)).where(TURNS.c.time < since)
                turn = connection.execute(first).scalar_one() or 0
                mine = FORWARDERS.c.name == name
                follows = FORWARDERS.c.turn_id != NO_TURN
                back = func.min(FORWARDERS.c.turn_id, turn)
                moved = update(FORWARDERS).where(mine, follows)
                connection.execute(moved.values(turn_id=back))
            details = {"since": since.isoformat(), "records": len(rows)}
            audit.record(connection, actor, REPLAYED, name, details, now=now)
        return len(rows)

    def _require(self, name: str) -> None:
        known = [state.name for state in self.states()]
        if name not in known:
            listed = ", ".join(known) or "none has run yet; start `tocsin up`"
            raise UsageError(f"there is no forwarder {name!r}; there are: {listed}")


def _refuse(connection: Connection, name: str, key: Key, reason: str, now: datetime) -> None:
    query = select(FORWARD_AGAIN.c.tries).where(*_is(name, key))
    tries = (connection.execute(query).scalar_one_or_none() or 0) + 1
    values = {
        "tries": tries,
        "due_time": now + _FIRST_WAIT * 4 ** (tries - 1),
        "reason": reason,
        "is_parked": tries >= MOST_TRIES,
    }
    row = {"forwarder": name, "kind": key[0], "uid": key[1], **values}
    new = insert(FORWARD_AGAIN).values(row)
    connection.execute(
        new.on_conflict_do_update(index_elements=["forwarder", "kind", "uid"], set_=values)
    )


def _is(name: str, key: Key) -> tuple[ColumnElement[bool], ...]:
    columns = FORWARD_AGAIN.c
    return columns.forwarder == name, columns.kind == key[0], columns.uid == key[1]


def _last_change(connection: Connection) -> int:
    # The table may be empty; its counter remembers.
    query = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'changes'"
    return int(connection.exec_driver_sql(query).scalar_one() or 0)


def _last_turn(connection: Connection) -> int:
    return connection.execute(select(func.max(TURNS.c.id))).scalar_one() or 0


def _prune(connection: Connection) -> None:
    """Forget the changes that every forwarder has passed."""
    slowest = select(func.min(FORWARDERS.c.change_seq)).scalar_subquery()
    connection.execute(delete(CHANGES).where(CHANGES.c.seq <= slowest))


def _of_turns(connection: Connection, window: Window) -> list[Segment]:
    query = select(SEGMENTS).where(
        SEGMENTS.c.turn_id > window.after, SEGMENTS.c.turn_id <= window.until
    )
    newest = query.order_by(SEGMENTS.c.max_time.desc(), SEGMENTS.c.path)
    return [Segment.of(row) for row in connection.execute(newest)]


def _waiting(connection: Connection, change_seq: int) -> int:
    query = select(func.count()).select_from(CHANGES).where(CHANGES.c.seq > change_seq)
    return connection.execute(query).scalar_one()


def _count_again(connection: Connection, name: str, *, is_parked: bool) -> int:
    columns = FORWARD_AGAIN.c
    query = select(func.count()).where(columns.forwarder == name, columns.is_parked == is_parked)
    return connection.execute(query).scalar_one()


def _reasons(connection: Connection, name: str) -> tuple[str, ...]:
    columns = FORWARD_AGAIN.c
    query = select(columns.reason).where(columns.forwarder == name, columns.is_parked)
    found: Iterable[str] = connection.execute(query.distinct().limit(3)).scalars()
    return tuple(found)
