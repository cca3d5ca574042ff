"""Delete a role assignment and keep what it said, so that it can be made again."""

from dataclasses import dataclass

from tocsin.act import azure_objects as objects
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State

_KIND = "roleAssignments"
_KEPT = (
    "roleDefinitionId",
    "principalId",
    "principalType",
    "description",
    "condition",
    "conditionVersion",
)


@dataclass(frozen=True, slots=True)
class RemoveRoleAssignmentArguments:
    """Takes no arguments."""


class AzureRemoveRoleAssignment:
    """`DELETE`; undone by the same assignment under the same identifier."""

    facts = ActionFacts(
        title="Remove a role assignment",
        provider="azure",
        targets=frozenset({"role_assignment"}),
        category="reversible",
        level=3,
        needs=(
            Need("Microsoft.Authorization/roleAssignments/read", is_reading=True),
            Need("Microsoft.Authorization/roleAssignments/delete"),
            Need("Microsoft.Authorization/roleAssignments/write"),
        ),
        source="https://learn.microsoft.com/rest/api/authorization/role-assignments/delete",
    )

    def __init__(self, arguments: RemoveRoleAssignmentArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return what the assignment says."""
        where = objects.path(target, _KIND)
        found = objects.found(caller, where, _KIND)
        if found is None:
            # Without its scope the target never was; without it alone the wish is fulfilled.
            query: Json = {"api-version": objects.VERSIONS[_KIND], "$filter": "atScope()"}
            listing = where.rpartition("/")[0]
            caller.call(Call("arm", "GET", {"path": listing, "query": query}))
            return {"assignment": None}
        properties = objects.part(found, "properties")
        kept: Json = {key: properties[key] for key in _KEPT if properties.get(key) is not None}
        return {"assignment": kept}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that deletes the assignment, unless it is gone."""
        given = objects.part(state, "assignment")
        if not given:
            return NOTHING
        call = objects.call("DELETE", target.uid, _KIND)
        change = Change(f"role of {given['principalId']}", _text(given), "none")
        said = ("tokens may carry the right for some minutes; groups may give it as well",)
        return Plan((call,), (change,), said)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that makes the assignment again."""
        given = objects.part(before, "assignment")
        if now["assignment"] is not None or not given:
            return NOTHING
        call = objects.call("PUT", target.uid, _KIND, {"properties": given})
        change = Change(f"role of {given['principalId']}", "none", _text(given))
        return Plan((call,), (change,))


def _text(given: State) -> str:
    return str(given["roleDefinitionId"]).rpartition("/")[2]
