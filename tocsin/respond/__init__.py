"""Incidents become action requests and messages: playbooks propose within limits. Thinks only.

`notifying` says whom to tell of which incident, `actions` what an action promises, `requests` which
states a wish to act goes through, `playbooks` how one is written, `proposing` what they ask for,
`guardrails` what they may not.
"""

from tocsin.respond import actions, guardrails, notifying, playbooks, ports, proposing, requests
from tocsin.respond.playbooks import Playbook, parse_playbook
from tocsin.respond.requests import ActionRequest

__all__ = [
    "ActionRequest",
    "Playbook",
    "actions",
    "guardrails",
    "notifying",
    "parse_playbook",
    "playbooks",
    "ports",
    "proposing",
    "requests",
]
