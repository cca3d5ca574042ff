"""The tables of checkpoints and schedules, as queries name them; `migrations` creates them."""

from sqlalchemy import Boolean, Column, Integer, Table, Text

from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

CHECKPOINTS = Table(
    "audit_checkpoints",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("head", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("is_sent", Boolean, nullable=False),
)
"""Signed heads of the audit log; `is_sent` once they are in the second place."""

SCHEDULES = Table(
    "schedules",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("cron", Text, nullable=False),
    Column("next_time", Moment, nullable=False),
    Column("begun_time", Moment),
    Column("ended_time", Moment),
    Column("problem", Text, nullable=False),
    Column("runner", Text, nullable=False),
    Column("lease_time", Moment, nullable=False),
    sqlite_with_rowid=False,
)
"""What runs by the clock; `runner` is "" unless somebody runs it until `lease_time`."""
