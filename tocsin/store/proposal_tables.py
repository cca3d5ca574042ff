"""The table of stopped playbooks, as queries name it; `migrations` creates it."""

from sqlalchemy import Column, Index, Table, Text

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
