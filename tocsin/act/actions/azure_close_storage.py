"""Close a storage account to everybody whom nobody knows, and perhaps to all other networks."""

from dataclasses import dataclass

from tocsin.act import azure_objects as objects
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State


@dataclass(frozen=True, slots=True)
class CloseStorageArguments:
    """How far it is closed.

    Attributes:
        networks: also to networks that no rule of it names.
    """

    networks: bool = False


class AzureCloseStorage:
    """Sets `allowBlobPublicAccess` and `networkAcls.defaultAction`; undone by what they were."""

    facts = ActionFacts(
        title="Close a storage account to the public",
        provider="azure",
        targets=frozenset({"bucket", "storage_account"}),
        category="reversible",
        level=2,
        needs=(
            Need("Microsoft.Storage/storageAccounts/read", "{uid}", is_reading=True),
            Need("Microsoft.Storage/storageAccounts/write", "{uid}"),
        ),
        source="https://learn.microsoft.com/rest/api/storagerp/storage-accounts/update",
    )

    def __init__(self, arguments: CloseStorageArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether it may be public, and its rules for networks."""
        found = objects.read(caller, objects.path(target, "storageAccounts"), "storageAccounts")
        properties = objects.part(found, "properties")
        # Old accounts without the setting allow it.
        return {
            "public": properties.get("allowBlobPublicAccess") is not False,
            "networks": dict(objects.part(properties, "networkAcls")),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that closes it, unless it is closed."""
        networks = objects.part(state, "networks")
        if self._arguments.networks:
            networks = {**networks, "defaultAction": "Deny"}
        said = ["web sites and downloads that it serves to everybody stop"]
        if self._arguments.networks:
            said.append("applications of networks that no rule names are cut off")
        return _set(target, state, {"public": False, "networks": networks}, tuple(said))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that sets what was."""
        return _set(target, now, before)


def _set(target: Target, now: State, wanted: State, warnings: tuple[str, ...] = ()) -> Plan:
    properties: dict[str, Json] = {}
    changes = []
    if now["public"] != wanted["public"]:
        properties["allowBlobPublicAccess"] = wanted["public"]
        changes.append(Change("public access allowed", str(now["public"]), str(wanted["public"])))
    if now["networks"] != wanted["networks"]:
        properties["networkAcls"] = wanted["networks"]
        actions = [
            str(objects.part(each, "networks").get("defaultAction")) for each in (now, wanted)
        ]
        changes.append(Change("other networks", actions[0], actions[1]))
    if not properties:
        return NOTHING
    body: Json = {"properties": properties}
    call = objects.call("PATCH", target.uid, "storageAccounts", body)
    return Plan((call,), tuple(changes), warnings)
