"""Read the activity logs of subscriptions, which Azure keeps for 90 days without being asked.

https://learn.microsoft.com/en-us/rest/api/monitor/activity-logs/list
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tocsin.collect.azure_identity import AzureIdentity
from tocsin.collect.cloud_api import CloudApi
from tocsin.collect.looking import FirstLook, LookSettings, Observe, Pace, Pause, Seen, unheard

_SECONDS_BETWEEN = 0.3
_AUDIENCE = "https://management.azure.com"


@dataclass(frozen=True, slots=True)
class AzureSettings(LookSettings):
    """Where to look.

    Attributes:
        subscriptions: the subscriptions to look at; otherwise all that the credentials reach.
        url: another service that speaks Azure Resource Manager.
        source: the type of the records.
    """

    subscriptions: tuple[str, ...] = ()
    url: str = _AUDIENCE
    source: str = "azure.activity"


class Azure(FirstLook):
    """Looks at subscriptions."""

    def __init__(
        self,
        settings: AzureSettings,
        *,
        pause: Pause = time.sleep,
        observe: Observe = unheard,
    ) -> None:
        super().__init__(settings, settings.source, pause, observe)
        self._settings = settings

    def places(self) -> "list[_Subscription]":
        """Return the subscriptions; see `FirstLook.places`."""
        settings = self._settings
        api = CloudApi(settings.url, AzureIdentity(_AUDIENCE).headers, self._pause)
        self.accounts = settings.subscriptions or tuple(_subscriptions(api))
        return [
            _Subscription(api, uid, Pace(_SECONDS_BETWEEN, self._pause)) for uid in self.accounts
        ]


def _subscriptions(api: CloudApi) -> Iterator[str]:
    for row in api.pages("/subscriptions?api-version=2022-12-01"):
        if row.get("state") != "Disabled":
            yield str(row["subscriptionId"])


@dataclass(frozen=True, slots=True)
class _Subscription:
    """The activity log of one subscription."""

    api: CloudApi
    uid: str
    pace: Pace

    @property
    def name(self) -> str:
        """Its identifier."""
        return self.uid

    @property
    def origin(self) -> str:
        """Where its records say they come from."""
        return f"azure://{self.uid}/activity"

    def seen(self, begin: datetime, end: datetime) -> Sequence[Seen]:
        """Return the events of the log between two moments."""
        span = f"eventTimestamp ge '{_text(begin)}' and eventTimestamp le '{_text(end)}'"
        asked = urlencode({"api-version": "2015-04-01", "$filter": span})
        path = f"/subscriptions/{self.uid}/providers/Microsoft.Insights/eventtypes/management"
        self.pace.wait()
        return [_seen(event) for event in self.api.pages(f"{path}/values?{asked}")]


def _seen(event: Mapping[str, Any]) -> Seen:
    moment = datetime.fromisoformat(str(event["eventTimestamp"]))
    raw = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    name = str(event.get("eventDataId") or event.get("id"))
    return Seen(int(moment.timestamp() * 1000), name, raw)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
