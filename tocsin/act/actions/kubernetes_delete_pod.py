"""Delete a pod, so that its controller starts a fresh one; what ran in it is lost."""

from dataclasses import dataclass

from tocsin.act import kubernetes_objects as objects
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State, rows

GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class DeletePodArguments:
    """What is deleted beside pods that a ReplicaSet or Job replaces.

    Attributes:
        stateful: also pods of a StatefulSet or DaemonSet.
        standalone: also pods that nothing replaces.
    """

    stateful: bool = False
    standalone: bool = False


class KubernetesDeletePod:
    """Deletes one pod by its uid; take evidence before."""

    facts = ActionFacts(
        title="Delete a pod",
        provider="kubernetes",
        targets=frozenset({"pod"}),
        category="compensable",
        level=3,
        needs=(
            Need("get namespaces", "{namespace}", is_reading=True),
            Need("get pods", "{name}", is_reading=True),
            Need("delete pods", "{name}"),
        ),
        has_undo=False,
        evidence_first=True,
        source="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/",
    )

    def __init__(self, arguments: DeletePodArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the pod is there, and what would replace it."""
        namespace, name = objects.parts(target)
        pod = objects.found(caller, objects.path("pods", namespace, name))
        if pod is None:
            # Without its namespace the target never was; without the pod the wish is fulfilled.
            objects.read(caller, objects.path("namespaces", name=namespace))
            return {"uid": None, "controller": None}
        meta = objects.meta(pod)
        if not objects.is_meant(target, pod) or meta.get("deletionTimestamp"):
            return {"uid": None, "controller": None}
        owners = [each.get("kind") for each in rows(meta.get("ownerReferences"))]
        return {"uid": meta.get("uid"), "controller": owners[0] if owners else None}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that deletes the pod, unless it is gone."""
        if state["uid"] is None:
            return NOTHING
        controller = state["controller"]
        if controller is None and not self._arguments.standalone:
            raise ActionError(f"nothing replaces pod {target.name}; `standalone: true` deletes it")
        if controller in ("StatefulSet", "DaemonSet") and not self._arguments.stateful:
            raise ActionError(
                f"pod {target.name} is of a {controller}; `stateful: true` deletes it all the same"
            )
        namespace, name = objects.parts(target)
        call = objects.delete(
            objects.path("pods", namespace, name),
            gracePeriodSeconds=GRACE_SECONDS,
            preconditions={"uid": state["uid"]},
        )
        lost = "its memory, its files and its logs are lost: take evidence first"
        fresh = "a fresh one" if controller else "nothing"
        change = Change(f"pod {target.name} ({state['uid']})", "runs", f"deleted; {fresh} follows")
        return Plan((call,), (change,), (lost,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return nothing: what was deleted stays so."""
        return NOTHING
