"""The log of changes: every row holds the hash of the one before it.

A changed, inserted, swapped or deleted row breaks the chain at a place that `verify` names. A cut
at the end, or a rewrite of the whole log, shows against checkpoints, or a head hash, that were kept
elsewhere.
"""

import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import audit_checkpoints, cursors, documents
from tocsin.store.audit_checkpoints import Checkpoint, SigningKey
from tocsin.store.audit_tables import CHECKPOINTS
from tocsin.store.database import Database
from tocsin.store.moments import to_microseconds
from tocsin.store.questions import Page
from tocsin.store.tables import AUDIT

BEGINNING = "0" * 64
"""The hash before the first row."""

VERIFIED_AT_ONCE = 10_000
BEFORE_ALL = -(2**63)
CHECKPOINT_ROWS = 1_000
CHECKPOINT_AGE = timedelta(seconds=60)
"""A checkpoint is due after so many rows, or where there are new rows after so long."""

FIELDS = ("seq", "time", "actor", "action", "object", "details", "previous_hash")
"""What the hash of a row covers."""

_NEWEST = select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)
_LAST_CHECKPOINT = select(CHECKPOINTS).order_by(CHECKPOINTS.c.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change: who did what to which object; `details` is canonical JSON."""

    seq: int
    time: datetime
    actor: str
    action: str
    object: str
    details: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditState:
    """What `verify` found.

    Attributes:
        rows: how many rows there are.
        head: hash of the last row; keep it elsewhere to expose a rewrite of the whole log.
        first_bad_seq: the first row that does not fit, `None` when all do.
        problem: what is wrong with it, "" when nothing is.
    """

    rows: int
    head: str
    first_bad_seq: int | None
    problem: str


class Audit:
    """Append only; rows are written in the transaction of the change that they describe."""

    def __init__(self, database: Database, key: Path) -> None:
        self._database = database
        self._key = SigningKey(key)

    def append(
        self, actor: str, action: str, object_: str, details: dict[str, object], now: datetime
    ) -> None:
        """Write a row for a change outside the store (settings loaded, a rule test run)."""
        with self._database.write() as connection:
            record(connection, actor, action, object_, details, now=now)

    def list(
        self,
        scope: Scope,
        *,
        limit: int = 100,
        cursor: str | None = None,
        actor: str | None = None,
        object_: str | None = None,
    ) -> Page[tuple[AuditRow, ...]]:
        """Return rows, newest first.

        A row tells what somebody did anywhere: only an unlimited scope sees any. What was done to
        an incident stands in its timeline, for everybody who sees the incident.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("audit", actor, object_, scope)
        if scope != EVERYTHING:
            return Page((), None)
        query = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit + 1)
        if actor is not None:
            query = query.where(AUDIT.c.actor == actor)
        if object_ is not None:
            query = query.where(AUDIT.c.object == object_)
        if cursor:
            query = query.where(AUDIT.c.seq < cursors.read(cursor, question)[0])
        with self._database.read() as connection:
            rows = [AuditRow(*row) for row in connection.execute(query)]
        shown, following = cursors.split(rows, limit, question, lambda row: (row.seq, ""))
        return Page(tuple(shown), following)

    def verify(
        self,
        *,
        known_head: str | None = None,
        checkpoints: Sequence[Checkpoint] = (),
        public_key: str | None = None,
    ) -> AuditState:
        """Recompute the chain and compare it with checkpoints: those kept here, and others.

        Args:
            known_head: a hash that must be in the chain.
            checkpoints: from the second place.
            public_key: that signed all checkpoints; otherwise that of the first one.
        """
        with self._database.read() as connection:
            own = connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.seq))
            kept = [_checkpoint(row) for row in own]
            everything = (*checkpoints, *kept)
            forged = audit_checkpoints.problem_of(everything, public_key)
            found = verify(connection, known_head, everything)
        if forged is None or (found.first_bad_seq or forged[0] + 1) <= forged[0]:
            return found
        return AuditState(found.rows, found.head, *forged)

    def checkpoint_is_due(self, now: datetime) -> bool:
        """Return whether enough rows, or enough time with any, lie behind the last checkpoint."""
        with self._database.read() as connection:
            last = connection.execute(_LAST_CHECKPOINT).first()
            newest = connection.execute(select(func.max(AUDIT.c.seq))).scalar_one() or 0
        rows = newest - (last.seq if last else 0)
        is_old = last is None or now - last.time >= CHECKPOINT_AGE
        return rows >= CHECKPOINT_ROWS or (rows > 0 and is_old)

    def checkpoint(self, now: datetime) -> Checkpoint | None:
        """Sign the head of the log; `None` where nothing was written since the last checkpoint.

        Raises:
            StoreError: the key cannot be used.
        """
        with self._database.write() as connection:
            last = connection.execute(_LAST_CHECKPOINT).first()
            head = connection.execute(_NEWEST).first()
            if head is None or (last is not None and last.seq >= head.seq):
                return None
            made = self._key.sign(head.seq, now, head.hash)
            row = {name: getattr(made, name) for name in Checkpoint.__dataclass_fields__}
            connection.execute(insert(CHECKPOINTS).values(**row, is_sent=False))
        return made

    def unsent(self) -> tuple[Checkpoint, ...]:
        """Return the checkpoints that are not in the second place yet."""
        query = select(CHECKPOINTS).where(~CHECKPOINTS.c.is_sent).order_by(CHECKPOINTS.c.seq)
        with self._database.read() as connection:
            return tuple(_checkpoint(row) for row in connection.execute(query))

    def sent(self, seqs: Iterable[int]) -> None:
        """Note that these checkpoints are in the second place."""
        mine = update(CHECKPOINTS).where(CHECKPOINTS.c.seq.in_(builtins.list(seqs)))
        with self._database.write() as connection:
            connection.execute(mine.values(is_sent=True))


def record(
    connection: Connection,
    actor: str,
    action: str,
    object_: str,
    details: dict[str, object],
    *,
    now: datetime,
) -> None:
    """Write one row in the transaction of the change that it describes."""
    last = connection.execute(_NEWEST).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, BEGINNING)
    row: dict[str, Any] = {
        "seq": seq,
        "time": now,
        "actor": actor,
        "action": action,
        "object": object_,
        "details": documents.canonical(details),
        "previous_hash": previous,
    }
    connection.execute(insert(AUDIT).values(**row, hash=_hash(**row)))


def verify(
    connection: Connection,
    known_head: str | None = None,
    checkpoints: Sequence[Checkpoint] = (),
) -> AuditState:
    """Recompute the chain on one snapshot; see `Audit.verify`. Signatures are not looked at."""
    is_known = known_head in {None, BEGINNING}

    def rows() -> Iterator[AuditRow]:
        nonlocal is_known
        for row in _all(connection):
            is_known = is_known or row.hash == known_head
            yield row

    found = examine(rows(), checkpoints)
    if found.first_bad_seq is None and not is_known:
        text = "the known head is not in the chain: rows are gone"
        return AuditState(found.rows, found.head, found.rows + 1, text)
    return found


def examine(
    rows: Iterable[AuditRow],
    checkpoints: Sequence[Checkpoint] = (),
    *,
    after: int = 0,
    head: str = BEGINNING,
) -> AuditState:
    """Recompute the chain of rows and compare it with checkpoints.

    Args:
        rows: in order of `seq`.
        checkpoints: in any order; those up to `after` are left out.
        after: the last row that is known to be right.
        head: its hash.
    """
    expected: dict[int, set[str]] = {}
    for one in checkpoints:
        expected.setdefault(one.seq, set()).add(one.head)
    seq = agreed = after
    for row in rows:
        problem = _problem(row, seq + 1, head)
        if problem:
            return AuditState(seq, head, seq + 1, problem)
        head, seq = row.hash, row.seq
        if expected.get(seq, {head}) != {head}:
            text = f"rows {agreed + 1} to {seq} are not those of the checkpoint at row {seq}"
            return AuditState(seq, head, agreed + 1, text)
        agreed = seq if seq in expected else agreed
    last = max(expected, default=0)
    if last > seq:
        text = f"rows {seq + 1} to {last} are gone: there is a checkpoint at row {last}"
        return AuditState(seq, head, seq + 1, text)
    return AuditState(seq, head, None, "")


def _all(connection: Connection) -> Iterator[AuditRow]:
    behind = BEFORE_ALL
    query = select(AUDIT).order_by(AUDIT.c.seq).limit(VERIFIED_AT_ONCE)
    while batch := connection.execute(query.where(AUDIT.c.seq > behind)).all():
        behind = batch[-1].seq
        for row in batch:
            yield AuditRow(*row)


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(row.seq, row.time, row.head, row.public_key, row.signature)


def _problem(row: AuditRow, seq: int, previous: str) -> str:
    if row.seq != seq:
        return f"row {seq} is missing"
    if row.previous_hash != previous:
        return f"row {seq} does not follow the row before it"
    fields = {name: getattr(row, name) for name in FIELDS}
    return "" if row.hash == _hash(**fields) else f"row {seq} was changed"


def _hash(**row: Any) -> str:
    content = {**row, "time": to_microseconds(row["time"])}
    return sha256(documents.canonical(content).encode("utf-8", "surrogatepass")).hexdigest()
