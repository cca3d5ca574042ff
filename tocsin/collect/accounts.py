"""Find out which AWS accounts and regions the credentials at hand, or roles, reach."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from tocsin.collect.buckets import Account, Clients
from tocsin.errors import SourceError

FALLBACK_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class ReachedAccount:
    """An account that answers.

    Attributes:
        uid: its twelve digits.
        arn: who we are there.
        clients: make clients for it.
    """

    uid: str
    arn: str
    clients: Clients

    def regions(self) -> tuple[str, ...]:
        """Return the regions that are switched on; all known ones where nobody may say."""
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.clients.of("ec2", FALLBACK_REGION).describe_regions()
            return tuple(sorted(row["RegionName"] for row in answer["Regions"]))
        except (BotoCoreError, ClientError):
            partition = self.arn.split(":")[1]
            known = boto3.Session().get_available_regions("cloudtrail", partition_name=partition)
            return tuple(sorted(known))


def reached_accounts(
    role_arns: Sequence[str],
    external_id: str | None,
    organization_role: str | None,
    endpoint_url: str | None,
    problems: MutableMapping[str, str],
) -> list[ReachedAccount]:
    """Return the accounts that answer; those that do not are told in `problems`.

    Args:
        role_arns: roles to assume; without any, the credentials at hand are used as they are.
        external_id: what the trust policies ask for.
        organization_role: the name of a role in every account of the organization, which the
            credentials at hand can list.
        endpoint_url: a stand-in for AWS.
        problems: by account or role, why it does not answer.

    Raises:
        SourceError: none answers.
    """
    found = []
    try:
        roles: Sequence[str | None] = tuple(role_arns)
        if organization_role is not None:
            own = Clients(Account(FALLBACK_REGION, endpoint_url))
            roles = (*roles, *_roles_of_organization(own, organization_role))
    except SourceError as error:
        raise SourceError(f"the organization cannot be listed: {error}") from error
    for role in roles or (None,):
        try:
            found.append(_reached(Account(FALLBACK_REGION, endpoint_url, role, external_id)))
        except SourceError as error:
            problems[role or "credentials"] = str(error)
    if not found:
        name, why = next(iter(problems.items()), ("organization", "it has no active accounts"))
        raise SourceError(f"no AWS account answers: {name}: {why}")
    return found


def _reached(account: Account) -> ReachedAccount:
    from botocore.exceptions import BotoCoreError, ClientError

    clients = Clients(account)
    try:
        identity = clients.of("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SourceError(str(error)) from error
    return ReachedAccount(identity["Account"], identity["Arn"], clients)


def _roles_of_organization(own: Clients, name: str) -> tuple[str, ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        partition = own.of("sts").get_caller_identity()["Arn"].split(":")[1]
        pages = own.of("organizations").get_paginator("list_accounts").paginate()
        accounts = [row for page in pages for row in page["Accounts"]]
    except (BotoCoreError, ClientError) as error:
        raise SourceError(str(error)) from error
    return tuple(
        f"arn:{partition}:iam::{row['Id']}:role/{name}"
        for row in accounts
        if row["Status"] == "ACTIVE"
    )
