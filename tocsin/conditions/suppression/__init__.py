"""Suppressions: reviewed, dated reasons not to alert, and how they are applied to findings."""

from tocsin.conditions.suppression.sharing import (
    DIVISIBLE,
    HIDDEN,
    Evidence,
    Shares,
    Sighting,
    suppress,
)
from tocsin.conditions.suppression.suppression import (
    EntityPattern,
    Suppression,
    Warned,
    refusals,
)

__all__ = [
    "DIVISIBLE",
    "HIDDEN",
    "EntityPattern",
    "Evidence",
    "Shares",
    "Sighting",
    "Suppression",
    "Warned",
    "refusals",
    "suppress",
]
