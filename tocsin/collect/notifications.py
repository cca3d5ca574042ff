"""Read what a queue says about new objects in S3.

Understood are messages of S3 itself, the same inside an SNS envelope, EventBridge's form, and the
notifications that CloudTrail sends to SNS. A message is only a hint that anybody who can write to
the queue may give: which buckets may be read is decided elsewhere.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html and
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/configure-cloudtrail-to-send-notifications.html
"""

from dataclasses import dataclass
from urllib.parse import unquote_plus

import msgspec


class NotANotification(Exception):  # noqa: N818 - its catcher makes it a reject
    """A message that says nothing about objects; the text is the reason."""


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """One object that a message or a listing names; `scheme` says in which cloud it is."""

    bucket: str
    key: str
    scheme: str = "s3"

    @property
    def url(self) -> str:
        """The `origin` of its records."""
        return f"{self.scheme}://{self.bucket}/{self.key}"

    @property
    def is_digest(self) -> bool:
        """Whether it proves the integrity of other files and holds no records."""
        return "/CloudTrail-Digest/" in self.key


class _Named(msgspec.Struct):
    name: str


class _Keyed(msgspec.Struct):
    key: str


class _Stored(msgspec.Struct):
    bucket: _Named
    object: _Keyed


class _Record(msgspec.Struct):
    event_name: str = msgspec.field(name="eventName", default="")
    s3: _Stored | None = None


class _Message(msgspec.Struct):
    records: list[_Record] | None = msgspec.field(name="Records", default=None)
    event: str = msgspec.field(name="Event", default="")
    kind: str = msgspec.field(name="Type", default="")
    inner: str = msgspec.field(name="Message", default="")
    detail_type: str = msgspec.field(name="detail-type", default="")
    detail: _Stored | None = None
    trail_bucket: str = msgspec.field(name="s3Bucket", default="")
    trail_keys: list[str] = msgspec.field(name="s3ObjectKey", default_factory=list)


_decode = msgspec.json.Decoder(_Message).decode


def read_notification(body: str) -> tuple[ObjectReference, ...]:
    """Return the created objects that a message names; none for S3's test event.

    Raises:
        NotANotification: it is something else.
    """
    message = _read(body)
    if message.kind == "Notification" and message.inner:
        message = _read(message.inner)
    if message.event == "s3:TestEvent":
        return ()
    if message.records is not None:
        created = [row for row in message.records if _is_creation(row.event_name)]
        return tuple(
            # S3 encodes keys as forms do: a space is a plus sign.
            ObjectReference(row.s3.bucket.name, unquote_plus(row.s3.object.key))
            for row in created
            if row.s3 is not None
        )
    if message.detail_type and message.detail is not None:
        if message.detail_type != "Object Created":
            return ()
        return (ObjectReference(message.detail.bucket.name, message.detail.object.key),)
    if message.trail_bucket:
        return tuple(ObjectReference(message.trail_bucket, key) for key in message.trail_keys)
    raise NotANotification("not_a_notification: it names no object in S3")


def _read(body: str) -> _Message:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise NotANotification(f"not_a_notification: {error}") from error


def _is_creation(event_name: str) -> bool:
    return event_name.removeprefix("s3:").startswith("ObjectCreated:")
