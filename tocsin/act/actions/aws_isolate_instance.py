"""Cut an EC2 instance off: all its interfaces get a security group that allows nothing."""

from collections.abc import Sequence

from tocsin.act.aws_calls import (
    NoArguments,
    ask_all,
    made_by,
    mapping,
    marks,
    only,
    order,
    read,
    text,
    texts,
)
from tocsin.errors import TargetGoneError
from tocsin.respond.actions import (
    ActionFacts,
    Call,
    Caller,
    Change,
    Made,
    Need,
    Plan,
    Purpose,
    Target,
)
from tocsin.respond.actions.words import NOTHING, State, rows

_EC2 = "arn:aws:ec2:{region}:{account}:"
_MADE = ("StringLike", "aws:ResourceTag/tocsin:request", "req_*")
_GONE = ("terminated", "shutting-down")


class AwsIsolateInstance:
    """A group without rules for each network, made for this request; undone by the groups that
    each interface had, and by deleting ours.
    """

    facts = ActionFacts(
        title="Isolate an instance",
        provider="aws",
        targets=frozenset({"instance"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeInstances"),
            read("ec2:DescribeSecurityGroups"),
            Need("ec2:CreateSecurityGroup", f"{_EC2}vpc/*"),
            Need("ec2:CreateSecurityGroup", f"{_EC2}security-group/*"),
            Need(
                "ec2:CreateTags",
                f"{_EC2}security-group/*",
                condition=("StringEquals", "ec2:CreateAction", "CreateSecurityGroup"),
            ),
            Need("ec2:RevokeSecurityGroupEgress", f"{_EC2}security-group/*", condition=_MADE),
            Need("ec2:DeleteSecurityGroup", f"{_EC2}security-group/*", condition=_MADE),
            Need("ec2:ModifyNetworkInterfaceAttribute", f"{_EC2}network-interface/*"),
            Need("ec2:ModifyNetworkInterfaceAttribute", f"{_EC2}security-group/*"),
            Need("ec2:ModifyNetworkInterfaceAttribute", f"{_EC2}instance/{{uid}}"),
        ),
        evidence_first=True,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the groups of each interface, and the groups that were made for this request."""
        asked = {"InstanceIds": [target.uid]}
        found = ask_all(target, caller, "Reservations", "ec2", "describe_instances", **asked)
        instance = only(rows(only(found, target).get("Instances")), target)
        if text(instance, "State", "Name") in _GONE:
            raise TargetGoneError(f"instance {target.uid} is terminated")
        made = ask_all(
            target,
            caller,
            "SecurityGroups",
            "ec2",
            "describe_security_groups",
            Filters=made_by(purpose),
        )
        return {
            "interfaces": {
                text(each, "NetworkInterfaceId"): {
                    "vpc": text(each, "VpcId"),
                    "groups": sorted(text(group, "GroupId") for group in rows(each.get("Groups"))),
                }
                for each in rows(instance.get("NetworkInterfaces"))
            },
            "made": {
                text(each, "VpcId"): {
                    "id": text(each, "GroupId"),
                    "egress": [dict(rule) for rule in rows(each.get("IpPermissionsEgress"))],
                }
                for each in made
            },
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the calls that make what is missing and move each interface."""
        calls: list[Call] = []
        changes: list[Change] = []
        for vpc in sorted({text(each, "vpc") for _, each in _interfaces(state)}):
            group, needed = _closed_group(target, state, vpc, purpose, len(calls))
            calls += needed
            for interface, each in _interfaces(state):
                groups = texts(each, "groups")
                if text(each, "vpc") == vpc and groups != (group,):
                    calls.append(_move(target, interface, [group]))
                    what = f"security groups of {interface}"
                    changes.append(Change(what, ", ".join(groups), "one that allows nothing"))
        if not calls:
            return NOTHING
        warnings = (
            "connections that are open now may go on: also deny the other side in the network ACL",
            "nobody reaches the instance any more, its administrators and monitoring neither",
        )
        return Plan(tuple(calls), tuple(changes), warnings)

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that give each interface the groups it had and delete ours."""
        calls = []
        changes = []
        current = dict(_interfaces(now))
        for interface, each in _interfaces(before):
            groups = texts(each, "groups")
            if interface in current and texts(current[interface], "groups") != groups:
                calls.append(_move(target, interface, groups))
                what = f"security groups of {interface}"
                changes.append(Change(what, "one that allows nothing", ", ".join(groups)))
        for vpc in sorted(mapping(now, "made").keys() - mapping(before, "made").keys()):
            group = text(now, "made", vpc, "id")
            calls.append(order(target, "ec2", "delete_security_group", GroupId=group))
            changes.append(Change(f"security group {group}", "there", "deleted"))
        return Plan(tuple(calls), tuple(changes))


def _interfaces(state: State) -> list[tuple[str, State]]:
    found = mapping(state, "interfaces")
    return [(name, mapping(found, name)) for name in sorted(found)]


def _closed_group(
    target: Target, state: State, vpc: str, purpose: Purpose, number: int
) -> tuple["str | Made", list[Call]]:
    """Return the group of a network and the calls that it needs; they begin with `number`."""
    made = mapping(state, "made", vpc)
    if not made:
        create = order(
            target,
            "ec2",
            "create_security_group",
            GroupName=f"tocsin-isolation-{purpose.request_uid}",
            Description="Allows nothing; made by Tocsin to isolate an instance",
            VpcId=vpc,
            TagSpecifications=marks(purpose, "security-group"),
        )
        # A new group allows everything out: that rule is known before it is there.
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        group = Made(number, "GroupId")
        return group, [create, _revoke(target, group, everything)]
    egress = rows(made.get("egress"))
    return text(made, "id"), [_revoke(target, text(made, "id"), egress)] if egress else []


def _revoke(target: Target, group: "str | Made", rules: Sequence[object]) -> Call:
    given = {"GroupId": group, "IpPermissions": rules}
    operation = "revoke_security_group_egress"
    return order(target, "ec2", operation, ("GroupId", "IpPermissions"), **given)


def _move(target: Target, interface: str, groups: Sequence["str | Made"]) -> Call:
    given = {"NetworkInterfaceId": interface, "Groups": list(groups)}
    operation = "modify_network_interface_attribute"
    return order(target, "ec2", operation, ("Groups",), **given)
