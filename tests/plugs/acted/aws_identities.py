"""Users, roles and accounts, in moto."""

import json
import os
from collections.abc import Callable
from typing import Any

import requests

from tests.plugs.acted.aws_stage import ACCOUNT, client, stage, target, wanted
from tests.plugs.acted.stage import PURPOSE, Stage
from tocsin.act.actions.aws_attach_scp import AwsAttachScp, ScpArguments
from tocsin.act.actions.aws_deny_role import AwsDenyRole
from tocsin.act.actions.aws_deny_user import AwsDenyUser
from tocsin.act.actions.aws_restore_trust import AwsRestoreTrust, TrustArguments
from tocsin.act.actions.aws_revoke_role_sessions import AwsRevokeRoleSessions
from tocsin.act.actions.aws_set_permissions_boundary import (
    AwsSetPermissionsBoundary,
    BoundaryArguments,
)
from tocsin.act.aws_calls import NoArguments
from tocsin.act.aws_deny import DENY_ALL

ROLE = f"arn:aws:iam::{ACCOUNT}:role/builder"
STRANGER = "444455556666"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Ours",
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
        {
            "Sid": "Backdoor",
            "Effect": "Allow",
            "Principal": {"AWS": [f"arn:aws:iam::{STRANGER}:root", f"arn:aws:iam::{ACCOUNT}:root"]},
            "Action": "sts:AssumeRole",
        },
    ],
}


def deny_user(url: str) -> Stage:
    with_policies_of_aws(url)
    iam = client(url, "iam")
    iam.create_user(UserName="mallory")
    iam.create_policy(PolicyName="Other", PolicyDocument=json.dumps(_allow("s3:ListBucket")))
    other = f"arn:aws:iam::{ACCOUNT}:policy/Other"
    iam.attach_user_policy(UserName="mallory", PolicyArn=other)

    def attached() -> list[Any]:
        found = iam.list_attached_user_policies(UserName="mallory")["AttachedPolicies"]
        return sorted(each["PolicyArn"] for each in found)

    def replaced() -> None:
        for arn in attached():
            iam.detach_user_policy(UserName="mallory", PolicyArn=arn)
        iam.delete_user(UserName="mallory")
        iam.create_user(UserName="mallory")

    return stage(
        url,
        AwsDenyUser(NoArguments()),
        target("user", f"arn:aws:iam::{ACCOUNT}:user/mallory", "mallory"),
        target("user", f"arn:aws:iam::{ACCOUNT}:user/nobody", "nobody"),
        snapshot=attached,
        meddle=replaced,
        expected=wanted(lambda: attached() == sorted([other, DENY_ALL])),
    )


def deny_role(url: str) -> Stage:
    with_policies_of_aws(url)
    iam = _with_role(url)

    def attached() -> list[Any]:
        found = iam.list_attached_role_policies(RoleName="builder")["AttachedPolicies"]
        return sorted(each["PolicyArn"] for each in found)

    def replaced() -> None:
        iam.detach_role_policy(RoleName="builder", PolicyArn=DENY_ALL)
        iam.delete_role(RoleName="builder")
        _with_role(url)

    return stage(
        url,
        AwsDenyRole(NoArguments()),
        target("role", ROLE, "builder"),
        target("role", f"{ROLE}2", "builder2"),
        snapshot=attached,
        meddle=replaced,
        expected=wanted(lambda: attached() == [DENY_ALL]),
    )


def revoke_role_sessions(url: str) -> Stage:
    iam = _with_role(url)
    iam.put_role_policy(
        RoleName="builder", PolicyName="own", PolicyDocument=json.dumps(_allow("s3:*"))
    )
    name = f"tocsin-revoke-{PURPOSE.request_uid}"

    def policies() -> dict[str, Any]:
        names = iam.list_role_policies(RoleName="builder")["PolicyNames"]
        return {
            each: iam.get_role_policy(RoleName="builder", PolicyName=each)["PolicyDocument"]
            for each in names
        }

    def is_revoked() -> bool:
        statement = policies()[name]["Statement"][0]
        condition = {"DateLessThan": {"aws:TokenIssueTime": "2026-11-23T09:00:00Z"}}
        return bool(statement["Effect"] == "Deny" and statement["Condition"] == condition)

    return stage(
        url,
        AwsRevokeRoleSessions(NoArguments()),
        target("role", ROLE, "builder"),
        target("role", f"{ROLE}2", "builder2"),
        snapshot=policies,
        meddle=lambda: iam.put_role_policy(
            RoleName="builder", PolicyName=name, PolicyDocument=json.dumps(_allow("s3:*"))
        ),
        expected=wanted(is_revoked),
    )


def set_permissions_boundary(url: str) -> Stage:
    iam = _with_role(url)
    old = "arn:aws:iam::aws:policy/PowerUserAccess"
    new = "arn:aws:iam::aws:policy/SecurityAudit"
    iam.put_role_permissions_boundary(RoleName="builder", PermissionsBoundary=old)

    def boundary() -> Any:
        return iam.get_role(RoleName="builder")["Role"].get("PermissionsBoundary")

    return stage(
        url,
        AwsSetPermissionsBoundary(BoundaryArguments()),
        target("role", ROLE, "builder"),
        target("role", f"{ROLE}2", "builder2"),
        snapshot=boundary,
        meddle=lambda: iam.delete_role_permissions_boundary(RoleName="builder"),
        expected=wanted(lambda: boundary()["PermissionsBoundaryArn"] == new),
    )


def restore_trust(url: str) -> Stage:
    iam = _with_role(url)

    def trust() -> Any:
        return iam.get_role(RoleName="builder")["Role"]["AssumeRolePolicyDocument"]

    def meddle() -> None:
        ours = {**TRUST, "Statement": TRUST["Statement"][:1]}
        iam.update_assume_role_policy(RoleName="builder", PolicyDocument=json.dumps(ours))

    def is_restored() -> bool:
        first, second = trust()["Statement"]
        kept = {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]}
        return bool(first == TRUST["Statement"][0] and second["Principal"] == kept)

    return stage(
        url,
        AwsRestoreTrust(TrustArguments(principal=STRANGER)),
        target("role", ROLE, "builder"),
        target("role", f"{ROLE}2", "builder2"),
        snapshot=trust,
        meddle=meddle,
        expected=wanted(is_restored),
    )


def attach_scp(url: str) -> Stage:
    organizations = client(url, "organizations")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(Email="a@example.com", AccountName="team")
    account = made["CreateAccountStatus"]["AccountId"]
    content = json.dumps({"Version": "2012-10-17", "Statement": []})
    policy = organizations.create_policy(
        Name="stop", Description="", Type="SERVICE_CONTROL_POLICY", Content=content
    )["Policy"]["PolicySummary"]["Id"]

    def attached() -> list[Any]:
        found = organizations.list_policies_for_target(
            TargetId=account, Filter="SERVICE_CONTROL_POLICY"
        )
        return sorted(each["Id"] for each in found["Policies"])

    return stage(
        url,
        AwsAttachScp(ScpArguments(policy=policy)),
        target("account", account),
        target("account", STRANGER),
        snapshot=attached,
        meddle=lambda: organizations.remove_account_from_organization(AccountId=account),
        expected=wanted(lambda: policy in attached()),
    )


def with_policies_of_aws(url: str) -> None:
    """Start anew with the managed policies that AWS has in every account."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    try:
        requests.post(f"{url}/moto-api/reset", timeout=60)
        client(url, "iam").list_users()
    finally:
        del os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"]


def _with_role(url: str) -> Any:
    iam = client(url, "iam")
    iam.create_role(RoleName="builder", AssumeRolePolicyDocument=json.dumps(TRUST))
    return iam


def _allow(action: str) -> object:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


STAGES: dict[str, Callable[[str], Stage]] = {
    "aws_attach_scp": attach_scp,
    "aws_deny_role": deny_role,
    "aws_deny_user": deny_user,
    "aws_restore_trust": restore_trust,
    "aws_revoke_role_sessions": revoke_role_sessions,
    "aws_set_permissions_boundary": set_permissions_boundary,
}
