"""Names of severities and statuses, and the short words of style that go with them.

The names are OCSF's own words; templates show them through gettext.
"""

from collections.abc import Iterable
from typing import get_args

from tocsin.incidents import Status

SEVERITIES = {
    6: "Fatal",
    5: "Critical",
    4: "High",
    3: "Medium",
    2: "Low",
    1: "Informational",
}
"""OCSF `severity_id` to its caption, worst first."""

STATUSES: tuple[Status, ...] = get_args(Status)
"""The life of an incident, in order."""

OPEN_STATUSES: tuple[Status, ...] = ("New", "In Progress", "On Hold")
FINISHED_STATUSES: tuple[Status, ...] = ("Resolved", "Closed")


_TACTICS = (
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
)


def in_attack_order(tactics: Iterable[str]) -> list[str]:
    """Return tactics in the order in which an attack goes through them, unknown ones last."""
    places = {tactic: place for place, tactic in enumerate(_TACTICS)}
    return sorted(tactics, key=lambda tactic: (places.get(tactic, len(places)), tactic))


def tactic(slug: str) -> str:
    """Return a tactic as people write it: `defense-evasion` gives `Defense evasion`."""
    return slug.replace("-", " ").capitalize() if slug in _TACTICS else slug


def severity(severity_id: int) -> str:
    """Return the caption of a severity; `Unknown` for 0 and numbers that OCSF does not name."""
    return SEVERITIES.get(severity_id, "Unknown")


def slug(name: str) -> str:
    """Return a name as a word of style: `In Progress` gives `in-progress`."""
    return "-".join(name.lower().split())
