"""Read the System Log of an Okta organization by its API.

Source: https://developer.okta.com/docs/reference/system-log-query/
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from tocsin.collect.answers import LinkedApi, Shape, SinceText
from tocsin.collect.asking import Asker
from tocsin.collect.paging import ApiSettings, ApiSource, Pause
from tocsin.values import Secret, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class OktaSettings(ApiSettings):
    """Whose log to read, and as whom.

    Attributes:
        url: of the organization, such as `https://example.okta.com`.
        token: an API token of a read-only administrator, or an access token with `okta.logs.read`.
        scheme: `SSWS` for an API token, `Bearer` for an access token.
    """

    source: Annotated[str, Written(default="okta.system")]
    url: str
    token: Secret
    scheme: str = "SSWS"


class Okta(ApiSource):
    """Reads the System Log."""

    def __init__(self, settings: OktaSettings, *, pause: Pause = time.sleep) -> None:
        """Take whose log to read; nothing is asked yet.

        Raises:
            SettingsError: the address is not one to send tokens to.
        """

        def headers() -> Mapping[str, str]:
            return {"Authorization": f"{settings.scheme} {settings.token.reveal()}"}

        asker = Asker(settings.url, headers, settings.certificates)
        asked = "since={since}&sortOrder=ASCENDING&limit=1000"
        api = LinkedApi(
            origin=f"okta://{asker.host}",
            asker=asker,
            shape=Shape(uid="uuid", moment="published"),
            first=f"{settings.url.rstrip('/')}/api/v1/logs?{asked}",
            since=SinceText("iso"),
            keeps_place=True,
        )
        super().__init__(settings, api, pause)
