"""Statements of who was who and when, as turns read them from events and the inventory."""

import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    delete,
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from tocsin.identity import Identities as Known
from tocsin.identity import Key, Statement, key_of, told_by_form
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import derive
from tocsin.store.database import Database
from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

IDENTITIES = Table(
    "identities",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("one_type", Text, nullable=False),
    Column("one_uid", Text, nullable=False),
    Column("one_name", Text, nullable=False),
    Column("other_type", Text, nullable=False),
    Column("other_uid", Text, nullable=False),
    Column("other_name", Text, nullable=False),
    Column("relation", Text, nullable=False),
    Column("is_same", Boolean, nullable=False),
    Column("scope", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("before_seconds", Integer, nullable=False),
    Column("after_seconds", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Index("identities_by_one", "one_uid"),
    Index("identities_by_other", "other_uid"),
    Index("identities_by_until", "until"),
    sqlite_with_rowid=False,
)
"""One row a statement and stretch of time; a statement seen again makes its row longer."""

ASKED_AT_ONCE = 500
FARTHEST = 6
MOST_OF_ONE = 1_000
"""Statements about one entity that are looked at, the latest first."""
LONGEST_SILENCE = timedelta(hours=1)
"""A statement that was not seen for longer begins a new row."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known about entities, and all entities on the way.

    Attributes:
        statements: those that matter for them.
        uids: of the entities and of all that they may be.
    """

    statements: tuple[Statement, ...]
    uids: frozenset[str]


class Identities:
    """Who was who."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, entity: str, *, limit: int = 200) -> tuple[Statement, ...]:
        """Return what is said of an entity, either way round, the latest first."""
        columns = IDENTITIES.c
        query = select(IDENTITIES).where(
            or_(columns.one_uid == entity, columns.other_uid == entity)
        )
        query = query.order_by(columns.until.desc(), columns.uid).limit(limit)
        with self._database.read() as connection:
            return tuple(_statement(dict(row)) for row in connection.execute(query).mappings())

    def about(self, entities: Iterable[Entity]) -> Known:
        """Return what is known of these, as far as it takes to resolve them."""
        with self._database.read() as connection:
            return Known(about(connection, entities).statements)

    def forget(self, before: datetime) -> int:
        """Remove what was last seen before; return how many statements."""
        with self._database.write() as connection:
            old = delete(IDENTITIES).where(IDENTITIES.c.until < before)
            return int(connection.execute(old).rowcount)


def record(connection: Connection, told: Sequence[Statement]) -> frozenset[str]:
    """Store statements in their commit; return uids of the entities of whom more is known now."""
    if not told:
        return frozenset()
    known: dict[Key, builtins.list[dict[str, Any]]] = {}
    for stored in _rows_of(connection, sorted({each.one.uid for each in told})):
        known.setdefault((stored["one_type"], stored["one_uid"]), []).append(stored)
    changed: dict[str, dict[str, Any]] = {}
    row: dict[str, Any] | None
    for each in sorted(told, key=lambda one: (one.since, one.until)):
        mine = known.setdefault((each.one.type, each.one.uid), [])
        row = _continued(mine, each)
        if row is None:
            row = _row(each)
            mine.append(row)
        elif row["since"] <= each.since and each.until <= row["until"]:
            continue
        row["since"] = min(row["since"], each.since)
        row["until"] = max(row["until"], each.until)
        changed[row["uid"]] = row
    if not changed:
        return frozenset()
    new = insert(IDENTITIES)
    longer = {"since": new.excluded.since, "until": new.excluded.until}
    connection.execute(
        new.on_conflict_do_update(index_elements=["uid"], set_=longer), list(changed.values())
    )
    return frozenset(row["one_uid"] for row in changed.values())


def about(
    connection: Connection, entities: Iterable[Entity], fixed: Sequence[Statement] = ()
) -> Told:
    """Return what is known of these entities and of all that they may be, step by step.

    Args:
        connection: reading or writing.
        entities: as findings name them.
        fixed: what the settings say, which is not stored.
    """
    by_one: dict[Key, builtins.list[Statement]] = {}
    for each in fixed:
        by_one.setdefault(key_of(each.one), []).append(each)
    reached = {key_of(entity): entity for entity in entities if entity.uid}
    found: builtins.list[Statement] = []
    asked: set[str] = set()
    frontier = reached
    for _ in range(FARTHEST):
        frontier = {**_by_form(frontier), **frontier}
        uids = {name for entity in frontier.values() for name in _spellings(entity)} - asked
        asked |= uids
        said = [_statement(row) for row in _rows_of(connection, sorted(uids))]
        said += [each for key in frontier for each in by_one.get(key, ())]
        found += said
        following = {key_of(each.other): each.other for each in said}
        fresh = {key: one for key, one in following.items() if key not in reached}
        reached = {**reached, **frontier, **fresh}
        frontier = fresh
        if not fresh:
            break
    return Told(tuple(found), frozenset(one.uid for one in reached.values()))


def _by_form(entities: Mapping[Key, Entity]) -> dict[Key, Entity]:
    told = (told_by_form(entity) for entity in entities.values())
    others = [each[0] for each in told if each is not None]
    # A node is a host whose name is an address: forms may follow on forms.
    beyond = [each[0] for one in others if (each := told_by_form(one)) is not None]
    return {key_of(entity): entity for entity in (*others, *beyond)}


def _spellings(entity: Entity) -> Iterator[str]:
    yield entity.uid
    yield key_of(entity)[1]


def _rows_of(connection: Connection, uids: Sequence[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(uids), ASKED_AT_ONCE):
        asked = uids[start : start + ASKED_AT_ONCE]
        query = select(IDENTITIES).where(IDENTITIES.c.one_uid.in_(asked))
        query = query.order_by(IDENTITIES.c.until.desc()).limit(MOST_OF_ONE * len(asked))
        yield from (dict(row) for row in connection.execute(query).mappings())


def _continued(rows: Sequence[dict[str, Any]], told: Statement) -> dict[str, Any] | None:
    """Return the row that a statement makes longer: near, and nothing else was said between."""
    mine = _row(told)
    same = ("relation", "scope", "is_same")
    alike = [row for row in rows if all(row[name] == mine[name] for name in same)]
    of_other = (told.other.type, told.other.uid)
    for row in alike:
        if (row["other_type"], row["other_uid"]) != of_other:
            continue
        silence = max(row["since"] - told.until, told.since - row["until"])
        first, last = min(row["until"], told.until), max(row["since"], told.since)
        is_between = any(
            (each["other_type"], each["other_uid"]) != of_other
            and each["since"] <= last
            and each["until"] >= first
            for each in alike
        )
        if silence <= LONGEST_SILENCE and not (silence > timedelta() and is_between):
            return row
    return None


def _row(told: Statement) -> dict[str, Any]:
    parts = (told.one.type, told.one.uid, told.other.type, told.other.uid)
    moment = told.since.isoformat()
    return {
        "uid": derive("idn", *parts, told.relation, told.scope, moment),
        "one_type": told.one.type,
        "one_uid": told.one.uid,
        "one_name": told.one.name,
        "other_type": told.other.type,
        "other_uid": told.other.uid,
        "other_name": told.other.name,
        "relation": told.relation,
        "is_same": told.is_same,
        "scope": told.scope,
        "since": told.since,
        "until": told.until,
        "before_seconds": int(told.before.total_seconds()),
        "after_seconds": int(told.after.total_seconds()),
        "reason": told.reason,
    }


def _statement(row: Mapping[str, Any]) -> Statement:
    return Statement(
        one=Entity(row["one_type"], row["one_uid"], row["one_name"]),
        other=Entity(row["other_type"], row["other_uid"], row["other_name"]),
        relation=row["relation"],
        is_same=row["is_same"],
        since=row["since"],
        until=row["until"],
        before=timedelta(seconds=row["before_seconds"]),
        after=timedelta(seconds=row["after_seconds"]),
        reason=row["reason"],
        scope=row["scope"],
    )
