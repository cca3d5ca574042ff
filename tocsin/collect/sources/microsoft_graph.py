"""Read logs and alerts of Microsoft Graph: sign-ins, directory audits, alerts.

Source: https://learn.microsoft.com/graph/api/signin-list and
https://learn.microsoft.com/graph/api/directoryaudit-list
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlsplit

from tocsin.collect.answers import LinkedApi, Shape, SinceText
from tocsin.collect.asking import Asker
from tocsin.collect.azure_tokens import access_tokens
from tocsin.collect.paging import ApiSettings, ApiSource, Pause
from tocsin.values import Matching

_TIMES = {
    "auditLogs/directoryAudits": "activityDateTime",
    "auditLogs/provisioning": "activityDateTime",
    "identityProtection/riskDetections": "detectedDateTime",
}

Tokens = Callable[[], str]
"""Gives an access token that is valid now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftGraphSettings(ApiSettings):
    """What to read.

    Attributes:
        resource: what is read, such as `auditLogs/signIns`, `auditLogs/directoryAudits`,
            `identityProtection/riskDetections` or `security/alerts_v2`.
        time: the name of the time of its records; otherwise the usual one of the resource.
        url: of Graph; national clouds have their own.
        tenant: the tenant to read, where the identity of the environment is of another.
    """

    resource: Annotated[
        str, Matching(r"[A-Za-z][A-Za-z0-9_/]{0,200}", "a resource such as auditLogs/signIns")
    ]
    time: str | None = None
    url: str = "https://graph.microsoft.com/v1.0"
    tenant: str | None = None


class MicrosoftGraph(ApiSource):
    """Reads one resource of Microsoft Graph."""

    def __init__(
        self,
        settings: MicrosoftGraphSettings,
        *,
        pause: Pause = time.sleep,
        tokens: Tokens | None = None,
    ) -> None:
        """Take what to read; nothing is asked yet.

        Args:
            settings: what is read.
            pause: waits between passes, and says when to end.
            tokens: gives access tokens; by default those of the identity of the environment.

        Raises:
            SettingsError: the address is not one to send tokens to, or a package is missing.
        """
        parts = urlsplit(settings.url)
        scope = f"{parts.scheme}://{parts.netloc}/.default"
        token = tokens or access_tokens("microsoft_graph", scope, settings.tenant)

        def headers() -> Mapping[str, str]:
            return {"Authorization": f"Bearer {token()}", "Prefer": "odata.maxpagesize=500"}

        moment = settings.time or _TIMES.get(settings.resource, "createdDateTime")
        asked = f"$filter={moment}{quote(' ge ')}" + "{since}" + f"&$orderby={moment}"
        api = LinkedApi(
            origin=f"graph://{settings.resource}",
            asker=Asker(settings.url, headers, settings.certificates),
            shape=Shape("value", "id", moment),
            first=f"{settings.url.rstrip('/')}/{settings.resource}?{asked}",
            since=SinceText("iso"),
            link="@odata.nextLink",
        )
        super().__init__(settings, api, pause)
