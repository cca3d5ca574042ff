"""The tables of what people do to incidents; see `tables` for those that turns write."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text

from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

ANSWERED = Table(
    "answered",
    METADATA,
    Column("actor", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("time", Moment, nullable=False),
    PrimaryKeyConstraint("actor", "key"),
    Index("answered_by_time", "time"),
    sqlite_with_rowid=False,
)
"""Answers by the idempotency key that the request carried; `request` is its hash."""

DECISIONS = Table(
    "incident_decisions",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kept_uid", Text, nullable=False),
    Column("other_uid", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("one", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("undone_time", Moment),
    Column("undone_by", Text, nullable=False),
    Column("undone_reason", Text, nullable=False),
    Index("incident_decisions_by_kept", "kept_uid"),
    Index("incident_decisions_by_other", "other_uid"),
)
"""Merges and splits by people. `kept_uid` is the older incident, `other_uid` the one that was
merged into it or cut from it; `body` holds both before and after with the findings that moved; a
split keeps the entities of `other` (the ones cut off) apart from those of `one`."""
