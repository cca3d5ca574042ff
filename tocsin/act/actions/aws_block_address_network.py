"""Deny an address in a network ACL, in both directions; it ends connections that are open too."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Network

from tocsin.act.aws_addresses import blocked_network
from tocsin.act.aws_calls import ask_all, mapping, number, only, order, part, read, text
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.facts import BLOCK
from tocsin.respond.actions.words import NOTHING, Json, State, rows

_ACL = "arn:aws:ec2:{region}:{account}:network-acl/*"
_EVERY_PROTOCOL = "-1"
_LAST_NUMBER = 32_767
_FEW_LEFT = 18
"""Entries in one direction from which on the usual limit of 20 is near."""


@dataclass(frozen=True, slots=True)
class NetworkAclArguments:
    """Where the address is denied.

    Attributes:
        network_acl: identifier of the network ACL: `acl-…`.
    """

    network_acl: str


class AwsBlockAddressNetwork:
    """`CreateNetworkAclEntry` before all others; undone by deleting just that entry."""

    facts = ActionFacts(
        title="Block an address in a network ACL",
        provider="aws",
        targets=frozenset({"address"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeNetworkAcls"),
            Need("ec2:CreateNetworkAclEntry", _ACL),
            Need("ec2:DeleteNetworkAclEntry", _ACL),
        ),
        lasts=BLOCK,
        volatile=frozenset({"numbers", "taken"}),
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html",
    )

    def __init__(self, arguments: NetworkAclArguments) -> None:
        self._network_acl = arguments.network_acl

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return in which directions the address is denied, and which numbers are taken."""
        block = str(blocked_network(target))
        asked = {"NetworkAclIds": [self._network_acl]}
        found = ask_all(target, caller, "NetworkAcls", "ec2", "describe_network_acls", **asked)
        entries = rows(only(found, target).get("Entries"))
        ways = {way: [each for each in entries if _way(each) == way] for way in ("in", "out")}
        numbers: dict[str, Json] = {
            way: denial for way in ways if (denial := _denial(ways[way], block)) is not None
        }
        taken = {way: [number(each, "RuleNumber") for each in ways[way]] for way in ways}
        return {"denied": sorted(numbers), "numbers": numbers, "taken": taken}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the calls that deny it where it is not denied.

        Raises:
            ActionError: it must not be blocked, or no number is free before the others.
        """
        network = blocked_network(target)
        calls: list[Call] = []
        changes: list[Change] = []
        warnings = ["all networks that use this ACL are cut from the address"]
        for way in sorted({"in", "out"} - mapping(state, "numbers").keys()):
            taken = _numbers(part(state, "taken", way))
            key = "Ipv6CidrBlock" if isinstance(network, IPv6Network) else "CidrBlock"
            given = {**self._entry(way, _free(taken)), key: str(network)}
            given |= {"Protocol": _EVERY_PROTOCOL, "RuleAction": "deny"}
            # Another entry may take the number until then: what counts is that ours comes first.
            call = order(target, "ec2", "create_network_acl_entry", ("RuleNumber",), **given)
            calls.append(call)
            changes.append(Change(f"{network} {way} by {self._network_acl}", "as before", "denied"))
            if len(taken) >= _FEW_LEFT:
                warnings.append(f"few entries are left in {self._network_acl}: AWS allows about 20")
        return Plan(tuple(calls), tuple(changes), tuple(warnings)) if calls else NOTHING

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that delete the entries that were not there before."""
        block = blocked_network(target)
        calls = []
        changes = []
        numbers = mapping(now, "numbers")
        for way in sorted(numbers.keys() - mapping(before, "numbers").keys()):
            given = self._entry(way, number(numbers, way))
            calls.append(order(target, "ec2", "delete_network_acl_entry", **given))
            changes.append(Change(f"{block} {way} by {self._network_acl}", "denied", "as before"))
        return Plan(tuple(calls), tuple(changes))

    def _entry(self, way: str, rule_number: int) -> dict[str, object]:
        return {
            "NetworkAclId": self._network_acl,
            "Egress": way == "out",
            "RuleNumber": rule_number,
        }


def _way(entry: State) -> str:
    return "out" if entry.get("Egress") is True else "in"


def _denial(entries: list[State], block: str) -> int | None:
    """Return the number of the entry that denies a network, if none before it allows anything."""
    for each in sorted(entries, key=lambda entry: number(entry, "RuleNumber")):
        if text(each, "RuleAction") == "allow":
            return None
        network = text(each, "CidrBlock") or text(each, "Ipv6CidrBlock")
        if network == block and text(each, "Protocol") == _EVERY_PROTOCOL:
            return number(each, "RuleNumber")
    return None


def _numbers(value: Json) -> list[int]:
    return (
        [each for each in value if isinstance(each, int)]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else []
    )


def _free(taken: list[int]) -> int:
    """Return the highest free number before all others, so that room is left before it."""
    first = min([each for each in taken if each < _LAST_NUMBER], default=_LAST_NUMBER)
    if first > 1:
        return first - 1
    raise ActionError("no number is free before the first entry of the network ACL")
