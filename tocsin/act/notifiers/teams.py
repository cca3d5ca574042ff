"""Messages to Microsoft Teams, by a workflow that posts to a channel when a webhook is asked.

The card holds plain text runs only: no markdown, no mention.
Source: https://adaptivecards.io, `RichTextBlock` and `TextRun`, whose text is never formatted.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus

from tocsin.act.contracts import Message
from tocsin.act.outbound import Outbound, Request
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Network, Secret

_COLORS = {4: "Warning", 5: "Attention", 6: "Attention"}


@dataclass(frozen=True, slots=True)
class TeamsSettings:
    """Which channel is told.

    Attributes:
        url: address of the workflow, as Teams shows it; whoever knows it may post, so it is a
            secret.
        allow_private: address ranges of one's own in which the address may lie; others must be
            public.
        timeout_seconds: for connecting, and for each wait after it.
    """

    url: Secret
    allow_private: tuple[Network, ...] = ()
    timeout_seconds: float = 10.0


class Teams:
    """Posts each message as a card."""

    def __init__(self, settings: TeamsSettings) -> None:
        """Take the settings; nothing is sent.

        Raises:
            SettingsError: the address can never be used.
        """
        self._settings = settings
        self._outbound = Outbound(settings.allow_private, timeout_seconds=settings.timeout_seconds)
        try:
            self._outbound.check(settings.url.reveal())
        except SettingsError as error:
            raise SettingsError(f"`url`: {error}") from None

    def send(self, message: Message) -> None:
        """Post one card.

        Raises:
            ActionError: Teams did not take it.
        """
        body = json.dumps(_posted(message), ensure_ascii=False).encode("utf-8", "replace")
        url = self._settings.url.reveal()
        status = self._outbound.send(Request(url, "POST", body, "application/json"))
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise ActionError(f"Teams did not take the card: status {status}")


def _posted(message: Message) -> dict[str, object]:
    title = {"weight": "Bolder", "color": _COLORS.get(message.severity_id, "Default")}
    card: dict[str, object] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [
            _block(message.title, title),
            *(_block(line, {}) for line in message.text.splitlines()),
        ],
    }
    if message.url:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "Open in Tocsin", "url": message.url}
        ]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}


def _block(text: str, style: dict[str, str]) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
