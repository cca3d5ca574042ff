"""Messages as signed JSON to an address of one's own.

Signed as Standard Webhooks says: HMAC-SHA256 over identifier, time and body, so that nobody else
can speak in our name and nobody can play an old message again.
Source: https://www.standardwebhooks.com, specification 1.0.
"""

import hmac
import json
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64Error
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from tocsin.act.contracts import Message
from tocsin.act.outbound import Outbound, Request
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Network, Secret, Unwritten

_KEY_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to send messages.

    Attributes:
        url: https; often holds a token, so it is a secret.
        key: signs what is sent; any text, or `whsec_` and base64. Without it nothing is signed.
        allow_private: address ranges of one's own in which the address may lie; others must be
            public.
        certificates: PEM file of an authority of one's own.
        timeout_seconds: for connecting, and for each wait after it.
        clock: seconds since 1970, for the signature.
    """

    url: Secret
    key: Secret | None = None
    allow_private: tuple[Network, ...] = ()
    certificates: Path | None = None
    timeout_seconds: float = 10.0
    clock: Annotated[Callable[[], float], Unwritten()] = time.time


class Webhook:
    """Posts each message as one JSON object."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Take the settings; nothing is sent.

        Raises:
            SettingsError: the address can never be used, or the key is none.
        """
        self._settings = settings
        self._key = None if settings.key is None else _key(settings.key.reveal())
        authority = None if settings.certificates is None else str(settings.certificates)
        self._outbound = Outbound(settings.allow_private, authority, settings.timeout_seconds)
        try:
            self._outbound.check(settings.url.reveal())
        except SettingsError as error:
            raise SettingsError(f"`url`: {error}") from None

    def send(self, message: Message) -> None:
        """Post one message; the same one has the same `webhook-id` at every try.

        Raises:
            ActionError: the other side did not take it.
        """
        body = json.dumps(_document(message), ensure_ascii=False).encode("utf-8", "replace")
        headers = self._headers(message.uid, body)
        url = self._settings.url.reveal()
        status = self._outbound.send(Request(url, "POST", body, "application/json", headers))
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise ActionError(f"the webhook was not taken: status {status}")

    def _headers(self, uid: str, body: bytes) -> dict[str, str]:
        stamp = str(int(self._settings.clock()))
        headers = {"webhook-id": uid, "webhook-timestamp": stamp}
        if self._key is not None:
            digest = hmac.digest(self._key, f"{uid}.{stamp}.".encode() + body, "sha256")
            headers["webhook-signature"] = f"v1,{b64encode(digest).decode('ascii')}"
        return headers


def _document(message: Message) -> dict[str, object]:
    return {
        "type": "tocsin.notification",
        "timestamp": message.time.isoformat(),
        "data": {
            "uid": message.uid,
            "stage": message.stage,
            "severity_id": message.severity_id,
            "title": message.title,
            "text": message.text,
            "incident_uid": message.incident_uid,
            "url": message.url,
        },
    }


def _key(text: str) -> bytes:
    if not text.startswith(_KEY_PREFIX):
        return text.encode()
    try:
        return b64decode(text.removeprefix(_KEY_PREFIX), validate=True)
    except NotBase64Error:
        raise SettingsError("`key`: behind whsec_ must stand base64") from None
