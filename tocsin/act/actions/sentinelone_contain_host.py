"""Cut an endpoint off through the agent of SentinelOne."""

from dataclasses import dataclass

from tocsin.act import containment
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State


@dataclass(frozen=True, slots=True)
class ContainHostArguments:
    """Takes no arguments."""


class SentinelOneContainHost:
    """Disconnects from the network; undone by connecting."""

    facts = ActionFacts(
        title="Contain an endpoint",
        provider="sentinelone",
        targets=frozenset({"host"}),
        category="reversible",
        level=2,
        needs=(
            Need("Endpoints: View", is_reading=True),
            Need("Endpoints: Disconnect From Network"),
            Need("Endpoints: Reconnect To Network"),
        ),
        volatile=frozenset({"status"}),
        source="https://github.com/Dirt-Diver/s1-api/blob/main/api/docs/AgentActionsApi.md",
    )

    def __init__(self, arguments: ContainHostArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the endpoint is disconnected, or about to be."""
        query = {"ids": containment.identifier(target)}
        path = "/web/api/v2.1/agents"
        found = caller.call(Call("sentinelone", "GET", {"path": path, "query": query}))
        status = containment.only(target, found.get("data")).get("networkStatus")
        return {"contained": status in ("disconnected", "disconnecting"), "status": status}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that disconnects it, unless it is disconnected."""
        return containment.contain(target, state, _call(target, "disconnect"))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that connects it again."""
        return containment.release(target, before, now, _call(target, "connect"))


def _call(target: Target, name: str) -> Call:
    # Only the filter says who is meant: an empty one would mean every endpoint.
    body: Json = {"filter": {"ids": [containment.identifier(target)]}, "data": {}}
    path = f"/web/api/v2.1/agents/actions/{name}"
    return Call("sentinelone", "POST", {"path": path, "body": body})
