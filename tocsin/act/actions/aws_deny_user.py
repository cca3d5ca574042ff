"""Deny everything to an IAM user: its keys, its sign-in and the sessions made with them."""

from tocsin.act import aws_deny
from tocsin.act.aws_calls import NoArguments
from tocsin.respond.actions import ActionFacts, Caller, Plan, Purpose, Target
from tocsin.respond.actions.words import State


class AwsDenyUser:
    """Attaches `AWSDenyAll`; undone by detaching it, where it was not attached before."""

    facts = ActionFacts(
        title="Deny everything to a user",
        provider="aws",
        targets=frozenset({"user"}),
        category="reversible",
        level=2,
        needs=aws_deny.needs("user"),
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return who the user is and whether everything is denied to it."""
        return aws_deny.read_state("user", target, caller)

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that attaches the policy, unless it is attached."""
        return aws_deny.deny("user", target, state)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that detaches it."""
        return aws_deny.allow("user", target, before, now)
