"""Take what any product posts as a webhook, signed or not: `POST /webhook/{feed}`.

For alerts of Elastic Security, Graylog, Panther, GitHub, GitLab, Wazuh's integration,
trivy-operator and others: their body is the record, or holds the records, as the mapping says.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake, Refusal
from tocsin.collect.posting import OptionalToken, Payload, by_name, commit, named_feed
from tocsin.collect.trust import Clock, Forged, utc_now
from tocsin.errors import SettingsError
from tocsin.values import Secret

_MAX_AGE_SECONDS = 300
_SECONDS = re.compile(r"\d{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFeed(PushFeed):
    """What a product posts.

    Attributes:
        token_hash: what senders show, such as `Authorization: Bearer ...`; may be left out where
            requests are signed.
        token_header: a header that holds the token, for senders that cannot set `Authorization`.
        signature: how requests are signed. `github`: `X-Hub-Signature-256`. `gitlab`: the secret
            itself in `X-Gitlab-Token`. `slack`: `X-Slack-Signature` with a timestamp. `standard`:
            `webhook-signature` of Standard Webhooks, with id and timestamp. `hmac`: HMAC-SHA256 of
            the body in `signature_header`, as hex or base64.
        signing_secret: the secret that signs.
        signature_header: for `hmac`.
    """

    token_header: str = "x-api-key"  # noqa: S105 - the name of a header
    signature: Literal["none", "github", "gitlab", "slack", "standard", "hmac"] = "none"
    signing_secret: Secret | None = None
    signature_header: str = "x-signature"
    token_hash: OptionalToken = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Refuse a feed that anyone could send to, or whose signatures cannot be checked."""
        is_signed = self.signature != "none"
        if is_signed != (self.signing_secret is not None):
            raise SettingsError("`signature` and `signing_secret` belong together")
        if not self.token_hash and not is_signed:
            raise SettingsError("`token` is missing; only signed requests can do without")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[WebhookFeed, ...]


class Webhook:
    """Receives webhooks."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: WebhookSettings, *, clock: Clock = utc_now) -> None:
        """Take the feeds."""
        self._feeds = by_name(settings.feeds)
        self._clock = clock

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /webhook/{feed}`."""

        async def take_body(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            if feed.token_hash:
                intake.authorize(request, [feed], feed.token_header)

            def read(body: bytes) -> list[Payload]:
                return [Payload(body, _verified(request.headers, body, feed, self._clock()))]

            return JSONResponse(await commit(intake, request, read, feed))

        return [Route("/webhook/{feed}", take_body, methods=["POST", "PUT"])]


def _verified(headers: Mapping[str, str], body: bytes, feed: WebhookFeed, now: datetime) -> str:
    """Return how the sender names the request, once its signature is checked.

    Raises:
        Refusal: 401, the signature is not right.
    """
    if feed.signing_secret is None:
        return ""
    try:
        verify = _STYLES[feed.signature]
        return verify(_Signed(headers, body, feed.signing_secret.reveal(), feed), now)
    except Forged as forged:
        raise Refusal(401, str(forged)) from forged


@dataclass(frozen=True, slots=True)
class _Signed:
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    secret: str = field(repr=False)
    feed: WebhookFeed

    def header(self, name: str) -> str:
        if not (value := self.headers.get(name, "").strip()):
            raise Forged(f"the header {name} is missing")
        return value

    def compare(self, shown: bytes, secret: bytes, content: bytes) -> None:
        if not hmac.compare_digest(shown, hmac.digest(secret, content, "sha256")):
            raise Forged("the signature is wrong")


def _github(signed: _Signed, now: datetime) -> str:
    shown = signed.header("x-hub-signature-256")
    signed.compare(_hex(shown.removeprefix("sha256=")), signed.secret.encode(), signed.body)
    return signed.headers.get("x-github-delivery", "")


def _gitlab(signed: _Signed, now: datetime) -> str:
    shown = signed.header("x-gitlab-token").encode()
    if not hmac.compare_digest(sha256(shown).digest(), sha256(signed.secret.encode()).digest()):
        raise Forged("the signature is wrong")
    return signed.headers.get("x-gitlab-event-uuid", "")


def _slack(signed: _Signed, now: datetime) -> str:
    shown = signed.header("x-slack-signature")
    second = _recent(signed.header("x-slack-request-timestamp"), now)
    content = b"v0:%s:%s" % (second.encode(), signed.body)
    signed.compare(_hex(shown.removeprefix("v0=")), signed.secret.encode(), content)
    # What is signed names its second: sent again, it is a replay and has the same place.
    return shown


def _standard(signed: _Signed, now: datetime) -> str:
    """Check a signature of https://www.standardwebhooks.com; one of several may be right."""
    uid = signed.header("webhook-id")
    second = _recent(signed.header("webhook-timestamp"), now)
    secret = _base64(signed.secret.removeprefix("whsec_"))
    content = b"%s.%s.%s" % (uid.encode(), second.encode(), signed.body)
    right = hmac.digest(secret, content, "sha256")
    shown = [each[3:] for each in signed.header("webhook-signature").split() if each[:3] == "v1,"]
    if not any([hmac.compare_digest(right, _base64(each)) for each in shown[:10]]):
        raise Forged("the signature is wrong")
    return uid


def _hmac(signed: _Signed, now: datetime) -> str:
    shown = signed.header(signed.feed.signature_header).removeprefix("sha256=")
    is_hex = re.fullmatch(r"[0-9a-fA-F]{64}", shown) is not None
    signed.compare(_hex(shown) if is_hex else _base64(shown), signed.secret.encode(), signed.body)
    return ""


_STYLES: Mapping[str, Callable[[_Signed, datetime], str]] = {
    "github": _github,
    "gitlab": _gitlab,
    "slack": _slack,
    "standard": _standard,
    "hmac": _hmac,
}


def _recent(second: str, now: datetime) -> str:
    is_recent = (
        _SECONDS.fullmatch(second) is not None
        and abs(now.timestamp() - int(second)) <= _MAX_AGE_SECONDS
    )
    if not is_recent:
        raise Forged("the request is too old, or of the future")
    return second


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Forged("the signature cannot be read") from error


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Forged("the signature cannot be read") from error
