"""Ask S3 and SQS once, with the calls that reading makes, and take nothing: for `tocsin doctor`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from tocsin.collect.buckets import S3Client, SqsClient
from tocsin.errors import SourceError

_TOLERANCE = timedelta(minutes=4)
"""AWS refuses requests that are signed with a clock five minutes off."""


def probe_queue(client: SqsClient, url: str) -> str:
    """Receive at most one message without keeping it from others; say that the queue answered.

    Raises:
        SourceError: the queue cannot be read with these credentials, or the clock is off.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=0, VisibilityTimeout=0
        )
    except (BotoCoreError, ClientError) as error:
        raise SourceError(f"the queue cannot be read: {error}") from error
    return f"the queue answers{_clock(answer)}"


def probe_buckets(client: S3Client, buckets: Sequence[str], prefix: str) -> str:
    """List one key of each bucket; say that they answered.

    Raises:
        SourceError: a bucket cannot be listed with these credentials, or the clock is off.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    answer: Mapping[str, Any] = {}
    for bucket in buckets:
        try:
            answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)  # type: ignore[arg-type] # a number, as AWS documents it
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"bucket {bucket} cannot be listed: {error}") from error
    return f"{len(buckets)} buckets answer{_clock(answer)}"


def _clock(answer: Mapping[str, Any]) -> str:
    """Compare our clock with the other side's, which stands in every answer."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return ""
    skew = abs(datetime.now(UTC) - parsedate_to_datetime(date))
    if skew > _TOLERANCE:
        raise SourceError(f"the clock is {skew} off that of AWS; set it by NTP")
    return f", the clock is {skew.total_seconds():.0f} s off theirs"
