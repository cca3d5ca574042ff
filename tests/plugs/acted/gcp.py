"""Things in a project of Google Cloud that actions change."""

from collections.abc import Callable
from dataclasses import replace

from tests.act.callers.standin import LOOPBACK, WORLDS
from tests.plugs.acted.gcp_world import ACCOUNT, BUCKET, COMPUTE, EMAIL, KEY, VM, Project, world
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.gcp_close_bucket import CloseBucketArguments, GcpCloseBucket
from tocsin.act.actions.gcp_disable_service_account import (
    DisableServiceAccountArguments,
    GcpDisableServiceAccount,
)
from tocsin.act.actions.gcp_disable_service_account_key import (
    DisableServiceAccountKeyArguments,
    GcpDisableServiceAccountKey,
)
from tocsin.act.actions.gcp_isolate_vm import GcpIsolateVm, IsolateVmArguments
from tocsin.act.actions.gcp_remove_binding import GcpRemoveBinding, RemoveBindingArguments
from tocsin.act.actions.gcp_remove_external_address import (
    GcpRemoveExternalAddress,
    RemoveExternalAddressArguments,
)
from tocsin.act.actions.gcp_snapshot_disk import GcpSnapshotDisk, SnapshotDiskArguments
from tocsin.act.actions.gcp_stop_vm import GcpStopVm, StopVmArguments
from tocsin.act.callers.gcp import Gcp, GcpProject
from tocsin.respond.actions import Action, Target

__all__ = ["STAGES", "world"]


def caller(url: str) -> Gcp:
    file = WORLDS[url].state.file
    settings = GcpProject(account="proj-1", credentials=file, endpoint=url, allow_private=LOOPBACK)
    return Gcp(settings, wait=lambda seconds: None)


def stage(url: str, action: Action, target: Target, **gone: str) -> Stage:
    project: Project = WORLDS[url].state
    return Stage(
        action=action,
        target=target,
        caller=caller(url),
        snapshot=project.snapshot,
        gone=replace(target, **gone),  # type: ignore[arg-type] # fields of a target
    )


VM_TARGET = Target("instance", "4242", "vm-1", "gcp", "proj-1", "europe-west1-b")


def isolate_vm(url: str) -> Stage:
    project: Project = WORLDS[url].state
    name = "tocsin-req-0123456789abcdef"

    def expected() -> None:
        assert project.things[VM]["tags"]["items"] == ["web", name]
        rules = [each for key, each in project.things.items() if "/firewalls/" in key]
        assert sorted(each["direction"] for each in rules) == ["EGRESS", "INGRESS"]
        assert all(each["targetTags"] == [name] and each["priority"] == 0 for each in rules)

    def meddle() -> None:
        project.things[f"{COMPUTE}/global/firewalls/{name}-in-0-0"]["disabled"] = True

    made = stage(url, GcpIsolateVm(IsolateVmArguments()), VM_TARGET, name="vm-2")
    return replace(made, expected=expected, meddle=meddle)


def remove_external_address(url: str) -> Stage:
    project: Project = WORLDS[url].state

    def expected() -> None:
        assert "accessConfigs" not in project.things[VM]["networkInterfaces"][0]

    def meddle() -> None:
        given = {"name": "External NAT", "natIP": "203.0.113.1"}
        project.things[VM]["networkInterfaces"][0]["accessConfigs"] = [given]

    action = GcpRemoveExternalAddress(RemoveExternalAddressArguments())
    return replace(stage(url, action, VM_TARGET, name="vm-2"), expected=expected, meddle=meddle)


def snapshot_disk(url: str) -> Stage:
    project: Project = WORLDS[url].state

    def expected() -> None:
        made = project.things[f"{COMPUTE}/global/snapshots/tocsin-req-0123456789abcdef-0"]
        assert made["labels"] == {"tocsin-request": "req_0123456789abcdef"}

    action = GcpSnapshotDisk(SnapshotDiskArguments())
    return replace(stage(url, action, VM_TARGET, uid="1"), expected=expected)


def stop_vm(url: str) -> Stage:
    project: Project = WORLDS[url].state

    def expected() -> None:
        assert project.things[VM]["status"] == "TERMINATED"

    made = stage(url, GcpStopVm(StopVmArguments()), VM_TARGET, name="vm-2")
    return replace(made, expected=expected, meddle=lambda: project.things.pop(VM))


def disable_service_account(url: str) -> Stage:
    project: Project = WORLDS[url].state

    def expected() -> None:
        assert project.things[ACCOUNT]["disabled"] is True

    action = GcpDisableServiceAccount(DisableServiceAccountArguments())
    target = Target("service_account", EMAIL, EMAIL, "gcp", "proj-1")
    made = stage(url, action, target, name="other@proj-1.iam.gserviceaccount.com")
    return replace(made, expected=expected, meddle=lambda: project.things.pop(ACCOUNT))


def disable_service_account_key(url: str) -> Stage:
    project: Project = WORLDS[url].state

    def expected() -> None:
        assert project.things[KEY]["disabled"] is True

    action = GcpDisableServiceAccountKey(DisableServiceAccountKeyArguments())
    target = Target("access_key", "0123456789abcdef", EMAIL, "gcp", "proj-1")
    made = stage(url, action, target, uid="ff")
    return replace(made, expected=expected, meddle=lambda: project.things.pop(KEY))


def close_bucket(url: str) -> Stage:
    project: Project = WORLDS[url].state

    def expected() -> None:
        found = project.things[BUCKET]["iamConfiguration"]
        assert found == {"publicAccessPrevention": "enforced"}

    target = Target("bucket", "files", "files", "gcp", "proj-1")
    made = stage(url, GcpCloseBucket(CloseBucketArguments()), target, name="other")
    return replace(made, expected=expected, meddle=lambda: project.things.pop(BUCKET))


def remove_binding(url: str) -> Stage:
    project: Project = WORLDS[url].state
    mallory = "user:mallory@example.com"

    def expected() -> None:
        assert mallory not in str(project.things["policy:project"])
        assert "user:alice@example.com" in str(project.things["policy:project"])

    def meddle() -> None:
        given = {"role": "roles/browser", "members": [mallory]}
        project.things["policy:project"]["bindings"].append(given)

    action = GcpRemoveBinding(RemoveBindingArguments(mallory))
    target = Target("project", "proj-1", "proj-1", "gcp", "proj-1")
    return replace(stage(url, action, target, name="proj-2"), expected=expected, meddle=meddle)


STAGES: dict[str, Callable[[str], Stage]] = {
    "gcp_close_bucket": close_bucket,
    "gcp_disable_service_account": disable_service_account,
    "gcp_disable_service_account_key": disable_service_account_key,
    "gcp_isolate_vm": isolate_vm,
    "gcp_remove_binding": remove_binding,
    "gcp_remove_external_address": remove_external_address,
    "gcp_snapshot_disk": snapshot_disk,
    "gcp_stop_vm": stop_vm,
}
