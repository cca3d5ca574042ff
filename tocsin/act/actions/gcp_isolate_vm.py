"""Cut a virtual machine off: a tag of its own, and rules that deny all traffic of the tag."""

from dataclasses import dataclass

from tocsin.act import gcp_objects as objects
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows

_WARNINGS = (
    "connections that stand may last: remove its external addresses as well",
    "hierarchical policies of the organization come first: what they allow stays allowed",
)


@dataclass(frozen=True, slots=True)
class IsolateVmArguments:
    """Takes no arguments."""


class GcpIsolateVm:
    """Firewall rules of priority 0 for a network tag; undone by taking tag and rules away."""

    facts = ActionFacts(
        title="Isolate a virtual machine",
        provider="gcp",
        targets=frozenset({"instance"}),
        category="reversible",
        level=2,
        needs=(
            Need("compute.instances.get", is_reading=True),
            Need("compute.firewalls.get", is_reading=True),
            Need("compute.globalOperations.get", is_reading=True),
            Need("compute.zoneOperations.get", is_reading=True),
            Need("compute.firewalls.create"),
            Need("compute.firewalls.delete"),
            Need("compute.networks.updatePolicy"),
            Need("compute.instances.setTags"),
        ),
        volatile=frozenset({"tags", "fingerprint"}),
        evidence_first=True,
        source="https://cloud.google.com/compute/docs/reference/rest/v1/instances/setTags",
    )

    def __init__(self, arguments: IsolateVmArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the tag is set and which of our rules stand."""
        found = objects.read_instance(caller, target)
        interfaces = rows(found.get("networkInterfaces"))
        networks = sorted({str(each["network"]) for each in interfaces})
        mixed = any(each.get("stackType") not in (None, "IPV4_ONLY") for each in interfaces)
        tags = objects.part(found, "tags")
        state: State = {
            "networks": networks,
            "ranges": ["0.0.0.0/0", "::/0"] if mixed else ["0.0.0.0/0"],
            "tags": objects.texts(tags.get("items")),
            "fingerprint": tags.get("fingerprint"),
            "tagged": objects.own_name(purpose) in objects.texts(tags.get("items")),
        }
        standing = [
            str(rule["name"])
            for rule in objects.deny_rules(state, purpose)
            if (made := objects.exists(caller, "compute", _path(target, rule)))
            and not made.get("disabled")
        ]
        return {**state, "rules": standing}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the calls that make the rules first, and then set the tag."""
        where = f"/projects/{target.account}/"
        if foreign := [each for each in objects.texts(state["networks"]) if where not in each]:
            raise ActionError(f"its network is another project's: {foreign[0]}; isolate it there")
        missing = [
            rule
            for rule in objects.deny_rules(state, purpose)
            if rule["name"] not in objects.texts(state["rules"])
        ]
        path = f"{objects.project(target)}/global/firewalls"
        calls = [Call("compute", "POST", {"path": path, "body": rule}) for rule in missing]
        changes = [
            Change(f"{rule['direction']} of {target.name}", "as it was", "denied")
            for rule in missing
        ]
        if not state["tagged"]:
            calls.append(_tagged(target, state, purpose, is_set=True))
            changes.append(Change(f"tags of {target.name}", "", f"+{objects.own_name(purpose)}"))
        return Plan(tuple(calls), tuple(changes), _WARNINGS) if calls else NOTHING

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that take the tag off, and then the rules away."""
        calls: list[Call] = []
        if now["tagged"] and not before["tagged"]:
            calls.append(_tagged(target, now, purpose, is_set=False))
        kept = objects.texts(before["rules"])
        for rule in objects.deny_rules(now, purpose):
            if rule["name"] in objects.texts(now["rules"]) and rule["name"] not in kept:
                calls.append(Call("compute", "DELETE", {"path": _path(target, rule)}))
        change = Change(f"traffic of {target.name}", "denied", "as it was")
        return Plan(tuple(calls), (change,) if calls else ())


def _path(target: Target, rule: State) -> str:
    return f"{objects.project(target)}/global/firewalls/{rule['name']}"


def _tagged(target: Target, state: State, purpose: Purpose, *, is_set: bool) -> Call:
    name = objects.own_name(purpose)
    kept: list[Json] = [each for each in objects.texts(state["tags"]) if each != name]
    body: dict[str, Json] = {
        "items": [*kept, name] if is_set else kept,
        "fingerprint": state["fingerprint"],
    }
    about = f"{'add' if is_set else 'remove'} tag {name}"
    parameters: dict[str, Json] = {
        "path": f"{objects.instance(target)}/setTags",
        "body": body,
        "about": about,
    }
    return Call("compute", "POST", parameters, volatile=frozenset({"items", "fingerprint"}))
