"""Playbooks: their file format, and what they say once read. Thinks only."""

from tocsin.respond.playbooks.playbook import (
    ENTITY,
    LINKS,
    Caps,
    Catalog,
    Example,
    Expected,
    Playbook,
    Step,
    TargetChoice,
)
from tocsin.respond.playbooks.reading import parse_playbook

__all__ = [
    "ENTITY",
    "LINKS",
    "Caps",
    "Catalog",
    "Example",
    "Expected",
    "Playbook",
    "Step",
    "TargetChoice",
    "parse_playbook",
]
