"""Talk to AWS: clients with short patience, a role if wanted, and typed errors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from tocsin.collect.notifications import ObjectReference
from tocsin.collect.objects import Listed, ObjectError
from tocsin.errors import SourceError

_BLOCK_BYTES = 1 << 20
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach an AWS account.

    Attributes:
        region: of queue and buckets; `None` takes the environment's.
        endpoint_url: of a stand-in for AWS; `None` for AWS itself.
        role_arn: role to assume with the credentials of the environment; `None` uses those.
        external_id: what the role's trust policy asks for.
    """

    region: str | None = None
    endpoint_url: str | None = None
    role_arn: str | None = None
    external_id: str | None = None


class S3Client(Protocol):
    """What is used of S3."""

    def get_object(self, **arguments: str) -> Mapping[str, Any]:
        """Open an object."""
        ...

    def list_objects_v2(self, **arguments: str) -> Mapping[str, Any]:
        """List keys in their order."""
        ...


class LogsClient(Protocol):
    """What is used of CloudWatch Logs."""

    def filter_log_events(self, **arguments: object) -> Mapping[str, Any]:
        """Return events of a log group, oldest first."""
        ...

    def describe_log_groups(self, **arguments: object) -> Mapping[str, Any]:
        """List log groups by prefix."""
        ...


class TrailClient(Protocol):
    """What is used of CloudTrail."""

    def list_public_keys(self, **arguments: object) -> Mapping[str, Any]:
        """Return the keys that digests of a span of time are signed with."""
        ...


class SqsClient(Protocol):
    """What is used of SQS."""

    def receive_message(self, **arguments: object) -> Mapping[str, Any]:
        """Take messages."""
        ...

    def delete_message_batch(self, **arguments: object) -> Mapping[str, Any]:
        """Delete messages."""
        ...

    def change_message_visibility_batch(self, **arguments: object) -> Mapping[str, Any]:
        """Keep messages from others for a while."""
        ...


class Clients:
    """The clients of one account, made when first used."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @cached_property
    def s3(self) -> S3Client:
        """The client of S3."""
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def sqs(self) -> SqsClient:
        """The client of SQS."""
        client: SqsClient = self._client("sqs")
        return client

    @cached_property
    def logs(self) -> LogsClient:
        """The client of CloudWatch Logs."""
        client: LogsClient = self._client("logs")
        return client

    @cached_property
    def cloudtrail(self) -> TrailClient:
        """The client of CloudTrail."""
        client: TrailClient = self._client("cloudtrail")
        return client

    def of(self, name: str, region: str | None = None) -> Any:  # noqa: ANN401
        """Return the client of any service and region; typed loosely, as boto3's own are."""
        return self._client(name, region)

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401
        return _session(self._account)

    def _client(self, name: str, region: str | None = None) -> Any:  # noqa: ANN401
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        patience = Config(
            connect_timeout=5,
            read_timeout=40,
            retries={"mode": "standard", "max_attempts": _ATTEMPTS},
        )
        try:
            return self._session.client(
                name,
                region_name=region,
                endpoint_url=self._account.endpoint_url,
                config=patience,
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise SourceError(f"AWS cannot be reached: {error}") from error


def _session(account: Account) -> Any:  # noqa: ANN401
    """Return a boto3 session, of the role where there is one, with credentials that renew."""
    import boto3
    import botocore.session
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        DeferredRefreshableCredentials,
    )

    # Typed loosely: boto3's own types list every service of AWS.
    own: Any = boto3.Session(region_name=account.region)
    if account.role_arn is None:
        return own
    arguments = {"RoleSessionName": "tocsin"}
    if account.external_id is not None:
        arguments["ExternalId"] = account.external_id

    def create_client(name: str, **options: object) -> Any:  # noqa: ANN401
        region = {"region_name": account.region} if account.region else {}
        return own.client(name, endpoint_url=account.endpoint_url, **{**options, **region})

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create_client,
        source_credentials=own.get_credentials(),
        role_arn=account.role_arn,
        extra_args=arguments,
    )

    class Assumed(CredentialProvider):
        METHOD = "tocsin-assume-role"

        def load(self) -> DeferredRefreshableCredentials:
            return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)

    assumed = botocore.session.Session()
    assumed.get_component("credential_provider").insert_before("env", Assumed())
    return boto3.Session(botocore_session=assumed, region_name=account.region)


@dataclass(frozen=True, slots=True)
class S3Objects:
    """The buckets that a client of S3 reads; see `Objects`."""

    client: S3Client

    def blocks(self, reference: ObjectReference, offset: int) -> Iterator[bytes]:
        """Yield the bytes of an object from `offset` on; see `object_blocks`."""
        return object_blocks(self.client, reference, offset)

    def listed(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield objects in order of their keys; see `list_objects`."""
        return list_objects(self.client, bucket, prefix, after)


def object_blocks(client: S3Client, reference: ObjectReference, offset: int) -> Iterator[bytes]:
    """Yield the bytes of an object from `offset` on, in blocks of at most 1 MiB.

    Raises:
        ObjectError: it cannot be opened or its transfer broke off.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    span = {"Range": f"bytes={offset}-"} if offset else {}
    try:
        opened = client.get_object(Bucket=reference.bucket, Key=reference.key, **span)
        body = opened["Body"]
        try:
            yield from body.iter_chunks(_BLOCK_BYTES)
        finally:
            body.close()
    except ClientError as error:
        code = error_code(error)
        if offset and code == "InvalidRange":
            return
        raise ObjectError(reference, code, error) from error
    except BotoCoreError as error:
        raise ObjectError(reference, type(error).__name__, error) from error


def list_objects(client: S3Client, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
    """Yield the objects below `prefix` whose keys sort after `after`, in order of keys.

    Raises:
        SourceError: the bucket cannot be listed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    continued = {"StartAfter": after} if after else {}
    while True:
        try:
            page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, **continued)
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"s3://{bucket}/{prefix} cannot be listed: {error}") from error
        for row in page.get("Contents", []):
            yield Listed(ObjectReference(bucket, row["Key"]), row["LastModified"])
        if not page.get("IsTruncated"):
            return
        continued = {"ContinuationToken": page["NextContinuationToken"]}


def error_code(error: Exception) -> str:
    """Return AWS's code of a `ClientError`."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "Unknown"))
