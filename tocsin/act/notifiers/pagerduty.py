"""Alerts of PagerDuty: one for each incident, resolved when the incident is over.

Source: https://developer.pagerduty.com/docs/send-alert-event, Events API v2.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from tocsin.act.contracts import Message
from tocsin.act.outbound import Outbound, Request
from tocsin.errors import ActionError
from tocsin.values import Secret, Unwritten

_ADDRESSES = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
_SEVERITIES = {1: "info", 2: "info", 3: "warning", 4: "error", 5: "critical", 6: "critical"}
_LONGEST_SUMMARY = 1024


@dataclass(frozen=True, slots=True)
class PagerDutySettings:
    """Which service is told.

    Attributes:
        routing_key: integration key of an Events API v2 integration.
        region: where the account lives.
        url: another address than that of the region.
        outbound: how requests leave.
    """

    routing_key: Secret
    region: Literal["us", "eu"] = "us"
    url: Annotated[str, Unwritten()] = ""
    outbound: Annotated[Outbound, Unwritten()] = Outbound()


class PagerDuty:
    """Triggers and resolves alerts; what is told of one incident is one alert."""

    def __init__(self, settings: PagerDutySettings) -> None:
        self._settings = settings
        self._url = settings.url or _ADDRESSES[settings.region]

    def send(self, message: Message) -> None:
        """Send one event; `dedup_key` is the incident, so that a repetition changes nothing.

        Raises:
            ActionError: PagerDuty did not take it.
        """
        body = json.dumps(self._event(message), ensure_ascii=False).encode("utf-8", "replace")
        request = Request(self._url, "POST", body, "application/json")
        status = self._settings.outbound.send(request)
        if status != HTTPStatus.ACCEPTED:
            raise ActionError(f"PagerDuty did not take the event: status {status}")

    def _event(self, message: Message) -> dict[str, object]:
        event: dict[str, object] = {
            "routing_key": self._settings.routing_key.reveal(),
            "event_action": "resolve" if message.stage == "closed" else "trigger",
            "dedup_key": message.incident_uid or message.uid,
            "payload": {
                "summary": message.title[:_LONGEST_SUMMARY],
                "source": "Tocsin",
                "severity": _SEVERITIES.get(message.severity_id, "info"),
                "timestamp": message.time.isoformat(),
                "custom_details": {"text": message.text, "message": message.uid},
            },
        }
        if message.url:
            event["links"] = [{"href": message.url, "text": "Open in Tocsin"}]
        return event
