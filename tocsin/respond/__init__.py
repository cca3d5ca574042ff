"""Incidents become action requests and messages: playbooks propose within limits. Thinks only.

`notifying` says whom to tell of which incident, `actions` what an action promises, `requests` which
states a wish to act goes through.
"""

from tocsin.respond import actions, notifying, requests
from tocsin.respond.playbooks import Playbook, parse_playbook
from tocsin.respond.ports import Inventory
from tocsin.respond.proposing import ActionRequest, Limits, propose

__all__ = [
    "ActionRequest",
    "Inventory",
    "Limits",
    "Playbook",
    "actions",
    "notifying",
    "parse_playbook",
    "propose",
    "requests",
]
