"""Find out which AWS accounts and regions the credentials at hand, or roles, reach."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from itertools import islice

from tocsin.collect.buckets import Account, Clients
from tocsin.errors import SourceError

FALLBACK_REGION = "us-east-1"
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Role:
    """A role to assume.

    Attributes:
        arn: its name.
        external_id: what its trust policy asks for.
        feeds: the feeds of the settings that assume it so.
    """

    arn: str
    external_id: str | None = None
    feeds: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the role and who assumes it."""
        return f"{self.arn} of {', '.join(self.feeds)}" if self.feeds else self.arn


@dataclass(frozen=True, slots=True)
class ReachedAccount:
    """An account that answers.

    Attributes:
        uid: its twelve digits.
        arn: who we are there.
        clients: make clients for it.
        role: which we assumed; `None` with the credentials at hand.
    """

    uid: str
    arn: str
    clients: Clients
    role: Role | None = None

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
    roles: Sequence[Role],
    organization_role: Role | None,
    endpoint_url: str | None,
    problems: MutableMapping[str, str],
) -> list[ReachedAccount]:
    """Return the accounts that answer; those that do not are told in `problems`.

    Args:
        roles: to assume; without any, the credentials at hand are used as they are.
        organization_role: a role in every account of the organization, which the credentials at
            hand can list; its `arn` is its name alone.
        endpoint_url: a stand-in for AWS.
        problems: by account or role, why it does not answer.

    Raises:
        SourceError: none answers.
    """
    found: list[ReachedAccount] = []
    try:
        if organization_role is not None:
            own = Clients(Account(FALLBACK_REGION, endpoint_url))
            roles = (*roles, *_roles_of_organization(own, organization_role))
    except SourceError as error:
        raise SourceError(f"the organization cannot be listed: {error}") from error
    for role in roles or (None,):
        try:
            found.append(_reached(endpoint_url, role))
        except SourceError as error:
            problems[str(role or "credentials")] = str(error)
    if not found:
        told = problems or {"organization": "it has no active accounts"}
        whys = "; ".join(f"{name}: {why}" for name, why in islice(told.items(), _MOST_TOLD))
        raise SourceError(f"no AWS account answers: {whys}")
    return found


def _reached(endpoint_url: str | None, role: Role | None) -> ReachedAccount:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    assumed = (role.arn, role.external_id) if role else ()
    clients = Clients(Account(FALLBACK_REGION, endpoint_url, *assumed))
    try:
        identity = clients.of("sts").get_caller_identity()
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise SourceError(str(error).partition("\n")[0]) from error
    return ReachedAccount(identity["Account"], identity["Arn"], clients, role)


def _roles_of_organization(own: Clients, role: Role) -> tuple[Role, ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        partition = own.of("sts").get_caller_identity()["Arn"].split(":")[1]
        pages = own.of("organizations").get_paginator("list_accounts").paginate()
        accounts = [row for page in pages for row in page["Accounts"]]
    except (BotoCoreError, ClientError) as error:
        raise SourceError(str(error)) from error
    return tuple(
        Role(f"arn:{partition}:iam::{row['Id']}:role/{role.arn}", role.external_id)
        for row in accounts
        if row["Status"] == "ACTIVE"
    )
