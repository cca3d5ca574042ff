"""Cut an endpoint off through the sensor of CrowdStrike Falcon."""

from dataclasses import dataclass

from tocsin.act import containment
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State


@dataclass(frozen=True, slots=True)
class ContainHostArguments:
    """Takes no arguments."""


class CrowdStrikeContainHost:
    """Network containment; undone by lifting it."""

    facts = ActionFacts(
        title="Contain an endpoint",
        provider="crowdstrike",
        targets=frozenset({"host"}),
        category="reversible",
        level=2,
        needs=(Need("Hosts: Read", is_reading=True), Need("Hosts: Write")),
        volatile=frozenset({"status"}),
        source="https://developer.crowdstrike.com/api-reference/collections/hosts/",
    )

    def __init__(self, arguments: ContainHostArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the endpoint is contained, or about to be."""
        query = {"ids": containment.identifier(target)}
        path = "/devices/entities/devices/v2"
        found = caller.call(Call("crowdstrike", "GET", {"path": path, "query": query}))
        status = containment.only(target, found.get("resources")).get("status")
        return {"contained": status in ("contained", "containment_pending"), "status": status}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that contains it, unless it is contained."""
        return containment.contain(target, state, _call(target, "contain"))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that lifts the containment."""
        return containment.release(target, before, now, _call(target, "lift_containment"))


def _call(target: Target, name: str) -> Call:
    given: dict[str, Json] = {
        "path": "/devices/entities/devices-actions/v2",
        "query": {"action_name": name},
        "body": {"ids": [containment.identifier(target)]},
    }
    return Call("crowdstrike", "POST", given)
