"""Cut a virtual machine off: all its network interfaces take a group that denies everything."""

from dataclasses import dataclass

from tocsin.act import azure_objects as objects
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows

_WARNINGS = (
    "connections that stand may last: stop the machine where that matters",
    "load balancers find it unhealthy",
)
_NETWORK = "Microsoft.Network"


@dataclass(frozen=True, slots=True)
class IsolateVmArguments:
    """Takes no arguments."""


class AzureIsolateVm:
    """A quarantine security group for each interface; undone by the groups that they had."""

    facts = ActionFacts(
        title="Isolate a virtual machine",
        provider="azure",
        targets=frozenset({"instance"}),
        category="reversible",
        level=2,
        needs=(
            Need("Microsoft.Compute/virtualMachines/read", "{uid}", is_reading=True),
            Need(f"{_NETWORK}/networkInterfaces/read", is_reading=True),
            Need(f"{_NETWORK}/networkSecurityGroups/read", is_reading=True),
            Need(f"{_NETWORK}/locations/operations/read", is_reading=True),
            Need(f"{_NETWORK}/networkInterfaces/write"),
            Need(f"{_NETWORK}/networkSecurityGroups/write"),
            Need(f"{_NETWORK}/networkSecurityGroups/delete"),
            Need(f"{_NETWORK}/networkSecurityGroups/join/action"),
            Need(f"{_NETWORK}/virtualNetworks/subnets/join/action"),
            Need(f"{_NETWORK}/publicIPAddresses/join/action"),
        ),
        volatile=frozenset({"bodies"}),
        evidence_first=True,
        source="https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/create-or-update",
    )

    def __init__(self, arguments: IsolateVmArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return each interface's security group, and whether ours exists."""
        machine = objects.read(caller, objects.path(target, "virtualMachines"), "virtualMachines")
        profile = objects.part(machine, "properties", "networkProfile")
        links = [str(each["id"]) for each in rows(profile.get("networkInterfaces"))]
        bodies = {link: objects.read(caller, link, "networkInterfaces") for link in links}
        group = objects.found(caller, _group(target, purpose), "networkSecurityGroups")
        return {
            "location": machine.get("location"),
            "interfaces": {link: _group_of(body) for link, body in bodies.items()},
            "group": group is not None,
            "bodies": bodies,
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the calls that make the group, and then give it to the interfaces."""
        group = _group(target, purpose)
        calls: list[Call] = []
        if not state["group"]:
            body: Json = {
                "location": state["location"],
                "tags": {objects.TAG: purpose.request_uid},
                "properties": {
                    "securityRules": [objects.denying(side) for side in ("Inbound", "Outbound")]
                },
            }
            calls.append(objects.call("PUT", group, "networkSecurityGroups", body))
        wanted: State = dict.fromkeys(objects.part(state, "interfaces"), group)
        calls += _moved(state, wanted)
        change = Change(f"traffic of {target.name or target.uid}", "as it was", "denied")
        return Plan(tuple(calls), (change,), _WARNINGS) if calls else NOTHING

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that give the groups back, and then delete ours."""
        calls = _moved(now, objects.part(before, "interfaces"))
        if now["group"] and not before["group"]:
            group = _group(target, purpose)
            calls.append(objects.call("DELETE", group, "networkSecurityGroups"))
        change = Change(f"traffic of {target.name or target.uid}", "denied", "as it was")
        return Plan(tuple(calls), (change,) if calls else ())


def _group(target: Target, purpose: Purpose) -> str:
    within = f"{objects.group_of(target.uid)}/providers/{_NETWORK}/networkSecurityGroups"
    return f"{within}/{objects.own_name(purpose)}"


def _group_of(interface: State) -> Json:
    found = objects.part(interface, "properties", "networkSecurityGroup").get("id")
    return found or None


def _moved(state: State, wanted: State) -> list[Call]:
    """Return one call for each interface whose group is another one than wanted."""
    calls = []
    for link, group in wanted.items():
        if objects.part(state, "interfaces").get(link) == group:
            continue
        body = objects.part(state, "bodies", link)
        properties = dict(objects.part(body, "properties"))
        properties.pop("networkSecurityGroup", None)
        if group:
            properties["networkSecurityGroup"] = {"id": group}
        kept: dict[str, Json] = {
            key: body[key] for key in ("location", "tags", "extendedLocation") if key in body
        }
        given: dict[str, Json] = {
            "path": link,
            "query": {"api-version": objects.VERSIONS["networkInterfaces"]},
            "body": {**kept, "properties": properties},
            "headers": {"If-Match": body.get("etag")},
            "about": f"security group of the interface: {group or 'none'}",
        }
        calls.append(Call("arm", "PUT", given, volatile=frozenset({"body", "headers"})))
    return calls
