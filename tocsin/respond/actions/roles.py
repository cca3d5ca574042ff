"""The least that an action outside AWS needs, as the role that its provider reads.

Kubernetes: a Role or ClusterRole. Google Cloud: a custom role. Azure: a role definition. Where a
provider has no such form (Entra, consoles of endpoint agents), the permissions to tick.
"""

from collections.abc import Callable, Mapping, Sequence

from tocsin.respond.actions.facts import ActionFacts, Need
from tocsin.respond.actions.words import Json, Target

Role = dict[str, Json]

_RBAC = "rbac.authorization.k8s.io/v1"
_GROUPS = frozenset({"apps", "batch"})
"""Groups of Kubernetes whose names have no dot."""

_CLUSTER_WIDE = frozenset({"namespaces", "nodes", "clusterrolebindings"})
_CLUSTER_TARGETS = frozenset({"node", "cluster_role_binding"})
_OF_TYPES = {
    "resourcemanager.projects": "project",
    "storage.buckets": "bucket",
    "iam.serviceAccounts": "service_account",
    "run.services": "run_service",
}
"""Which type of target rights over policies of Google Cloud are for."""


def role_of(facts: ActionFacts, target: Target) -> Role:
    """Return what lets an action be planned, done and undone on one target.

    Args:
        facts: of the action.
        target: a name of "" stands for all targets of the account.

    Raises:
        ValueError: the action is one on AWS, whose policies `rights.policy_of` gives.
    """
    if facts.provider == "aws":
        raise ValueError(f"{facts.title}: an action on AWS has a policy")
    needs = [need for need in facts.needs if _concerns(need, facts, target)]
    make = _MAKERS.get(facts.provider, _permissions)
    return make(facts, target, needs)


def _concerns(need: Need, facts: ActionFacts, target: Target) -> bool:
    """Say whether a right is for this type of target, where an action has several."""
    if not target.type or not target.name:
        return True
    if facts.provider == "gcp" and len(facts.targets) > 1:
        kind = need.permission.rpartition(".")[0]
        return _OF_TYPES.get(kind, target.type) == target.type
    if facts.provider == "kubernetes":
        mine = _plural(target.type)
        others = {_plural(each) for each in facts.targets} - {mine}
        return _resource(need)[1].partition("/")[0] not in others
    return True


def _plural(kind: str) -> str:
    return f"{kind.replace('_', '')}s"


def _resource(need: Need) -> tuple[str, str]:
    """Return group and resource of a right in Kubernetes; the resource may have a part below."""
    named = need.permission.partition(" ")[2]
    first, slash, rest = named.partition("/")
    if slash and ("." in first or first in _GROUPS):
        return first, rest
    return "", named


def _kubernetes(facts: ActionFacts, target: Target, needs: Sequence[Need]) -> Role:
    """Return one role, or a list of two where rights over the whole cluster are needed as well."""
    namespace, slash, name = target.name.partition("/")
    if not slash:
        namespace, name = (target.name if target.type == "namespace" else ""), target.name
    wide: dict[tuple[str, str, str], list[str]] = {}
    narrow: dict[tuple[str, str, str], list[str]] = {}
    for need in needs:
        group, resource = _resource(need)
        is_wide = resource in _CLUSTER_WIDE or not namespace or target.type in _CLUSTER_TARGETS
        named = need.resource.format_map({"name": name, "namespace": namespace, "uid": name})
        key = (group, resource, "" if named == "*" else named)
        verbs = (wide if is_wide else narrow).setdefault(key, [])
        verbs.append(need.permission.partition(" ")[0])
    items: list[Json] = []
    if narrow:
        items.append(_manifest("Role", facts, narrow, {"namespace": namespace}))
    if wide:
        items.append(_manifest("ClusterRole", facts, wide, {}))
    if len(items) == 1 and isinstance(items[0], dict):
        return items[0]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _manifest(
    kind: str,
    facts: ActionFacts,
    given: Mapping[tuple[str, str, str], Sequence[str]],
    more: Mapping[str, str],
) -> Role:
    rules: list[Json] = []
    for (group, resource, name), verbs in sorted(given.items()):
        names: Mapping[str, Json] = {"resourceNames": [name]} if name else {}
        rule = {"apiGroups": [group], "resources": [resource], "verbs": sorted(set(verbs))}
        rules.append({**rule, **names})
    meta: Json = {"name": f"tocsin-{facts.title.lower().replace(' ', '-')}", **more}
    return {"apiVersion": _RBAC, "kind": kind, "metadata": meta, "rules": rules}


def _gcp(facts: ActionFacts, target: Target, needs: Sequence[Need]) -> Role:
    return {
        "title": f"Tocsin: {facts.title}",
        "description": _DESCRIPTION,
        "stage": "GA",
        "includedPermissions": _names(needs),
    }


def _azure(facts: ActionFacts, target: Target, needs: Sequence[Need]) -> Role:
    """Return a role definition for the resource group of the target, or its subscription."""
    parts = target.uid.split("/")
    in_group = len(parts) > 4 and parts[3].lower() == "resourcegroups"
    scope = "/".join(parts[:5]) if in_group else f"/subscriptions/{target.account}"
    return {
        "Name": f"Tocsin: {facts.title}",
        "IsCustom": True,
        "Description": _DESCRIPTION,
        "Actions": _names(needs),
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": [scope],
    }


def _permissions(facts: ActionFacts, target: Target, needs: Sequence[Need]) -> Role:
    return {"title": f"Tocsin: {facts.title}", "permissions": _names(needs)}


def _names(needs: Sequence[Need]) -> list[str]:
    return sorted({need.permission for need in needs})


_DESCRIPTION = "What one action of Tocsin needs, and no more"

_MAKERS: Mapping[str, Callable[[ActionFacts, Target, Sequence[Need]], Role]] = {
    "azure": _azure,
    "gcp": _gcp,
    "kubernetes": _kubernetes,
}
