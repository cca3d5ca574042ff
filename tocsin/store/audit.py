"""The log of changes: every row holds the hash of the one before it.

A changed, inserted, swapped or deleted row breaks the chain at a place that `verify` names. A cut
at the end, or a rewrite of the whole log, shows against a head hash that was kept elsewhere.
"""

import builtins
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import cursors, documents
from tocsin.store.database import Database
from tocsin.store.moments import to_microseconds
from tocsin.store.questions import Page
from tocsin.store.tables import AUDIT

BEGINNING = "0" * 64
"""The hash before the first row."""

VERIFIED_AT_ONCE = 10_000
BEFORE_ALL = -(2**63)
FIELDS = ("seq", "time", "actor", "action", "object", "details", "previous_hash")
"""What the hash of a row covers."""


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

    def __init__(self, database: Database) -> None:
        self._database = database

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

    def verify(self, *, known_head: str | None = None) -> AuditState:
        """Recompute the chain; with `known_head`, that hash must be in it."""
        with self._database.read() as connection:
            return verify(connection, known_head)


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
    newest = select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)
    last = connection.execute(newest).first()
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


def verify(connection: Connection, known_head: str | None = None) -> AuditState:
    """Recompute the chain on one snapshot; see `Audit.verify`."""
    head, rows, is_known = BEGINNING, 0, known_head in {None, BEGINNING}
    behind = BEFORE_ALL
    while batch := _after(connection, behind):
        behind = batch[-1].seq
        for row in batch:
            problem = _problem(row, rows + 1, head)
            if problem:
                return AuditState(rows, head, rows + 1, problem)
            head, rows = row.hash, row.seq
            is_known = is_known or head == known_head
    if not is_known:
        return AuditState(rows, head, rows + 1, "the known head is not in the chain: rows are gone")
    return AuditState(rows, head, None, "")


def _after(connection: Connection, seq: int) -> builtins.list[Row[Any]]:
    query = select(AUDIT).where(AUDIT.c.seq > seq).order_by(AUDIT.c.seq)
    return builtins.list(connection.execute(query.limit(VERIFIED_AT_ONCE)))


def _problem(row: Row[Any], seq: int, previous: str) -> str:
    if row.seq != seq:
        return f"row {seq} is missing"
    if row.previous_hash != previous:
        return f"row {seq} does not follow the row before it"
    fields = {name: getattr(row, name) for name in FIELDS}
    return "" if row.hash == _hash(**fields) else f"row {seq} was changed"


def _hash(**row: Any) -> str:
    content = {**row, "time": to_microseconds(row["time"])}
    return sha256(documents.canonical(content).encode("utf-8", "surrogatepass")).hexdigest()
