"""Cut a pod off and keep it alive: no Service sends to it, its controller starts a fresh one."""

from dataclasses import dataclass

from tocsin.act import kubernetes_objects as objects
from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows

_MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class QuarantinePodArguments:
    """Takes no arguments."""


class KubernetesQuarantinePod:
    """Takes all labels off a pod and denies its traffic by a label of our own."""

    facts = ActionFacts(
        title="Quarantine a pod",
        provider="kubernetes",
        targets=frozenset({"pod"}),
        category="reversible",
        level=2,
        needs=(
            Need("get pods", "{name}", is_reading=True),
            Need("list networking.k8s.io/networkpolicies", is_reading=True),
            Need("create networking.k8s.io/networkpolicies"),
            Need("delete networking.k8s.io/networkpolicies"),
            Need("patch pods", "{name}"),
        ),
        volatile=frozenset({"controller", "openings"}),
        source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    )

    def __init__(self, arguments: QuarantinePodArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the pod's labels, and whether our policy stands."""
        namespace, name = objects.parts(target)
        pod = objects.read(caller, objects.path("pods", namespace, name))
        if not objects.is_meant(target, pod):
            raise TargetGoneError(f"pod {target.name} is another one than {target.uid}")
        policies = objects.listed(caller, objects.path("networkpolicies", namespace))
        meta = objects.meta(pod)
        own = [each for each in policies if objects.meta(each)["name"] == objects.own_name(purpose)]
        return {
            "labels": dict(objects.part(meta, "labels")),
            "denied": any(objects.is_deny_all(each) for each in own),
            "made": bool(own),
            "mirror": _MIRROR in objects.part(meta, "annotations"),
            "host_network": bool(objects.part(pod, "spec").get("hostNetwork")),
            "controller": [str(each.get("kind")) for each in rows(meta.get("ownerReferences"))],
            "openings": objects.openings(policies),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the calls that deny traffic first, and then take the labels off."""
        if state["mirror"]:
            raise ActionError(f"pod {target.name} is made by a file on its node: stop it there")
        if state["made"] and not state["denied"]:
            raise ActionError(f"network policy {objects.own_name(purpose)} was changed")
        namespace, _ = objects.parts(target)
        wanted: dict[str, Json] = {objects.LABEL: purpose.request_uid}
        calls: list[Call] = []
        changes: list[Change] = []
        if not state["made"]:
            calls.append(objects.network_policy(purpose, namespace, {"matchLabels": wanted}))
            changes.append(Change(f"traffic of pod {target.name}", "as it was", "denied"))
        labels = objects.part(state, "labels")
        if labels != wanted:
            calls.append(_labelled(target, labels, wanted))
            changes.append(Change(f"labels of pod {target.name}", _text(labels), _text(wanted)))
        return Plan(tuple(calls), tuple(changes), _warnings(state)) if calls else NOTHING

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that give the labels back and take the policy away."""
        namespace, _ = objects.parts(target)
        was, labels = objects.part(before, "labels"), objects.part(now, "labels")
        calls: list[Call] = []
        changes: list[Change] = []
        if labels != was:
            calls.append(_labelled(target, labels, was))
            changes.append(Change(f"labels of pod {target.name}", _text(labels), _text(was)))
        if now["made"] and not before["made"]:
            name = objects.own_name(purpose)
            calls.append(objects.delete(objects.path("networkpolicies", namespace, name)))
            changes.append(Change(f"traffic of pod {target.name}", "denied", "as it was"))
        surplus = "its controller may take it back and stop one pod that is too many"
        return Plan(tuple(calls), tuple(changes), (surplus,))


def _labelled(target: Target, labels: State, wanted: State) -> Call:
    changed: dict[str, Json] = {**dict.fromkeys(labels.keys() - wanted.keys()), **wanted}
    namespace, name = objects.parts(target)
    # The uid is a condition: a later pod of the same name is refused with 409.
    meta: dict[str, Json] = {"labels": dict(sorted(changed.items()))}
    if target.uid:
        meta["uid"] = target.uid
    return objects.patch(objects.path("pods", namespace, name), {"metadata": meta})


def _text(labels: State) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "none"


def _warnings(state: State) -> tuple[str, ...]:
    said = ["a network policy counts only where the cluster's network enforces it: check"]
    if state["host_network"]:
        said.append("the pod uses its node's network, which no policy reaches: isolate the node")
    if "StatefulSet" in (state["controller"] or ()):  # type: ignore[operator] # a list of texts
        said.append("its StatefulSet starts no other pod of this name while it lives")
    if state["openings"]:
        said.append(f"these policies let every pod of the namespace through: {state['openings']}")
    return tuple(said)
