"""Let no new pod start on a node; those that run there go on."""

from dataclasses import dataclass

from tocsin.act import kubernetes_objects as objects
from tocsin.act.switches import switch
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State


@dataclass(frozen=True, slots=True)
class CordonNodeArguments:
    """Takes no arguments."""


class KubernetesCordonNode:
    """Sets `spec.unschedulable`; undone by what it was."""

    facts = ActionFacts(
        title="Cordon a node",
        provider="kubernetes",
        targets=frozenset({"node"}),
        category="reversible",
        level=2,
        needs=(Need("get nodes", "{name}", is_reading=True), Need("patch nodes", "{name}")),
        source="https://kubernetes.io/docs/concepts/architecture/nodes/#manual-node-administration",
    )

    def __init__(self, arguments: CordonNodeArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether pods may start there."""
        node = objects.read(caller, objects.path("nodes", name=target.name))
        return {"unschedulable": bool(objects.part(node, "spec").get("unschedulable"))}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that cordons the node."""
        goes_on = "pods that run there go on; quarantine those that are suspicious"
        return _set(target, state, True, (goes_on,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that lets pods start there again."""
        return _set(target, now, bool(before["unschedulable"]))


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...] = ()) -> Plan:
    def call() -> Call:
        # Taken away rather than set to false: that is how a node that was never cordoned looks.
        value = True if wanted else None
        where = objects.path("nodes", name=target.name)
        return objects.patch(where, {"spec": {"unschedulable": value}})

    what = f"node {target.name} takes no new pods"
    return switch("unschedulable", now, wanted, call, what, warnings=warnings)
