"""Access keys, in moto."""

from collections.abc import Callable

import boto3

from tests.plugs.acted.stage import Stage
from tocsin.act.actions.aws_disable_access_key import AccessKeyArguments, AwsDisableAccessKey
from tocsin.act.callers.aws import Aws, AwsAccount
from tocsin.respond.actions import Target

ACCOUNT = "123456789012"
"""Of moto."""


def disable_access_key(url: str) -> Stage:
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1")
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]["AccessKeyId"]

    def keys() -> object:
        return iam.list_access_keys(UserName="mallory")["AccessKeyMetadata"]

    def expected() -> None:
        assert [each["Status"] for each in keys()] == ["Inactive"]  # type: ignore[attr-defined]

    return Stage(
        action=AwsDisableAccessKey(AccessKeyArguments()),
        target=Target("access_key", key, key, "aws", ACCOUNT),
        caller=Aws(AwsAccount(account=ACCOUNT, endpoint=url)),
        snapshot=keys,
        gone=Target("access_key", "AKIAIOSFODNN7EXAMPLE", "", "aws", ACCOUNT),
        meddle=lambda: iam.delete_access_key(UserName="mallory", AccessKeyId=key),
        expected=expected,
    )


STAGES: dict[str, Callable[[str], Stage]] = {"aws_disable_access_key": disable_access_key}
