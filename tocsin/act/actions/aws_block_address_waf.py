"""Put an address into an IP set of AWS WAF, which the team's rules block."""

from dataclasses import dataclass, replace
from typing import Literal

from tocsin.act.aws_addresses import blocked_network
from tocsin.act.aws_calls import ask, mapping, order, read, text, texts
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.facts import BLOCK
from tocsin.respond.actions.words import NOTHING, State

_SETS = "arn:aws:wafv2:*:{account}:*/ipset/*/*"
_CHOSEN = ("Addresses", "LockToken")


@dataclass(frozen=True, slots=True)
class IpSetArguments:
    """Where the address is put.

    Attributes:
        name: of the IP set.
        id: of the IP set.
        scope: `REGIONAL`, or `CLOUDFRONT` for distributions.
        region: of a regional set; otherwise the target's, or the account's.
    """

    name: str
    id: str
    scope: Literal["REGIONAL", "CLOUDFRONT"] = "REGIONAL"
    region: str = ""


class AwsBlockAddressWaf:
    """`UpdateIPSet` with the list of now and one entry more; undone by taking just that out."""

    facts = ActionFacts(
        title="Block an address by an IP set of WAF",
        provider="aws",
        targets=frozenset({"address"}),
        category="reversible",
        level=2,
        needs=(read("wafv2:GetIPSet", _SETS), Need("wafv2:UpdateIPSet", _SETS)),
        lasts=BLOCK,
        volatile=frozenset({"addresses", "lock", "description"}),
        source="https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateIPSet.html",
    )

    def __init__(self, arguments: IpSetArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the address is in the set; the list and its lock belong to all."""
        answer = ask(self._placed(target), caller, "wafv2", "get_ip_set", **self._set())
        found = mapping(answer, "IPSet")
        addresses = texts(found, "Addresses")
        network = blocked_network(target)
        if text(found, "IPAddressVersion") != f"IPV{network.version}":
            raise ActionError(f"IP set {self._arguments.name} does not hold IPv{network.version}")
        return {
            "is_blocked": str(network) in addresses,
            "addresses": sorted(addresses),
            "lock": text(answer, "LockToken"),
            "description": text(found, "Description"),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that adds it, unless it is there."""
        if state["is_blocked"]:
            return NOTHING
        network = str(blocked_network(target))
        wished = [*texts(state, "addresses"), network]
        return self._update(target, state, wished, ("not blocked", "blocked"))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that takes it out, where it was not in before."""
        if now["is_blocked"] == before["is_blocked"]:
            return NOTHING
        network = str(blocked_network(target))
        wished = [each for each in texts(now, "addresses") if each != network]
        return self._update(target, now, wished, ("blocked", "not blocked"))

    def _update(
        self, target: Target, state: State, addresses: list[str], words: tuple[str, str]
    ) -> Plan:
        given = {**self._set(), "Addresses": addresses, "LockToken": text(state, "lock")}
        # An update replaces everything: without it the description would be gone.
        if state["description"]:
            given["Description"] = text(state, "description")
        call = order(self._placed(target), "wafv2", "update_ip_set", _CHOSEN, **given)
        change = Change(f"{blocked_network(target)} in IP set {self._arguments.name}", *words)
        warning = "it blocks only where a rule of the web ACL uses this IP set"
        return Plan((call,), (change,), (warning,) if words[1] == "blocked" else ())

    def _set(self) -> dict[str, object]:
        chosen = self._arguments
        return {"Name": chosen.name, "Scope": chosen.scope, "Id": chosen.id}

    def _placed(self, target: Target) -> Target:
        if self._arguments.scope == "CLOUDFRONT":
            return replace(target, region="us-east-1")
        return replace(target, region=self._arguments.region or target.region)
