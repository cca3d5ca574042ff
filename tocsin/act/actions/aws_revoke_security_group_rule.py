"""Revoke the rules of a security group that let the whole internet in."""

from dataclasses import dataclass

from tocsin.act.aws_calls import ask, ask_all, mapping, number, order, read, text
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State, rows

_GROUP = "arn:aws:ec2:{region}:{account}:security-group/{uid}"
_RULES = "arn:aws:ec2:{region}:{account}:security-group-rule/*"


@dataclass(frozen=True, slots=True)
class RuleArguments:
    """Which rules are meant.

    Attributes:
        port: only rules that open this port; all where it is `None`.
        networks: from where they let in.
    """

    port: int | None = None
    networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")


class AwsRevokeSecurityGroupRule:
    """`RevokeSecurityGroupIngress` by rule; undone with description and tags, as a new rule."""

    facts = ActionFacts(
        title="Revoke security group rules that are open to the world",
        provider="aws",
        targets=frozenset({"security_group"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeSecurityGroups"),
            read("ec2:DescribeSecurityGroupRules"),
            Need("ec2:RevokeSecurityGroupIngress", _GROUP),
            Need("ec2:AuthorizeSecurityGroupIngress", _GROUP),
            Need("ec2:AuthorizeSecurityGroupIngress", _RULES),
            Need(
                "ec2:CreateTags",
                _RULES,
                condition=("StringEquals", "ec2:CreateAction", "AuthorizeSecurityGroupIngress"),
            ),
        ),
        volatile=frozenset({"identifiers"}),
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html",
    )

    def __init__(self, arguments: RuleArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the rules that are meant, and their identifiers in the same order."""
        ask(target, caller, "ec2", "describe_security_groups", GroupIds=[target.uid])
        asked = {"Filters": [{"Name": "group-id", "Values": [target.uid]}]}
        found = ask_all(
            target, caller, "SecurityGroupRules", "ec2", "describe_security_group_rules", **asked
        )
        meant = sorted((each for each in found if self._is_meant(each)), key=_order)
        rules: list[Json] = [_shape(each) for each in meant]
        return {
            "rules": rules,
            "identifiers": [text(each, "SecurityGroupRuleId") for each in meant],
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that revokes the rules, unless there are none."""
        rules = rows(state["rules"])
        if not rules:
            return NOTHING
        given = {"GroupId": target.uid, "SecurityGroupRuleIds": state["identifiers"]}
        call = order(target, "ec2", "revoke_security_group_ingress", **given)
        changes = tuple(_change(target, each, "open", "closed") for each in rules)
        warnings = (
            "whoever comes in by these rules is refused",
            "connections that are open now may go on until they end",
        )
        return Plan((call,), changes, warnings)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that make the rules again; AWS gives them new identifiers."""
        there = [dict(each) for each in rows(now["rules"])]
        missing = [each for each in rows(before["rules"]) if dict(each) not in there]
        calls = tuple(_authorize(target, each) for each in missing)
        return Plan(calls, tuple(_change(target, each, "closed", "open") for each in missing))

    def _is_meant(self, rule: State) -> bool:
        network = text(rule, "CidrIpv4") or text(rule, "CidrIpv6")
        if rule.get("IsEgress") is True or network not in self._arguments.networks:
            return False
        port = self._arguments.port
        if port is None or text(rule, "IpProtocol") == "-1":
            return True
        return number(rule, "FromPort") <= port <= number(rule, "ToPort")


def _shape(rule: State) -> State:
    """Return what makes a rule, without the identifier that AWS chooses."""
    kept = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "Description")
    shape: dict[str, Json] = {key: rule[key] for key in kept if rule.get(key) is not None}
    shape["Tags"] = {text(each, "Key"): text(each, "Value") for each in rows(rule.get("Tags"))}
    return shape


def _order(rule: State) -> tuple[str, ...]:
    keys = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6")
    return tuple(text(rule, key) for key in keys)


def _authorize(target: Target, rule: State) -> Call:
    allowed: dict[str, object] = {"IpProtocol": text(rule, "IpProtocol")}
    allowed |= {key: number(rule, key) for key in ("FromPort", "ToPort") if key in rule}
    described = {"Description": text(rule, "Description")} if rule.get("Description") else {}
    for key, ranges, name in (
        ("CidrIpv4", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
    ):
        if key in rule:
            allowed[ranges] = [{name: text(rule, key), **described}]
    given: dict[str, object] = {"GroupId": target.uid, "IpPermissions": [allowed]}
    tags = mapping(rule, "Tags")
    if tags:
        listed = [{"Key": key, "Value": text(tags, key)} for key in sorted(tags)]
        given["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": listed}]
    return order(target, "ec2", "authorize_security_group_ingress", **given)


def _change(target: Target, rule: State, before: str, after: str) -> Change:
    protocol = text(rule, "IpProtocol")
    ports = "" if protocol == "-1" else f" {text(rule, 'FromPort')}-{text(rule, 'ToPort')}"
    network = text(rule, "CidrIpv4") or text(rule, "CidrIpv6")
    what = f"{target.uid}: {'everything' if protocol == '-1' else protocol}{ports} from {network}"
    return Change(what, before, after)
