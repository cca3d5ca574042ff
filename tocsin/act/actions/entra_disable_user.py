"""Disable a user of Entra ID; sessions that stand are ended by revoking them."""

from dataclasses import dataclass

from tocsin.act.http_calls import segment
from tocsin.act.switches import switch
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State

_SELECT = "id,accountEnabled,onPremisesSyncEnabled"
_WARNINGS = (
    "sessions go on for up to an hour: revoke them as well",
    "make sure that it is no account for emergencies",
)


@dataclass(frozen=True, slots=True)
class DisableUserArguments:
    """Takes no arguments."""


class EntraDisableUser:
    """Sets `accountEnabled` to false; undone by what it was."""

    facts = ActionFacts(
        title="Disable a user",
        provider="entra",
        targets=frozenset({"user"}),
        category="reversible",
        level=2,
        needs=(
            Need("User.Read.All", is_reading=True),
            Need("User.EnableDisableAccount.All"),
        ),
        source="https://learn.microsoft.com/graph/api/user-update",
    )

    def __init__(self, arguments: DisableUserArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the account is enabled, and whether it comes from elsewhere."""
        found = caller.call(
            Call("graph", "GET", {"path": _path(target), "query": {"$select": _SELECT}})
        )
        synchronized = bool(found.get("onPremisesSyncEnabled"))
        return {"enabled": bool(found.get("accountEnabled")), "synchronized": synchronized}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disables the account, unless it is disabled."""
        if state["synchronized"] and state["enabled"]:
            raise ActionError(
                f"{target.name} comes from a directory of one's own: disable it there"
            )
        return _set(target, state, False, _WARNINGS)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that enables the account again."""
        return _set(target, now, bool(before["enabled"]))


def _path(target: Target) -> str:
    return f"/v1.0/users/{segment(target.uid or target.name)}"


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        body: Json = {"accountEnabled": wanted}
        return Call("graph", "PATCH", {"path": _path(target), "body": body})

    what = f"user {target.name or target.uid} enabled"
    return switch("enabled", now, wanted, call, what, warnings=warnings)
