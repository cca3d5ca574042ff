"""Read groups of CloudWatch Logs, such as audit logs of Amazon EKS: by name or by prefix."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from tocsin.collect.buckets import Account, Clients
from tocsin.collect.log_groups import LogGroup, Reaches, group_names
from tocsin.collect.passes import Pass, Pause, read_passes
from tocsin.errors import SettingsError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Duration, Unwritten, Written


@dataclass(frozen=True, slots=True)
class CloudwatchLogsSettings:
    """Where to read, and as whom.

    Attributes:
        feed: unique name, owner of the cursor.
        source: the type of the records, which names their mapping.
        groups: names of log groups.
        group_prefixes: what the names of further log groups begin with.
        stream_prefix: what the names of the streams that are read begin with, such as
            `kube-apiserver-audit`; otherwise all.
        filter_pattern: which events are read, in CloudWatch Logs' own language; otherwise all.
        unwrap: unused: every event is one record.
        follow: read again and again. One pass otherwise.
        poll_seconds: how often the groups are read.
        first_seconds: how far back a group is read that was not read before.
        late_seconds: how long after its time an event may still arrive.
        regions: the regions in which the groups are; otherwise that of the environment.
        role_arns: roles to assume for reading, one for each account; otherwise the credentials of
            the environment are used as is.
        external_id: the external id that the trust policies of the roles ask for.
        endpoint_url: another service that speaks CloudWatch Logs.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    groups: tuple[str, ...] = ()
    group_prefixes: tuple[str, ...] = ()
    stream_prefix: str | None = None
    filter_pattern: str | None = None
    unwrap: str | None = None
    follow: Annotated[bool, Unwritten()] = True
    poll_seconds: Annotated[float, Written("every", Duration, timedelta.total_seconds, "1m")] = 60.0
    first_seconds: Annotated[float, Written("first", Duration, timedelta.total_seconds, "1d")] = (
        86_400.0
    )
    late_seconds: Annotated[float, Written("late", Duration, timedelta.total_seconds, "15m")] = (
        900.0
    )
    regions: tuple[str, ...] = ()
    role_arns: tuple[str, ...] = ()
    external_id: str | None = None
    endpoint_url: str | None = None
    reader: LineReader | None = None


class CloudwatchLogs:
    """Reads groups of CloudWatch Logs."""

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, settings: CloudwatchLogsSettings, *, pause: Pause = time.sleep) -> None:
        """Take where to read; nothing is opened yet.

        Raises:
            SettingsError: no group is named.
        """
        if not settings.groups and not settings.group_prefixes:
            raise SettingsError(f"{settings.feed}: name `groups` or `group_prefixes`")
        self._settings = settings
        self._pause = pause
        self._places = [
            (
                role,
                region,
                Clients(Account(region, settings.endpoint_url, role, settings.external_id)),
            )
            for role in settings.role_arns or (None,)
            for region in settings.regions or (None,)
        ]

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what comes after `cursor`; see `Source.read`."""
        return read_passes(self._settings, self._pause, Reaches.of(cursor), self._pass)

    def acknowledge(self, batch: RawBatch) -> None:
        """Do nothing: the cursor is the place."""

    def examine(self) -> str:
        """Ask once what `read` would ask; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: a group cannot be read; the text says why.
        """
        now_ms = int(time.time() * 1000)
        groups = list(self._groups())
        for group in groups:
            next(group.read(Reaches(), now_ms), None)
        return f"{len(groups)} log groups answer"

    def _pass(self, reaches: Reaches) -> Pass[Reaches]:
        first_ms = int((time.time() - self._settings.first_seconds) * 1000)
        for group in self._groups():
            for page, span in group.read(reaches, first_ms):
                yield page, span
                reaches = page.after()
        return reaches

    def _groups(self) -> Iterator[LogGroup]:
        settings = self._settings
        asked = {
            "logStreamNamePrefix": settings.stream_prefix,
            "filterPattern": settings.filter_pattern,
        }
        arguments = {name: value for name, value in asked.items() if value}
        for role, region, clients in self._places:
            listed = [
                name
                for prefix in settings.group_prefixes
                for name in group_names(clients.logs, prefix)
            ]
            for name in dict.fromkeys((*settings.groups, *listed)):
                yield LogGroup(
                    client=clients.logs,
                    name=" ".join(part for part in (role, region, name) if part),
                    origin=f"logs://{region or 'here'}/{name.lstrip('/')}",
                    arguments={"logGroupName": name, **arguments},
                    margin=timedelta(seconds=settings.late_seconds),
                )
