"""A subscription of Azure: a stand-in of the Resource Manager.

Sources: the REST references of Network 2024-05-01, Compute 2024-07-01 and 2024-03-02, Storage
2023-05-01, Authorization 2022-04-01, and Azure's page on asynchronous operations.
"""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from tests.act.callers.standin import LOOPBACK, WORLDS, Ask, World, check, must, serve, texts
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.azure_close_security_rule import (
    AzureCloseSecurityRule,
    CloseSecurityRuleArguments,
)
from tocsin.act.actions.azure_close_storage import AzureCloseStorage, CloseStorageArguments
from tocsin.act.actions.azure_isolate_vm import AzureIsolateVm, IsolateVmArguments
from tocsin.act.actions.azure_remove_role_assignment import (
    AzureRemoveRoleAssignment,
    RemoveRoleAssignmentArguments,
)
from tocsin.act.actions.azure_snapshot_disk import AzureSnapshotDisk, SnapshotDiskArguments
from tocsin.act.callers.azure import Azure, AzureSubscription
from tocsin.respond.actions import Action, Target
from tocsin.values import Secret

TENANT = "00000000-0000-4000-8000-00000000000a"
SUBSCRIPTION = "00000000-0000-4000-8000-00000000000b"
TOKEN = "not-a-secret"
SECRET = "not-a-secret-either"
SUB = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{SUB}/resourceGroups/shop/providers"
VM = f"{GROUP}/Microsoft.Compute/virtualMachines/web"
NIC = f"{GROUP}/Microsoft.Network/networkInterfaces/web-nic"
NSG = f"{GROUP}/Microsoft.Network/networkSecurityGroups/web"
OWN = f"{GROUP}/Microsoft.Network/networkSecurityGroups/tocsin-req-0123456789abcdef"
RULE = f"{NSG}/securityRules/ssh"
STORAGE = f"{GROUP}/Microsoft.Storage/storageAccounts/files"
ROLE = f"{SUB}/providers/Microsoft.Authorization/roleAssignments/0000000c"
VERSIONS = {
    "virtualMachines": "2024-07-01",
    "networkInterfaces": "2024-05-01",
    "networkSecurityGroups": "2024-05-01",
    "securityRules": "2024-05-01",
    "snapshots": "2024-03-02",
    "storageAccounts": "2023-05-01",
    "roleAssignments": "2022-04-01",
}
_RULE = {
    "protocol!": {"*", "Tcp", "Udp", "Icmp"},
    "sourceAddressPrefix!": str,
    "sourcePortRange!": str,
    "destinationAddressPrefix!": str,
    "destinationPortRange!": str,
    "priority!": lambda value: 100 <= value <= 4096,
    "direction!": {"Inbound", "Outbound"},
    "access!": {"Allow", "Deny"},
    "description": str,
}
_PUT = {
    "networkSecurityGroups": {
        "location!": {"westeurope"},
        "tags": texts,
        "properties!": {"securityRules": [{"name!": str, "properties!": _RULE}]},
    },
    "networkInterfaces": {
        "location!": {"westeurope"},
        "tags": texts,
        "properties!": {
            "ipConfigurations!": list,
            "enableIPForwarding": bool,
            "networkSecurityGroup": {"id!": str},
        },
    },
    "securityRules": {"properties!": _RULE},
    "snapshots": {
        "location!": {"westeurope"},
        "tags": texts,
        "properties!": {
            "incremental": bool,
            "creationData!": {"createOption!": {"Copy"}, "sourceResourceId!": str},
        },
    },
    "roleAssignments": {
        "properties!": {
            "roleDefinitionId!": str,
            "principalId!": str,
            "principalType": str,
            "description": str,
            "condition": str,
            "conditionVersion": str,
        }
    },
}
_PATCH = {
    "storageAccounts": {
        "properties!": {
            "allowBlobPublicAccess": bool,
            "networkAcls": {
                "defaultAction!": {"Allow", "Deny"},
                "bypass": str,
                "ipRules": list,
            },
        }
    }
}


def seeded() -> dict[str, Any]:
    disk = f"{GROUP}/Microsoft.Compute/disks/web-os"
    return {
        VM: {
            "location": "westeurope",
            "properties": {
                "networkProfile": {"networkInterfaces": [{"id": NIC}]},
                "storageProfile": {"osDisk": {"managedDisk": {"id": disk}}, "dataDisks": []},
            },
        },
        NIC: {
            "id": NIC,
            "etag": 'W/"e-0"',
            "location": "westeurope",
            "tags": {"team": "x"},
            "properties": {
                "ipConfigurations": [{"name": "ipconfig1", "properties": {}}],
                "enableIPForwarding": False,
                "networkSecurityGroup": {"id": NSG},
            },
        },
        RULE: {
            "properties": {
                "protocol": "Tcp",
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": "22",
                "priority": 110,
                "direction": "Inbound",
                "access": "Allow",
                "description": "for the team",
            }
        },
        STORAGE: {
            "location": "westeurope",
            "properties": {
                "allowBlobPublicAccess": True,
                "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"},
            },
        },
        ROLE: {
            "properties": {
                "roleDefinitionId": f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/r",
                "principalId": "00000000-0000-4000-8000-00000000000d",
                "principalType": "User",
                "condition": "x",
                "conditionVersion": "2.0",
                "scope": SUB,
            }
        },
    }


class Subscription:
    """Answers as the Resource Manager does."""

    def __init__(self) -> None:
        self.things = seeded()
        self.operations: dict[str, Any] = {}
        self.count = 0
        self.fails = ""

    def __call__(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path.endswith("/token"):
            return token(ask, "https://management.azure.com/.default")
        shown = ask.headers.get("authorization") == f"Bearer {TOKEN}"
        must(shown, 401, error("AuthenticationFailed"))
        must(ask.path.startswith(f"{SUB}/"), 404, error("SubscriptionNotFound"))
        if "/operations/" in ask.path:
            return self.look(ask)
        kind = next((each for each in ask.path.split("/")[::-1] if each in VERSIONS), "")
        must(ask.query.pop("api-version", "") == VERSIONS.get(kind), 400, error("ApiVersion"))
        if ask.path.endswith("/roleAssignments"):
            check(ask.query, {"$filter!": {"atScope()"}})
            return 200, {"value": [self.things[ROLE]] if ROLE in self.things else []}
        must(not ask.query, 400, error("unknown query"))
        return getattr(self, ask.method.lower())(ask, kind)  # type: ignore[no-any-return] # by method

    def one(self, path: str) -> Any:
        must(path in self.things, 404, error("ResourceNotFound"))
        return self.things[path]

    def get(self, ask: Ask, kind: str) -> tuple[Any, ...]:
        must(ask.body is None, 400, error("no body"))
        return 200, self.one(ask.path)

    def put(self, ask: Ask, kind: str) -> tuple[Any, ...]:
        check(ask.body, _PUT[kind])
        if kind == "networkInterfaces":
            found = self.one(ask.path)
            must(ask.headers.get("if-match") == found["etag"], 412, error("PreconditionFailed"))
            group = ask.body["properties"].get("networkSecurityGroup")
            must(not group or group["id"] in (NSG, *self.things), 400, error("InvalidReference"))
        self.count += 1
        if kind == "roleAssignments":
            made = copy.deepcopy(ask.body)
            made["properties"]["scope"] = SUB
            return 201, self.things.setdefault(ask.path, made)
        made = {"etag": f'W/"e-{self.count}"', "id": ask.path, **ask.body}
        return self.begun(lambda: self.things.update({ask.path: made}), made)

    def patch(self, ask: Ask, kind: str) -> tuple[Any, ...]:
        check(ask.body, _PATCH[kind])
        found = self.one(ask.path)
        found["properties"].update(ask.body["properties"])
        return 200, found

    def delete(self, ask: Ask, kind: str) -> tuple[Any, ...]:
        if ask.path not in self.things:
            return 204, None
        if kind == "roleAssignments":
            return 200, self.things.pop(ask.path)
        used = any(ask.path in str(each) for key, each in self.things.items() if key == NIC)
        must(not used, 400, error("InUse"))
        return self.begun(lambda: self.things.pop(ask.path), None)

    def begun(self, change: Callable[[], object], said: Any) -> tuple[Any, ...]:
        """Begin something; it is done when it is looked at for the second time."""
        path = f"{SUB}/providers/Microsoft.Network/locations/westeurope/operations/{self.count}"
        self.operations[path] = [change, "InProgress"]
        link = f"https://management.azure.com{path}?api-version=2024-05-01"
        return (202 if said is None else 201), said, {"Azure-AsyncOperation": link}

    def look(self, ask: Ask) -> tuple[Any, ...]:
        check(ask.query, {"api-version!": {"2024-05-01"}})
        operation = self.operations[ask.path]
        if self.fails:
            return 200, {"status": "Failed", "error": {"code": "X", "message": self.fails}}
        if operation[1] == "InProgress":
            operation[0]()
            operation[1] = "Succeeded"
            return 200, {"status": "InProgress"}
        return 200, {"status": "Succeeded"}

    def snapshot(self) -> Any:
        """Everything but what the other side counts by itself."""
        found = copy.deepcopy(self.things)
        for each in found.values():
            each.pop("etag", None)
            each.pop("id", None)
        return found


def token(ask: Ask, scope: str) -> tuple[Any, ...]:
    must(ask.path == f"/{TENANT}/oauth2/v2.0/token", 404, {"error": "invalid_tenant"})
    form = {key: value[0] for key, value in parse_qs(ask.content.decode()).items()}
    wanted = {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": SECRET,
        "scope": scope,
    }
    must(form == wanted, 401, {"error": "invalid_client"})
    return 200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}


def error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": code}}


def world() -> AbstractContextManager[str]:
    subscription = Subscription()
    return serve(World(subscription, subscription))


def caller(url: str) -> Azure:
    settings = AzureSubscription(
        account=SUBSCRIPTION,
        tenant=TENANT,
        client_id="app",
        client_secret=Secret(SECRET),
        authority=url,
        endpoint=url,
        allow_private=LOOPBACK,
    )
    return Azure(settings, wait=lambda seconds: None)


def stage(url: str, action: Action, kind: str, uid: str, gone: str) -> Stage:
    subscription: Subscription = WORLDS[url].state
    target = Target(kind, uid, uid.rpartition("/")[2], "azure", SUBSCRIPTION)
    return Stage(
        action=action,
        target=target,
        caller=caller(url),
        snapshot=subscription.snapshot,
        gone=replace(target, uid=gone),
        meddle=lambda: subscription.things.pop(uid),
    )


def isolate_vm(url: str) -> Stage:
    things = WORLDS[url].state.things

    def expected() -> None:
        nic = things[NIC]
        assert nic["properties"]["networkSecurityGroup"] == {"id": OWN}
        assert nic["tags"] == {"team": "x"}
        assert {
            rule["properties"]["direction"]: rule["properties"]["access"]
            for rule in things[OWN]["properties"]["securityRules"]
        } == {"Inbound": "Deny", "Outbound": "Deny"}

    def meddle() -> None:
        things[NIC]["properties"]["networkSecurityGroup"] = {"id": f"{NSG}-2"}

    action = AzureIsolateVm(IsolateVmArguments())
    made = stage(url, action, "instance", VM, f"{VM}-2")
    return replace(made, expected=expected, meddle=meddle)


def snapshot_disk(url: str) -> Stage:
    things = WORLDS[url].state.things

    def expected() -> None:
        (made,) = [each for key, each in things.items() if "/snapshots/" in key]
        assert made["tags"] == {"tocsin-request": "req_0123456789abcdef"}
        assert made["properties"]["creationData"]["sourceResourceId"].endswith("/web-os")

    action = AzureSnapshotDisk(SnapshotDiskArguments())
    made = stage(url, action, "instance", VM, f"{VM}-2")
    return replace(made, expected=expected, meddle=None)


def close_storage(url: str) -> Stage:
    things = WORLDS[url].state.things

    def expected() -> None:
        assert things[STORAGE]["properties"] == {
            "allowBlobPublicAccess": False,
            "networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"},
        }

    action = AzureCloseStorage(CloseStorageArguments(networks=True))
    made = stage(url, action, "bucket", STORAGE, f"{STORAGE}2")
    return replace(made, expected=expected)


def remove_role_assignment(url: str) -> Stage:
    things = WORLDS[url].state.things
    other = copy.deepcopy(things[ROLE])
    other["properties"]["condition"] = "y"

    def expected() -> None:
        assert ROLE not in things

    action = AzureRemoveRoleAssignment(RemoveRoleAssignmentArguments())
    gone = ROLE.replace(SUBSCRIPTION, f"{SUBSCRIPTION[:-1]}f")
    made = stage(url, action, "role_assignment", ROLE, gone)
    away = replace(made.gone, account=f"{SUBSCRIPTION[:-1]}f")
    return replace(made, gone=away, expected=expected, meddle=lambda: things.update({ROLE: other}))


def close_security_rule(url: str) -> Stage:
    things = WORLDS[url].state.things

    def expected() -> None:
        assert things[RULE]["properties"]["access"] == "Deny"
        assert things[RULE]["properties"]["description"] == "for the team"

    def meddle() -> None:
        things[RULE]["properties"]["destinationPortRange"] = "22-23"

    action = AzureCloseSecurityRule(CloseSecurityRuleArguments())
    made = stage(url, action, "security_group_rule", RULE, f"{NSG}/securityRules/rdp")
    return replace(made, expected=expected, meddle=meddle)


STAGES: dict[str, Callable[[str], Stage]] = {
    "azure_close_security_rule": close_security_rule,
    "azure_close_storage": close_storage,
    "azure_isolate_vm": isolate_vm,
    "azure_remove_role_assignment": remove_role_assignment,
    "azure_snapshot_disk": snapshot_disk,
}
