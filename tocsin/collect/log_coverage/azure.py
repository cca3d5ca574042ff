"""Which logs of Azure go anywhere: activity logs of subscriptions, and those of Entra.

https://learn.microsoft.com/en-us/azure/azure-monitor/platform/diagnostic-settings
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tocsin.collect.azure_identity import AzureIdentity
from tocsin.collect.cloud_api import CloudApi
from tocsin.collect.log_states import LogState, named
from tocsin.errors import SourceError

_AUDIENCE = "https://management.azure.com"
_ACTIVITY = ("Administrative", "Policy", "Security")
_ENTRA = ("AuditLogs", "SignInLogs", "ServicePrincipalSignInLogs")


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """Where to look.

    Attributes:
        subscriptions: the subscriptions to look at; otherwise all that the credentials reach.
        url: a stand-in for Azure Resource Manager.
    """

    subscriptions: tuple[str, ...] = ()
    url: str = _AUDIENCE


class AzureCoverage:
    """Looks at subscriptions and their tenant."""

    def __init__(
        self, settings: AzureSettings, *, pause: Callable[[float], bool | None] = time.sleep
    ) -> None:
        self._settings = settings
        self._pause = pause

    def examine(self) -> Iterator[LogState]:
        """Yield what is on and off; see `log_states.Examination`."""
        settings = self._settings
        api = CloudApi(settings.url, AzureIdentity(_AUDIENCE).headers, self._pause)
        found = settings.subscriptions or tuple(
            str(row["subscriptionId"]) for row in api.pages("/subscriptions?api-version=2022-12-01")
        )
        entra = "/providers/microsoft.aadiam/diagnosticSettings?api-version=2017-04-01"
        yield _logged(api, "tenant", "azure.entra", entra, _ENTRA)
        for uid in found:
            scope = f"/subscriptions/{uid}/providers"
            link = f"{scope}/Microsoft.Insights/diagnosticSettings?api-version=2021-05-01-preview"
            yield _logged(api, uid, "azure.activity", link, _ACTIVITY)
            yield _rights(api, uid, scope)


def _logged(api: CloudApi, place: str, kind: str, link: str, wanted: tuple[str, ...]) -> LogState:
    try:
        settings = list(api.pages(link))
    except SourceError as error:
        return LogState(place, kind, None, f"cannot be found out: {error}")
    on = {
        str(log.get("category") or log.get("categoryGroup"))
        for each in settings
        for log in each.get("properties", {}).get("logs") or []
        if log.get("enabled")
    }
    off = [] if "allLogs" in on else [each for each in wanted if each not in on]
    message = (
        f"{named(off)} go nowhere; `tocsin connect azure --terraform DIR` sends them on"
        if off
        else f"on: {named(sorted(on))}"
    )
    return LogState(place, kind, not off, message)


def _rights(api: CloudApi, uid: str, scope: str) -> LogState:
    try:
        rows = list(
            api.pages(f"{scope}/Microsoft.Authorization/permissions?api-version=2022-04-01")
        )
    except SourceError as error:
        return LogState(uid, "rights", None, f"cannot be found out: {error}")
    held = {action for row in rows for action in row.get("actions", [])}
    writes = sorted(each for each in held if not each.lower().endswith("/read"))
    message = f"too many: {named(writes, 6)}" if writes else "only rights to read"
    return LogState(uid, "rights", not writes, message)
