"""Suppressions as they are kept: added, ended, counted. None is deleted: what it hid names it.

People see and end those whose reach lies inside their own scope.
"""

import builtins
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, func, insert, select, update

from tocsin.conditions.suppression import EntityPattern, Suppression, Warned
from tocsin.errors import UsageError
from tocsin.ocsf import Scope
from tocsin.store import audit, documents
from tocsin.store.database import Database
from tocsin.store.tables import FINDINGS, SUPPRESSIONS

ADDED, CHANGED, ENDED = "suppression.add", "suppression.change", "suppression.end"


@dataclass(frozen=True, slots=True)
class KeptSuppression:
    """A suppression with what became of it.

    Attributes:
        suppression: as it was written.
        added_by: the person.
        ended: when somebody ended it before its time, UTC; `None` where nobody did.
        ended_by: the person; "" for nobody.
        ended_reason: in their words.
        findings: how many findings, or parts of findings, it has hidden.
        matches: how many matches these had.
        last_hit: when it last hid something, UTC.
    """

    suppression: Suppression
    added_by: str
    ended: datetime | None
    ended_by: str
    ended_reason: str
    findings: int
    matches: int
    last_hit: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """Return whether it hides anything at this moment."""
        is_ended = self.ended is not None and self.ended <= moment
        return not is_ended and self.suppression.holds_at(moment)

    def state_at(self, moment: datetime) -> str:
        """Return `in force`, `ended` or `expired`."""
        if self.ended is not None:
            return "ended"
        return "in force" if moment < self.suppression.expires else "expired"

    def warnings(self, now: datetime) -> tuple[Warned, ...]:
        """Return why somebody should look at it."""
        return () if self.ended else self.suppression.warnings(self.last_hit, now)


class Suppressions:
    """Suppressions as of the last change of any process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._standing: tuple[Suppression, ...] = ()

    def in_force(self, now: datetime) -> tuple[Suppression, ...]:
        """Return what hides findings at `now`, oldest first; one small question while none changed.

        Under the turn lock, every turn sees what any process has changed before it.
        """
        with self._database.read() as connection:
            version = _version(connection)
            if version != self._version:
                query = select(SUPPRESSIONS).where(SUPPRESSIONS.c.ended_time.is_(None))
                rows = connection.execute(query.order_by(*_oldest_first()))
                self._standing = tuple(_suppression(row) for row in rows)
                self._version = version
        return tuple(each for each in self._standing if each.holds_at(now))

    def list(self, scope: Scope) -> tuple[KeptSuppression, ...]:
        """Return every suppression that was ever added, newest first."""
        query = select(SUPPRESSIONS).order_by(
            SUPPRESSIONS.c.created_time.desc(), SUPPRESSIONS.c.uid
        )
        with self._database.read() as connection:
            rows = [_kept(row) for row in connection.execute(query)]
        return tuple(row for row in rows if is_inside(row.suppression.limits, scope))

    def get(self, uid: str, scope: Scope) -> KeptSuppression | None:
        """Return one suppression."""
        with self._database.read() as connection:
            return _get(connection, uid, scope)

    def put(
        self, suppressions: Sequence[Suppression], actor: str, now: datetime, scope: Scope
    ) -> tuple[tuple[str, str], ...]:
        """Add suppressions and change those that are there, all or none.

        Returns:
            For each its uid and what was done: `added`, `changed` or `unchanged`. One that is
            there keeps its `created`, its limits and what it hid.

        Raises:
            UsageError: one was ended, or belongs to somebody with another scope.
        """
        with self._database.write() as connection:
            return tuple(
                (each.uid, _put(connection, each, actor, now, scope)) for each in suppressions
            )

    def end(
        self, uid: str, reason: str, actor: str, now: datetime, scope: Scope
    ) -> KeptSuppression:
        """End a suppression before its time; what it hid stays hidden.

        Raises:
            UsageError: there is none in `scope`, or it hides nothing any more.
        """
        with self._database.write() as connection:
            kept = _get(connection, uid, scope)
            if kept is None:
                raise UsageError(f"there is no suppression {uid}")
            if not kept.holds_at(now):
                raise UsageError(f"suppression {uid} is {kept.state_at(now)} already")
            columns = {"ended_time": now, "ended_by": actor, "ended_reason": reason}
            _update(connection, uid, columns)
            audit.record(connection, actor, ENDED, uid, {"reason": reason}, now=now)
        return replace(kept, ended=now, ended_by=actor, ended_reason=reason)


def is_inside(limits: Scope, scope: Scope) -> bool:
    """Return whether all that `limits` lets see is seen by `scope`."""
    pairs = ((limits.accounts, scope.accounts), (limits.namespaces, scope.namespaces))
    return all(whole is None or (part is not None and part <= whole) for part, whole in pairs)


def count(connection: Connection, hidden: pa.Table, now: datetime) -> None:
    """Count what one turn hides, in the transaction of its commit, before it is recorded there.

    Args:
        connection: in the transaction of the commit.
        hidden: rows of `conditions.suppression.HIDDEN`.
        now: UTC.
    """
    by_uid: dict[str, list[tuple[str, int]]] = {}
    for row in hidden.select(["uid", "suppression_uid", "match_count"]).to_pylist():
        by_uid.setdefault(row["suppression_uid"], []).append((row["uid"], row["match_count"]))
    columns = SUPPRESSIONS.c
    for uid, rows in by_uid.items():
        new = {finding for finding, _ in rows} - _stored(connection, [each for each, _ in rows])
        values = {
            "findings": columns.findings + len(new),
            "matches": columns.matches + sum(matches for _, matches in rows),
            "last_hit_time": now,
        }
        connection.execute(update(SUPPRESSIONS).where(columns.uid == uid).values(values))


_ASKED_AT_ONCE = 500


def _stored(connection: Connection, uids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(uids), _ASKED_AT_ONCE):
        some = FINDINGS.c.uid.in_(uids[start : start + _ASKED_AT_ONCE])
        found.update(connection.execute(select(FINDINGS.c.uid).where(some)).scalars())
    return found


def _put(connection: Connection, new: Suppression, actor: str, now: datetime, scope: Scope) -> str:
    anywhere = connection.execute(select(SUPPRESSIONS).where(SUPPRESSIONS.c.uid == new.uid)).first()
    if anywhere is None:
        if not is_inside(new.limits, scope):
            raise UsageError(f"suppression {new.uid} would reach further than you may see")
        values = {**_columns(new), "uid": new.uid, "version": _version(connection) + 1}
        empty = {"ended_by": "", "ended_reason": "", "findings": 0, "matches": 0}
        connection.execute(insert(SUPPRESSIONS).values(**values, **empty, added_by=actor))
        audit.record(connection, actor, ADDED, new.uid, _told(new), now=now)
        return "added"
    known = _kept(anywhere)
    if not is_inside(known.suppression.limits, scope):
        raise UsageError(f"the uid {new.uid} is taken; choose another")
    wanted = replace(new, created=known.suppression.created, limits=known.suppression.limits)
    if wanted == known.suppression:
        return "unchanged"
    if known.ended is not None:
        raise UsageError(
            f"suppression {new.uid} was ended by {known.ended_by}; write it anew under another uid"
        )
    _update(connection, new.uid, _columns(wanted))
    before, after = _told(known.suppression), _told(wanted)
    told = {name: value for name, value in after.items() if before.get(name) != value}
    audit.record(connection, actor, CHANGED, new.uid, told, now=now)
    return "changed"


def _update(connection: Connection, uid: str, columns: dict[str, Any]) -> None:
    values = {**columns, "version": _version(connection) + 1}
    connection.execute(update(SUPPRESSIONS).where(SUPPRESSIONS.c.uid == uid).values(values))


def _version(connection: Connection) -> int:
    return connection.execute(select(func.max(SUPPRESSIONS.c.version))).scalar_one() or 0


def _oldest_first() -> tuple[Any, ...]:
    return SUPPRESSIONS.c.created_time, SUPPRESSIONS.c.uid


def _get(connection: Connection, uid: str, scope: Scope) -> KeptSuppression | None:
    row = connection.execute(select(SUPPRESSIONS).where(SUPPRESSIONS.c.uid == uid)).first()
    kept = None if row is None else _kept(row)
    return kept if kept and is_inside(kept.suppression.limits, scope) else None


def _columns(suppression: Suppression) -> dict[str, Any]:
    entity, limits = suppression.entity, suppression.limits
    return {
        "rules": documents.canonical(builtins.list(suppression.rules)),
        "entity_type": entity.type if entity else "",
        "entity_uid": entity.uid if entity else "",
        "condition": suppression.condition,
        "reason": suppression.reason,
        "owner": suppression.owner,
        "origin": suppression.origin,
        "accounts": _sorted(limits.accounts),
        "namespaces": _sorted(limits.namespaces),
        "created_time": suppression.created,
        "expires_time": suppression.expires,
    }


def _told(suppression: Suppression) -> dict[str, object]:
    """Return a suppression in the words of the audit log; what it does not say is left out."""
    told = {
        "rules": builtins.list(suppression.rules),
        "entity": str(suppression.entity) if suppression.entity else "",
        "condition": suppression.condition,
        "reason": suppression.reason,
        "owner": suppression.owner,
        "origin": suppression.origin,
        "expires": suppression.expires.isoformat(),
    }
    return {name: value for name, value in told.items() if value}


def _suppression(row: Row[Any]) -> Suppression:
    has_entity = bool(row.entity_type or row.entity_uid)
    return Suppression(
        uid=row.uid,
        rules=tuple(documents.texts(row.rules)),
        reason=row.reason,
        owner=row.owner,
        created=row.created_time,
        expires=row.expires_time,
        origin=row.origin,
        entity=EntityPattern(row.entity_type, row.entity_uid) if has_entity else None,
        condition=row.condition,
        limits=Scope(_set(row.accounts), _set(row.namespaces)),
    )


def _kept(row: Row[Any]) -> KeptSuppression:
    return KeptSuppression(
        _suppression(row),
        row.added_by,
        row.ended_time,
        row.ended_by,
        row.ended_reason,
        row.findings,
        row.matches,
        row.last_hit_time,
    )


def _sorted(values: Iterable[str] | None) -> str | None:
    return None if values is None else documents.canonical(sorted(values))


def _set(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))
