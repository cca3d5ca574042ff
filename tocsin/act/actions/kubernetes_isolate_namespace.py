"""Let nothing in or out of the pods of a namespace."""

from dataclasses import dataclass

from tocsin.act import kubernetes_objects as objects
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State


@dataclass(frozen=True, slots=True)
class IsolateNamespaceArguments:
    """Takes no arguments."""


class KubernetesIsolateNamespace:
    """A network policy that selects every pod and allows nothing; undone by deleting it."""

    facts = ActionFacts(
        title="Isolate a namespace",
        provider="kubernetes",
        targets=frozenset({"namespace"}),
        category="reversible",
        level=3,
        needs=(
            Need("get namespaces", "{name}", is_reading=True),
            Need("list networking.k8s.io/networkpolicies", is_reading=True),
            Need("create networking.k8s.io/networkpolicies"),
            Need("delete networking.k8s.io/networkpolicies"),
        ),
        volatile=frozenset({"openings"}),
        source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    )

    def __init__(self, arguments: IsolateNamespaceArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return our policy, where it stands."""
        objects.read(caller, objects.path("namespaces", name=target.name))
        policies = objects.listed(caller, objects.path("networkpolicies", target.name))
        name = objects.own_name(purpose)
        own = [each.get("spec") for each in policies if objects.meta(each).get("name") == name]
        others = [each for each in policies if objects.meta(each).get("name") != name]
        # Here any policy that allows something is a hole, whichever pods it selects.
        holes = [
            str(objects.meta(each)["name"]) for each in others if not objects.is_deny_all(each)
        ]
        return {"policy": own[0] if own else None, "openings": holes}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that makes the policy, unless it stands."""
        if target.name in objects.SYSTEM:
            raise ActionError(f"the cluster needs {target.name} to live: it is not isolated")
        if state["policy"] is not None:
            if not objects.is_deny_all({"spec": state["policy"]}):
                raise ActionError(f"network policy {objects.own_name(purpose)} was changed")
            return NOTHING
        said = [
            "name resolution, metrics and everything else of its pods is cut as well",
            "a network policy counts only where the cluster's network enforces it: check",
        ]
        if state["openings"]:
            said.append(f"these policies go on letting traffic through: {state['openings']}")
        change = Change(f"traffic of namespace {target.name}", "as it was", "denied")
        return Plan((objects.network_policy(purpose, target.name, {}),), (change,), tuple(said))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that deletes the policy."""
        if now["policy"] is None or before["policy"] is not None:
            return NOTHING
        where = objects.path("networkpolicies", target.name, objects.own_name(purpose))
        change = Change(f"traffic of namespace {target.name}", "denied", "as it was")
        return Plan((objects.delete(where),), (change,))
