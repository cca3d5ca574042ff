"""What runs by the clock: when it runs next, and who runs it, one at a time.

A runner holds a lease, renews it while it works, and says how it ended. One that dies leaves its
lease to run out. What was missed, however often, runs once.
"""

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from tocsin.store.audit_tables import SCHEDULES
from tocsin.store.database import Database

Following = Callable[[datetime], datetime]
"""The first moment after another at which something is due."""

_FREE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something that runs by the clock.

    Attributes:
        next_time: when it runs next, UTC.
        begun_time: when it last began; `ended_time` when it last ended.
        problem: why the last run failed; "" otherwise.
        runner: who runs it until `lease_time`; "" for nobody.
    """

    name: str
    cron: str
    next_time: datetime
    begun_time: datetime | None
    ended_time: datetime | None
    problem: str
    runner: str
    lease_time: datetime


class Schedules:
    """Schedules as of the last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, name: str, cron: str, following: Following, now: datetime) -> None:
        """Know a schedule; one that is known keeps its next time unless its expression changed."""
        row = {
            "name": name,
            "cron": cron,
            "next_time": following(now),
            "problem": "",
            "runner": "",
            "lease_time": _FREE,
        }
        with self._database.write() as connection:
            connection.execute(insert(SCHEDULES).values(row).on_conflict_do_nothing())
            changed = update(SCHEDULES).where(SCHEDULES.c.name == name, SCHEDULES.c.cron != cron)
            connection.execute(changed.values(cron=cron, next_time=row["next_time"]))

    def claim(
        self, name: str, runner: str, now: datetime, length: timedelta, *, early: bool = False
    ) -> bool:
        """Take a schedule that is due, or any with `early`; return whether it is the caller's.

        Args:
            name: of a known schedule.
            runner: who asks; unique among all that may ask.
            now: UTC.
            length: of the lease, to be renewed before it ends.
            early: whether it runs before its time.
        """
        with self._database.read() as connection:
            if not _may(_find(connection, name), now, early=early):
                return False
        with self._database.write() as connection:
            if not _may(_find(connection, name), now, early=early):
                return False
            mine = update(SCHEDULES).where(SCHEDULES.c.name == name)
            values = {"runner": runner, "lease_time": now + length, "begun_time": now}
            connection.execute(mine.values(values))
        return True

    def renew(self, name: str, runner: str, until: datetime) -> bool:
        """Keep a lease; return whether it is still the caller's."""
        with self._database.write() as connection:
            done = connection.execute(_held(name, runner).values(lease_time=until))
        return done.rowcount == 1

    def done(
        self, name: str, runner: str, following: Following, now: datetime, problem: str
    ) -> None:
        """Note how a run ended; one whose lease somebody else has by now notes nothing."""
        values = {
            "runner": "",
            "lease_time": _FREE,
            "ended_time": now,
            "next_time": following(now),
            "problem": problem,
        }
        with self._database.write() as connection:
            connection.execute(_held(name, runner).values(values))

    def list(self) -> tuple[Schedule, ...]:
        """Return all schedules by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(SCHEDULES).order_by(SCHEDULES.c.name))
            return tuple(Schedule(**row._mapping) for row in rows)

    def forget(self, names: builtins.list[str]) -> None:
        """Drop schedules that nobody knows any more: all but these."""
        with self._database.write() as connection:
            gone = SCHEDULES.delete().where(SCHEDULES.c.name.not_in(names))
            connection.execute(gone)


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(SCHEDULES).where(SCHEDULES.c.name == name)).first()


def _may(row: Row[Any] | None, now: datetime, *, early: bool) -> bool:
    return row is not None and row.lease_time <= now and (early or row.next_time <= now)


def _held(name: str, runner: str):  # type: ignore[no-untyped-def] # SQLAlchemy's own
    return update(SCHEDULES).where(SCHEDULES.c.name == name, SCHEDULES.c.runner == runner)
