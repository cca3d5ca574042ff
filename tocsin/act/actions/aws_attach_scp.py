"""Attach a service control policy to an account: it stops whatever the policy says, for all."""

from dataclasses import dataclass

from tocsin.act.aws_calls import ask, ask_all, order, read, text
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_ACCOUNTS = "arn:aws:organizations::*:account/o-*/{name}"
_POLICIES = "arn:aws:organizations::*:policy/o-*/service_control_policy/p-*"


@dataclass(frozen=True, slots=True)
class ScpArguments:
    """What is attached.

    Attributes:
        policy: identifier of a service control policy that the team has written: `p-…`.
    """

    policy: str


class AwsAttachScp:
    """`AttachPolicy` by the organization's management account; undone by `DetachPolicy`."""

    facts = ActionFacts(
        title="Attach a service control policy to an account",
        provider="aws",
        targets=frozenset({"account"}),
        category="reversible",
        level=3,
        needs=(
            read("organizations:DescribeOrganization"),
            read("organizations:ListPoliciesForTarget", _ACCOUNTS),
            Need("organizations:AttachPolicy", _ACCOUNTS),
            Need("organizations:AttachPolicy", _POLICIES),
            Need("organizations:DetachPolicy", _ACCOUNTS),
            Need("organizations:DetachPolicy", _POLICIES),
        ),
        source="https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html",
    )

    def __init__(self, arguments: ScpArguments) -> None:
        self._policy = arguments.policy

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the policy is attached, and which account manages the organization."""
        about = ask(target, caller, "organizations", "describe_organization")
        asked = {"TargetId": target.name, "Filter": "SERVICE_CONTROL_POLICY"}
        operation = "list_policies_for_target"
        found = ask_all(target, caller, "Policies", "organizations", operation, **asked)
        return {
            "manager": text(about, "Organization", "MasterAccountId"),
            "is_attached": any(each.get("Id") == self._policy for each in found),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that attaches the policy, unless it is attached.

        Raises:
            ActionError: it is the management account: no such policy has an effect there.
        """
        if state["manager"] == target.name:
            raise ActionError("service control policies do not bind the management account")
        if state["is_attached"]:
            return NOTHING
        warning = "it binds everybody in the account, root and our own role too"
        return self._plan(target, "attach_policy", ("not attached", "attached"), (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that detaches it."""
        if now["is_attached"] == before["is_attached"]:
            return NOTHING
        return self._plan(target, "detach_policy", ("attached", "not attached"), ())

    def _plan(
        self, target: Target, operation: str, words: tuple[str, str], warnings: tuple[str, ...]
    ) -> Plan:
        given = {"PolicyId": self._policy, "TargetId": target.name}
        change = Change(f"policy {self._policy} on account {target.name}", *words)
        return Plan((order(target, "organizations", operation, **given),), (change,), warnings)
