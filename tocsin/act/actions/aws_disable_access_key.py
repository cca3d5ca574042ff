"""Disable an access key of an IAM user; nothing that the key's sessions hold ends by that."""

from dataclasses import dataclass

from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State, rows

_TEMPORARY = "ASIA"
"""How keys of sessions begin, see `reference_identifiers` of IAM's user guide."""


@dataclass(frozen=True, slots=True)
class AccessKeyArguments:
    """Takes no arguments."""


class AwsDisableAccessKey:
    """`UpdateAccessKey` with `Inactive`; undone by the status that it had."""

    facts = ActionFacts(
        title="Disable an access key",
        provider="aws",
        targets=frozenset({"access_key"}),
        category="reversible",
        level=2,
        needs=(
            Need("iam:GetAccessKeyLastUsed", is_reading=True),
            Need("iam:ListAccessKeys", "arn:aws:iam::{account}:user/*", is_reading=True),
            Need("iam:UpdateAccessKey", "arn:aws:iam::{account}:user/*"),
        ),
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html",
    )

    def __init__(self, arguments: AccessKeyArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whose the key is and whether it is active."""
        if target.uid.startswith(_TEMPORARY):
            raise ActionError(
                f"access key {target.uid} is of a session, which ends by itself: deny its user, or"
                " revoke the sessions of its role"
            )
        used = caller.call(Call("iam", "get_access_key_last_used", {"AccessKeyId": target.uid}))
        user = used.get("UserName")
        if not isinstance(user, str):
            raise TargetGoneError(f"access key {target.uid} belongs to no user")
        listed = caller.call(Call("iam", "list_access_keys", {"UserName": user}))
        for each in rows(listed.get("AccessKeyMetadata")):
            if each.get("AccessKeyId") == target.uid:
                return {"user": user, "status": each.get("Status")}
        raise TargetGoneError(f"access key {target.uid} is no more")

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disables the key, unless it is disabled."""
        if state["status"] == "Inactive":
            return NOTHING
        sessions = "sessions that were made with the key go on: deny them as well"
        return _set(target, state, "Inactive", (sessions,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that gives the key the status it had."""
        if now["status"] == before["status"]:
            return NOTHING
        return _set(target, now, str(before["status"]), ())


def _set(target: Target, state: State, status: str, warnings: tuple[str, ...]) -> Plan:
    user = state["user"]
    if not isinstance(user, str):
        raise ActionError(f"access key {target.uid} belongs to no user")
    given = {"UserName": user, "AccessKeyId": target.uid, "Status": status}
    change = Change(f"access key {target.uid} of {user}", str(state["status"]), status)
    return Plan((Call("iam", "update_access_key", given),), (change,), warnings)
