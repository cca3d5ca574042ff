"""The rights of actions on AWS: enough for all that they do, and no more."""

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
import requests

from tests.plugs.acted.aws_stage import client
from tests.plugs.acted.stage import Recorded, Stage
from tests.plugs.test_actions import BUILDERS, deed, moto_url, placed
from tocsin.act import performing
from tocsin.errors import CallRefusedError
from tocsin.respond.actions import Call, Target
from tocsin.respond.actions.rights import LONGEST, policy_of, written_policy

__all__ = ["moto_url", "placed"]

OURS = sorted(name for name in BUILDERS if name.startswith("aws_"))
SERVICES = {"elbv2": "elasticloadbalancing"}
NAMED_OTHERWISE = {
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "wafv2:GetIpSet": "wafv2:GetIPSet",
    "wafv2:UpdateIpSet": "wafv2:UpdateIPSet",
    "rds:DescribeDbInstances": "rds:DescribeDBInstances",
    "rds:ModifyDbInstance": "rds:ModifyDBInstance",
    "rds:DescribeDbSnapshotAttributes": "rds:DescribeDBSnapshotAttributes",
    "rds:ModifyDbSnapshotAttribute": "rds:ModifyDBSnapshotAttribute",
}
IMPLIED = {
    "CreateSecurityGroup": "ec2:CreateTags",
    "CreateSnapshots": "ec2:CreateTags",
    "AuthorizeSecurityGroupIngress": "ec2:CreateTags",
    "AssociateIamInstanceProfile": "iam:PassRole",
}
"""Rights that a call needs besides its own, as the service authorization reference says."""

ELSEWHERE = {
    "aws_remove_public_bucket_policy": {"s3:DeleteBucketPolicy"},
    "aws_set_permissions_boundary": {"iam:DeleteRolePermissionsBoundary"},
    "aws_throttle_function": {"lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"},
    "aws_tag_resource": {"ec2:DescribeInstances"},
}
"""What is called only where something else was there before, or for other types of targets."""

NOT_ENFORCED = {
    "aws_block_domain": "moto has no DNS Firewall: it runs against a stand-in of ours",
    "aws_block_public_bucket": "moto asks for rights by the names of calls, which S3 does not",
    "aws_enable_detector": "moto computes another signature for GuardDuty",
    "aws_restrict_cluster_endpoint": "moto computes another signature for EKS",
    "aws_throttle_function": "moto computes another signature for Lambda",
}
"""Whose calls are compared with their rights only, by `test_every_right_is_used`."""


@pytest.fixture
def as_responder(
    moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Stage, dict[str, object]], None]]:
    """Become a user who may do only what a policy says, in a cloud that looks at policies."""

    def become(stage: Stage, policy: dict[str, object]) -> None:
        iam = client(moto_url, "iam")
        iam.create_user(UserName="responder")
        # moto looks at actions alone: it takes every resource for `*`, and no condition.
        actions = {"Effect": "Allow", "Action": sorted(granted(policy)), "Resource": "*"}
        content = {"Version": "2012-10-17", "Statement": [actions]}
        iam.put_user_policy(
            UserName="responder", PolicyName="least", PolicyDocument=json.dumps(content)
        )
        key = iam.create_access_key(UserName="responder")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        boto3.setup_default_session()
        requests.post(f"{moto_url}/moto-api/reset-auth", data="0", timeout=60)

    yield become
    requests.post(f"{moto_url}/moto-api/reset-auth", data="inf", timeout=60)


def permission(call: Call) -> str:
    action = "".join(part.capitalize() for part in call.operation.split("_"))
    name = f"{SERVICES.get(call.service, call.service)}:{action}"
    return NAMED_OTHERWISE.get(name, name)


def granted(policy: dict[str, object]) -> set[str]:
    return {action for each in policy["Statement"] for action in each["Action"]}  # type: ignore[attr-defined]


def do_and_undo(stage: Stage) -> list[Call]:
    caller = Recorded(stage.caller)
    made = deed(stage, caller)
    before = made.read()
    after = performing.apply(made, made.plan(before))
    performing.undo(made, before, performing.undo_plan(made, before, after))
    return caller.sent


@pytest.mark.parametrize("name", [name for name in OURS if name not in NOT_ENFORCED])
def test_an_action_can_be_done_and_undone_with_its_rights_alone(name, placed, as_responder):
    stage = BUILDERS[name](placed(name))
    policy = policy_of(stage.action.facts, stage.target)
    as_responder(stage, policy)

    sent = do_and_undo(stage)

    assert {permission(call) for call in sent} <= granted(policy)


@pytest.mark.parametrize("name", OURS)
def test_every_right_is_used(name, placed):
    stage = BUILDERS[name](placed(name))
    policy = policy_of(stage.action.facts, stage.target)

    used = {permission(call) for call in do_and_undo(stage)}

    implied = {right for call, right in IMPLIED.items() if any(call in each for each in used)}
    assert granted(policy) == used | implied | (ELSEWHERE.get(name, set()) & granted(policy))


def test_without_rights_the_missing_one_is_named(moto_url, as_responder):
    stage = BUILDERS["aws_deny_user"](moto_url)
    policy = policy_of(stage.action.facts, stage.target)
    for each in policy["Statement"]:
        each["Action"] = [name for name in each["Action"] if name != "iam:AttachUserPolicy"]
    as_responder(stage, policy)
    made = deed(stage)

    with pytest.raises(CallRefusedError, match="iam:AttachUserPolicy"):
        performing.apply(made, made.plan(made.read()))


@pytest.mark.parametrize("name", OURS)
def test_rights_are_narrow(name, placed):
    facts = BUILDERS[name](placed(name)).action.facts

    for need in facts.needs:
        service, _, action = need.permission.partition(":")
        assert "*" not in need.permission
        assert service in need.resource or need.resource == "*" or service == "iam"
        assert need.is_reading or need.resource.startswith("arn:aws:")
        assert need.is_reading == action.startswith(("Describe", "Get", "List"))
        if action in ("PassRole", "CreateTags") and need.resource.endswith("*"):
            assert need.condition is not None


@pytest.mark.parametrize("name", OURS)
def test_rights_fit_into_the_policy_of_a_session(name, placed):
    facts = BUILDERS[name](placed(name)).action.facts
    for kind in sorted(facts.targets):
        named = Target(kind, "u" * 64, "n" * 64, "aws", "1" * 12, "ap-southeast-2")
        assert len(written_policy(policy_of(facts, named))) <= LONGEST


def test_a_name_that_would_widen_the_policy_is_refused(moto_url):
    facts = BUILDERS["aws_block_public_bucket"](moto_url).action.facts

    with pytest.raises(ValueError, match="no name"):
        policy_of(facts, Target("bucket", "arn:aws:s3:::*", "*", "aws", "1" * 12))


def test_rights_name_the_partition_of_the_region(moto_url):
    facts = BUILDERS["aws_stop_instance"](moto_url).action.facts
    target = Target("instance", "i-1", "i-1", "aws", "1" * 12, "us-gov-west-1")

    text = written_policy(policy_of(facts, target))

    assert "arn:aws-us-gov:ec2:us-gov-west-1:111111111111:instance/i-1" in text
