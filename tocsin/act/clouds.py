"""Ask AWS: what forwarders to its services have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tocsin.act.outbound import Outbound
from tocsin.act.posting import HttpSettings
from tocsin.errors import ActionError


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings(HttpSettings):
    """As whom and where to ask AWS.

    Attributes:
        region: of the service; otherwise that of the environment.
        role_arn: a role to assume; otherwise the credentials that the environment gives.
        external_id: what the role demands.
        endpoint: another address of the service, such as that of a private endpoint.
    """

    region: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint: str | None = None


@contextmanager
def client(settings: AwsSettings, service: Literal["s3", "securityhub", "sts"]) -> Iterator[Any]:
    """Give a client of a service; its own errors become ours.

    Raises:
        ActionError: AWS does not answer, or refuses.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    timeout = settings.timeout_seconds
    config = Config(
        connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 2}
    )
    try:
        _check(settings)
        session = _session(settings, config)
        made = session.client(service, endpoint_url=settings.endpoint, config=config)
        try:
            yield made
        finally:
            made.close()
    except ClientError as error:
        found = error.response.get("Error", {})
        text = f"{service}: {found.get('Code')}: {str(found.get('Message'))[:300]}"
        raise ActionError(text) from None
    except BotoCoreError as error:
        raise ActionError(f"{service}: {str(error)[:300]}") from None


def _session(settings: AwsSettings, config: Any) -> Any:
    import boto3

    session = boto3.Session(region_name=settings.region)
    if settings.role_arn is None:
        return session
    asked = {"RoleArn": settings.role_arn, "RoleSessionName": "tocsin-forward"}
    if settings.external_id:
        asked["ExternalId"] = settings.external_id
    sts = session.client("sts", endpoint_url=settings.endpoint, config=config)
    given = sts.assume_role(**asked)["Credentials"]
    return boto3.Session(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["SessionToken"],
        region_name=settings.region,
    )


def _check(settings: AwsSettings) -> None:
    """Refuse an endpoint that leads inside; the library's own endpoints are public."""
    if settings.endpoint is not None:
        from urllib.parse import urlsplit

        outbound = Outbound(settings.allow_private)
        outbound.check(settings.endpoint)
        parts = urlsplit(settings.endpoint)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        outbound.addresses(parts.hostname or "", port)
