"""Which logs of AWS accounts are on: CloudTrail, flow logs, resolver queries, EKS audit, GuardDuty.

Every call describes, lists or gets; nothing is changed. `iam:GenerateServiceLastAccessedDetails`
makes a report and is a right to read as well.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tocsin.collect.accounts import FALLBACK_REGION, ReachedAccount, Role, reached_accounts
from tocsin.collect.buckets import error_code
from tocsin.collect.log_states import LogState, named

_REPORT_TRIES = 20
_NEEDED = frozenset(
    ("cloudtrail", "ec2", "eks", "guardduty", "iam", "kms", "logs", "organizations")
    + ("route53resolver", "s3", "sqs", "sts")
)


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Where to look, and as whom.

    Attributes:
        regions: the regions to look at; otherwise all that the account has switched on.
        roles: to assume, as feeds do; otherwise the credentials at hand.
        endpoint_url: a stand-in for AWS.
    """

    regions: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    endpoint_url: str | None = None


class AwsCoverage:
    """Looks at the accounts that the credentials reach."""

    def __init__(
        self,
        settings: AwsSettings,
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._settings = settings
        self._pause = pause

    def examine(self) -> Iterator[LogState]:
        """Yield what is on and off; see `log_states.Examination`."""
        settings, problems = self._settings, dict[str, str]()
        found = reached_accounts(settings.roles, None, settings.endpoint_url, problems)
        for name, why in problems.items():
            kind = "role" if settings.roles else "rights"
            yield LogState(name, kind, None, f"does not answer: {why}")
        for account in found:
            if account.role is not None:
                yield LogState(str(account.role), "role", True, "can be assumed")
            yield from _told(account.uid, "aws.cloudtrail", partial(_trails, account))
            yield from _told(account.uid, "rights", partial(_rights, account, self._pause))
            for region in settings.regions or account.regions():
                yield from _regional(account, region)


def _regional(account: ReachedAccount, region: str) -> Iterator[LogState]:
    place = f"{account.uid} {region}"
    looks: Mapping[str, Callable[[], Iterator[LogState]]] = {
        "aws.vpc_flow": lambda: _flow_logs(account, region, place),
        "aws.route53_resolver": lambda: _resolver(account, region, place),
        "aws.eks_audit": lambda: _eks(account, region, place),
        "aws.guardduty": lambda: _guardduty(account, region, place),
    }
    for kind, look in looks.items():
        yield from _told(place, kind, look)


def _told(place: str, kind: str, look: Callable[[], Iterator[LogState]]) -> Iterator[LogState]:
    """Yield what a look finds out; where it may not look, say so."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield from look()
    except ClientError as error:
        yield LogState(place, kind, None, f"cannot be found out: {error_code(error)}: {error}")
    except (BotoCoreError, ResponseParserError) as error:
        yield LogState(place, kind, None, f"cannot be found out: {str(error).splitlines()[0]}")


def _trails(account: ReachedAccount) -> Iterator[LogState]:
    client = account.clients.of("cloudtrail", FALLBACK_REGION)
    trails = client.describe_trails(includeShadowTrails=True)["trailList"]
    logging = []
    for trail in trails:
        home = account.clients.of("cloudtrail", trail["HomeRegion"])
        if home.get_trail_status(Name=trail["TrailARN"])["IsLogging"]:
            logging.append((home, trail))
    everywhere = [trail["Name"] for _, trail in logging if trail.get("IsMultiRegionTrail")]
    yield LogState(
        account.uid,
        "aws.cloudtrail",
        bool(everywhere),
        f"trail {named(everywhere)} covers all regions"
        if everywhere
        else "no trail that logs covers all regions; `tocsin connect aws --terraform` makes one",
    )
    with_data = [trail["Name"] for home, trail in logging if _has_data_events(home, trail)]
    yield LogState(
        account.uid,
        "aws.cloudtrail_data",
        bool(with_data),
        f"trail {named(with_data)} has data events"
        if with_data
        else "no trail has data events: reading of objects is not seen; choose the buckets that"
        " matter with `aws cloudtrail put-event-selectors`",
    )


def _has_data_events(client: Any, trail: Mapping[str, Any]) -> bool:  # noqa: ANN401
    chosen = client.get_event_selectors(TrailName=trail["TrailARN"])
    if any(each.get("DataResources") for each in chosen.get("EventSelectors") or []):
        return True
    return any(
        field["Field"] == "eventCategory" and "Data" in field.get("Equals", [])
        for each in chosen.get("AdvancedEventSelectors") or []
        for field in each["FieldSelectors"]
    )


def _vpcs(account: ReachedAccount, region: str) -> list[str]:
    pages = account.clients.of("ec2", region).get_paginator("describe_vpcs").paginate()
    return [row["VpcId"] for page in pages for row in page["Vpcs"]]


def _flow_logs(account: ReachedAccount, region: str, place: str) -> Iterator[LogState]:
    pages = account.clients.of("ec2", region).get_paginator("describe_flow_logs").paginate()
    logged = {row["ResourceId"] for page in pages for row in page["FlowLogs"]}
    remedy = "`aws ec2 create-flow-logs` switches them on"
    yield from _of_vpcs(
        _vpcs(account, region), logged, LogState(place, "aws.vpc_flow", True, remedy)
    )


def _resolver(account: ReachedAccount, region: str, place: str) -> Iterator[LogState]:
    name = "list_resolver_query_log_config_associations"
    pages = account.clients.of("route53resolver", region).get_paginator(name).paginate()
    logged = {
        row["ResourceId"]
        for page in pages
        for row in page["ResolverQueryLogConfigAssociations"]
        if row["Status"] in ("ACTIVE", "CREATING")
    }
    remedy = "`aws route53resolver associate-resolver-query-log-config` switches it on"
    asked = LogState(place, "aws.route53_resolver", True, remedy)
    yield from _of_vpcs(_vpcs(account, region), logged, asked)


def _of_vpcs(vpcs: list[str], logged: set[str], asked: LogState) -> Iterator[LogState]:
    """Yield the state of a log that each VPC has or has not; `asked` says how to switch it on."""
    if not vpcs:
        return
    off = [vpc for vpc in vpcs if vpc not in logged]
    message = f"off for {named(off)}; {asked.message}" if off else f"on for {len(vpcs)} VPCs"
    yield replace(asked, is_on=not off, message=message, count=len(off))


def _eks(account: ReachedAccount, region: str, place: str) -> Iterator[LogState]:
    client = account.clients.of("eks", region)
    pages = client.get_paginator("list_clusters").paginate()
    clusters = [name for page in pages for name in page["clusters"]]
    if not clusters:
        return
    off = [name for name in clusters if not _is_audited(client.describe_cluster(name=name))]
    remedy = "`aws eks update-cluster-config --logging` switches it on"
    message = f"off for {named(off)}; {remedy}" if off else f"on for {len(clusters)} clusters"
    yield LogState(place, "aws.eks_audit", not off, message, len(off))


def _is_audited(described: Mapping[str, Any]) -> bool:
    logging = described["cluster"].get("logging") or {}
    return any(
        each.get("enabled") and "audit" in each.get("types", [])
        for each in logging.get("clusterLogging") or []
    )


def _guardduty(account: ReachedAccount, region: str, place: str) -> Iterator[LogState]:
    client = account.clients.of("guardduty", region)
    found = client.list_detectors()["DetectorIds"]
    is_on = any(client.get_detector(DetectorId=each)["Status"] == "ENABLED" for each in found)
    message = "on" if is_on else "off; `aws guardduty create-detector --enable` switches it on"
    yield LogState(place, "aws.guardduty", is_on, message)


def _rights(account: ReachedAccount, pause: Callable[[float], object]) -> Iterator[LogState]:
    """Tell services that our identity may use and Tocsin never does, and those never used."""
    client = account.clients.of("iam")
    job = client.generate_service_last_accessed_details(Arn=_identity(account.arn))["JobId"]
    for _ in range(_REPORT_TRIES):
        report = client.get_service_last_accessed_details(JobId=job)
        if report["JobStatus"] != "IN_PROGRESS":
            break
        pause(1.0)
    rows = report.get("ServicesLastAccessed", [])
    foreign = sorted(
        row["ServiceNamespace"] for row in rows if row["ServiceNamespace"] not in _NEEDED
    )
    unused = sorted(
        row["ServiceNamespace"]
        for row in rows
        if row["ServiceNamespace"] in _NEEDED and "LastAuthenticated" not in row
    )
    told = [f"may use {named(foreign, 8)}, which Tocsin never asks for"] if foreign else []
    told += [f"has never used its rights to {named(unused, 8)}"] if unused else []
    message = "; ".join(told) or f"only what is used: {len(rows)} services"
    yield LogState(account.uid, "rights", not foreign, f"{_identity(account.arn)} {message}")


def _identity(arn: str) -> str:
    """Return the role or user that IAM knows behind the identity that STS names."""
    _, partition, _, _, account, resource = arn.split(":", 5)
    kind, _, rest = resource.partition("/")
    if kind == "assumed-role":
        return f"arn:{partition}:iam::{account}:role/{rest.split('/')[0]}"
    return arn
