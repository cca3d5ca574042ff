"""Evidence of incidents: events that outlive retention, and files, each with its SHA-256."""

import builtins
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Row,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from tocsin.errors import StoreError, UsageError
from tocsin.ocsf import Scope, identifiers, output
from tocsin.store import audit, documents, evidence_files
from tocsin.store.database import Database
from tocsin.store.events import Events
from tocsin.store.evidence_files import Upload
from tocsin.store.incidents import visible
from tocsin.store.moments import Moment
from tocsin.store.once import Once, keep, recall
from tocsin.store.questions import Damage
from tocsin.store.tables import INCIDENTS, METADATA

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("incident_uid", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("account", Text),
    Column("namespaces", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("removed_time", Moment),
    Column("removed_by", Text, nullable=False),
    Column("removed_reason", Text, nullable=False),
    Index("evidence_by_incident", "incident_uid", "time"),
    Index("evidence_by_hash", "sha256"),
)
"""One row a piece; `account` and `namespaces` are those of an event, for scopes."""

EVENT, FILE = "event", "file"
ATTACHED, REMOVED = "incident.evidence", "incident.evidence.removed"
MOST_OF_ONE = 1_000
"""Pieces that one incident may have."""
MOST_AT_ONCE = 100
LONGEST_NAME = 200
LONGEST_NOTE = 2_000
FROM_BACKUP = "restore it from a backup: `tocsin restore`"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence.

    Attributes:
        uid: of the piece.
        incident_uid: the incident it was attached to; it may have been merged since.
        kind: `event` (its OCSF JSON with the raw record, `name` is the event's uid) or `file`.
        name: as who attached it called it: text of a person, or of who made the file.
        note: why it matters, in the words of who attached it.
        sha256: of its bytes, in hex.
        time: when it was attached, UTC; `actor` is who did.
        removed_time: when its bytes were removed, UTC; `None` while they are kept.
        removed_by: who removed them; `removed_reason` is why.
    """

    uid: str
    incident_uid: str
    kind: Literal["event", "file"]
    name: str
    note: str
    sha256: str
    size_bytes: int
    time: datetime
    actor: str
    removed_time: datetime | None
    removed_by: str
    removed_reason: str


@dataclass(frozen=True, slots=True)
class Attaching:
    """Who attaches something to which incident, when, why, and what they may see."""

    incident_uid: str
    actor: str
    now: datetime
    scope: Scope
    note: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """How many pieces were compared with their hash, and what is wrong."""

    pieces: int
    damage: tuple[Damage, ...]


class EvidenceRoom:
    """The pieces of evidence of all incidents; their bytes lie in `folder`."""

    def __init__(self, folder: Path, database: Database, events: Events) -> None:
        self._folder = folder
        self._database = database
        self._events = events

    def list(self, incident_uid: str, scope: Scope) -> tuple[Evidence, ...]:
        """Return what was attached to an incident and to those merged into it, oldest first."""
        with self._database.read() as connection:
            return tuple(
                _piece(row)
                for row in _rows(connection, incident_uid, scope)
                if _is_visible(row, scope)
            )

    def upload(self) -> AbstractContextManager[Upload]:
        """Give a place for the bytes of a file; `attach_file` keeps them."""
        return evidence_files.upload(self._folder)

    def attach_file(
        self, content: Upload, name: str, how: Attaching, *, once: Once | None = None
    ) -> Evidence:
        """Attach a file; the same bytes under the same name are attached to an incident once.

        Raises:
            UsageError: no such incident in the scope, or the file is empty, or it has too many.
        """
        if not content.size_bytes:
            raise UsageError("the file is empty")
        evidence_files.keep(self._folder, content)
        new = _New(FILE, _named(name), content.sha256, content.size_bytes)
        (found,) = self._attach([new], how, once)
        return found

    def attach_events(
        self, uids: Sequence[str], how: Attaching, *, once: Once | None = None
    ) -> tuple[Evidence, ...]:
        """Attach events as they are stored now, so that they are kept when the lake forgets them.

        Raises:
            UsageError: no such incident in the scope, or one of the events is not stored there.
        """
        wanted = builtins.list(dict.fromkeys(uids))
        if not 0 < len(wanted) <= MOST_AT_ONCE:
            raise UsageError(f"name 1 to {MOST_AT_ONCE} events")
        rows = {row["event_uid"]: row for row in self._events.many(wanted, how.scope).to_pylist()}
        missing = [uid for uid in wanted if uid not in rows]
        if missing:
            raise UsageError(f"there is no event {missing[0]}, or it is no longer stored")
        return self._attach([self._event(uid, rows[uid]) for uid in wanted], how, once)

    def open(self, uid: str, scope: Scope) -> tuple[Evidence, Path]:
        """Return a piece with the path of its bytes, which are compared with its hash first.

        Raises:
            UsageError: there is no such piece in the scope, or its bytes were removed.
            StoreError: its bytes are gone or were changed.
        """
        with self._database.read() as connection:
            row = _row_of(connection, uid, scope)
        if row.removed_time is not None:
            raise UsageError(f"{uid} was removed: {row.removed_reason}")
        problem = self._problem(row.sha256)
        if problem:
            raise StoreError(f"evidence {uid}: {problem}; {FROM_BACKUP}")
        return _piece(row), evidence_files.place(self._folder, row.sha256)

    def remove(self, uid: str, reason: str, actor: str, now: datetime, scope: Scope) -> Evidence:
        """Remove the bytes of a piece for good; who did and why stays in its row.

        Raises:
            UsageError: no such piece, removed already, or no reason.
        """
        if not reason.strip():
            raise UsageError("say why it is removed")
        with self._database.write() as connection:
            row = _row_of(connection, uid, scope)
            if row.removed_time is not None:
                raise UsageError(f"{uid} was removed already")
            said = {"removed_time": now, "removed_by": actor, "removed_reason": reason.strip()}
            connection.execute(update(EVIDENCE).where(EVIDENCE.c.uid == uid).values(said))
            details: dict[str, object] = {"evidence": uid, "name": row.name, "sha256": row.sha256}
            details["reason"] = reason.strip()
            audit.record(connection, actor, REMOVED, row.incident_uid, details, now=now)
            found = _piece(_row_of(connection, uid, scope))
        # After the commit, and while nobody attaches anything: see `_attach`.
        with self._database.write() as connection:
            if row.sha256 not in kept(connection):
                evidence_files.place(self._folder, row.sha256).unlink(missing_ok=True)
        return found

    def verify(self) -> Checked:
        """Compare the bytes of every piece with its hash."""
        with self._database.read() as connection:
            wanted = sorted(kept(connection))
        return Checked(len(wanted), tuple(damage(self._folder, wanted)))

    def _event(self, uid: str, row: Mapping[str, object]) -> "_New":
        event = output.event_json(dict(row))
        event["raw_data"] = row["raw_data"]
        content = documents.canonical(event).encode("utf-8", "surrogatepass")
        with self.upload() as made:
            made.write(content)
            evidence_files.keep(self._folder, made)
        return _New(EVENT, uid, made.sha256, made.size_bytes, *_limits(row))

    def _attach(
        self, pieces: "Sequence[_New]", how: Attaching, once: Once | None
    ) -> tuple[Evidence, ...]:
        with self._database.write() as connection:
            answer = recall(connection, how.actor, once)
            if answer is not None:
                return msgspec.json.decode(answer, type=tuple[Evidence, ...])
            seen = select(INCIDENTS.c.uid).where(
                INCIDENTS.c.uid == how.incident_uid,
                INCIDENTS.c.merged_into == "",
                *visible(how.scope),
            )
            if connection.execute(seen).first() is None:
                raise UsageError(f"there is no incident {how.incident_uid}")
            for piece in pieces:
                if not evidence_files.place(self._folder, piece.sha256).is_file():
                    raise UsageError(f"{piece.name} was removed meanwhile: attach it again")
            found = tuple(_attached(connection, piece, how) for piece in pieces)
            keep(connection, how.actor, once, msgspec.json.encode(found).decode(), how.now)
        return found

    def _problem(self, sha256: str) -> str:
        return next((each.what for each in damage(self._folder, [sha256])), "")


@dataclass(frozen=True, slots=True)
class _New:
    kind: str
    name: str
    sha256: str
    size_bytes: int
    account: str | None = None
    namespaces: tuple[str, ...] = ()


def kept(connection: Connection) -> set[str]:
    """Return the hashes of all pieces whose bytes are kept."""
    query = select(EVIDENCE.c.sha256).where(EVIDENCE.c.removed_time.is_(None)).distinct()
    return set(connection.execute(query).scalars())


def damage(folder: Path, wanted: Sequence[str]) -> Iterator[Damage]:
    """Yield what is wrong with the bytes of these hashes."""
    for sha256 in wanted:
        path = evidence_files.place(folder, sha256)
        if not path.is_file():
            yield Damage(f"evidence {sha256}: the file is gone", FROM_BACKUP, repaired=False)
        elif evidence_files.digest(path) != sha256:
            yield Damage(f"evidence {sha256}: the file was changed", FROM_BACKUP, repaired=False)


def _attached(connection: Connection, piece: _New, how: Attaching) -> Evidence:
    mine = select(EVIDENCE).where(EVIDENCE.c.incident_uid == how.incident_uid)
    same = mine.where(
        EVIDENCE.c.sha256 == piece.sha256,
        EVIDENCE.c.name == piece.name,
        EVIDENCE.c.removed_time.is_(None),
    )
    known = connection.execute(same).first()
    if known is not None:
        return _piece(known)
    count = select(func.count()).select_from(mine.subquery())
    if connection.execute(count).scalar_one() >= MOST_OF_ONE:
        raise UsageError(f"an incident has at most {MOST_OF_ONE} pieces of evidence")
    moment = how.now.isoformat()
    uid = identifiers.derive("evi", how.incident_uid, piece.sha256, piece.name, moment)
    row = {
        "uid": uid,
        "incident_uid": how.incident_uid,
        "kind": piece.kind,
        "name": piece.name,
        "note": how.note.strip()[:LONGEST_NOTE],
        "sha256": piece.sha256,
        "size_bytes": piece.size_bytes,
        "account": piece.account,
        "namespaces": documents.canonical(piece.namespaces),
        "time": how.now,
        "actor": how.actor,
        "removed_by": "",
        "removed_reason": "",
    }
    connection.execute(insert(EVIDENCE).values(row))
    details: dict[str, object] = {"evidence": uid, "name": piece.name, "sha256": piece.sha256}
    audit.record(connection, how.actor, ATTACHED, how.incident_uid, details, now=how.now)
    return _piece(connection.execute(select(EVIDENCE).where(EVIDENCE.c.uid == uid)).one())


def _rows(connection: Connection, incident_uid: str, scope: Scope) -> Sequence[Row[Any]]:
    """Return the pieces of an incident that the scope sees, and of those merged into it."""
    seen = select(INCIDENTS.c.uid).where(INCIDENTS.c.uid == incident_uid, *visible(scope))
    if connection.execute(seen).first() is None:
        return ()
    whole, fresh = {incident_uid}, {incident_uid}
    while fresh:
        merged = select(INCIDENTS.c.uid).where(INCIDENTS.c.merged_into.in_(sorted(fresh)))
        fresh = set(connection.execute(merged).scalars()) - whole
        whole |= fresh
    query = select(EVIDENCE).where(EVIDENCE.c.incident_uid.in_(sorted(whole)))
    return connection.execute(query.order_by(EVIDENCE.c.time, EVIDENCE.c.uid)).all()


def _row_of(connection: Connection, uid: str, scope: Scope) -> Row[Any]:
    row = connection.execute(select(EVIDENCE).where(EVIDENCE.c.uid == uid)).first()
    if row is not None and _is_visible(row, scope):
        home = _home(connection, row.incident_uid)
        seen = select(INCIDENTS.c.uid).where(INCIDENTS.c.uid == home, *visible(scope))
        if connection.execute(seen).first() is not None:
            return row
    raise UsageError(f"there is no evidence {uid}")


def _home(connection: Connection, incident_uid: str) -> str:
    """Return the incident that an incident was merged into, at the end of all merges."""
    seen: set[str] = set()
    while incident_uid not in seen:
        seen.add(incident_uid)
        onward = select(INCIDENTS.c.merged_into).where(INCIDENTS.c.uid == incident_uid)
        incident_uid = connection.execute(onward).scalar_one_or_none() or incident_uid
    return incident_uid


def _is_visible(row: Row[Any], scope: Scope) -> bool:
    """Say whether a scope may see a piece: files are seen by all who see the incident."""
    if row.kind == FILE:
        return True
    if scope.accounts is not None and row.account not in scope.accounts:
        return False
    return scope.namespaces is None or bool(scope.namespaces & set(json.loads(row.namespaces)))


def _limits(row: Mapping[str, object]) -> tuple[str | None, tuple[str, ...]]:
    """Return the account and the namespaces of an event."""
    cloud = row.get("cloud")
    account = (cloud.get("account") or {}).get("uid") if isinstance(cloud, dict) else None
    resources = row.get("resources")
    named = [each.get("namespace") for each in resources or []] if resources else []  # type: ignore[attr-defined]
    return account, tuple(sorted({str(each) for each in named if each}))


def _named(name: str) -> str:
    """Return the last part of a file's name, shortened; what a browser sends may be a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1].strip()
    return last[:LONGEST_NAME] or "file"


def _piece(row: Row[Any]) -> Evidence:
    values = row._mapping  # noqa: SLF001 -- SQLAlchemy's public name of it
    names = Evidence.__dataclass_fields__
    return Evidence(**{name: values[name] for name in names})
