"""Keep what the disks of a virtual machine hold now."""

from dataclasses import dataclass

from tocsin.act import azure_objects as objects
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows


@dataclass(frozen=True, slots=True)
class SnapshotDiskArguments:
    """Takes no arguments."""


class AzureSnapshotDisk:
    """One incremental snapshot of each managed disk, tagged with the request; they are kept."""

    facts = ActionFacts(
        title="Snapshot the disks of a virtual machine",
        provider="azure",
        targets=frozenset({"instance"}),
        category="compensable",
        level=1,
        needs=(
            Need("Microsoft.Compute/virtualMachines/read", "{uid}", is_reading=True),
            Need("Microsoft.Compute/snapshots/read", is_reading=True),
            Need("Microsoft.Compute/locations/operations/read", is_reading=True),
            Need("Microsoft.Compute/snapshots/write"),
            Need("Microsoft.Compute/disks/beginGetAccess/action"),
        ),
        has_undo=False,
        source="https://learn.microsoft.com/rest/api/compute/snapshots/create-or-update",
    )

    def __init__(self, arguments: SnapshotDiskArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the managed disks, and which snapshots of the request exist."""
        machine = objects.read(caller, objects.path(target, "virtualMachines"), "virtualMachines")
        profile = objects.part(machine, "properties", "storageProfile")
        disks = [objects.part(profile, "osDisk"), *rows(profile.get("dataDisks"))]
        links = [str(objects.part(each, "managedDisk").get("id")) for each in disks]
        made = [
            number
            for number in range(len(links))
            if objects.found(caller, _path(target, purpose, number), "snapshots") is not None
        ]
        return {"location": machine.get("location"), "disks": links, "made": made}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return one call for each disk without a snapshot."""
        calls: list[Call] = []
        changes: list[Change] = []
        disks, made = state["disks"], state["made"]
        for number, disk in enumerate(disks if isinstance(disks, list) else []):
            if isinstance(made, list) and number in made:
                continue
            body: Json = {
                "location": state["location"],
                "tags": {objects.TAG: purpose.request_uid},
                "properties": {
                    "incremental": True,
                    "creationData": {"createOption": "Copy", "sourceResourceId": disk},
                },
            }
            where = _path(target, purpose, number)
            calls.append(objects.call("PUT", where, "snapshots", body))
            names = (str(disk).rpartition("/")[2], where.rpartition("/")[2])
            changes.append(Change(f"disk {names[0]}", "no snapshot", names[1]))
        together = "disks are not taken at one instant; snapshots cost until they are deleted"
        return Plan(tuple(calls), tuple(changes), (together,)) if calls else NOTHING

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return nothing: evidence is kept."""
        return NOTHING


def _path(target: Target, purpose: Purpose, number: int) -> str:
    within = f"{objects.group_of(target.uid)}/providers/Microsoft.Compute/snapshots"
    return f"{within}/{objects.own_name(purpose, number)}"
