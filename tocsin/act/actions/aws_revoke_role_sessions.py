"""End the sessions of an IAM role that were made before now; later ones are not touched."""

from tocsin.act import aws_deny
from tocsin.act.aws_calls import NoArguments, ask_if_there, document, order, read, written
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State

_ROLES = "arn:aws:iam::{account}:role/*"


class AwsRevokeRoleSessions:
    """An inline policy denies what was issued before; undone by deleting that policy."""

    facts = ActionFacts(
        title="Revoke the sessions of a role",
        provider="aws",
        targets=frozenset({"role"}),
        category="reversible",
        level=2,
        needs=(
            read("iam:GetRole", _ROLES),
            read("iam:GetRolePolicy", _ROLES),
            Need("iam:PutRolePolicy", _ROLES),
            Need("iam:DeleteRolePolicy", _ROLES),
        ),
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return which role it is and what our policy on it says."""
        identity = aws_deny.read_identity("role", target, caller)
        asked = {"RoleName": target.name, "PolicyName": _name(purpose)}
        found = ask_if_there(target, caller, "NoSuchEntity", "iam", "get_role_policy", **asked)
        policy = None if found is None else document(found.get("PolicyDocument"))
        return {**identity, "policy": policy}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that puts the policy, unless it is there."""
        aws_deny.refuse_providers_own(target, state)
        wished = _policy(purpose)
        if state["policy"] == wished:
            return NOTHING
        given = {"RoleName": target.name, "PolicyName": _name(purpose)}
        call = order(target, "iam", "put_role_policy", **given, PolicyDocument=written(wished))
        until = purpose.time.isoformat(timespec="seconds")
        change = Change(f"sessions of role {target.name} made before {until}", "valid", "denied")
        warnings = (
            "workloads that use the role fail until they assume it anew",
            "sessions made later go on: whoever can still assume the role is not stopped by this",
        )
        return Plan((call,), (change,), warnings)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that deletes the policy."""
        if now["policy"] == before["policy"]:
            return NOTHING
        given = {"RoleName": target.name, "PolicyName": _name(purpose)}
        change = Change(f"earlier sessions of role {target.name}", "denied", "valid")
        return Plan((order(target, "iam", "delete_role_policy", **given),), (change,))


def _name(purpose: Purpose) -> str:
    return f"tocsin-revoke-{purpose.request_uid}"


def _policy(purpose: Purpose) -> State:
    issued_before = purpose.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    statement: State = {
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": issued_before}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
