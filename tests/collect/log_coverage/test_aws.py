"""The doctor names logs of AWS that are off, changes nothing, and needs only what it says."""

import json
import re
from datetime import UTC, datetime, timedelta

import boto3
import moto.settings
import pytest
from botocore.client import BaseClient
from moto.iam.responses import IamResponse

from tests.collect.trails import trails_served
from tests.run.crank import ACCOUNT, call
from tocsin.collect.first_look.aws import Aws as FirstLook
from tocsin.collect.first_look.aws import AwsSettings as LookSettings
from tocsin.collect.log_coverage.aws import AwsCoverage, AwsSettings
from tocsin.run import streaming

REGION = "eu-central-1"
NOW = datetime.now(UTC).replace(microsecond=0)
READS = re.compile(
    r"[a-z0-9]+:((Describe|List|Get|Lookup)[A-Za-z]+|GenerateServiceLastAccessedDetails|AssumeRole)"
)
REPORT = """<GetServiceLastAccessedDetailsResponse><GetServiceLastAccessedDetailsResult>
<JobStatus>COMPLETED</JobStatus><JobCreationDate>2026-11-23T08:00:00Z</JobCreationDate>
<JobCompletionDate>2026-11-23T08:00:01Z</JobCompletionDate><ServicesLastAccessed>{}
</ServicesLastAccessed></GetServiceLastAccessedDetailsResult></GetServiceLastAccessedDetailsResponse>"""
USED = "<LastAuthenticated>2026-11-20T08:00:00Z</LastAuthenticated>"


@pytest.fixture
def aws(monkeypatch):
    """Serve AWS, with the report of IAM that moto has not; `report` holds services and use."""
    report = {"cloudtrail": True, "ec2": True}

    def begin(self) -> str:
        job = "<JobId>examplea-1234-b567-cde8-90fg123abcd4</JobId>"
        name = "GenerateServiceLastAccessedDetails"
        return f"<{name}Response><{name}Result>{job}</{name}Result></{name}Response>"

    def tell(self) -> str:
        return REPORT.format(
            "".join(
                f"<member><ServiceName>{name}</ServiceName><ServiceNamespace>{name}"
                f"</ServiceNamespace>{USED if used else ''}</member>"
                for name, used in report.items()
            )
        )

    monkeypatch.setattr(IamResponse, "generate_service_last_accessed_details", begin, raising=False)
    monkeypatch.setattr(IamResponse, "get_service_last_accessed_details", tell, raising=False)
    with trails_served(monkeypatch) as (url, trails):
        yield url, trails, report


def states(**more):
    settings = AwsSettings(regions=(REGION,), **more)
    found = AwsCoverage(settings, pause=lambda seconds: None).examine()
    return {each.kind: each for each in found}


def test_every_kind_of_log_that_is_off_is_named(aws):
    boto3.client("eks", region_name=REGION).create_cluster(
        name="shop", roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks", resourcesVpcConfig={}
    )

    found = states()

    assert {kind for kind, each in found.items() if each.is_on is False} == {
        "aws.cloudtrail",
        "aws.cloudtrail_data",
        "aws.vpc_flow",
        "aws.route53_resolver",
        "aws.eks_audit",
        "aws.guardduty",
    }
    assert found["aws.vpc_flow"].place == f"{ACCOUNT} {REGION}"
    assert "vpc-" in found["aws.vpc_flow"].message
    assert "shop" in found["aws.eks_audit"].message


def test_logs_that_are_on_are_well(aws):
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="example-trail")
    trail = boto3.client("cloudtrail", region_name=REGION)
    trail.create_trail(Name="all", S3BucketName="example-trail", IsMultiRegionTrail=True)
    trail.start_logging(Name="all")
    chosen = {
        "ReadWriteType": "All",
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
    }
    trail.put_event_selectors(TrailName="all", EventSelectors=[chosen])
    boto3.client("guardduty", region_name=REGION).create_detector(Enable=True)
    ec2 = boto3.client("ec2", region_name=REGION)
    vpcs = [row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]]
    ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=vpcs,
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::example-trail",
    )

    found = states()

    on = {kind for kind, each in found.items() if each.is_on}
    assert on >= {"aws.cloudtrail", "aws.cloudtrail_data", "aws.guardduty", "aws.vpc_flow"}


def test_rights_that_are_too_many_or_unused_are_named(aws):
    aws[2].update({"lambda": True, "eks": False})

    found = states()["rights"]

    assert found.is_on is False
    assert "may use lambda" in found.message and "never used its rights to eks" in found.message


def user_with(policy: dict, monkeypatch) -> None:
    """Act as a user who has this policy and nothing else; AWS checks from here on."""
    iam = boto3.client("iam")
    iam.create_user(UserName="look")
    iam.put_user_policy(UserName="look", PolicyName="read", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="look")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    boto3.DEFAULT_SESSION = None
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)


def look() -> tuple[int, dict]:
    settings = LookSettings("look", NOW - timedelta(minutes=30), NOW, regions=(REGION,))
    source = FirstLook(settings, pause=lambda seconds: None)
    return sum(batch.records.num_rows for batch in source.read(None)), dict(source.problems)


def test_the_printed_rights_are_enough_and_nothing_is_written(aws, monkeypatch):
    aws[1].add(call(at=NOW - timedelta(minutes=5)))
    boto3.client("eks", region_name=REGION).create_cluster(
        name="shop", roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks", resourcesVpcConfig={}
    )
    made = recorded_calls(monkeypatch)

    states()
    looked = look()

    policy = json.loads(streaming.rights("aws"))
    allowed = {action for each in policy["Statement"] for action in each["Action"]}
    assert looked == (1, {})
    assert "cloudtrail:LookupEvents" in made and "eks:DescribeCluster" in made
    # Everybody may ask who they are.
    assert made - {"sts:GetCallerIdentity"} <= allowed
    assert [action for action in allowed | made if not READS.fullmatch(action)] == []
    assert allowed - made <= {"cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"} | {
        "guardduty:GetDetector",
        "ec2:DescribeRegions",
    }


def test_a_user_who_has_only_the_printed_rights_sees_all(aws, monkeypatch):
    aws[1].add(call(at=NOW - timedelta(minutes=5)))
    user_with(json.loads(streaming.rights("aws")), monkeypatch)

    found = states()

    assert look() == (1, {})
    unseen = {kind: each.message for kind, each in found.items() if each.is_on is None}
    # moto does not understand the signatures of its REST services.
    assert unseen.keys() <= {"aws.eks_audit", "aws.guardduty"}
    assert all("signature" in message.lower() for message in unseen.values())


def test_without_a_right_the_doctor_says_which_log_it_cannot_see(aws, monkeypatch):
    policy = json.loads(streaming.rights("aws"))
    policy["Statement"][1]["Action"].remove("ec2:DescribeFlowLogs")
    user_with(policy, monkeypatch)

    found = states()

    assert found["aws.vpc_flow"].is_on is None
    assert "ec2:DescribeFlowLogs" in found["aws.vpc_flow"].message
    assert found["aws.route53_resolver"].is_on is False


def recorded_calls(monkeypatch) -> set[str]:
    """Return a set that grows by the action of each call to AWS."""
    made: set[str] = set()
    plain = BaseClient._make_api_call

    def recorded(self, name, arguments):
        made.add(f"{self.meta.service_model.signing_name}:{name}")
        return plain(self, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made
