"""Disable one key of a service account; tokens that it was used for last up to an hour."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.act.http_calls import segment
from tocsin.act.switches import switch
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State


@dataclass(frozen=True, slots=True)
class DisableServiceAccountKeyArguments:
    """Takes no arguments."""


class GcpDisableServiceAccountKey:
    """`keys.disable` of the key `uid` of the account whose email is `name`."""

    facts = ActionFacts(
        title="Disable a key of a service account",
        provider="gcp",
        targets=frozenset({"access_key", "service_account_key"}),
        category="reversible",
        level=2,
        needs=(
            Need("iam.serviceAccountKeys.get", is_reading=True),
            Need("iam.serviceAccountKeys.disable"),
            Need("iam.serviceAccountKeys.enable"),
        ),
        source="https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys/disable",
    )

    def __init__(self, arguments: DisableServiceAccountKeyArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the key is disabled, and whether it is Google's own."""
        found = objects.read(caller, "iam", _path(target))
        return {"disabled": bool(found.get("disabled")), "type": found.get("keyType")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disables the key, unless it is disabled."""
        if state["type"] == "SYSTEM_MANAGED":
            raise ActionError(f"key {target.uid} is Google's own: disable the service account")
        lasting = "tokens that were made with it last up to an hour"
        return _set(target, state, True, (lasting,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that enables the key again."""
        return _set(target, now, bool(before["disabled"]))


def _path(target: Target) -> str:
    return f"{objects.service_account(target)}/keys/{segment(target.uid)}"


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        path = f"{_path(target)}:{'disable' if wanted else 'enable'}"
        return Call("iam", "POST", {"path": path, "body": {}})

    what = f"key {target.uid} of {target.name} disabled"
    return switch("disabled", now, wanted, call, what, warnings=warnings)
