"""Read the audit log of a GitHub organization or enterprise by its REST API.

Source: https://docs.github.com/en/enterprise-cloud@latest/rest/orgs/orgs#get-the-audit-log-for-an-organization
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from tocsin.collect.answers import LinkedApi, Shape, SinceText
from tocsin.collect.asking import Asker
from tocsin.collect.paging import ApiSettings, ApiSource, Pause
from tocsin.errors import SettingsError
from tocsin.values import Secret, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubSettings(ApiSettings):
    """Whose audit log to read, and as whom.

    Attributes:
        org: the organization.
        enterprise: the enterprise, in place of an organization.
        token: of a GitHub App, or a personal one, that may read the audit log and nothing else.
        include: what is done on pages and by the API (`web`), what is done by Git (`git`), or both.
        url: of the API; that of GitHub Enterprise Server ends in `/api/v3`.
    """

    source: Annotated[str, Written(default="github.audit")]
    org: str | None = None
    enterprise: str | None = None
    token: Secret
    include: Literal["all", "web", "git"] = "all"
    url: str = "https://api.github.com"

    def __post_init__(self) -> None:
        """Check that one log is named.

        Raises:
            SettingsError: none is, or two are.
        """
        if bool(self.org) == bool(self.enterprise):
            raise SettingsError("`org` or `enterprise` must be set, one of them")


class Github(ApiSource):
    """Reads an audit log of GitHub."""

    def __init__(self, settings: GithubSettings, *, pause: Pause = time.sleep) -> None:
        """Take whose log to read; nothing is asked yet.

        Raises:
            SettingsError: the address is not one to send tokens to.
        """

        def headers() -> Mapping[str, str]:
            return {
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {settings.token.reveal()}",
                "X-GitHub-Api-Version": "2022-11-28",
            }

        owner = f"orgs/{settings.org}" if settings.org else f"enterprises/{settings.enterprise}"
        phrase = quote("created:>=", safe="") + "{since}"
        asked = f"include={settings.include}&order=asc&per_page=100&phrase={phrase}"
        api = LinkedApi(
            origin=f"github://{owner}",
            asker=Asker(settings.url, headers, settings.certificates),
            shape=Shape(uid="_document_id", moment="@timestamp"),
            first=f"{settings.url.rstrip('/')}/{quote(owner)}/audit-log?{asked}",
            since=SinceText("iso"),
        )
        super().__init__(settings, api, pause)
