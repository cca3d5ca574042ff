"""Resources of Azure: where they are, how they are read and written, what names we give."""

from typing import cast

from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import Call, Caller, Purpose, Target
from tocsin.respond.actions.words import Json, State

TAG = "tocsin-request"
"""Tag of what we make; its value is the request."""

VERSIONS = {
    "virtualMachines": "2024-07-01",
    "networkInterfaces": "2024-05-01",
    "networkSecurityGroups": "2024-05-01",
    "securityRules": "2024-05-01",
    "snapshots": "2024-03-02",
    "storageAccounts": "2023-05-01",
    "roleAssignments": "2022-04-01",
}
"""Of the interface of each kind of resource: `api-version`."""


_EVERYTHING = (
    "protocol",
    "sourceAddressPrefix",
    "sourcePortRange",
    "destinationAddressPrefix",
    "destinationPortRange",
)


def path(target: Target, kind: str) -> str:
    """Return the path of a target, which its uid is.

    Raises:
        ActionError: it is none of that kind in that subscription.
    """
    inside = target.uid.lower().startswith(f"/subscriptions/{target.account.lower()}/")
    if not inside or f"/{kind.lower()}/" not in target.uid.lower():
        raise ActionError(f"{target.uid!r} is no {kind} of subscription {target.account}")
    return target.uid


def group_of(where: str) -> str:
    """Return the path of the resource group that a resource lies in."""
    return "/".join(where.split("/")[:5])


def call(
    method: str, where: str, kind: str, body: Json = None, volatile: frozenset[str] = frozenset()
) -> Call:
    """Return a call about a resource of a kind."""
    given: dict[str, Json] = {"path": where, "query": {"api-version": VERSIONS[kind]}}
    if body is not None:
        given["body"] = body
    return Call("arm", method, given, volatile=volatile)


def read(caller: Caller, where: str, kind: str) -> State:
    """Return a resource.

    Raises:
        TargetGoneError: there is none.
    """
    return caller.call(call("GET", where, kind))


def found(caller: Caller, where: str, kind: str) -> State | None:
    """Return a resource that may be missing."""
    try:
        return read(caller, where, kind)
    except TargetGoneError:
        return None


def part(given: State, *keys: str) -> State:
    """Return an object inside an object; empty where there is none."""
    for key in keys:
        value = given.get(key)
        given = cast("State", value) if isinstance(value, dict) else {}
    return given


def own_name(purpose: Purpose, *more: object) -> str:
    """Return the name of something made for a request."""
    return "-".join(("tocsin", purpose.request_uid.replace("_", "-"), *map(str, more)))[:80]


def denying(direction: str) -> Json:
    """Return a rule of a security group that denies everything, `Inbound` or `Outbound`."""
    rule: dict[str, Json] = dict.fromkeys(_EVERYTHING, "*")
    rule |= {"priority": 100, "direction": direction, "access": "Deny"}
    return {"name": f"deny-{direction.lower()}", "properties": rule}
