"""Which logs of Google Cloud projects are on: data access, Cloud DNS; and whether we could write.

https://cloud.google.com/logging/docs/audit/configure-data-access
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tocsin.collect.cloud_api import CloudApi
from tocsin.collect.google_identity import GoogleIdentity
from tocsin.collect.log_states import LogState, named
from tocsin.errors import SettingsError, SourceError

_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
_WRITES = (
    "compute.instances.delete",
    "iam.serviceAccountKeys.create",
    "iam.serviceAccounts.getAccessToken",
    "logging.logEntries.create",
    "logging.sinks.update",
    "resourcemanager.projects.setIamPolicy",
)
"""Rights that nobody who only reads has; some of each way to do harm."""


@dataclass(frozen=True, slots=True)
class GcpSettings:
    """Where to look.

    Attributes:
        projects: the projects to look at; otherwise that of the credentials.
        directory_url: a stand-in for Cloud Resource Manager.
        dns_url: a stand-in for Cloud DNS.
    """

    projects: tuple[str, ...] = ()
    directory_url: str = "https://cloudresourcemanager.googleapis.com"
    dns_url: str = "https://dns.googleapis.com"


class GcpCoverage:
    """Looks at projects."""

    def __init__(
        self, settings: GcpSettings, *, pause: Callable[[float], bool | None] = time.sleep
    ) -> None:
        self._settings = settings
        self._pause = pause

    def examine(self) -> Iterator[LogState]:
        """Yield what is on and off; see `log_states.Examination`."""
        settings, identity = self._settings, GoogleIdentity()
        projects = settings.projects or tuple(filter(None, (identity.project,)))
        if not projects:
            raise SettingsError("the credentials name no project; name one")
        directory = CloudApi(settings.directory_url, identity.headers, self._pause)
        dns = CloudApi(settings.dns_url, identity.headers, self._pause)
        for project in projects:
            for kind, look in (
                ("gcp.data_access", partial(_data_access, directory, project)),
                ("gcp.dns", partial(_dns, dns, project)),
                ("rights", partial(_rights, directory, project)),
            ):
                try:
                    yield look()
                except SourceError as error:
                    yield LogState(project, kind, None, f"cannot be found out: {error}")


def _data_access(api: CloudApi, project: str) -> LogState:
    asked = {"options": {"requestedPolicyVersion": 3}}
    policy = api.ask(f"/v3/projects/{project}:getIamPolicy", asked)
    logged: dict[str, set[str]] = {}
    for row in policy.get("auditConfigs", []):
        types = {each["logType"] for each in row.get("auditLogConfigs", [])}
        logged.setdefault(row["service"], set()).update(types)
    off = [each for each in _TYPES if each not in logged.get("allServices", set())]
    some = sorted(name for name in logged if name != "allServices")
    if not off:
        return LogState(project, "gcp.data_access", True, "on for all services")
    if some:
        return LogState(project, "gcp.data_access", True, f"on for {named(some)} only")
    message = f"{named(off)} are off; `tocsin connect gcp --terraform DIR` switches them on"
    return LogState(project, "gcp.data_access", False, message)


def _dns(api: CloudApi, project: str) -> LogState:
    policies = api.get(f"/dns/v1/projects/{project}/policies").get("policies", [])
    on = [
        _network(each) for row in policies if row.get("enableLogging") for each in row["networks"]
    ]
    message = (
        f"on for {named(on)}"
        if on
        else "no network logs its queries; `gcloud dns policies create --enable-logging` does"
    )
    return LogState(project, "gcp.dns", bool(on), message)


def _network(row: Mapping[str, Any]) -> str:
    return str(row.get("networkUrl", "")).rpartition("/")[2]


def _rights(api: CloudApi, project: str) -> LogState:
    asked = {"permissions": list(_WRITES)}
    held = api.ask(f"/v3/projects/{project}:testIamPermissions", asked).get("permissions", [])
    message = f"too many: {named(held, 6)}" if held else "none of those that write"
    return LogState(project, "rights", not held, message)
