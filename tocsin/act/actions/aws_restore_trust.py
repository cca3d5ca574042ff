"""Take a principal out of a role's trust policy: the way in that an attacker wrote into it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.act import aws_deny
from tocsin.act.aws_calls import ask, document, order, part, read, statements, text, texts, written
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State

_ROLES = "arn:aws:iam::{account}:role/*"


@dataclass(frozen=True, slots=True)
class TrustArguments:
    """Whom the role shall trust no more.

    Attributes:
        principal: as the trust policy names it: an ARN, an account's number, a service, `*`.
    """

    principal: str


class AwsRestoreTrust:
    """`UpdateAssumeRolePolicy` without the principal; undone by the policy that was."""

    facts = ActionFacts(
        title="Remove a principal from a role's trust policy",
        provider="aws",
        targets=frozenset({"role"}),
        category="reversible",
        level=2,
        needs=(read("iam:GetRole", _ROLES), Need("iam:UpdateAssumeRolePolicy", _ROLES)),
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html",
    )

    def __init__(self, arguments: TrustArguments) -> None:
        self._principal = arguments.principal

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return which role it is and whom it trusts."""
        answer = ask(target, caller, "iam", "get_role", RoleName=target.name)
        return {
            "id": text(answer, "Role", "RoleId"),
            "path": text(answer, "Role", "Path"),
            "trust": document(part(answer, "Role", "AssumeRolePolicyDocument")),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that writes the policy without the principal.

        Raises:
            ActionError: nobody else is trusted; a policy without statements is not possible.
        """
        aws_deny.refuse_providers_own(target, state)
        was = document(state["trust"])
        kept = [each for each in map(self._without, statements(was)) if each is not None]
        if kept == list(statements(was)):
            return NOTHING
        if not kept:
            raise ActionError(f"nobody else may assume {target.name}: deny the role instead")
        change = Change(f"trust policy of role {target.name}", f"trusts {self._principal}", "not")
        warning = f"{self._principal} can no longer assume the role; its sessions go on"
        return Plan((_put(target, {**was, "Statement": kept}),), (change,), (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that writes the policy that was."""
        if now["trust"] == before["trust"]:
            return NOTHING
        change = Change(f"trust policy of role {target.name}", "not", f"trusts {self._principal}")
        return Plan((_put(target, document(before["trust"])),), (change,))

    def _without(self, statement: State) -> State | None:
        """Return a statement without the principal, `None` where it had no other."""
        principal = statement.get("Principal")
        if statement.get("Effect") != "Allow":
            return statement
        if not isinstance(principal, Mapping):
            return None if principal == self._principal else statement
        kept: dict[str, Json] = {}
        for kind, value in principal.items():
            named = texts(value)
            left = [each for each in named if not self._is_meant(each)]
            if len(left) == len(named):
                kept[kind] = value
            elif left:
                kept[kind] = left
        return {**statement, "Principal": kept} if kept else None

    def _is_meant(self, named: str) -> bool:
        root = f"arn:aws:iam::{self._principal}:root"
        return named in (self._principal, root)


def _put(target: Target, trust: State) -> Call:
    given = {"RoleName": target.name, "PolicyDocument": written(trust)}
    return order(target, "iam", "update_assume_role_policy", **given)
