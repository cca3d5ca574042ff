"""A cluster: a stand-in that keeps objects and takes only what the published schemas have.

Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/ and the references of Pod,
NetworkPolicy, Node, CronJob, Scale, RoleBinding.
"""

import copy
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from tests.act.callers.standin import LOOPBACK, WORLDS, Ask, World, check, must, serve, texts
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.kubernetes_cordon_node import CordonNodeArguments, KubernetesCordonNode
from tocsin.act.actions.kubernetes_delete_pod import DeletePodArguments, KubernetesDeletePod
from tocsin.act.actions.kubernetes_delete_role_binding import (
    DeleteRoleBindingArguments,
    KubernetesDeleteRoleBinding,
)
from tocsin.act.actions.kubernetes_isolate_namespace import (
    IsolateNamespaceArguments,
    KubernetesIsolateNamespace,
)
from tocsin.act.actions.kubernetes_quarantine_pod import (
    KubernetesQuarantinePod,
    QuarantinePodArguments,
)
from tocsin.act.actions.kubernetes_scale_to_zero import KubernetesScaleToZero, ScaleToZeroArguments
from tocsin.act.actions.kubernetes_suspend_cron_job import (
    KubernetesSuspendCronJob,
    SuspendCronJobArguments,
)
from tocsin.act.callers.kubernetes import Kubernetes, KubernetesCluster
from tocsin.respond.actions import Action, Target
from tocsin.values import Secret

TOKEN = "not-a-secret"
NETWORKS = "/apis/networking.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POD = "/api/v1/namespaces/shop/pods/web-1"
POD_UID = "5a2d9a4e-0000-4000-8000-000000000001"
LABELS = {"app": "web", "pod-template-hash": "abc12"}

_DELETE_OPTIONS = {
    "apiVersion!": {"v1"},
    "kind!": {"DeleteOptions"},
    "gracePeriodSeconds": int,
    "propagationPolicy": {"Orphan", "Background", "Foreground"},
    "preconditions": {"uid": str, "resourceVersion": str},
}
_META = {"name!": str, "namespace": str, "labels": texts, "annotations": texts}
_SELECTOR = {"matchLabels": texts, "matchExpressions": list}
_CREATED = {
    "networkpolicies": {
        "apiVersion!": {"networking.k8s.io/v1"},
        "kind!": {"NetworkPolicy"},
        "metadata!": _META,
        "spec!": {
            "podSelector!": _SELECTOR,
            "policyTypes": [{"Ingress", "Egress"}],
            "ingress": list,
            "egress": list,
        },
    },
    "rolebindings": {
        "apiVersion!": {"rbac.authorization.k8s.io/v1"},
        "kind!": {"RoleBinding"},
        "metadata!": _META,
        "roleRef!": {
            "apiGroup!": {"rbac.authorization.k8s.io"},
            "kind!": {"Role", "ClusterRole"},
            "name!": str,
        },
        "subjects": [{"kind!": str, "name!": str, "namespace": str, "apiGroup": str}],
    },
}
_NULLABLE = (str, type(None))
_PATCHED = {
    "pods": {
        "metadata!": {
            "uid": str,
            "labels": lambda given: all(isinstance(each, _NULLABLE) for each in given.values()),
        }
    },
    "nodes": {"spec!": {"unschedulable!": (bool, type(None))}},
    "cronjobs": {"spec!": {"suspend!": bool}},
    "scale": {"spec!": {"replicas!": int}},
}


def seeded() -> dict[str, Any]:
    """The objects of a small cluster, by path."""
    shop = "/api/v1/namespaces/shop"
    found: dict[str, Any] = {
        shop: {"kind": "Namespace", "metadata": {"name": "shop"}},
        POD: {
            "kind": "Pod",
            "metadata": {
                "name": "web-1",
                "namespace": "shop",
                "uid": POD_UID,
                "labels": dict(LABELS),
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}],
            },
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
        f"{NETWORKS}/namespaces/shop/networkpolicies/open": {
            "kind": "NetworkPolicy",
            "metadata": {"name": "open", "namespace": "shop"},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
        },
        "/api/v1/nodes/n-1": {"kind": "Node", "metadata": {"name": "n-1"}, "spec": {}},
        "/apis/batch/v1/namespaces/shop/cronjobs/mine": {
            "kind": "CronJob",
            "metadata": {"name": "mine", "namespace": "shop"},
            "spec": {"schedule": "* * * * *", "suspend": False},
        },
        "/apis/apps/v1/namespaces/shop/deployments/web/scale": {
            "kind": "Scale",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 3},
            "status": {"replicas": 3},
        },
        f"{RBAC}/namespaces/shop/rolebindings/give": {
            "kind": "RoleBinding",
            "metadata": {"name": "give", "namespace": "shop", "labels": {"team": "x"}, "uid": "u1"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "ci", "namespace": "shop"}],
        },
    }
    for each in found.values():
        each["metadata"].setdefault("uid", "given")
    return found


class Cluster:
    """Answers as the API server does."""

    def __init__(self) -> None:
        self.objects = seeded()
        self.number = itertools.count(1)

    def __call__(self, ask: Ask) -> tuple[Any, ...]:
        shown = ask.headers.get("authorization") == f"Bearer {TOKEN}"
        must(shown, 401, status(401, "Unauthorized"))
        must(not ask.query, 400, status(400, "no query is expected"))
        return getattr(self, ask.method.lower())(ask)  # type: ignore[no-any-return] # by method

    def get(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path.rpartition("/")[2] in {"networkpolicies"}:
            return 200, {"kind": "List", "items": self.below(ask.path)}
        return 200, self.one(ask.path)

    def below(self, path: str) -> list[Any]:
        return [each for key, each in self.objects.items() if key.rpartition("/")[0] == path]

    def one(self, path: str) -> Any:
        must(path in self.objects, 404, status(404, f"{path} not found"))
        return self.objects[path]

    def post(self, ask: Ask) -> tuple[Any, ...]:
        kind = ask.path.rpartition("/")[2]
        must(kind in _CREATED, 405, status(405, "not allowed"))
        check(ask.body, _CREATED[kind])
        must(ask.headers["content-type"] == "application/json", 415, status(415, "media type"))
        self.one(f"/api/v1/namespaces/{ask.path.split('/')[-2]}")
        path = f"{ask.path}/{ask.body['metadata']['name']}"
        must(path not in self.objects, 409, status(409, "already exists"))
        made = copy.deepcopy(ask.body)
        made.pop("apiVersion")
        made["metadata"]["uid"] = f"made-{next(self.number)}"
        self.objects[path] = made
        return 201, made

    def patch(self, ask: Ask) -> tuple[Any, ...]:
        kind = next(each for each in reversed(ask.path.split("/")) if each in _PATCHED)
        check(ask.body, _PATCHED[kind])
        merging = ask.headers["content-type"] == "application/merge-patch+json"
        must(merging, 415, status(415, "the media type is not supported"))
        found = self.one(ask.path)
        uid = ask.body.get("metadata", {}).get("uid")
        must(uid in (None, found["metadata"]["uid"]), 409, status(409, "Precondition failed: UID"))
        merge(found, ask.body)
        return 200, found

    def delete(self, ask: Ask) -> tuple[Any, ...]:
        check(ask.body, _DELETE_OPTIONS)
        found = self.one(ask.path)
        uid = ask.body.get("preconditions", {}).get("uid")
        must(uid in (None, found["metadata"]["uid"]), 409, status(409, "Precondition failed: UID"))
        del self.objects[ask.path]
        return 200, {"kind": "Status", "status": "Success"}

    def snapshot(self) -> Any:
        """Everything but what the server makes up."""
        found = copy.deepcopy(self.objects)
        for each in found.values():
            del each["metadata"]["uid"]
        return found


def status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "message": message}


def merge(into: dict[str, Any], given: dict[str, Any]) -> None:
    """A merge patch (RFC 7386)."""
    for key, value in given.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def world() -> AbstractContextManager[str]:
    cluster = Cluster()
    return serve(World(cluster, cluster))


def caller(url: str) -> Kubernetes:
    settings = KubernetesCluster(
        account="c-1", server=url, token=Secret(TOKEN), allow_private=LOOPBACK
    )
    return Kubernetes(settings)


def stage(url: str, action: Action, target: Target, gone: str) -> Stage:
    cluster: Cluster = WORLDS[url].state
    return Stage(
        action=action,
        target=target,
        caller=caller(url),
        snapshot=cluster.snapshot,
        gone=replace(target, name=gone),
    )


def of(kind: str, name: str, uid: str = "") -> Target:
    return Target(kind, uid, name, "kubernetes", "c-1")


def quarantine_pod(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state

    def expected() -> None:
        labels = cluster.objects[POD]["metadata"]["labels"]
        assert labels == {"tocsin.dev/request": "req_0123456789abcdef"}
        policy = cluster.objects[
            f"{NETWORKS}/namespaces/shop/networkpolicies/tocsin-req-0123456789abcdef"
        ]
        assert policy["spec"] == {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
        }

    action = KubernetesQuarantinePod(QuarantinePodArguments())
    made = stage(url, action, of("pod", "shop/web-1", POD_UID), "shop/other")

    def meddle() -> None:
        cluster.objects[POD]["metadata"]["labels"].update(app="x")

    return replace(made, meddle=meddle, expected=expected)


def isolate_namespace(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state
    path = f"{NETWORKS}/namespaces/shop/networkpolicies/tocsin-req-0123456789abcdef"

    def expected() -> None:
        spec = cluster.objects[path]["spec"]
        assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    made = stage(
        url,
        KubernetesIsolateNamespace(IsolateNamespaceArguments()),
        of("namespace", "shop"),
        "missing",
    )
    return replace(
        made,
        meddle=lambda: cluster.objects[path]["spec"].update(egress=[{}]),
        expected=expected,
    )


def delete_pod(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state

    def expected() -> None:
        assert POD not in cluster.objects

    action = KubernetesDeletePod(DeletePodArguments())
    made = stage(url, action, of("pod", "shop/web-1", POD_UID), "missing/web-1")
    return replace(made, expected=expected)


def cordon_node(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state
    path = "/api/v1/nodes/n-1"

    def expected() -> None:
        assert cluster.objects[path]["spec"] == {"unschedulable": True}

    action = KubernetesCordonNode(CordonNodeArguments())
    made = stage(url, action, of("node", "n-1"), "n-2")
    return replace(made, meddle=lambda: cluster.objects.pop(path), expected=expected)


def suspend_cron_job(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state
    path = "/apis/batch/v1/namespaces/shop/cronjobs/mine"

    def expected() -> None:
        assert cluster.objects[path]["spec"]["suspend"] is True

    action = KubernetesSuspendCronJob(SuspendCronJobArguments())
    made = stage(url, action, of("cron_job", "shop/mine"), "shop/other")
    return replace(made, meddle=lambda: cluster.objects.pop(path), expected=expected)


def scale_to_zero(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state

    def spec() -> Any:
        return cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web/scale"]["spec"]

    def expected() -> None:
        assert spec() == {"replicas": 0}

    action = KubernetesScaleToZero(ScaleToZeroArguments())
    made = stage(url, action, of("deployment", "shop/web"), "shop/other")
    return replace(made, meddle=lambda: spec().update(replicas=5), expected=expected)


def delete_role_binding(url: str) -> Stage:
    cluster: Cluster = WORLDS[url].state
    path = f"{RBAC}/namespaces/shop/rolebindings/give"
    was = copy.deepcopy(cluster.objects[path])

    def expected() -> None:
        assert path not in cluster.objects

    action = KubernetesDeleteRoleBinding(DeleteRoleBindingArguments())
    made = stage(url, action, of("role_binding", "shop/give"), "missing/give")
    other = {**was, "subjects": []}
    return replace(made, meddle=lambda: cluster.objects.update({path: other}), expected=expected)


STAGES: dict[str, Callable[[str], Stage]] = {
    "kubernetes_cordon_node": cordon_node,
    "kubernetes_delete_pod": delete_pod,
    "kubernetes_delete_role_binding": delete_role_binding,
    "kubernetes_isolate_namespace": isolate_namespace,
    "kubernetes_quarantine_pod": quarantine_pod,
    "kubernetes_scale_to_zero": scale_to_zero,
    "kubernetes_suspend_cron_job": suspend_cron_job,
}
