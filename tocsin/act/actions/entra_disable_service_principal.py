"""Disable an application's service principal, so that nobody signs in with or to it."""

from dataclasses import dataclass

from tocsin.act.http_calls import segment
from tocsin.act.switches import switch
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State

_MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
"""The directory that owns Microsoft's own applications."""

_WARNINGS = (
    "all that signs in with or to the application stops working",
    "tokens that it holds last up to an hour",
)


@dataclass(frozen=True, slots=True)
class DisableServicePrincipalArguments:
    """Takes no arguments."""


class EntraDisableServicePrincipal:
    """Sets `accountEnabled` to false; undone by what it was."""

    facts = ActionFacts(
        title="Disable a service principal",
        provider="entra",
        targets=frozenset({"service_principal", "service_account", "application"}),
        category="reversible",
        level=2,
        needs=(
            Need("Application.Read.All", is_reading=True),
            Need("Application.ReadWrite.All"),
        ),
        source="https://learn.microsoft.com/graph/api/serviceprincipal-update",
    )

    def __init__(self, arguments: DisableServicePrincipalArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether it is enabled, and whose the application is."""
        query = {"$select": "id,accountEnabled,appOwnerOrganizationId"}
        found = caller.call(Call("graph", "GET", {"path": _path(target), "query": query}))
        owner = found.get("appOwnerOrganizationId")
        return {"enabled": bool(found.get("accountEnabled")), "owner": owner}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disables it, unless it is disabled."""
        if state["owner"] == _MICROSOFT:
            raise ActionError(f"{target.name} is Microsoft's own: the directory needs it")
        return _set(target, state, False, _WARNINGS)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that enables it again."""
        return _set(target, now, bool(before["enabled"]))


def _path(target: Target) -> str:
    return f"/v1.0/servicePrincipals/{segment(target.uid)}"


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        body: Json = {"accountEnabled": wanted}
        return Call("graph", "PATCH", {"path": _path(target), "body": body})

    what = f"service principal {target.name or target.uid} enabled"
    return switch("enabled", now, wanted, call, what, warnings=warnings)
