"""Whom to tell of which incident, when, and in which words. Thinks only.

Three steps, each pure: `occasion_of` sees what happened to an incident, `noticed` says which routes
tell of it, `bundled` makes messages of what waits, few enough to be read.
"""

from tocsin.respond.notifying.bundles import Allowance, Bundle, bundled
from tocsin.respond.notifying.occasions import Occasion, Stage, occasion_of
from tocsin.respond.notifying.retrying import TRIES, pause
from tocsin.respond.notifying.routes import (
    Hours,
    Lane,
    Notice,
    Route,
    Told,
    lane_of,
    noticed,
    takes,
    told_by_name,
)
from tocsin.respond.notifying.texts import FIELDS, Text, digest_text, incident_text, inert

__all__ = [
    "FIELDS",
    "TRIES",
    "Allowance",
    "Bundle",
    "Hours",
    "Lane",
    "Notice",
    "Occasion",
    "Route",
    "Stage",
    "Text",
    "Told",
    "bundled",
    "digest_text",
    "incident_text",
    "inert",
    "lane_of",
    "noticed",
    "occasion_of",
    "pause",
    "takes",
    "told_by_name",
]
