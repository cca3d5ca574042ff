"""Objects of Kubernetes: where they are, how they are read and changed, what names we give."""

from typing import cast

from tocsin.act.http_calls import segment
from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import Call, Caller, Purpose, Target
from tocsin.respond.actions.words import Json, State, rows

LABEL = "tocsin.dev/request"
"""Label that all we make carries; its value is the request."""

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""Namespaces that a cluster needs to live."""

_GROUPS = {
    "pods": "/api/v1",
    "namespaces": "/api/v1",
    "nodes": "/api/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "cronjobs": "/apis/batch/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1",
}

DENY_ALL = {"policyTypes": ["Ingress", "Egress"]}
"""What a network policy says beside its selector, to let nothing in or out."""


def parts(target: Target) -> tuple[str, str]:
    """Return namespace and name of a target that lies in one.

    Raises:
        ActionError: it does not say both.
    """
    namespace, slash, name = target.name.partition("/")
    if not slash or not namespace or not name:
        raise ActionError(f"{target.name!r} names no namespace; write namespace/name")
    return namespace, name


def path(resource: str, namespace: str = "", name: str = "") -> str:
    """Return the path of objects of a kind, or of one of them."""
    within = f"/namespaces/{segment(namespace)}" if namespace else ""
    return f"{_GROUPS[resource]}{within}/{resource}{'/' + segment(name) if name else ''}"


def read(caller: Caller, where: str) -> State:
    """Return an object.

    Raises:
        TargetGoneError: there is none.
    """
    return caller.call(Call("kubernetes", "GET", {"path": where}))


def found(caller: Caller, where: str) -> State | None:
    """Return an object that may be missing."""
    try:
        return read(caller, where)
    except TargetGoneError:
        return None


def listed(caller: Caller, where: str) -> tuple[State, ...]:
    """Return all objects of a kind."""
    return rows(read(caller, where).get("items"))


def meta(given: State) -> State:
    """Return the metadata of an object."""
    return part(given, "metadata")


def part(given: State, *keys: str) -> State:
    """Return an object inside an object; empty where there is none."""
    for key in keys:
        value = given.get(key)
        given = cast("State", value) if isinstance(value, dict) else {}
    return given


def is_meant(target: Target, given: State) -> bool:
    """Say whether an object is the one that is meant, and no later one of the same name."""
    # Where only its name is known, that stands for the uid.
    is_named = target.uid in ("", target.name)
    return is_named or meta(given).get("uid") in (None, target.uid)


def create(where: str, body: "dict[str, Json]") -> Call:
    """Return the call that makes an object."""
    return Call("kubernetes", "POST", {"path": where, "body": body})


def patch(where: str, body: "dict[str, Json]") -> Call:
    """Return the call that changes what `body` names (a merge patch)."""
    return Call("kubernetes", "PATCH", {"path": where, "body": body})


def delete(where: str, **options: Json) -> Call:
    """Return the call that deletes an object."""
    body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
    return Call("kubernetes", "DELETE", {"path": where, "body": body})


def own_name(purpose: Purpose) -> str:
    """Return the name of what is made for a request."""
    return f"tocsin-{purpose.request_uid}".replace("_", "-").lower()[:63]


def network_policy(purpose: Purpose, namespace: str, selector: "dict[str, Json]") -> Call:
    """Return the call that lets nothing in or out of the pods that a selector finds."""
    body: dict[str, Json] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": own_name(purpose),
            "namespace": namespace,
            "labels": {LABEL: purpose.request_uid},
        },
        "spec": {"podSelector": selector, **DENY_ALL},
    }
    return create(path("networkpolicies", namespace), body)


def is_deny_all(policy: State) -> bool:
    """Say whether a network policy of ours still lets nothing through."""
    spec = part(policy, "spec")
    return not spec.get("ingress") and not spec.get("egress")


def openings(policies: tuple[State, ...]) -> list[str]:
    """Return the names of policies that select every pod and let something through.

    Network policies only add up: what one of them allows, no other denies.
    Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
    """
    return [
        str(meta(each).get("name"))
        for each in policies
        if not part(each, "spec", "podSelector") and not is_deny_all(each)
    ]
