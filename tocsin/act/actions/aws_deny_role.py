"""Deny everything to an IAM role, whoever has assumed it; a role of AWS itself is refused."""

from tocsin.act import aws_deny
from tocsin.act.aws_calls import NoArguments
from tocsin.respond.actions import ActionFacts, Caller, Plan, Purpose, Target
from tocsin.respond.actions.words import State


class AwsDenyRole:
    """Attaches `AWSDenyAll`; undone by detaching it, where it was not attached before."""

    facts = ActionFacts(
        title="Deny everything to a role",
        provider="aws",
        targets=frozenset({"role"}),
        category="reversible",
        level=3,
        needs=aws_deny.needs("role"),
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return which role it is and whether everything is denied to it."""
        return aws_deny.read_state("role", target, caller)

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that attaches the policy, unless it is attached."""
        aws_deny.refuse_providers_own(target, state)
        return aws_deny.deny("role", target, state)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that detaches it."""
        return aws_deny.allow("role", target, before, now)
