"""Incidents become action requests and messages: playbooks propose within limits. Thinks only.

`notifying` says whom to tell of which incident.
"""

from tocsin.respond import notifying
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
    "notifying",
    "parse_playbook",
    "propose",
]
