"""Calls through the real broker reach the cloud with credentials that only it has."""

import os
from contextlib import suppress

import boto3
import pytest
import requests

from tests.collect.conftest import aws
from tocsin.errors import ActionError, TargetGoneError
from tocsin.isolate.broker import BrokerError
from tocsin.respond.actions import Call
from tocsin.run.brokering import BrokeredCaller, opened
from tocsin.settings import load

__all__ = ["aws"]

ACCOUNT = "123456789012"


@pytest.fixture
def iam(aws):
    requests.post(f"{aws}/moto-api/reset", timeout=60)
    options = {"endpoint_url": aws, "region_name": "us-east-1"}
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not-a-secret"}
    client = boto3.client("iam", **options, **keys)
    client.create_user(UserName="mallory")
    return client


@pytest.fixture
def config(aws, tmp_path):
    path = tmp_path / "tocsin.yaml"
    path.write_text(
        f"response: {{accounts: [{{kind: aws, account: '{ACCOUNT}', endpoint: '{aws}'}}]}}\n"
    )
    return path


@pytest.fixture
def environ():
    """Of a process that has credentials for the broker and none for itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TOCSIN_BROKER_AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "TOCSIN_BROKER_AWS_SECRET_ACCESS_KEY": "not-a-secret",
    }


@pytest.fixture
def caller(config, environ):
    broker = opened(config, environ)
    with broker:
        yield BrokeredCaller(broker, "aws", ACCOUNT)


def test_a_call_is_made_with_what_only_the_broker_knows(caller, iam, environ):
    key = iam.create_access_key(UserName="mallory")["AccessKey"]["AccessKeyId"]
    given = {"UserName": "mallory", "AccessKeyId": key, "Status": "Inactive"}

    caller.call(Call("iam", "update_access_key", given))

    listed = caller.call(Call("iam", "list_access_keys", {"UserName": "mallory"}))
    assert [each["Status"] for each in listed["AccessKeyMetadata"]] == ["Inactive"]
    assert listed["AccessKeyMetadata"][0]["CreateDate"].endswith("+00:00")
    assert "not-a-secret" not in environ.values()


def test_errors_keep_their_meaning(caller, iam):
    with pytest.raises(TargetGoneError, match="NoSuchEntity"):
        caller.call(Call("iam", "get_user", {"UserName": "nobody"}))
    with pytest.raises(ActionError, match="iam has no call 'burn_down'"):
        caller.call(Call("iam", "burn_down", {}))


def test_an_account_that_is_not_in_the_settings_is_named(caller):
    stranger = BrokeredCaller(caller.broker, "aws", "999999999999")

    with pytest.raises(ActionError, match="no account '999999999999' of aws"):
        stranger.call(Call("iam", "list_users", {}))


def test_a_role_is_assumed_and_a_foreign_one_refused(config, environ, aws, iam, tmp_path):
    trust = '{"Version": "2012-10-17", "Statement": []}'
    role = iam.create_role(RoleName="respond", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    config.write_text(
        f"response: {{accounts: [{{kind: aws, account: '{ACCOUNT}', endpoint: '{aws}',"
        f" role_arn: '{role}', external_id: made-by-tocsin}}]}}\n"
    )
    broker = opened(config, environ)
    with broker:
        caller = BrokeredCaller(broker, "aws", ACCOUNT, session_name="tocsin-respond-1")
        who = caller.call(Call("sts", "get_caller_identity", {}))

    assert who["Arn"].endswith("assumed-role/respond/tocsin-respond-1")


def test_a_broker_that_died_is_begun_anew_and_says_what_it_lacks(caller, iam):
    os.kill(caller.broker.process_id, 9)
    with suppress(ActionError):
        caller.call(Call("iam", "list_users", {}))

    with pytest.raises(ActionError, match=r"TOCSIN_BROKER_\w+ went with the broker that ended"):
        caller.call(Call("iam", "delete_user", {"UserName": "mallory"}))

    assert iam.get_user(UserName="mallory")


def test_settings_that_are_wrong_are_told_by_the_broker(tmp_path, environ):
    path = tmp_path / "tocsin.yaml"
    path.write_text("response: {accounts: [{kind: asw}]}\n")

    with pytest.raises(BrokerError, match=r"(?s)does not start: .*tocsin\.yaml:1"):
        opened(path, environ)


def test_this_process_reads_its_own_settings_without_the_secrets(config, environ):
    with opened(config, environ):
        assert environ["TOCSIN_BROKER_AWS_SECRET_ACCESS_KEY"] == "held by the broker"
        assert load(config, environ).response.accounts


def test_without_variables_of_its_own_it_starts_when_it_is_first_asked(config, environ, iam):
    plain = {name.removeprefix("TOCSIN_BROKER_"): value for name, value in environ.items()}

    with opened(config, plain) as broker:
        assert broker.process_id is None
        BrokeredCaller(broker, "aws", ACCOUNT).call(Call("iam", "list_users", {}))
        os.kill(broker.process_id, 9)
        with suppress(ActionError):
            BrokeredCaller(broker, "aws", ACCOUNT).call(Call("iam", "list_users", {}))
        found = BrokeredCaller(broker, "aws", ACCOUNT).call(Call("iam", "list_users", {}))

    assert [each["UserName"] for each in found["Users"]] == ["mallory"]
