"""What actions outside AWS refuse to do, and what they warn of before they do it."""

from dataclasses import replace

import pytest

from tests.plugs.acted import azure, entra, gcp, kubernetes
from tests.plugs.acted.stage import PURPOSE, Stage
from tocsin.act.actions.gcp_remove_binding import GcpRemoveBinding, RemoveBindingArguments
from tocsin.act.actions.kubernetes_delete_pod import DeletePodArguments, KubernetesDeletePod
from tocsin.errors import ActionError, TargetGoneError

OF = {"azure": azure, "entra": entra, "gcp": gcp, "kubernetes": kubernetes}


@pytest.fixture
def staged():
    """Gives the stage of an action by name, and its world."""
    opened = []

    def build(name):
        module = OF[name.partition("_")[0]]
        opened.append(module.world())
        url = opened[-1].__enter__()
        return module.STAGES[name](url), module.WORLDS[url].state

    yield build
    for each in opened:
        each.__exit__(None, None, None)


def planned(stage: Stage, **target: str):
    meant = replace(stage.target, **target)
    state = stage.action.read_state(meant, PURPOSE, stage.caller)
    return stage.action.plan(meant, state, PURPOSE)


@pytest.mark.parametrize(
    ("name", "path", "keys", "value", "said"),
    [
        (
            "kubernetes_quarantine_pod",
            kubernetes.POD,
            ("metadata", "annotations"),
            {"kubernetes.io/config.mirror": "x"},
            "file on its node",
        ),
        ("kubernetes_delete_pod", kubernetes.POD, ("metadata", "ownerReferences"), [], "replaces"),
        (
            "kubernetes_delete_pod",
            kubernetes.POD,
            ("metadata", "ownerReferences"),
            [{"kind": "StatefulSet"}],
            "StatefulSet",
        ),
        (
            "kubernetes_delete_role_binding",
            f"{kubernetes.RBAC}/namespaces/shop/rolebindings/give",
            ("metadata", "labels"),
            {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "cluster itself",
        ),
        ("gcp_stop_vm", gcp.VM, ("disks",), [{"type": "SCRATCH"}], "destroys its local disks"),
        (
            "gcp_isolate_vm",
            gcp.VM,
            ("networkInterfaces",),
            [{"name": "nic0", "network": "https://x/projects/host/global/networks/n"}],
            "another project",
        ),
        (
            "gcp_disable_service_account_key",
            gcp.KEY,
            ("keyType",),
            "SYSTEM_MANAGED",
            "Google's own",
        ),
        ("entra_disable_user", entra.USER, ("onPremisesSyncEnabled",), True, "disable it there"),
        (
            "entra_disable_service_principal",
            entra.PRINCIPAL,
            ("appOwnerOrganizationId",),
            "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
            "Microsoft's own",
        ),
    ],
)
def test_what_must_not_be_done_is_refused(staged, name, path, keys, value, said):
    stage, world = staged(name)
    found = (world.objects if name.startswith("kubernetes") else world.things)[path]
    for key in keys[:-1]:
        found = found[key]
    found[keys[-1]] = value

    with pytest.raises(ActionError, match=said):
        planned(stage)


def test_a_pod_that_nothing_replaces_is_deleted_where_that_is_asked_for(staged):
    stage, world = staged("kubernetes_delete_pod")
    world.objects[kubernetes.POD]["metadata"]["ownerReferences"] = []
    action = KubernetesDeletePod(DeletePodArguments(standalone=True))

    plan = planned(replace(stage, action=action))

    assert len(plan.calls) == 1
    assert "nothing follows" in str(plan.changes[0])


def test_a_later_pod_of_the_same_name_is_not_meant(staged):
    stage, _ = staged("kubernetes_quarantine_pod")
    with pytest.raises(TargetGoneError, match="another one"):
        planned(stage, uid="earlier")

    stage, _ = staged("kubernetes_delete_pod")
    assert planned(stage, uid="earlier").calls == ()


def test_the_namespaces_that_a_cluster_needs_are_not_isolated(staged):
    stage, world = staged("kubernetes_isolate_namespace")
    world.objects["/api/v1/namespaces/kube-system"] = {"metadata": {"name": "kube-system"}}

    with pytest.raises(ActionError, match="needs kube-system"):
        planned(stage, name="kube-system")


@pytest.mark.parametrize("name", ["kubernetes_quarantine_pod", "kubernetes_isolate_namespace"])
def test_policies_that_leave_a_hole_are_named(staged, name):
    stage, _ = staged(name)

    assert any("['open']" in each for each in planned(stage).warnings)


def test_a_pod_on_its_node_s_network_is_warned_of(staged):
    stage, world = staged("kubernetes_quarantine_pod")
    world.objects[kubernetes.POD]["spec"]["hostNetwork"] = True

    assert any("no policy reaches" in each for each in planned(stage).warnings)


def test_an_address_that_is_lost_for_good_is_named(staged):
    stage, world = staged("gcp_remove_external_address")
    assert not any("lost" in each for each in planned(stage).warnings)
    world.things.pop(f"{gcp.COMPUTE}/regions/europe-west1/addresses/web")

    assert any("lost for good: 198.51.100.7" in each for each in planned(stage).warnings)


def test_a_machine_with_two_families_of_addresses_is_cut_off_from_both(staged):
    stage, world = staged("gcp_isolate_vm")
    world.things[gcp.VM]["networkInterfaces"][0]["stackType"] = "IPV4_IPV6"

    bodies = [call.parameters["body"] for call in planned(stage).calls[:-1]]

    ranges = [each.get("sourceRanges") or each["destinationRanges"] for each in bodies]
    assert sorted(ranges) == [["0.0.0.0/0"], ["0.0.0.0/0"], ["::/0"], ["::/0"]]


def test_only_the_role_that_is_named_is_taken_and_its_condition_comes_back(staged):
    stage, world = staged("gcp_remove_binding")
    mallory = "user:mallory@example.com"
    action = GcpRemoveBinding(RemoveBindingArguments(mallory, "roles/owner"))
    one = replace(stage, action=action)
    before = action.read_state(one.target, PURPOSE, one.caller)

    one.caller.call(action.plan(one.target, before, PURPOSE).calls[0])

    left = [each for each in world.snapshot()["policy:project"]["bindings"] if each[1] == mallory]
    assert [role for role, _, _ in left] == ["roles/viewer"]
    now = action.read_state(one.target, PURPOSE, one.caller)
    one.caller.call(action.plan_undo(one.target, before, now, PURPOSE).calls[0])
    assert "till May" in str(world.things["policy:project"])


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        ("azure_isolate_vm", "/subscriptions/other/resourceGroups/g/providers/x/virtualMachines/v"),
        ("azure_close_storage", azure.VM),
        ("azure_isolate_vm", "https://elsewhere.example/virtualMachines/x"),
    ],
)
def test_a_target_of_azure_is_of_its_kind_and_subscription(staged, name, uid):
    stage, _ = staged(name)

    with pytest.raises(ActionError, match="is no"):
        planned(stage, uid=uid)


@pytest.mark.parametrize("name", ["web-1", "/web-1", "shop/"])
def test_a_pod_without_a_namespace_is_not_guessed(staged, name):
    stage, _ = staged("kubernetes_quarantine_pod")

    with pytest.raises(ActionError, match="namespace/name"):
        planned(stage, name=name)


def test_a_name_cannot_lead_to_another_object(staged):
    stage, _ = staged("kubernetes_cordon_node")

    with pytest.raises(TargetGoneError):
        planned(stage, name="n-1/../../namespaces/shop")
    with pytest.raises(ActionError):
        planned(stage, name="..")


def test_a_target_says_where_it_is(staged):
    stage, _ = staged("gcp_stop_vm")

    with pytest.raises(ActionError, match="zone"):
        planned(stage, region="")
    with pytest.raises(TargetGoneError, match="another one"):
        planned(stage, uid="1")
