"""Set a permissions boundary on an IAM user or role: it may do no more than the boundary says."""

from dataclasses import dataclass

from tocsin.act import aws_deny
from tocsin.act.aws_calls import ask, order, read, text
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_USERS = "arn:aws:iam::{account}:user/*"
_ROLES = "arn:aws:iam::{account}:role/*"


@dataclass(frozen=True, slots=True)
class BoundaryArguments:
    """What remains possible.

    Attributes:
        boundary: ARN of a managed policy; the default lets settings be read and no data.
    """

    boundary: str = "arn:aws:iam::aws:policy/SecurityAudit"


class AwsSetPermissionsBoundary:
    """`Put…PermissionsBoundary`; undone by the boundary that was, or by removing it."""

    facts = ActionFacts(
        title="Set a permissions boundary",
        provider="aws",
        targets=frozenset({"role", "user"}),
        category="reversible",
        level=3,
        needs=(
            read("iam:GetUser", _USERS),
            read("iam:GetRole", _ROLES),
            Need("iam:PutUserPermissionsBoundary", _USERS),
            Need("iam:PutRolePermissionsBoundary", _ROLES),
            Need("iam:DeleteUserPermissionsBoundary", _USERS),
            Need("iam:DeleteRolePermissionsBoundary", _ROLES),
        ),
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    )

    def __init__(self, arguments: BoundaryArguments) -> None:
        self._boundary = arguments.boundary

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return who it is and the boundary it has, "" where it has none."""
        word = target.type.capitalize()
        answer = ask(target, caller, "iam", f"get_{target.type}", **{f"{word}Name": target.name})
        return {
            "id": text(answer, word, f"{word}Id"),
            "path": text(answer, word, "Path"),
            "boundary": text(answer, word, "PermissionsBoundary", "PermissionsBoundaryArn"),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that sets the boundary, unless it is set."""
        aws_deny.refuse_providers_own(target, state)
        if state["boundary"] == self._boundary:
            return NOTHING
        warning = f"what {target.name} does beyond the boundary fails"
        return _set(target, text(state, "boundary"), self._boundary, (warning,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that sets the boundary that was, or removes ours."""
        if now["boundary"] == before["boundary"]:
            return NOTHING
        return _set(target, text(now, "boundary"), text(before, "boundary"), ())


def _set(target: Target, before: str, after: str, warnings: tuple[str, ...]) -> Plan:
    name = {f"{target.type.capitalize()}Name": target.name}
    change = Change(
        f"permissions boundary of {target.type} {target.name}", before or "none", after or "none"
    )
    if not after:
        call = order(target, "iam", f"delete_{target.type}_permissions_boundary", **name)
    else:
        given = {**name, "PermissionsBoundary": after}
        call = order(target, "iam", f"put_{target.type}_permissions_boundary", **given)
    return Plan((call,), (change,), warnings)
