"""Messages to hosted services (Slack, Discord, Telegram, Google Chat and more) by Apprise.

Apprise makes its own requests, past our guard. So only services whose host nobody can type are
reached by it, and only with parameters that name no other address, file or template; everything
else goes through `webhook`, `teams`, `pagerduty` and `smtp`.
Source: https://github.com/caronc/apprise/wiki, Apprise 2.2.
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl, urlsplit

from tocsin.act.contracts import Message
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret, Unwritten

if TYPE_CHECKING:
    from apprise import NotifyBase

HOSTED = frozenset(
    {
        *("dingtalk", "discord", "feishu", "firehydrant", "flock", "gchat", "ilert", "incidentio"),
        *("lark", "line", "msgbird", "opsgenie", "pagertree", "pbul", "pover", "signl4", "slack"),
        *("spike", "splunk", "squadcast", "tgram", "twilio", "twist", "victorops", "vonage"),
        *("webex", "wecombot", "wxteams"),
    }
)
"""Services whose host is part of Apprise, by the scheme of their addresses."""

PARAMETERS = frozenset({"from", "priority", "region", "thread", "to"})
"""What may stand behind `?`; others name files, templates, pictures or switch checks off."""


@dataclass(frozen=True, slots=True)
class AppriseSettings:
    """Which service is told.

    Attributes:
        url: an address of Apprise, such as `slack://…`; holds the token, so it is a secret.
        services: schemes that may be used.
    """

    url: Secret
    services: Annotated[frozenset[str], Unwritten()] = HOSTED


class Apprise:
    """Sends each message to one service."""

    def __init__(self, settings: AppriseSettings) -> None:
        """Take the settings; nothing is loaded or sent.

        Raises:
            SettingsError: the service is none that may be used, or a parameter is none.
        """
        self._settings = settings
        parts = urlsplit(settings.url.reveal())
        self._service = parts.scheme
        if parts.scheme not in settings.services:
            raise SettingsError(
                "`url`: this is no service whose host is known; possible:"
                f" {', '.join(sorted(settings.services))}; for others use webhook, teams or smtp"
            )
        if {name.lower() for name, _ in parse_qsl(parts.query, True)} - PARAMETERS:
            raise SettingsError(f"`url`: behind ? may stand {', '.join(sorted(PARAMETERS))} only")

    def send(self, message: Message) -> None:
        """Send one message as plain text.

        Raises:
            ActionError: the service did not take it.
            SettingsError: Apprise is not installed, or does not understand the address.
        """
        service = self._loaded()
        kind = "failure" if message.severity_id >= 5 else "warning"
        # Its log repeats addresses, and they hold tokens.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        try:
            is_taken = service.notify(
                body=message.text_with_link,
                title=message.title,
                notify_type=kind,
                body_format="text",
            )
        except (OSError, TypeError, ValueError) as error:
            raise ActionError(f"{self._service} failed: {type(error).__name__}") from None
        if not is_taken:
            raise ActionError(f"{self._service} did not take the message")

    def _loaded(self) -> "NotifyBase":
        try:
            import apprise
        except ImportError:
            raise SettingsError(
                "notifiers of kind apprise need an extra: pip install 'tocsin[notify]'"
            ) from None
        # Nothing is kept on disk, and nothing of it is looked for there.
        asset = apprise.AppriseAsset(plugin_paths=[], secure_logging=True, http_redirects=False)
        found = apprise.Apprise.instantiate(self._settings.url.reveal(), asset=asset)
        if found is None:
            raise SettingsError(f"Apprise does not understand this address of {self._service}")
        return found
