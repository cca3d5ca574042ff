"""The tables of action requests, as queries name them; `migrations` creates them."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

REQUESTS = Table(
    "requests",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("run_uid", Text, nullable=False),
    Column("playbook_uid", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("incident_uid", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target_type", Text, nullable=False),
    Column("target_uid", Text, nullable=False),
    Column("target_name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("resolution", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_time", Moment, nullable=False),
    Column("lasts", BigInteger),
    Column("needed_approvals", Integer, nullable=False),
    Column("on_failure", Text, nullable=False),
    Column("evidence_for", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("planned_time", Moment),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("undo", Text, nullable=False),
    Column("undo_by", Text, nullable=False),
    Column("begun_time", Moment),
    Column("expires_time", Moment),
    Column("asked_time", Moment),
    Column("attempts", Integer, nullable=False),
    Column("due_time", Moment, nullable=False),
    Column("problem", Text, nullable=False),
    Column("updated_time", Moment, nullable=False),
    Index("requests_by_state", "state", "due_time"),
    Index("requests_by_run", "run_uid", "step"),
    Index("requests_by_incident", "incident_uid"),
    Index("requests_by_time", "requested_time"),
)
"""Wishes to act. `lasts` is in microseconds; `plan`, `undo`, `before`, `after` are JSON or ""; the
last two are what was read before the first call and after the last one."""

REQUEST_HISTORY = Table(
    "request_history",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("request_uid", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("request_history_by_request", "request_uid", "seq"),
)
"""Every change of a request's state: when, by whom, why."""

REQUEST_CALLS = Table(
    "request_calls",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("request_uid", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("call", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("begun_time", Moment, nullable=False),
    Column("ended_time", Moment),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("request_calls_by_request", "request_uid", "seq"),
)
"""Every call that changes something outside, written down before it is sent; `phase` is apply or
undo, `outcome` is "" until it is known."""

APPROVALS = Table(
    "approvals",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("request_uid", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Index("approvals_by_request", "request_uid", "digest"),
)
"""Who agreed to which exact plan."""

RESPONSE_LEASES = Table(
    "response_leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
    sqlite_with_rowid=False,
)
"""Who carries out requests at present; whoever comes next has a higher fence."""
