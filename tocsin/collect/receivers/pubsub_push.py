"""Take what Pub/Sub push subscriptions deliver: `POST /pubsub/{feed}`.

Google signs each request with a web token (OpenID Connect) of the service account that the
subscription was given; the token's signature, issuer, audience, account and times are checked.
Source: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.fetching import Fetch, Fetcher
from tocsin.collect.intake import Intake, Refusal
from tocsin.collect.posting import Payload, by_name, commit, json_or_text, named_feed
from tocsin.collect.trust import (
    Clock,
    Forged,
    Kept,
    jwks_keys,
    token_key_uid,
    utc_now,
    verified_claims,
)
from tocsin.errors import SourceError
from tocsin.values import Unwritten

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
_KEYS_HOST = "www.googleapis.com"
# A token may be signed by a key that is younger than what is kept.
_NEW_KEY_AGE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PubsubPushFeed(PushFeed):
    """Messages of Pub/Sub push subscriptions.

    Attributes:
        token_hash: none: Google proves itself by a web token.
        audience: what the subscription names as audience of its tokens; by default the address
            that it pushes to.
        email: the service account that the subscription's tokens are issued to.
        record: `data` takes the data of a message; `message` also its attributes, id, time and
            subscription.
        is_wrapped: whether the data comes in a message; `false` for subscriptions that are set to
            no wrapping.
    """

    audience: str
    email: str
    record: Literal["data", "message"] = "data"
    is_wrapped: bool = True
    token_hash: Annotated[bytes, Unwritten()] = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class PubsubPushSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[PubsubPushFeed, ...]


class PubsubPush:
    """Receives messages of push subscriptions."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(
        self,
        settings: PubsubPushSettings,
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
        fetch = fetch or Fetcher(lambda host: host == _KEYS_HOST)
        self._keys = Kept(fetch, jwks_keys, clock)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /pubsub/{feed}`."""

        async def take_message(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            await self._verify(request, feed)

            def read(body: bytes) -> list[Payload]:
                uid = request.headers.get("x-goog-pubsub-message-id", "")
                return [_payload(body, feed) if feed.is_wrapped else Payload(body, uid)]

            return JSONResponse(await commit(intake, request, read, feed))

        return [Route("/pubsub/{feed}", take_message, methods=["POST"])]

    async def _verify(self, request: Request, feed: PubsubPushFeed) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "the web token of the subscription is missing")
        try:
            uid = token_key_uid(token)
            keys = await self._keys.get(_KEYS)
            if uid not in keys and self._keys.forget(_KEYS, _NEW_KEY_AGE):
                keys = await self._keys.get(_KEYS)
            claims = verified_claims(token, keys, self._clock())
        except Forged as forged:
            raise Refusal(401, str(forged)) from forged
        except SourceError as error:
            raise Refusal(503, "the keys of Google cannot be fetched now", 30) from error
        is_ours = hmac.compare_digest(claims.aud.encode(), feed.audience.encode())
        is_theirs = hmac.compare_digest(claims.email.encode(), feed.email.encode())
        if claims.iss not in _ISSUERS or not claims.email_verified or not is_ours or not is_theirs:
            raise Refusal(401, "the web token is not meant for this feed")


class _Message(msgspec.Struct, rename="camel"):
    data: str = ""
    attributes: dict[str, str] = {}
    message_id: str = ""
    publish_time: str = ""
    ordering_key: str = ""


class _Push(msgspec.Struct):
    message: _Message
    subscription: str = ""


def _payload(body: bytes, feed: PubsubPushFeed) -> Payload:
    try:
        push = msgspec.json.decode(body, type=_Push)
        content = base64.b64decode(push.message.data, validate=True)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, binascii.Error) as error:
        raise Refusal(400, "this is no message of Pub/Sub") from error
    message = push.message
    uid = f"{push.subscription} {message.message_id}" if message.message_id else ""
    if feed.record == "data":
        return Payload(content, uid)
    around: dict[str, object] = {
        "attributes": message.attributes,
        "messageId": message.message_id,
        "publishTime": message.publish_time,
        "orderingKey": message.ordering_key,
        "subscription": push.subscription,
    }
    present = {key: value for key, value in around.items() if value}
    if content:
        present["data"] = json_or_text(content)
    return Payload(msgspec.json.encode(present), uid)
