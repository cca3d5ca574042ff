"""Let no pod of a workload run, without deleting the workload."""

from dataclasses import dataclass
from typing import Literal

from tocsin.act import kubernetes_objects as objects
from tocsin.act.switches import switch
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State

_RESOURCES = {
    "deployment": "deployments",
    "stateful_set": "statefulsets",
    "replica_set": "replicasets",
}


@dataclass(frozen=True, slots=True)
class ScaleToZeroArguments:
    """What the target is, where its own type does not say it.

    Attributes:
        kind: of a target of type `workload`.
    """

    kind: Literal["deployment", "stateful_set", "replica_set"] = "deployment"


class KubernetesScaleToZero:
    """Sets the replicas of a Deployment, StatefulSet or ReplicaSet to none; undone by what was."""

    facts = ActionFacts(
        title="Scale a workload to zero",
        provider="kubernetes",
        targets=frozenset({"deployment", "stateful_set", "replica_set", "workload"}),
        category="reversible",
        level=3,
        needs=tuple(
            Need(f"{verb} apps/{resource}/scale", "{name}", is_reading=verb == "get")
            for resource in _RESOURCES.values()
            for verb in ("get", "patch")
        ),
        evidence_first=True,
        source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#scaling-a-deployment",
    )

    def __init__(self, arguments: ScaleToZeroArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return how many pods are wished for."""
        scale = objects.read(caller, self._path(target))
        replicas = objects.part(scale, "spec").get("replicas", 0)
        if not isinstance(replicas, int):
            raise ActionError(f"{target.name} has no number of replicas")
        return {"replicas": replicas}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that lets none run."""
        said = (
            "the service is down, and what its pods hold is lost: take evidence first",
            "whoever applies manifests by machine may scale it up again",
        )
        return self._set(target, state, 0, said)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that lets as many run as before."""
        replicas = before["replicas"]
        return self._set(target, now, replicas if isinstance(replicas, int) else 0)

    def _set(self, target: Target, now: State, wanted: int, warnings: tuple[str, ...] = ()) -> Plan:
        def call() -> Call:
            return objects.patch(self._path(target), {"spec": {"replicas": wanted}})

        return switch(
            "replicas", now, wanted, call, f"replicas of {target.name}", warnings=warnings
        )

    def _path(self, target: Target) -> str:
        resource = _RESOURCES.get(target.type) or _RESOURCES[self._arguments.kind]
        return f"{objects.path(resource, *objects.parts(target))}/scale"
