"""Findings become incidents: grouped, scored, led through their life cycle. Thinks only."""

from tocsin.incidents import clocks, joining
from tocsin.incidents.grouping import group
from tocsin.incidents.incident import Grouped, Incident, Status, Verdict
from tocsin.incidents.lifecycle import Change, transition
from tocsin.incidents.output import incident_json

__all__ = [
    "Change",
    "Grouped",
    "Incident",
    "Status",
    "Verdict",
    "clocks",
    "group",
    "incident_json",
    "joining",
    "transition",
]
