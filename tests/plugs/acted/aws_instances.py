"""Instances and their fleets, in moto."""

import json
from collections.abc import Callable
from secrets import token_hex
from typing import Any

from tests.plugs.acted.aws_stage import REGION, client, stage, target, wanted
from tests.plugs.acted.stage import PURPOSE, Stage
from tocsin.act.actions.aws_cut_role_from_instance import AwsCutRoleFromInstance
from tocsin.act.actions.aws_isolate_instance import AwsIsolateInstance
from tocsin.act.actions.aws_snapshot_volumes import AwsSnapshotVolumes
from tocsin.act.actions.aws_stop_instance import AwsStopInstance
from tocsin.act.actions.aws_take_out_of_fleet import AwsTakeOutOfFleet
from tocsin.act.aws_calls import NoArguments

ABSENT = target("instance", "i-0123456789abcdef0")
NONE = NoArguments()


def isolate_instance(url: str) -> Stage:
    ec2 = client(url, "ec2")
    instance = launch(ec2)
    subnet = described(ec2, instance)["SubnetId"]
    second = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    ec2.attach_network_interface(
        NetworkInterfaceId=second["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=1
    )

    def interfaces() -> list[Any]:
        found = described(ec2, instance)["NetworkInterfaces"]
        return [(each["NetworkInterfaceId"], each["Groups"]) for each in found]

    def groups() -> list[Any]:
        found = ec2.describe_security_groups()["SecurityGroups"]
        return sorted((each["GroupId"], json.dumps(each, sort_keys=True)) for each in found)

    def is_isolated() -> bool:
        used = {group["GroupId"] for _, members in interfaces() for group in members}
        (only,) = ec2.describe_security_groups(GroupIds=sorted(used))["SecurityGroups"]
        tags = {tag["Key"]: tag["Value"] for tag in only["Tags"]}
        rules = only["IpPermissions"] + only["IpPermissionsEgress"]
        return rules == [] and tags["tocsin:request"] == PURPOSE.request_uid

    def meddle() -> None:
        other = ec2.create_security_group(GroupName="theirs", Description="x")["GroupId"]
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=second["NetworkInterfaceId"], Groups=[other]
        )

    return stage(
        url,
        AwsIsolateInstance(NONE),
        target("instance", instance),
        ABSENT,
        snapshot=lambda: (interfaces(), groups()),
        meddle=meddle,
        expected=wanted(lambda: len(interfaces()) == 2 and is_isolated()),
    )


def stop_instance(url: str) -> Stage:
    ec2 = client(url, "ec2")
    instance = launch(ec2)

    def state() -> Any:
        return described(ec2, instance)["State"]["Name"]

    return stage(
        url,
        AwsStopInstance(NONE),
        target("instance", instance),
        ABSENT,
        snapshot=state,
        meddle=lambda: ec2.terminate_instances(InstanceIds=[instance]),
        expected=wanted(lambda: state() == "stopped"),
    )


def snapshot_volumes(url: str) -> Stage:
    ec2 = client(url, "ec2")
    instance = launch(ec2)
    volume = ec2.create_volume(Size=1, AvailabilityZone=f"{REGION}a")["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")

    def snapshots() -> list[Any]:
        found = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return sorted((each["SnapshotId"], each["VolumeId"], str(each["Tags"])) for each in found)

    def volumes() -> set[str]:
        found = described(ec2, instance)["BlockDeviceMappings"]
        return {each["Ebs"]["VolumeId"] for each in found}

    def are_taken() -> bool:
        taken = [each for _, each, tags in snapshots() if PURPOSE.request_uid in tags]
        return len(taken) == 2 and set(taken) == volumes()

    return stage(
        url,
        AwsSnapshotVolumes(NONE),
        target("instance", instance),
        ABSENT,
        snapshot=snapshots,
        meddle=None,
        expected=wanted(are_taken),
    )


def cut_role_from_instance(url: str) -> Stage:
    ec2 = client(url, "ec2")
    iam = client(url, "iam")
    iam.create_instance_profile(InstanceProfileName="worker")
    iam.create_instance_profile(InstanceProfileName="other")
    instance = launch(ec2)
    associated = ec2.associate_iam_instance_profile(
        InstanceId=instance, IamInstanceProfile={"Name": "worker"}
    )
    assert associated["IamInstanceProfileAssociation"]["State"] in ("associating", "associated")

    def profile() -> list[Any]:
        found = ec2.describe_iam_instance_profile_associations()
        return [
            (each["InstanceId"], each["IamInstanceProfile"]["Arn"])
            for each in found["IamInstanceProfileAssociations"]
        ]

    return stage(
        url,
        AwsCutRoleFromInstance(NONE),
        target("instance", instance),
        ABSENT,
        snapshot=profile,
        meddle=lambda: ec2.associate_iam_instance_profile(
            InstanceId=instance, IamInstanceProfile={"Name": "other"}
        ),
        expected=wanted(lambda: profile() == []),
    )


def take_out_of_fleet(url: str) -> Stage:
    ec2 = client(url, "ec2")
    scaling = client(url, "autoscaling")
    balancing = client(url, "elbv2")
    instance = _fleet(ec2, scaling)
    vpc = described(ec2, instance)["VpcId"]
    group = balancing.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance, "Port": 8080}])

    def fleet() -> tuple[Any, ...]:
        (found,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        members = [(each["InstanceId"], each["LifecycleState"]) for each in found["Instances"]]
        health = balancing.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        attribute = ec2.describe_instance_attribute(
            InstanceId=instance, Attribute="disableApiTermination"
        )
        return (
            found["DesiredCapacity"],
            sorted(members),
            [each["Target"] for each in health],
            attribute["DisableApiTermination"]["Value"],
        )

    def is_out() -> bool:
        desired, members, targets, is_protected = fleet()
        return (desired, dict(members)[instance], targets, is_protected) == (1, "Standby", [], True)

    return stage(
        url,
        AwsTakeOutOfFleet(NONE),
        target("instance", instance),
        ABSENT,
        snapshot=fleet,
        meddle=lambda: balancing.register_targets(
            TargetGroupArn=arn, Targets=[{"Id": instance, "Port": 9090}]
        ),
        expected=wanted(is_out),
    )


def launch(ec2: Any) -> str:
    image = ec2.register_image(Name=f"image-{token_hex(4)}")["ImageId"]
    found = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    return str(found["Instances"][0]["InstanceId"])


def described(ec2: Any, instance: str) -> Any:
    found = ec2.describe_instances(InstanceIds=[instance])
    return found["Reservations"][0]["Instances"][0]


def _fleet(ec2: Any, scaling: Any) -> str:
    image = ec2.register_image(Name=f"image-{token_hex(4)}")["ImageId"]
    scaling.create_launch_configuration(
        LaunchConfigurationName="web", ImageId=image, InstanceType="t3.micro"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchConfigurationName="web",
        MinSize=1,
        MaxSize=3,
        DesiredCapacity=2,
        AvailabilityZones=[f"{REGION}a"],
    )
    (found,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    return str(found["Instances"][0]["InstanceId"])


STAGES: dict[str, Callable[[str], Stage]] = {
    "aws_cut_role_from_instance": cut_role_from_instance,
    "aws_isolate_instance": isolate_instance,
    "aws_snapshot_volumes": snapshot_volumes,
    "aws_stop_instance": stop_instance,
    "aws_take_out_of_fleet": take_out_of_fleet,
}
