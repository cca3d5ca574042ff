"""Splunk's HTTP Event Collector: one event for each record, with its identifier as a field.

Splunk keeps every repetition; searches drop them by `dedup tocsin_uid`.
Source: https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.act.forwarding import EVERY_KIND, Record
from tocsin.act.posting import HttpSettings, Poster, bearer
from tocsin.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SplunkHecSettings(HttpSettings):
    """Where events go.

    Attributes:
        url: of the collector, such as `https://splunk.example.org:8088`.
        token: of the collector, without indexer acknowledgment.
        index: the index; otherwise that of the token.
        sourcetype: how sourcetypes begin; `:finding`, `:incident` and `:event` follow.
    """

    url: str
    token: Secret
    index: str = ""
    sourcetype: str = "tocsin"


class SplunkHec:
    """Sends events."""

    kinds = EVERY_KIND
    most = 500

    def __init__(self, settings: SplunkHecSettings) -> None:
        """Take where to send; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        url = f"{settings.url.rstrip('/')}/services/collector/event"
        self._settings = settings
        self._poster = Poster(url, settings, bearer(settings.token, "Splunk"))
        self.target = self._poster.target

    def forward(self, records: Sequence[Record]) -> None:
        """Send one event for each record.

        Raises:
            RecordsRefused: the collector finds fault with one of them.
            ActionError: it does not answer, or has no room at present.
        """
        self._poster.post(b"\n".join(msgspec.json.encode(self._event(each)) for each in records))

    def _event(self, record: Record) -> dict[str, object]:
        event = {
            "time": round(record.time.timestamp(), 3),
            "source": "tocsin",
            "sourcetype": f"{self._settings.sourcetype}:{record.kind}",
            "event": record.content,
            "fields": {"tocsin_uid": record.uid, "tocsin_kind": record.kind},
        }
        return event | ({"index": self._settings.index} if self._settings.index else {})
