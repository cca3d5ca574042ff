"""Read the audit logs that Cloud Logging keeps, by entries.list.

Admin activity, system events and denials are kept 400 days in every project, data access 30 days
where it is switched on. Sixty requests a minute are allowed; each may ask for 100 projects.
https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from tocsin.collect.cloud_api import CloudApi
from tocsin.collect.google_identity import GoogleIdentity
from tocsin.collect.looking import FirstLook, LookSettings, Observe, Pace, Pause, Seen, unheard
from tocsin.errors import SettingsError

_SECONDS_BETWEEN = 1.0
_PAGE = 1_000
_MOST_RESOURCES = 100


@dataclass(frozen=True, slots=True)
class GcpSettings(LookSettings):
    """Where to look.

    Attributes:
        projects: the projects to look at; otherwise that of the credentials.
        organization: number of an organization whose projects are all looked at.
        url: another service that speaks Cloud Logging.
        directory_url: another service that lists projects.
        source: the type of the records.
    """

    projects: tuple[str, ...] = ()
    organization: str | None = None
    url: str = "https://logging.googleapis.com"
    directory_url: str = "https://cloudresourcemanager.googleapis.com"
    source: str = "gcp.audit"


class Gcp(FirstLook):
    """Looks at projects."""

    def __init__(
        self,
        settings: GcpSettings,
        *,
        pause: Pause = time.sleep,
        observe: Observe = unheard,
    ) -> None:
        super().__init__(settings, settings.source, pause, observe)
        self._settings = settings

    def places(self) -> "list[_Projects]":
        """Return the projects, by the hundred; see `FirstLook.places`."""
        settings, identity = self._settings, GoogleIdentity()
        projects = settings.projects
        whole: tuple[str, ...] = ()
        if settings.organization is not None:
            directory = CloudApi(settings.directory_url, identity.headers, self._pause)
            projects = (*projects, *_projects(directory))
            whole = (f"organizations/{settings.organization}",)
        elif not projects:
            if identity.project is None:
                raise SettingsError("the credentials name no project; name one with --project")
            projects = (identity.project,)
        self.accounts = tuple(dict.fromkeys(projects))
        names = [*whole, *(f"projects/{project}" for project in self.accounts)]
        api = CloudApi(settings.url, identity.headers, self._pause)
        pace = Pace(_SECONDS_BETWEEN, self._pause)
        return [
            _Projects(api, tuple(names[at : at + _MOST_RESOURCES]), pace)
            for at in range(0, len(names), _MOST_RESOURCES)
        ]


def _projects(api: CloudApi) -> Iterator[str]:
    """Yield the projects that the credentials can see; of others nothing could be read."""
    token = ""
    while True:
        page = api.get(f"/v3/projects:search?query=state:ACTIVE&pageSize=500&pageToken={token}")
        yield from (str(row["projectId"]) for row in page.get("projects", []))
        token = str(page.get("nextPageToken", ""))
        if not token:
            return


@dataclass(frozen=True, slots=True)
class _Projects:
    """Up to a hundred projects that are asked together."""

    api: CloudApi
    names: tuple[str, ...]
    pace: Pace

    @property
    def name(self) -> str:
        """That of a single one, or one that follows from all."""
        if len(self.names) == 1:
            return self.names[0]
        digest = blake2b("\n".join(sorted(self.names)).encode(), digest_size=6).hexdigest()
        return f"{len(self.names)} projects {digest}"

    @property
    def origin(self) -> str:
        """Where its records say they come from."""
        return f"logging://{self.names[0] if len(self.names) == 1 else 'projects'}/entries.list"

    def seen(self, begin: datetime, end: datetime) -> Sequence[Seen]:
        """Return the entries of audit logs between two moments."""
        asked: dict[str, object] = {
            "resourceNames": self.names,
            "filter": (
                'log_id("cloudaudit.googleapis.com/activity") OR'
                ' log_id("cloudaudit.googleapis.com/data_access") OR'
                ' log_id("cloudaudit.googleapis.com/system_event") OR'
                ' log_id("cloudaudit.googleapis.com/policy")'
            ),
            "orderBy": "timestamp asc",
            "pageSize": _PAGE,
        }
        span = f'timestamp>="{_text(begin)}" AND timestamp<"{_text(end)}"'
        asked["filter"] = f"({asked['filter']}) AND {span}"
        found: list[Seen] = []
        while True:
            self.pace.wait()
            page = self.api.ask("/v2/entries:list?prettyPrint=false", asked)
            found += map(_seen, page.get("entries", []))
            token = page.get("nextPageToken")
            if not token:
                return found
            asked["pageToken"] = token


def _seen(entry: Mapping[str, Any]) -> Seen:
    moment = datetime.fromisoformat(str(entry.get("timestamp") or entry["receiveTimestamp"]))
    # Written as a sink writes it to Pub/Sub, keys in order and without spaces: so an entry that
    # the stream brings as well is the same record.
    raw = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    name = f"{entry.get('logName')}/{entry.get('insertId')}"
    return Seen(int(moment.timestamp() * 1000), name, raw.encode())


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
