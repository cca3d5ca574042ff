"""Take the external addresses off a virtual machine, which ends what comes in by them."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows


@dataclass(frozen=True, slots=True)
class RemoveExternalAddressArguments:
    """Takes no arguments."""


class GcpRemoveExternalAddress:
    """`deleteAccessConfig`; undone with the same address where it is reserved, else a new one."""

    facts = ActionFacts(
        title="Remove external addresses",
        provider="gcp",
        targets=frozenset({"instance"}),
        category="compensable",
        level=2,
        needs=(
            Need("compute.instances.get", is_reading=True),
            Need("compute.addresses.list", is_reading=True),
            Need("compute.zoneOperations.get", is_reading=True),
            Need("compute.instances.deleteAccessConfig"),
            Need("compute.instances.addAccessConfig"),
            Need("compute.subnetworks.useExternalIp"),
            Need("compute.addresses.use"),
        ),
        source="https://cloud.google.com/compute/docs/reference/rest/v1/instances/deleteAccessConfig",
    )

    def __init__(self, arguments: RemoveExternalAddressArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the external addresses, and which of them are reserved."""
        found = objects.read_instance(caller, target)
        given = [
            (str(interface["name"]), each)
            for interface in rows(found.get("networkInterfaces"))
            for each in rows(interface.get("accessConfigs"))
        ]
        reserved = _reserved(target, caller) if given else frozenset()
        return {"addresses": [_address(name, each, reserved) for name, each in given]}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return one call for each address."""
        addresses = rows(state["addresses"])
        if not addresses:
            return NOTHING
        said = ["services that others reach by these addresses are down"]
        if lost := [str(each["ip"]) for each in addresses if not each["reserved"]]:
            said.append(f"not reserved, so lost for good: {', '.join(lost)}")
        calls = tuple(
            Call(
                "compute",
                "POST",
                {
                    "path": f"{objects.instance(target)}/deleteAccessConfig",
                    "query": {
                        "accessConfig": each["name"],
                        "networkInterface": each["interface"],
                    },
                },
            )
            for each in addresses
        )
        changes = (
            Change(f"{each['interface']} of {target.name}", str(each["ip"]), "no external address")
            for each in addresses
        )
        return Plan(calls, tuple(changes), tuple(said))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return one call for each interface that has no address any more."""
        having = {each["interface"] for each in rows(now["addresses"])}
        lacking = [each for each in rows(before["addresses"]) if each["interface"] not in having]
        changes = (
            Change(
                f"{each['interface']} of {target.name}",
                "no external address",
                str(each["ip"]) if each["reserved"] else "a new one",
            )
            for each in lacking
        )
        return Plan(tuple(_added(target, each) for each in lacking), tuple(changes))


def _reserved(target: Target, caller: Caller) -> frozenset[str]:
    region = target.region.rpartition("-")[0]
    path = f"{objects.project(target)}/regions/{region}/addresses"
    listed = objects.read(caller, "compute", path)
    return frozenset(str(each.get("address")) for each in rows(listed.get("items")))


def _address(interface: str, given: State, reserved: frozenset[str]) -> State:
    return {
        "interface": interface,
        "name": given.get("name"),
        "ip": given.get("natIP"),
        "tier": given.get("networkTier"),
        "reserved": given.get("natIP") in reserved,
    }


def _added(target: Target, address: State) -> Call:
    body: dict[str, Json] = {"name": address["name"], "type": "ONE_TO_ONE_NAT"}
    if address["tier"]:
        body["networkTier"] = address["tier"]
    if address["reserved"]:
        body["natIP"] = address["ip"]
    query: dict[str, Json] = {"networkInterface": address["interface"]}
    path = f"{objects.instance(target)}/addAccessConfig"
    return Call("compute", "POST", {"path": path, "query": query, "body": body})
