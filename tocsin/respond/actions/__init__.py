"""Actions: what one promises, and the words for targets, plans and states. Thinks only."""

from tocsin.respond.actions.contract import Action, Caller
from tocsin.respond.actions.facts import ActionFacts, Need
from tocsin.respond.actions.words import Call, Change, Made, Plan, Purpose, Target

__all__ = [
    "Action",
    "ActionFacts",
    "Call",
    "Caller",
    "Change",
    "Made",
    "Need",
    "Plan",
    "Purpose",
    "Target",
]
