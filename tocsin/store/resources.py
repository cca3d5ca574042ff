"""Observations of resources, as they were described by events and scanners.

Of a thing that is described again and again in the same way only the first and the last time of it
are kept: what was, since when, until when it was seen.
"""

import builtins

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.ocsf import Scope, empty, from_rows, schemas
from tocsin.store import cursors
from tocsin.store.database import Database
from tocsin.store.moments import without_zones
from tocsin.store.questions import Page
from tocsin.store.tables import RESOURCES

GONE = "null"
"""The configuration of a thing that was seen to be no more."""

OBSERVED = pa.schema([each for each in schemas.RESOURCES if each.name != "event_uid"])
"""Columns of observations as they are stored."""


class Resources:
    """What is known of things; people see those of the accounts of their scope."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        scope: Scope,
        *,
        type: str | None = None,
        text: str | None = None,
        gone: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[pa.Table]:
        """Return the last observation of each thing, newest first, as rows of `OBSERVED`.

        Args:
            scope: of the person.
            type: things of this type only.
            text: things whose uid or name contains it.
            gone: whether things that are gone are shown too.
            limit: rows of the page.
            cursor: where the last page ended.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("resources", type, text, gone, scope)
        query = select(RESOURCES).where(_is_last(), *_visible(scope))
        if type is not None:
            query = query.where(RESOURCES.c.type == type)
        if text:
            inside = (func.instr(func.lower(column), text.lower()) > 0 for column in _NAMES)
            query = query.where(or_(*inside))
        if not gone:
            query = query.where(RESOURCES.c.configuration != GONE)
        query = cursors.newest_first(
            query, RESOURCES.c.observed_time, RESOURCES.c.uid, question, cursor
        )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).mappings().all()
        shown, following = cursors.split(
            rows, limit, question, lambda row: (row["observed_time"], row["uid"])
        )
        return Page(from_rows(map(without_zones, shown), OBSERVED), following)

    def history(self, uid: str, scope: Scope, *, limit: int = 100) -> pa.Table:
        """Return what was observed of one thing, newest first, as rows of `OBSERVED`."""
        query = select(RESOURCES).where(RESOURCES.c.uid == uid, *_visible(scope))
        query = query.order_by(RESOURCES.c.observed_time.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return from_rows(map(without_zones, rows), OBSERVED) if rows else empty(OBSERVED)


_NAMES = (RESOURCES.c.uid, RESOURCES.c.name)


def _is_last() -> ColumnElement[bool]:
    others = RESOURCES.alias()
    newest = select(func.max(others.c.observed_time)).where(others.c.uid == RESOURCES.c.uid)
    return RESOURCES.c.observed_time == newest.scalar_subquery()


def _visible(scope: Scope) -> builtins.list[ColumnElement[bool]]:
    """Return the conditions of a scope: a namespace says nothing of a thing outside a cluster."""
    limits: builtins.list[ColumnElement[bool]] = []
    if scope.accounts is not None:
        limits.append(RESOURCES.c.account.in_(sorted(scope.accounts)))
    if scope.namespaces is not None:
        limits.append(RESOURCES.c.uid.is_(None))
    return limits


def resting(observed: pa.Table, events: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the observations that rest on events of the same batch, and those that stand alone."""
    if not observed.num_rows:
        return observed, observed
    present = set(events.column("event_uid").to_pylist())
    mask = [uid in present for uid in observed.column("event_uid").to_pylist()]
    alone = pa.array([not each for each in mask], pa.bool_())
    return observed.filter(pa.array(mask, pa.bool_())), observed.filter(alone)


def record(connection: Connection, observed: pa.Table) -> None:
    """Store rows of `ocsf.schemas.RESOURCES` in their commit; a known observation stays."""
    rows = observed.select(OBSERVED.names).to_pylist()
    for row in sorted(rows, key=lambda row: row["observed_time"]):
        if not _prolong(connection, row):
            connection.execute(insert(RESOURCES).values(row).on_conflict_do_nothing())


def _prolong(connection: Connection, row: dict[str, object]) -> bool:
    """Move the last of two equal observations to a third that equals them; say whether."""
    last = select(RESOURCES.c.observed_time, RESOURCES.c.configuration)
    last = last.where(RESOURCES.c.uid == row["uid"])
    found = connection.execute(last.order_by(RESOURCES.c.observed_time.desc()).limit(2)).all()
    if len(found) < 2 or any(each.configuration != row["configuration"] for each in found):
        return False
    moment = found[0].observed_time
    is_later = bool(without_zones({"at": moment})["at"] < row["observed_time"])
    if is_later:
        same = and_(RESOURCES.c.uid == row["uid"], RESOURCES.c.observed_time == moment)
        connection.execute(update(RESOURCES).where(same).values(row))
    return is_later
