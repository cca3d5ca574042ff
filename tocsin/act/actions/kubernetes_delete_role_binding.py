"""Delete a role binding and keep its manifest, so that it can be made again."""

from dataclasses import dataclass

from tocsin.act import kubernetes_objects as objects
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows

_KINDS = {"role_binding": "RoleBinding", "cluster_role_binding": "ClusterRoleBinding"}


@dataclass(frozen=True, slots=True)
class DeleteRoleBindingArguments:
    """Takes no arguments."""


class KubernetesDeleteRoleBinding:
    """Takes rights of users, groups and service accounts away; undone by the same manifest."""

    facts = ActionFacts(
        title="Delete a role binding",
        provider="kubernetes",
        targets=frozenset(_KINDS),
        category="reversible",
        level=3,
        needs=(
            Need("get namespaces", "{namespace}", is_reading=True),
            Need("get rbac.authorization.k8s.io/rolebindings", "{name}", is_reading=True),
            Need("get rbac.authorization.k8s.io/clusterrolebindings", "{name}", is_reading=True),
            Need("delete rbac.authorization.k8s.io/rolebindings", "{name}"),
            Need("delete rbac.authorization.k8s.io/clusterrolebindings", "{name}"),
            Need("create rbac.authorization.k8s.io/rolebindings"),
            Need("create rbac.authorization.k8s.io/clusterrolebindings"),
            # Who makes a binding must hold what it gives, or have this right over the role.
            Need("bind rbac.authorization.k8s.io/roles"),
            Need("bind rbac.authorization.k8s.io/clusterroles"),
        ),
        volatile=frozenset({"uid"}),
        source="https://kubernetes.io/docs/reference/access-authn-authz/rbac/",
    )

    def __init__(self, arguments: DeleteRoleBindingArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the manifest, as far as people write it."""
        binding = objects.found(caller, _path(target))
        if binding is None:
            if target.type == "role_binding":
                objects.read(caller, objects.path("namespaces", name=objects.parts(target)[0]))
            return {"manifest": None, "uid": None}
        return {"manifest": _manifest(target, binding), "uid": objects.meta(binding).get("uid")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that deletes the binding, unless it is gone."""
        manifest = objects.part(state, "manifest")
        if not manifest:
            return NOTHING
        labels = objects.part(manifest, "metadata", "labels")
        name = str(objects.meta(manifest)["name"])
        if "kubernetes.io/bootstrapping" in labels or name.startswith("system:"):
            raise ActionError(f"the cluster itself needs {target.name} and makes it again")
        options: Json = {"uid": state["uid"]}
        call = objects.delete(_path(target), preconditions=options)
        change = Change(f"{target.type} {target.name}", _text(manifest), "deleted")
        tokens = "what holds these rights by another binding keeps them"
        return Plan((call,), (change,), (tokens,))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that makes the binding again."""
        manifest = objects.part(before, "manifest")
        if now["manifest"] is not None or not manifest:
            return NOTHING
        where = _path(target).rpartition("/")[0]
        change = Change(f"{target.type} {target.name}", "deleted", _text(manifest))
        return Plan((objects.create(where, dict(manifest)),), (change,))


def _path(target: Target) -> str:
    if target.type == "role_binding":
        return objects.path("rolebindings", *objects.parts(target))
    return objects.path("clusterrolebindings", name=target.name)


def _manifest(target: Target, binding: State) -> State:
    kept = ("name", "namespace", "labels", "annotations")
    meta = objects.meta(binding)
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": _KINDS[target.type],
        "metadata": {key: meta[key] for key in kept if meta.get(key)},
        "roleRef": binding.get("roleRef"),
        "subjects": binding.get("subjects") or [],
    }


def _text(manifest: State) -> str:
    role = objects.part(manifest, "roleRef")
    who = ", ".join(f"{each.get('kind')} {each.get('name')}" for each in rows(manifest["subjects"]))
    return f"{role.get('kind')} {role.get('name')} for {who or 'nobody'}"
