"""Take an EC2 instance out of its fleet, so that nothing sends it work or replaces the evidence."""

from tocsin.act.aws_calls import (
    NoArguments,
    ask,
    ask_all,
    number,
    only,
    order,
    part,
    read,
    text,
)
from tocsin.respond.actions import ActionFacts, Call, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State, rows

_INSTANCE = "arn:aws:ec2:{region}:{account}:instance/{uid}"
_GROUPS = "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*"
_TARGETS = "arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/*/*"


class AwsTakeOutOfFleet:
    """Standby in its scaling group, out of its target groups, protected from termination."""

    facts = ActionFacts(
        title="Take an instance out of its fleet",
        provider="aws",
        targets=frozenset({"instance"}),
        category="reversible",
        level=2,
        needs=(
            read("ec2:DescribeInstanceAttribute"),
            read("autoscaling:DescribeAutoScalingInstances"),
            read("autoscaling:DescribeAutoScalingGroups"),
            read("elasticloadbalancing:DescribeTargetGroups"),
            read("elasticloadbalancing:DescribeTargetHealth"),
            Need("ec2:ModifyInstanceAttribute", _INSTANCE),
            Need("autoscaling:EnterStandby", _GROUPS),
            Need("autoscaling:ExitStandby", _GROUPS),
            Need("elasticloadbalancing:DeregisterTargets", _TARGETS),
            Need("elasticloadbalancing:RegisterTargets", _TARGETS),
        ),
        volatile=frozenset({"can_shrink"}),
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-enter-exit-standby.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return protection, scaling group and the target groups that send work to it."""
        asked = {"InstanceId": target.uid, "Attribute": "disableApiTermination"}
        attribute = ask(target, caller, "ec2", "describe_instance_attribute", **asked)
        found = ask_all(
            target,
            caller,
            "AutoScalingInstances",
            "autoscaling",
            "describe_auto_scaling_instances",
            InstanceIds=[target.uid],
        )
        member = found[0] if found else {}
        group = text(member, "AutoScalingGroupName")
        return {
            "is_protected": part(attribute, "DisableApiTermination", "Value") is True,
            "group": group,
            "is_standby": text(member, "LifecycleState") in ("Standby", "EnteringStandby"),
            "can_shrink": bool(group) and _can_shrink(target, caller, group),
            "sends_work": _target_groups(target, caller),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the calls that protect it, put it aside and send it no more work."""
        calls: list[Call] = []
        changes: list[Change] = []
        warnings: list[str] = []
        if not state["is_protected"]:
            calls.append(_protect(target, value=True))
            changes.append(Change(f"termination of {target.uid}", "allowed", "prevented"))
        if state["group"] and not state["is_standby"]:
            given = _member(target, state) | {
                "ShouldDecrementDesiredCapacity": state["can_shrink"] is True
            }
            # Whether the group may become smaller can change until then; the member cannot.
            shrinks = ("ShouldDecrementDesiredCapacity",)
            calls.append(order(target, "autoscaling", "enter_standby", shrinks, **given))
            changes.append(Change(f"{target.uid} in {state['group']}", "in service", "standby"))
            if not state["can_shrink"]:
                warnings.append("the group is at its least size: it starts another instance")
        for each in rows(state["sends_work"]):
            calls.append(_work(target, each, "deregister_targets"))
            changes.append(Change(f"{target.uid} in {text(each, 'arn')}", "registered", "not"))
        if calls:
            warnings.append("the fleet has less capacity while the instance is out")
        return Plan(tuple(calls), tuple(changes), tuple(warnings))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the calls that put it back where it was."""
        calls: list[Call] = []
        if now["is_standby"] and not before["is_standby"]:
            calls.append(order(target, "autoscaling", "exit_standby", **_member(target, now)))
        working = [dict(each) for each in rows(now["sends_work"])]
        for each in rows(before["sends_work"]):
            if dict(each) not in working:
                calls.append(_work(target, each, "register_targets"))
        if now["is_protected"] and not before["is_protected"]:
            calls.append(_protect(target, value=False))
        changes = (Change(f"instance {target.uid}", "out of its fleet", "as it was"),)
        return Plan(tuple(calls), changes if calls else ())


def _can_shrink(target: Target, caller: Caller, group: str) -> bool:
    asked = {"AutoScalingGroupNames": [group]}
    operation = "describe_auto_scaling_groups"
    found = only(
        ask_all(target, caller, "AutoScalingGroups", "autoscaling", operation, **asked), target
    )
    return number(found, "DesiredCapacity") > number(found, "MinSize")


def _target_groups(target: Target, caller: Caller) -> list[State]:
    sends: list[State] = []
    groups = ask_all(target, caller, "TargetGroups", "elbv2", "describe_target_groups")
    # One question for each group: the interface cannot be asked by instance.
    for group in groups:
        if group.get("TargetType") != "instance":
            continue
        asked = {"TargetGroupArn": text(group, "TargetGroupArn")}
        answer = ask(target, caller, "elbv2", "describe_target_health", **asked)
        for each in rows(answer.get("TargetHealthDescriptions")):
            is_ours = text(each, "Target", "Id") == target.uid
            if is_ours and text(each, "TargetHealth", "State") != "draining":
                port = number(each, "Target", "Port")
                sends.append({"arn": asked["TargetGroupArn"], "port": port})
    return sorted(sends, key=lambda each: (text(each, "arn"), number(each, "port")))


def _protect(target: Target, *, value: bool) -> Call:
    given = {"InstanceId": target.uid, "DisableApiTermination": {"Value": value}}
    return order(target, "ec2", "modify_instance_attribute", **given)


def _member(target: Target, state: State) -> dict[str, object]:
    return {"InstanceIds": [target.uid], "AutoScalingGroupName": text(state, "group")}


def _work(target: Target, each: State, operation: str) -> Call:
    targets = [{"Id": target.uid, "Port": number(each, "port")}]
    return order(target, "elbv2", operation, TargetGroupArn=text(each, "arn"), Targets=targets)
