"""Roles outside AWS: what actions need, as providers read it, and that it is enough."""

import json
from importlib import import_module

import pytest

from tests.plugs.acted import azure, edr, entra, gcp, kubernetes
from tests.plugs.acted.stage import PURPOSE, Notes, Recorded
from tocsin.act import performing
from tocsin.act.actions.aws_disable_access_key import AwsDisableAccessKey
from tocsin.act.performing import Deed
from tocsin.respond.actions import Target
from tocsin.respond.actions.roles import role_of

WORLDS = (azure, edr, entra, gcp, kubernetes)
NAMED = [(module, name) for module in WORLDS for name in sorted(module.STAGES)]


@pytest.fixture(params=NAMED, ids=[name for _, name in NAMED])
def stage(request):
    module, name = request.param
    with module.world() as url:
        yield module.STAGES[name](url)


def used(stage):
    """The rights of all calls of reading, applying and undoing."""
    caller = Recorded(stage.caller)
    deed = Deed(
        action=stage.action,
        target=stage.target,
        purpose=PURPOSE,
        caller=caller,
        journal=Notes(),
        wait=lambda seconds: None,
    )
    before = deed.read()
    after = performing.apply(deed, deed.plan(before))
    performing.undo(deed, before, performing.undo_plan(deed, before, after))
    right = import_module(type(stage.caller).__module__)._right
    return {right(call) for call in caller.sent}


def granted(role):
    """The rights that a role gives, named as actions name them."""
    for each in role.get("items", [role]):
        for rule in each.get("rules", []):
            group = f"{rule['apiGroups'][0]}/".lstrip("/")
            for verb in rule["verbs"]:
                yield f"{verb} {group}{rule['resources'][0]}"
        for key in ("includedPermissions", "Actions", "permissions"):
            yield from each.get(key, [])


def test_each_right_that_is_used_is_in_the_role(stage):
    role = role_of(stage.action.facts, stage.target)

    assert used(stage) <= set(granted(role))


def test_a_pod_s_role_is_for_its_namespace_and_its_name():
    with kubernetes.world() as url:
        made = kubernetes.STAGES["kubernetes_quarantine_pod"](url)

        role = role_of(made.action.facts, made.target)

    assert role["kind"] == "Role"
    assert role["metadata"]["namespace"] == "shop"
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "verbs": ["get", "patch"],
            "resourceNames": ["web-1"],
        },
        {
            "apiGroups": ["networking.k8s.io"],
            "resources": ["networkpolicies"],
            "verbs": ["create", "delete", "list"],
        },
    ]


def test_rights_for_other_types_of_targets_are_left_out():
    with kubernetes.world() as url:
        facts = kubernetes.STAGES["kubernetes_delete_role_binding"](url).action.facts
        scale = kubernetes.STAGES["kubernetes_scale_to_zero"](url).action.facts
    with gcp.world() as url:
        policy = gcp.STAGES["gcp_remove_binding"](url).action.facts

    inside = json.dumps(role_of(facts, Target("role_binding", "", "shop/b", "kubernetes", "c")))
    wide = role_of(facts, Target("cluster_role_binding", "", "b", "kubernetes", "c"))
    one = json.dumps(role_of(scale, Target("stateful_set", "", "shop/s", "kubernetes", "c")))
    bucket = role_of(policy, Target("bucket", "b", "b", "gcp", "p"))

    assert "clusterrolebindings" not in inside
    assert wide["kind"] == "ClusterRole"
    assert '"rolebindings"' not in json.dumps(wide)
    assert "statefulsets/scale" in one and "deployments" not in one
    assert bucket["includedPermissions"] == [
        "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
    ]


def test_a_role_for_all_targets_names_none():
    with kubernetes.world() as url:
        facts = kubernetes.STAGES["kubernetes_quarantine_pod"](url).action.facts

    role = role_of(facts, Target("", "", "", "kubernetes", "c"))

    assert role["kind"] == "ClusterRole"
    assert "resourceNames" not in json.dumps(role)


def test_a_role_of_azure_is_for_the_resource_group():
    with azure.world() as url:
        made = azure.STAGES["azure_isolate_vm"](url)

        role = role_of(made.action.facts, made.target)

    assert role["AssignableScopes"] == [f"{azure.SUB}/resourceGroups/shop"]
    assert "*" not in json.dumps(role["Actions"])


def test_actions_on_aws_have_policies_instead():
    with pytest.raises(ValueError, match="policy"):
        role_of(AwsDisableAccessKey.facts, Target("access_key", "", "", "aws", "1"))
