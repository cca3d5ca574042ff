"""Incidents become action requests: playbooks propose within limits. Thinks only."""

from tocsin.respond.playbooks import Playbook, parse_playbook
from tocsin.respond.ports import CredentialBroker, Inventory, Lease, RequestJournal
from tocsin.respond.proposing import ActionRequest, Limits, propose

__all__ = [
    "ActionRequest",
    "CredentialBroker",
    "Inventory",
    "Lease",
    "Limits",
    "Playbook",
    "RequestJournal",
    "parse_playbook",
    "propose",
]
