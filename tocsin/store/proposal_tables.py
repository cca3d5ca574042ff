"""The tables of playbooks that were stopped and of what they told; `migrations` creates them."""

from sqlalchemy import Column, Index, Integer, Table, Text

from tocsin.store.moments import Moment
from tocsin.store.tables import METADATA

PLAYBOOK_STOPS = Table(
    "playbook_stops",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("playbook_uid", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("incident_uid", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("ended_time", Moment),
    Column("ended_by", Text, nullable=False),
    Index("playbook_stops_in_force", "ended_time", "playbook_uid"),
)
"""Playbooks that asked for more than they may; in force while `ended_time` is null."""

TELLINGS = Table(
    "playbook_tellings",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("playbook_uid", Text, nullable=False),
    Column("incident_uid", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("problem", Text, nullable=False),
    Index("playbook_tellings_by_incident", "incident_uid"),
    Index("playbook_tellings_by_time", "time", "playbook_uid"),
)
"""What playbooks said about incidents, each once; `problem` says why a thing was not done."""
