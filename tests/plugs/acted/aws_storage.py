"""Buckets, snapshots, images and databases, in moto."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.plugs.acted.aws_instances import launch
from tests.plugs.acted.aws_stage import REGION, client, stage, target, wanted
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.aws_block_public_bucket import AwsBlockPublicBucket
from tocsin.act.actions.aws_close_database import AwsCloseDatabase
from tocsin.act.actions.aws_remove_public_bucket_policy import AwsRemovePublicBucketPolicy
from tocsin.act.actions.aws_unshare_db_snapshot import AwsUnshareDbSnapshot
from tocsin.act.actions.aws_unshare_image import AwsUnshareImage
from tocsin.act.actions.aws_unshare_snapshot import AwsUnshareSnapshot
from tocsin.act.aws_calls import NoArguments
from tocsin.act.aws_sharing import SharingArguments

BUCKET = "example-open-bucket"
FRIEND = "222233334444"
STRANGER = "444455556666"
NONE = NoArguments()
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Everybody",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        },
        {
            "Sid": "Friend",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{FRIEND}:root"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        },
    ],
}


def block_public_bucket(url: str) -> Stage:
    s3 = client(url, "s3")
    s3.create_bucket(Bucket=BUCKET)
    half = {"BlockPublicAcls": True, "IgnorePublicAcls": False}

    def switches() -> Any:
        try:
            return s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    return stage(
        url,
        AwsBlockPublicBucket(NONE),
        target("bucket", f"arn:aws:s3:::{BUCKET}", BUCKET),
        target("bucket", "arn:aws:s3:::nowhere", "nowhere"),
        snapshot=switches,
        meddle=lambda: s3.put_public_access_block(
            Bucket=BUCKET, PublicAccessBlockConfiguration=half
        ),
        expected=wanted(lambda: set(switches().values()) == {True}),
    )


def remove_public_bucket_policy(url: str) -> Stage:
    s3 = client(url, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))

    def policy() -> Any:
        return json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])

    def meddle() -> None:
        theirs = {**POLICY, "Statement": POLICY["Statement"][:1]}
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(theirs))

    return stage(
        url,
        AwsRemovePublicBucketPolicy(NONE),
        target("bucket", f"arn:aws:s3:::{BUCKET}", BUCKET),
        target("bucket", "arn:aws:s3:::nowhere", "nowhere"),
        snapshot=policy,
        meddle=meddle,
        expected=wanted(lambda: policy()["Statement"] == POLICY["Statement"][1:]),
    )


def unshare_snapshot(url: str) -> Stage:
    ec2 = client(url, "ec2")
    volume = ec2.create_volume(Size=1, AvailabilityZone=f"{REGION}a")["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    asked = {"SnapshotId": snapshot, "Attribute": "createVolumePermission"}
    ec2.modify_snapshot_attribute(**asked, OperationType="add", GroupNames=["all"])
    ec2.modify_snapshot_attribute(**asked, OperationType="add", UserIds=[FRIEND, STRANGER])

    def shared() -> list[Any]:
        found = ec2.describe_snapshot_attribute(**asked)["CreateVolumePermissions"]
        return sorted(each.get("Group") or each["UserId"] for each in found)

    return stage(
        url,
        AwsUnshareSnapshot(SharingArguments(accounts=(STRANGER,))),
        target("snapshot", snapshot),
        target("snapshot", "snap-0123456789abcdef0"),
        snapshot=shared,
        meddle=lambda: ec2.modify_snapshot_attribute(
            **asked, OperationType="add", UserIds=[STRANGER]
        ),
        expected=wanted(lambda: shared() == [FRIEND]),
    )


def unshare_image(url: str) -> Stage:
    ec2 = client(url, "ec2")
    image = ec2.create_image(InstanceId=launch(ec2), Name="golden")["ImageId"]
    asked = {"ImageId": image, "Attribute": "launchPermission"}
    everybody, friend, stranger = {"Group": "all"}, {"UserId": FRIEND}, {"UserId": STRANGER}
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [everybody]})
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [friend]})
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [stranger]})

    def shared() -> list[Any]:
        found = ec2.describe_image_attribute(**asked)["LaunchPermissions"]
        return sorted(each.get("Group") or each["UserId"] for each in found)

    return stage(
        url,
        AwsUnshareImage(SharingArguments(accounts=(STRANGER,))),
        target("image", image),
        target("image", "ami-0123456789abcdef0"),
        snapshot=shared,
        meddle=lambda: ec2.modify_image_attribute(
            ImageId=image, LaunchPermission={"Add": [stranger]}
        ),
        expected=wanted(lambda: shared() == [FRIEND]),
    )


def unshare_db_snapshot(url: str) -> Stage:
    rds = client(url, "rds")
    _database(rds)
    rds.create_db_snapshot(DBSnapshotIdentifier="orders-copy", DBInstanceIdentifier="orders")
    asked = {"DBSnapshotIdentifier": "orders-copy"}
    rds.modify_db_snapshot_attribute(
        **asked, AttributeName="restore", ValuesToAdd=["all", FRIEND, STRANGER]
    )

    def shared() -> list[Any]:
        found = rds.describe_db_snapshot_attributes(**asked)["DBSnapshotAttributesResult"]
        # AWS holds each once; moto holds one that is added twice two times.
        return sorted(set(found["DBSnapshotAttributes"][0]["AttributeValues"]))

    return stage(
        url,
        AwsUnshareDbSnapshot(SharingArguments(accounts=(STRANGER,))),
        target("database_snapshot", "orders-copy"),
        target("database_snapshot", "nothing"),
        snapshot=shared,
        meddle=lambda: rds.modify_db_snapshot_attribute(
            **asked, AttributeName="restore", ValuesToAdd=["all"]
        ),
        expected=wanted(lambda: shared() == [FRIEND]),
    )


def close_database(url: str) -> Stage:
    rds = client(url, "rds")
    _database(rds)

    def is_public() -> Any:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"]
        return found["PubliclyAccessible"]

    return stage(
        url,
        AwsCloseDatabase(NONE),
        target("database", "orders"),
        target("database", "nothing"),
        snapshot=is_public,
        meddle=lambda: rds.delete_db_instance(
            DBInstanceIdentifier="orders", SkipFinalSnapshot=True
        ),
        expected=wanted(lambda: is_public() is False),
    )


def _database(rds: Any) -> None:
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="keeper",
        MasterUserPassword="not-a-secret",
        PubliclyAccessible=True,
    )


STAGES: dict[str, Callable[[str], Stage]] = {
    "aws_block_public_bucket": block_public_bucket,
    "aws_close_database": close_database,
    "aws_remove_public_bucket_policy": remove_public_bucket_policy,
    "aws_unshare_db_snapshot": unshare_db_snapshot,
    "aws_unshare_image": unshare_image,
    "aws_unshare_snapshot": unshare_snapshot,
}
