"""Cut an endpoint off through an active response of Wazuh.

Wazuh does not tell what became of an active response. So the script that runs leaves a file while
the endpoint is cut off, and the agent's file integrity monitoring says whether the file is there.
"""

from dataclasses import dataclass

from tocsin.act import containment
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import Json, State, rows


@dataclass(frozen=True, slots=True)
class ContainHostArguments:
    """The script on the endpoints; docs/guides/respond-outside-aws.md has one.

    Attributes:
        script: its name in the folder of active responses.
        marker: the file that is there while the endpoint is cut off; watched in real time.
    """

    script: str = "tocsin-contain"
    marker: str = "/var/ossec/tocsin/contained"


class WazuhContainHost:
    """Runs a script with `contain`; undone with `release`."""

    facts = ActionFacts(
        title="Contain an endpoint",
        provider="wazuh",
        targets=frozenset({"host"}),
        category="reversible",
        level=2,
        needs=(
            Need("agent:read", "agent:id:{uid}", is_reading=True),
            Need("syscheck:read", "agent:id:{uid}", is_reading=True),
            Need("active-response:command", "agent:id:{uid}"),
        ),
        source="https://documentation.wazuh.com/current/user-manual/api/reference.html",
    )

    def __init__(self, arguments: ContainHostArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the file is there that says that the endpoint is cut off."""
        agent = containment.identifier(target)
        containment.only(target, _items(caller, "/agents", {"agents_list": agent}))
        found = _items(caller, f"/syscheck/{agent}", {"file": self._arguments.marker})
        return {"contained": bool(rows(found))}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that cuts the endpoint off, unless it is."""
        return containment.contain(target, state, self._call(target, "contain"))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that releases the endpoint."""
        return containment.release(target, before, now, self._call(target, "release"))

    def _call(self, target: Target, word: str) -> Call:
        given: dict[str, Json] = {
            "path": "/active-response",
            "query": {"agents_list": containment.identifier(target)},
            "body": {"command": f"!{self._arguments.script}", "arguments": [word]},
        }
        return Call("wazuh", "PUT", given)


def _items(caller: Caller, path: str, query: "dict[str, Json]") -> Json:
    answer = caller.call(Call("wazuh", "GET", {"path": path, "query": query}))
    data = answer.get("data")
    return data.get("affected_items") if isinstance(data, dict) else None
