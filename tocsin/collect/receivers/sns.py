"""Take what SNS topics deliver over HTTPS: `POST /sns/{feed}`.

Every message is checked against the certificate of SNS in the topic's region, and only topics that
the feed names are listened to. A subscription is confirmed by visiting its address, if that is one
of SNS in the same region. Raw delivery carries no signature: it is taken only with a token.
Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.fetching import Fetch, Fetcher
from tocsin.collect.intake import Intake, Refusal
from tocsin.collect.posting import OptionalToken, Payload, by_name, commit_payloads, named_feed
from tocsin.collect.trust import (
    Clock,
    Forged,
    Kept,
    certificate_key,
    utc_now,
    verify_rsa,
)
from tocsin.errors import SettingsError, SourceError

_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):\S{1,256}")
_HOST = re.compile(r"sns\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com(\.cn)?")
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem")
_CERTIFICATE_NAME = re.compile(r"sns[a-z0-9.-]*\.amazonaws\.com(\.cn)?")
# SNS tries for an hour at most; what comes later is a replay.
_OLDEST = timedelta(hours=2)
_YOUNGEST = timedelta(minutes=15)
_HASHES = {"1": "SHA1", "2": "SHA256"}
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsFeed(PushFeed):
    """Messages of SNS topics.

    Attributes:
        token_hash: the password in the address that SNS is given
            (`https://sns:TOKEN@host/sns/NAME`); needed for raw delivery, otherwise one more lock.
        topics: ARNs of the topics that may send.
    """

    topics: tuple[str, ...]
    token_hash: OptionalToken = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Refuse what can never be heard."""
        wrong = [topic for topic in self.topics if not _ARN.fullmatch(topic)]
        if wrong or not self.topics:
            found = f", not {wrong[0]!r}" if wrong else ""
            raise SettingsError(f"`topics` must hold ARNs of SNS topics{found}")


@dataclass(frozen=True, slots=True)
class SnsSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[SnsFeed, ...]


class Sns:
    """Receives notifications of SNS topics."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(
        self,
        settings: SnsSettings,
        *,
        fetch: Fetch | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Take the feeds.

        Raises:
            SettingsError: signatures cannot be checked.
        """
        self._feeds = by_name(settings.feeds)
        self._clock = clock
        self._fetch = fetch or Fetcher(lambda host: _HOST.fullmatch(host) is not None)
        self._keys = Kept(
            self._fetch, lambda pem: certificate_key(pem, clock(), _CERTIFICATE_NAME), clock
        )

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /sns/{feed}`."""

        async def take_message(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            if feed.token_hash:
                intake.authorize(request, [feed])
            async with intake.body(request) as body:
                payload = await self._payload(request, body, feed)
                del body
                if payload is None:
                    return JSONResponse({})
                await commit_payloads(intake, [payload], feed)
            return JSONResponse({})

        return [Route("/sns/{feed}", take_message, methods=["POST"])]

    async def _payload(self, request: Request, body: bytes, feed: SnsFeed) -> Payload | None:
        """Return what a notification holds; `None` where a message is only for us."""
        if request.headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            return _raw(request, body, feed)
        message = _read(body)
        if message.TopicArn not in feed.topics:
            raise Refusal(403, "this feed does not listen to that topic")
        try:
            await self._verify(message)
            if message.Type == "SubscriptionConfirmation":
                await self._fetch(_subscribe_url(message))
        except Forged as forged:
            raise Refusal(403, str(forged)) from forged
        except SourceError as error:
            # SNS tries again after 5xx only.
            raise Refusal(503, "SNS cannot be asked now", retry_after_seconds=30) from error
        if message.Type != "Notification":
            return None
        return Payload(message.Message.encode("utf-8", "replace"), message.MessageId)

    async def _verify(self, message: "_Message") -> None:
        now = self._clock()
        sent = _time_of(message)
        if not now - _OLDEST < sent < now + _YOUNGEST:
            raise Forged("the message is too old, or of the future")
        url = urlsplit(message.SigningCertURL)
        is_theirs = url.netloc == _host_of(message) and _CERTIFICATE_PATH.fullmatch(url.path)
        if not is_theirs or url.scheme != "https" or url.query or url.fragment:
            raise Forged("the address of the signing certificate is not one of SNS")
        key = await self._keys.get(message.SigningCertURL)
        verify_rsa(key, _signature(message), _signed(message), _HASHES[message.SignatureVersion])


class _Message(msgspec.Struct):
    Type: str
    MessageId: str
    TopicArn: str
    Timestamp: str
    SigningCertURL: str
    Signature: str
    SignatureVersion: str
    Message: str
    Subject: str | None = None
    SubscribeURL: str | None = None
    Token: str | None = None


def _read(body: bytes) -> _Message:
    try:
        message = msgspec.json.decode(body, type=_Message)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "this is no message of SNS") from error
    if message.Type not in _SIGNED or message.SignatureVersion not in _HASHES:
        raise Refusal(400, "this is no message of SNS that is known")
    return message


def _raw(request: Request, body: bytes, feed: SnsFeed) -> Payload:
    if not feed.token_hash:
        raise Refusal(403, "raw delivery is not signed: give the feed a token, or switch it off")
    if request.headers.get("x-amz-sns-topic-arn") not in feed.topics:
        raise Refusal(403, "this feed does not listen to that topic")
    return Payload(body, request.headers.get("x-amz-sns-message-id", ""))


def _host_of(message: _Message) -> str:
    """Return the host of SNS in the topic's region; the topic is one that the feed names."""
    partition, region = message.TopicArn.split(":")[1:4:2]
    return f"sns.{region}.amazonaws.com" + (".cn" if partition == "aws-cn" else "")


def _time_of(message: _Message) -> datetime:
    try:
        sent = datetime.fromisoformat(message.Timestamp)
    except ValueError as error:
        raise Forged("the message says no time") from error
    return sent if sent.tzinfo else sent.replace(tzinfo=UTC)


def _signature(message: _Message) -> bytes:
    try:
        return base64.b64decode(message.Signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Forged("the signature cannot be read") from error


def _signed(message: _Message) -> bytes:
    parts = [(name, getattr(message, name)) for name in _SIGNED[message.Type]]
    text = "".join(f"{name}\n{value}\n" for name, value in parts if value is not None)
    return text.encode("utf-8", "replace")


def _subscribe_url(message: _Message) -> str:
    """Return the address that confirms a subscription.

    Raises:
        Forged: it leads elsewhere, or does something else.
    """
    url = urlsplit(message.SubscribeURL or "")
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    wanted = {"Action": "ConfirmSubscription", "TopicArn": message.TopicArn, "Token": message.Token}
    is_theirs = (url.scheme, url.netloc, url.path) == ("https", _host_of(message), "/")
    if not is_theirs or asked != wanted:
        raise Forged("the address of the subscription is not one of SNS")
    return message.SubscribeURL or ""
