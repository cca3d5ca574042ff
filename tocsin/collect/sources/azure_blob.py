"""Read logs that Azure writes into storage by the hour: resource logs, activity, flow logs.

Each resource has a blob `…/y=2026/m=11/d=23/h=10/m=00/PT1H.json`, which grows for an hour. Reading
goes on behind what was read of it, and only folders of hours that may still grow are listed.
Source: https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema and
https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from tocsin.collect.blobs import BlobAccount, Identity
from tocsin.collect.extras import require
from tocsin.collect.hours import Reached, read_grown
from tocsin.collect.passes import Pass, Pause, read_passes
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Duration, Matching, Unwritten, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureBlobSettings:
    """Where to read.

    Attributes:
        feed: unique name, owner of the cursor.
        source: the type of the records, which names their mapping.
        url: of the storage account, such as `https://example.blob.core.windows.net`.
        container_prefix: what the names of the containers begin with that are read.
        prefix: what the names of the blobs begin with, such as `resourceId=/SUBSCRIPTIONS/…`.
        follow: look again and again. One pass otherwise.
        poll_seconds: how often it is looked for what is new.
        first_seconds: how far back the first pass reads.
        late_seconds: how long after its hour has begun a blob may still grow.
        unwrap: where a payload holds many records (`records`), as the mapping says.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    url: Annotated[str, Matching(r"https?://[^\s?#]+", "https://NAME.blob.core.windows.net")]
    container_prefix: str = "insights-"
    prefix: str = ""
    follow: Annotated[bool, Unwritten()] = True
    poll_seconds: Annotated[float, Written("every", Duration, timedelta.total_seconds, "1m")] = 60.0
    first_seconds: Annotated[float, Written("first", Duration, timedelta.total_seconds, "1d")] = (
        86_400.0
    )
    late_seconds: Annotated[float, Written("late", Duration, timedelta.total_seconds, "3h")] = (
        10_800.0
    )
    unwrap: str | None = None
    reader: LineReader | None = None


class AzureBlob:
    """Reads blobs that grow by the hour."""

    guarantee: ClassVar[str] = "resumable"

    def __init__(
        self,
        settings: AzureBlobSettings,
        *,
        pause: Pause = time.sleep,
        identity: Identity | None = None,
    ) -> None:
        """Take where to read; nothing is opened yet.

        Args:
            settings: where it is.
            pause: waits between passes, and says when to end.
            identity: who we are; by default who the environment says.

        Raises:
            SettingsError: a package is missing, or the address is not one to send tokens to.
        """
        require("azure_blob", "azure", "azure.storage.blob", "azure.identity")
        self._settings = settings
        self._pause = pause
        self._account = BlobAccount(settings.url, identity)

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what comes after `cursor`; see `Source.read`."""
        return read_passes(self._settings, self._pause, Reached.of(cursor), self._pass)

    def acknowledge(self, batch: RawBatch) -> None:
        """Do nothing: the cursor is the place."""

    def examine(self) -> str:
        """List the containers; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: they cannot be listed, or there is none.
        """
        return self._account.probe(self._settings.container_prefix)

    def _pass(self, reached: Reached) -> Pass[Reached]:
        settings = self._settings
        now = datetime.now(UTC)
        floor = now - timedelta(seconds=settings.late_seconds)
        since = reached.since or now - timedelta(seconds=settings.first_seconds)
        for container in self._account.containers(settings.container_prefix):
            for blob in self._account.hours(container, settings.prefix, min(since, floor)):
                for grown, span in read_grown(
                    self._account, reached, blob, settings.unwrap, settings.reader
                ):
                    yield grown, span
                    reached = grown.after()
        return reached.next_pass(floor)
