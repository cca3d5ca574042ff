"""Stop a virtual machine; its memory is lost, its persistent disks stay."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.act.switches import switch
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State, rows

_RUNNING = frozenset({"PROVISIONING", "STAGING", "RUNNING", "REPAIRING"})


@dataclass(frozen=True, slots=True)
class StopVmArguments:
    """Takes no arguments."""


class GcpStopVm:
    """`stop`; undone by `start`, which may give another external address."""

    facts = ActionFacts(
        title="Stop a virtual machine",
        provider="gcp",
        targets=frozenset({"instance"}),
        category="compensable",
        level=3,
        needs=(
            Need("compute.instances.get", is_reading=True),
            Need("compute.zoneOperations.get", is_reading=True),
            Need("compute.instances.stop"),
            Need("compute.instances.start"),
        ),
        evidence_first=True,
        source="https://cloud.google.com/compute/docs/reference/rest/v1/instances/stop",
    )

    def __init__(self, arguments: StopVmArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether it runs, and whether it has disks that stopping would destroy."""
        found = objects.read_instance(caller, target)
        local = any(each.get("type") == "SCRATCH" for each in rows(found.get("disks")))
        return {"running": found.get("status") in _RUNNING, "local_disks": local}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that stops it, unless it is stopped."""
        if state["running"] and state["local_disks"]:
            raise ActionError(f"stopping {target.name} destroys its local disks: isolate it")
        lost = ("its memory is lost: take evidence first", "its ephemeral addresses may change")
        return _set(target, state, False, lost)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that starts it, where it ran before."""
        return _set(target, now, bool(before["running"]))


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        path = f"{objects.instance(target)}/{'start' if wanted else 'stop'}"
        return Call("compute", "POST", {"path": path})

    return switch("running", now, wanted, call, f"{target.name} runs", warnings=warnings)
