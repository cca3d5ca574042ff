"""Cut an endpoint off through Microsoft Defender for Endpoint."""

from dataclasses import dataclass
from typing import Literal

from tocsin.act import containment
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State, rows

_FAILED = frozenset({"Failed", "TimeOut", "Cancelled"})


@dataclass(frozen=True, slots=True)
class ContainHostArguments:
    """How far the endpoint is cut off.

    Attributes:
        isolation: `Selective` leaves mail and calls working.
    """

    isolation: Literal["Full", "Selective"] = "Full"


class DefenderContainHost:
    """Isolates a device; undone by releasing it."""

    facts = ActionFacts(
        title="Contain an endpoint",
        provider="defender_endpoint",
        targets=frozenset({"host"}),
        category="reversible",
        level=2,
        needs=(Need("Machine.Read.All", is_reading=True), Need("Machine.Isolate")),
        volatile=frozenset({"status"}),
        source="https://learn.microsoft.com/defender-endpoint/api/isolate-machine",
    )

    def __init__(self, arguments: ContainHostArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the last action of the kind that did not fail isolated the device."""
        device = containment.identifier(target)
        caller.call(Call("defender", "GET", {"path": f"/api/machines/{device}"}))
        query = {"$filter": f"machineId eq '{device}'"}
        path = "/api/machineactions"
        found = caller.call(Call("defender", "GET", {"path": path, "query": query}))
        # The device itself does not say whether it is isolated.
        acted = [
            each
            for each in rows(found.get("value"))
            if each.get("type") in ("Isolate", "Unisolate") and each.get("status") not in _FAILED
        ]
        last = max(acted, key=lambda each: str(each.get("creationDateTimeUtc")), default={})
        return {"contained": last.get("type") == "Isolate", "status": last.get("status")}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that isolates the device, unless it is isolated."""
        comment = f"Tocsin {purpose.request_uid} for {purpose.incident_uid}"
        body = {"Comment": comment, "IsolationType": self._arguments.isolation}
        path = f"/api/machines/{containment.identifier(target)}/isolate"
        tunnel = "a device behind a full tunnel cannot be reached any more, nor released"
        call = Call("defender", "POST", {"path": path, "body": body})
        return containment.contain(target, state, call, tunnel)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that releases the device."""
        body = {"Comment": f"Tocsin {purpose.request_uid} taken back"}
        path = f"/api/machines/{containment.identifier(target)}/unisolate"
        call = Call("defender", "POST", {"path": path, "body": body})
        return containment.release(target, before, now, call)
