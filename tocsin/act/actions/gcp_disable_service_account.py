"""Disable a service account, with all its keys; tokens that were given last up to an hour."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.act.switches import switch
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State

_WARNINGS = (
    "all that runs as it stops working",
    "tokens that it holds last up to an hour: remove its bindings as well",
)


@dataclass(frozen=True, slots=True)
class DisableServiceAccountArguments:
    """Takes no arguments."""


class GcpDisableServiceAccount:
    """`serviceAccounts.disable`; undone by `enable`."""

    facts = ActionFacts(
        title="Disable a service account",
        provider="gcp",
        targets=frozenset({"service_account"}),
        category="reversible",
        level=2,
        needs=(
            Need("iam.serviceAccounts.get", is_reading=True),
            Need("iam.serviceAccounts.disable"),
            Need("iam.serviceAccounts.enable"),
        ),
        source="https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/disable",
    )

    def __init__(self, arguments: DisableServiceAccountArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether it is disabled."""
        found = objects.read(caller, "iam", objects.service_account(target))
        return {"disabled": bool(found.get("disabled"))}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disables it, unless it is disabled."""
        return _set(target, state, True, _WARNINGS)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that enables it again."""
        return _set(target, now, bool(before["disabled"]))


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        path = f"{objects.service_account(target)}:{'disable' if wanted else 'enable'}"
        return Call("iam", "POST", {"path": path, "body": {}})

    what = f"service account {target.name} disabled"
    return switch("disabled", now, wanted, call, what, warnings=warnings)
