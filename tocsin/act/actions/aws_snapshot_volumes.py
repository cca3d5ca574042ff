"""Take snapshots of all volumes of an EC2 instance at one moment: evidence, which is kept."""

from tocsin.act.aws_calls import (
    NoArguments,
    ask_all,
    made_by,
    marks,
    only,
    order,
    read,
    text,
    texts,
)
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, State, rows

_EC2 = "arn:aws:ec2:{region}:{account}:"
_SNAPSHOTS = "arn:aws:ec2:{region}::snapshot/*"


class AwsSnapshotVolumes:
    """`CreateSnapshots`, tagged with request and incident; nothing is deleted by undoing."""

    facts = ActionFacts(
        title="Take snapshots of an instance's volumes",
        provider="aws",
        targets=frozenset({"instance"}),
        category="compensable",
        level=1,
        needs=(
            read("ec2:DescribeInstances"),
            read("ec2:DescribeSnapshots"),
            Need("ec2:CreateSnapshots", f"{_EC2}instance/{{uid}}"),
            Need("ec2:CreateSnapshots", f"{_EC2}volume/*"),
            Need("ec2:CreateSnapshots", _SNAPSHOTS),
            Need(
                "ec2:CreateTags",
                _SNAPSHOTS,
                condition=("StringEquals", "ec2:CreateAction", "CreateSnapshots"),
            ),
        ),
        has_undo=False,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html",
    )

    def __init__(self, arguments: NoArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return the instance's volumes, and of which this request has snapshots."""
        asked = {"InstanceIds": [target.uid]}
        found = ask_all(target, caller, "Reservations", "ec2", "describe_instances", **asked)
        instance = only(rows(only(found, target).get("Instances")), target)
        filters = {"Filters": made_by(purpose), "OwnerIds": ["self"]}
        made = ask_all(target, caller, "Snapshots", "ec2", "describe_snapshots", **filters)
        # One that failed is no evidence; it is taken again.
        usable = [each for each in made if each.get("State") != "error"]
        volumes = [
            text(each, "Ebs", "VolumeId") for each in rows(instance.get("BlockDeviceMappings"))
        ]
        return {
            "volumes": sorted(volume for volume in volumes if volume),
            "taken": sorted({text(each, "VolumeId") for each in usable}),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that takes the snapshots, unless all are taken.

        Raises:
            ActionError: the instance has no volume.
        """
        volumes = texts(state, "volumes")
        if not volumes:
            raise ActionError(f"{target.uid} has no volumes to take snapshots of")
        if set(volumes) <= set(texts(state, "taken")):
            return NOTHING
        call = order(
            target,
            "ec2",
            "create_snapshots",
            InstanceSpecification={"InstanceId": target.uid, "ExcludeBootVolume": False},
            Description=f"Evidence of incident {purpose.incident_uid}",
            TagSpecifications=marks(purpose, "snapshot"),
        )
        changes = tuple(Change(f"snapshot of {volume}", "none", "taken") for volume in volumes)
        key = "volumes under the default key of AWS cannot be shared with another account"
        return Plan((call,), changes, (f"snapshots cost until somebody deletes them; {key}",))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return no calls: evidence is kept."""
        return NOTHING
