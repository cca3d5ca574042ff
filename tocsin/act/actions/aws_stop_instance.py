"""Stop an EC2 instance; what is only in its memory is lost, so evidence comes first."""

from tocsin.act.aws_calls import NoArguments, ask_all, only, order, read, text
from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State, rows

_INSTANCE = "arn:aws:ec2:{region}:{account}:instance/{uid}"
_RUNNING = ("running", "pending")
_GONE = ("terminated", "shutting-down")


class AwsStopInstance:
    """`StopInstances`; made good by `StartInstances`, without memory and passing addresses."""

    facts = ActionFacts(
        title="Stop an instance",
        provider="aws",
        targets=frozenset({"instance"}),
        category="compensable",
        level=3,
        needs=(
            read("ec2:DescribeInstances"),
            Need("ec2:StopInstances", _INSTANCE),
            Need("ec2:StartInstances", _INSTANCE),
        ),
        # Another start may give another address.
        volatile=frozenset({"address"}),
        evidence_first=True,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether it runs and where its system is stored."""
        asked = {"InstanceIds": [target.uid]}
        found = ask_all(target, caller, "Reservations", "ec2", "describe_instances", **asked)
        instance = only(rows(only(found, target).get("Instances")), target)
        state = text(instance, "State", "Name")
        if state in _GONE:
            raise TargetGoneError(f"instance {target.uid} is terminated")
        return {
            "is_running": state in _RUNNING,
            "root": text(instance, "RootDeviceType"),
            "address": text(instance, "PublicIpAddress") if state in _RUNNING else "",
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that stops it, unless it is stopped.

        Raises:
            ActionError: its system is in the host's own store: it can only be terminated.
        """
        if not state["is_running"]:
            return NOTHING
        if state["root"] == "instance-store":
            raise ActionError(f"{target.uid} cannot be stopped: its system is in the host's store")
        warnings = ["memory and the host's own disks are lost: take evidence before"]
        if state["address"]:
            warnings.append(f"the address {state['address']} changes unless it is an elastic one")
        call = order(target, "ec2", "stop_instances", InstanceIds=[target.uid])
        change = Change(f"instance {target.uid}", "running", "stopped")
        return Plan((call,), (change,), tuple(warnings))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that starts it, where it ran before."""
        if now["is_running"] == before["is_running"]:
            return NOTHING
        call = order(target, "ec2", "start_instances", InstanceIds=[target.uid])
        return Plan((call,), (Change(f"instance {target.uid}", "stopped", "running"),))
