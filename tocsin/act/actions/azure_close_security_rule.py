"""Turn one rule of a network security group from allow into deny, in its place."""

from dataclasses import dataclass

from tocsin.act import azure_objects as objects
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State

_KIND = "securityRules"


@dataclass(frozen=True, slots=True)
class CloseSecurityRuleArguments:
    """Takes no arguments."""


class AzureCloseSecurityRule:
    """Sets `access` to `Deny`; undone by the rule that was."""

    facts = ActionFacts(
        title="Close a rule of a network security group",
        provider="azure",
        targets=frozenset({"security_group_rule", "security_rule"}),
        category="reversible",
        level=2,
        needs=(
            Need(
                "Microsoft.Network/networkSecurityGroups/securityRules/read",
                "{uid}",
                is_reading=True,
            ),
            Need("Microsoft.Network/locations/operations/read", is_reading=True),
            Need("Microsoft.Network/networkSecurityGroups/securityRules/write", "{uid}"),
        ),
        source="https://learn.microsoft.com/rest/api/virtualnetwork/security-rules/create-or-update",
    )

    def __init__(self, arguments: CloseSecurityRuleArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the rule, as far as people write it."""
        found = objects.read(caller, objects.path(target, _KIND), _KIND)
        rule = {
            key: value
            for key, value in objects.part(found, "properties").items()
            if key != "provisioningState"
        }
        return {"rule": rule}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that makes the rule deny, unless it does."""
        rule = objects.part(state, "rule")
        said = ("connections that stand may last", "what lower rules allow is denied here too")
        return _set(target, rule, {**rule, "access": "Deny"}, said)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that writes the rule that was."""
        return _set(target, objects.part(now, "rule"), objects.part(before, "rule"))


def _set(target: Target, now: State, wanted: State, warnings: tuple[str, ...] = ()) -> Plan:
    if now["access"] == wanted["access"]:
        return NOTHING
    body: Json = {"properties": wanted}
    call = objects.call("PUT", target.uid, _KIND, body)
    name = target.uid.rpartition("/")[2]
    change = Change(f"rule {name}", str(now["access"]), str(wanted["access"]))
    return Plan((call,), (change,), warnings)
