"""Functions, services, keys, trails and detectors, in moto."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from tests.plugs.acted.aws_instances import described, launch
from tests.plugs.acted.aws_stage import ACCOUNT, REGION, client, stage, target, wanted
from tests.plugs.acted.stage import PURPOSE, Stage
from tocsin.act.actions.aws_disable_kms_key import AwsDisableKmsKey
from tocsin.act.actions.aws_enable_detector import AwsEnableDetector
from tocsin.act.actions.aws_restrict_cluster_endpoint import (
    AwsRestrictClusterEndpoint,
    EndpointArguments,
)
from tocsin.act.actions.aws_scale_service_to_zero import AwsScaleServiceToZero
from tocsin.act.actions.aws_start_logging import AwsStartLogging
from tocsin.act.actions.aws_tag_resource import AwsTagResource, TagArguments
from tocsin.act.actions.aws_throttle_function import AwsThrottleFunction
from tocsin.act.aws_calls import NoArguments

NONE = NoArguments()
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:miner"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/main"


def throttle_function(url: str) -> Stage:
    functions = client(url, "lambda")
    _function(url, functions)

    def concurrency() -> Any:
        found = functions.get_function_concurrency(FunctionName="miner")
        return found.get("ReservedConcurrentExecutions")

    return stage(
        url,
        AwsThrottleFunction(NONE),
        target("function", FUNCTION, "miner"),
        target("function", f"{FUNCTION}2", "miner2"),
        snapshot=concurrency,
        meddle=lambda: functions.put_function_concurrency(
            FunctionName="miner", ReservedConcurrentExecutions=7
        ),
        expected=wanted(lambda: concurrency() == 0),
    )


def scale_service_to_zero(url: str) -> Stage:
    ecs = client(url, "ecs")
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(
        family="web", containerDefinitions=[{"name": "web", "image": "web", "memory": 64}]
    )
    ecs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=3)

    def count() -> Any:
        (found,) = ecs.describe_services(cluster="shop", services=["web"])["services"]
        return found["desiredCount"]

    return stage(
        url,
        AwsScaleServiceToZero(NONE),
        target("service", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/web", "shop/web"),
        target("service", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/no", "shop/no"),
        snapshot=count,
        meddle=lambda: ecs.update_service(cluster="shop", service="web", desiredCount=5),
        expected=wanted(lambda: count() == 0),
    )


def disable_kms_key(url: str) -> Stage:
    kms = client(url, "kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]

    def state() -> Any:
        return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]

    return stage(
        url,
        AwsDisableKmsKey(NONE),
        target("kms_key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}", key),
        target("kms_key", "", "00000000-0000-0000-0000-000000000000"),
        snapshot=state,
        meddle=lambda: kms.schedule_key_deletion(KeyId=key),
        expected=wanted(lambda: state() == "Disabled"),
    )


def start_logging(url: str) -> Stage:
    client(url, "s3").create_bucket(Bucket="example-trail-logs")
    trails = client(url, "cloudtrail")
    trails.create_trail(Name="main", S3BucketName="example-trail-logs")

    def is_logging() -> Any:
        return trails.get_trail_status(Name="main")["IsLogging"]

    return stage(
        url,
        AwsStartLogging(NONE),
        target("trail", TRAIL, "main"),
        target("trail", f"{TRAIL}2", "main2"),
        snapshot=is_logging,
        meddle=None,
        expected=wanted(lambda: is_logging() is True),
    )


def enable_detector(url: str) -> Stage:
    guard = client(url, "guardduty")
    detector = guard.create_detector(Enable=False)["DetectorId"]

    def status() -> Any:
        return guard.get_detector(DetectorId=detector)["Status"]

    return stage(
        url,
        AwsEnableDetector(NONE),
        target("detector", detector),
        target("detector", "0" * 32),
        snapshot=status,
        meddle=None,
        expected=wanted(lambda: status() == "ENABLED"),
    )


def tag_resource(url: str) -> Stage:
    ec2 = client(url, "ec2")
    instance = launch(ec2)
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "web"}])

    def tags() -> Any:
        found = described(ec2, instance).get("Tags", [])
        return sorted((each["Key"], each["Value"]) for each in found)

    return stage(
        url,
        AwsTagResource(TagArguments()),
        target("instance", instance),
        target("instance", "i-0123456789abcdef0"),
        snapshot=tags,
        meddle=lambda: ec2.create_tags(
            Resources=[instance], Tags=[{"Key": "tocsin:risk", "Value": "theirs"}]
        ),
        expected=wanted(lambda: tags() == [("Name", "web"), ("tocsin:risk", PURPOSE.incident_uid)]),
    )


def restrict_cluster_endpoint(url: str) -> Stage:
    eks = client(url, "eks")
    eks.create_cluster(
        name="shop",
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
        resourcesVpcConfig={
            "subnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
            "endpointPublicAccess": True,
            "endpointPrivateAccess": False,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
    )

    def endpoint() -> Any:
        found = eks.describe_cluster(name="shop")["cluster"]["resourcesVpcConfig"]
        keys = ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs")
        return [found[key] for key in keys]

    def meddle() -> None:
        eks.update_cluster_config(
            name="shop",
            resourcesVpcConfig={
                "endpointPublicAccess": True,
                "endpointPrivateAccess": True,
                "publicAccessCidrs": ["8.8.8.0/24"],
            },
        )

    uid = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/shop"
    return stage(
        url,
        AwsRestrictClusterEndpoint(EndpointArguments(("93.184.216.0/24",))),
        target("cluster", uid, "shop"),
        target("cluster", f"{uid}2", "shop2"),
        snapshot=endpoint,
        meddle=meddle,
        expected=wanted(lambda: endpoint() == [True, True, ["93.184.216.0/24"]]),
    )


def _function(url: str, functions: Any) -> None:
    role = client(url, "iam").create_role(
        RoleName="runner", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"})
    )["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def run(event, context): return 1\n")
    functions.create_function(
        FunctionName="miner",
        Runtime="python3.11",
        Role=role,
        Handler="main.run",
        Code={"ZipFile": packed.getvalue()},
    )


STAGES: dict[str, Callable[[str], Stage]] = {
    "aws_disable_kms_key": disable_kms_key,
    "aws_enable_detector": enable_detector,
    "aws_restrict_cluster_endpoint": restrict_cluster_endpoint,
    "aws_scale_service_to_zero": scale_service_to_zero,
    "aws_start_logging": start_logging,
    "aws_tag_resource": tag_resource,
    "aws_throttle_function": throttle_function,
}
