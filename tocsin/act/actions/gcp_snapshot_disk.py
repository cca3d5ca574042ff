"""Keep what the disks of a virtual machine hold now."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows


@dataclass(frozen=True, slots=True)
class SnapshotDiskArguments:
    """Takes no arguments."""


class GcpSnapshotDisk:
    """One snapshot of each persistent disk, labeled with the request; they are kept."""

    facts = ActionFacts(
        title="Snapshot the disks of a virtual machine",
        provider="gcp",
        targets=frozenset({"instance"}),
        category="compensable",
        level=1,
        needs=(
            Need("compute.instances.get", is_reading=True),
            Need("compute.snapshots.get", is_reading=True),
            Need("compute.zoneOperations.get", is_reading=True),
            Need("compute.disks.createSnapshot"),
            Need("compute.snapshots.create"),
            Need("compute.snapshots.setLabels"),
        ),
        has_undo=False,
        source="https://cloud.google.com/compute/docs/reference/rest/v1/disks/createSnapshot",
    )

    def __init__(self, arguments: SnapshotDiskArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the persistent disks, and which snapshots of the request exist."""
        found = objects.read_instance(caller, target)
        disks = sorted(
            objects.path_of(each.get("source"))
            for each in rows(found.get("disks"))
            if each.get("type") == "PERSISTENT"
        )
        path = f"{objects.project(target)}/global/snapshots"
        names = [objects.own_name(purpose, number) for number in range(len(disks))]
        made: list[Json] = [
            name for name in names if objects.exists(caller, "compute", f"{path}/{name}")
        ]
        return {"disks": disks, "made": made}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return one call for each disk without a snapshot."""
        calls: list[Call] = []
        changes: list[Change] = []
        for number, disk in enumerate(objects.texts(state["disks"])):
            name = objects.own_name(purpose, number)
            if name in objects.texts(state["made"]):
                continue
            body: Json = {
                "name": name,
                "description": f"Made by Tocsin for {purpose.incident_uid}",
                "labels": {objects.LABEL: purpose.request_uid},
            }
            path = f"{disk}/createSnapshot"
            calls.append(Call("compute", "POST", {"path": path, "body": body}))
            changes.append(Change(f"disk {disk.rpartition('/')[2]}", "no snapshot", name))
        together = "disks are not taken at one instant; snapshots cost until they are deleted"
        return Plan(tuple(calls), tuple(changes), (together,)) if calls else NOTHING

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return nothing: evidence is kept."""
        return NOTHING
