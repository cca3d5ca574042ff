"""Findings become incidents: grouped, scored, led through their life cycle. Thinks only."""

from tocsin.incidents.grouping import group
from tocsin.incidents.incident import NO_INCIDENTS, Grouped, Incident, Status, Verdict
from tocsin.incidents.lifecycle import Change, transition
from tocsin.incidents.output import incident_json

__all__ = [
    "NO_INCIDENTS",
    "Change",
    "Grouped",
    "Incident",
    "Status",
    "Verdict",
    "group",
    "incident_json",
    "transition",
]
