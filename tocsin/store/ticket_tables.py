"""The tables of tickets, as queries name them; `migrations` creates them."""

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

TICKET_SYSTEMS = Table(
    "ticket_systems", METADATA, Column("name", Text, primary_key=True), sqlite_with_rowid=False
)
"""The systems of the settings; without any, incidents leave no news."""

TICKET_NEWS = Table(
    "ticket_news", METADATA, Column("incident_uid", Text, primary_key=True), sqlite_with_rowid=False
)
"""Incidents that changed, written by triggers; gone once their tickets were thought of."""

TICKETS = Table(
    "tickets",
    METADATA,
    Column("system", Text, nullable=False),
    Column("incident_uid", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("told_finished", Boolean, nullable=False),
    Column("told_severity_id", Integer, nullable=False),
    Column("told_findings", Integer, nullable=False),
    Column("told_verdict", Text, nullable=False),
    Column("told_time", Moment),
    Column("synced_time", Moment),
    Column("begun", Text, nullable=False),
    Column("begun_time", Moment),
    Column("mark", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_time", Moment, nullable=False),
    Column("lease_time", Moment, nullable=False),
    Column("problem", Text, nullable=False),
    PrimaryKeyConstraint("system", "incident_uid"),
    Index("tickets_by_state", "system", "state", "due_time"),
    Index("tickets_by_incident", "incident_uid"),
    sqlite_with_rowid=False,
)
"""The ticket of an incident in one system; `uid` is "" until it is known to be there. `state` is
waiting, settled or parked; `begun` is a step of which nobody knows yet how it ended."""
