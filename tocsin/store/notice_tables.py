"""The tables of notifications, as queries name them; `migrations` creates them."""

from sqlalchemy import Column, Float, Index, Integer, PrimaryKeyConstraint, Table, Text

from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

OCCASIONS = Table(
    "occasions",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("incident_uid", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("severity_id", Integer, nullable=False),
    Column("time", Moment, nullable=False),
    Index("occasions_by_severity", "severity_id", "time"),
)
"""What happened to incidents, written with them; gone once the routes have seen it."""

NOTICES = Table(
    "notices",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("incident_uid", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("severity_id", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("message_uid", Text, nullable=False),
    Index("notices_by_incident", "incident_uid", "route"),
    Index("notices_by_message", "message_uid", "route", "lane", "time"),
)
"""What one route tells of one incident; `message_uid` is "" while it waits for a message."""

ALLOWANCES = Table(
    "allowances",
    METADATA,
    Column("route", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("time", Moment, nullable=False),
    PrimaryKeyConstraint("route", "lane"),
    sqlite_with_rowid=False,
)
"""How many messages a lane of a route may still send, as of `time`."""

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("uid", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("incident_uid", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("severity_id", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("time", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_time", Moment, nullable=False),
    Column("problem", Text, nullable=False),
    PrimaryKeyConstraint("uid", "target"),
    Index("outbox_by_state", "state", "target", "due_time"),
    sqlite_with_rowid=False,
)
"""Messages on their way to a target; `state` is waiting, sent or parked. While one is being sent,
`due_time` lies ahead: it is the end of the lease, after which it is sent again."""
