"""Talk to Azure's blob storage: containers, the folders of hours, ranges of blobs."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tocsin.collect.azure_tokens import credential
from tocsin.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

_BLOCK_BYTES = 4 << 20
_YEAR = re.compile(r"(.*/)?y=(\d{4})/\Z")
_UNITS = ("m", "d", "h", "m")

Identity = dict[str, str]
"""Name and key of a storage account, `account_name` and `account_key`."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class HourBlob:
    """A blob of one hour, as a listing shows it; `hour` is aware, `size` in bytes."""

    container: str
    name: str
    hour: datetime
    size: int

    @property
    def key(self) -> str:
        """Its name with that of the container."""
        return f"{self.container}/{self.name}"


class BlobAccount:
    """One storage account, read as whoever the environment says we are."""

    def __init__(self, url: str, identity: Identity | None = None) -> None:
        """Take its address, and who we are if not who the environment says; opens nothing yet.

        Raises:
            SettingsError: it is not one to send tokens to.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise SettingsError(f"`url` {url[:100]!r} must begin with https://")
        self._url = url.rstrip("/")
        self._identity = identity
        self._made: BlobServiceClient | None = None

    @property
    def host(self) -> str:
        """Its name."""
        return urlsplit(self._url).hostname or ""

    def containers(self, prefix: str) -> list[str]:
        """Return the names of the containers that begin with `prefix`, sorted.

        Raises:
            SourceError: they cannot be listed.
        """
        with self._asking("containers"):
            listed = self._client().list_containers(name_starts_with=prefix)
            return sorted(container.name for container in listed)

    def probe(self, prefix: str) -> str:
        """Return a sentence about the containers that begin with `prefix`.

        Raises:
            SourceError: they cannot be listed, or there is none.
        """
        found = self.containers(prefix)
        if not found:
            raise SourceError(f"{self.host} has no container {prefix}*; nothing is written yet")
        return f"{len(found)} containers answer"

    def hours(self, container: str, prefix: str, since: datetime) -> Iterator[HourBlob]:
        """Yield the blobs of the hours from `since` on, by resource and time.

        Raises:
            SourceError: they cannot be listed.
        """
        with self._asking(container):
            yield from _walk(self._client().get_container_client(container), prefix, since)

    def content(self, blob: HourBlob, offset: int) -> bytes:
        """Return the bytes of a blob from `offset` up to its size as it was listed.

        Raises:
            SourceError: it cannot be read.
        """
        with self._asking(blob.name):
            opened = self._client().get_blob_client(blob.container, blob.name)
            return opened.download_blob(offset, blob.size - offset).readall()

    def opener(self, blob: HourBlob) -> Callable[[int], Iterator[bytes]]:
        """Return what opens a blob at an offset, up to its size as it was listed."""

        def open_at(offset: int) -> Iterator[bytes]:
            with self._asking(blob.name):
                opened = self._client().get_blob_client(blob.container, blob.name)
                if offset < blob.size:
                    yield from opened.download_blob(offset, blob.size - offset).chunks()

        return open_at

    def _client(self) -> "BlobServiceClient":
        if self._made is None:
            from azure.storage.blob import BlobServiceClient as Client

            self._made = Client(
                self._url,
                credential=self._identity or credential(),
                max_chunk_get_size=_BLOCK_BYTES,
                retry_total=3,
            )
        return self._made

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        from azure.core.exceptions import AzureError

        try:
            yield
        except AzureError as error:
            code = getattr(error, "error_code", None) or type(error).__name__
            reason = str(error).strip().partition("\n")[0]
            raise SourceError(f"{self.host}: {what} cannot be read: {code}: {reason}") from error


def _walk(client: "ContainerClient", prefix: str, since: datetime) -> Iterator[HourBlob]:
    """Go down the folders; of those of years, months, days and hours only into recent ones."""
    for entry in client.walk_blobs(name_starts_with=prefix or None, delimiter="/"):
        name = entry.name
        if not name.endswith("/"):
            continue
        year = _YEAR.match(name)
        if year is None:
            yield from _walk(client, name, since)
        else:
            yield from _hours(client, name, (int(year[2]),), since)


def _hours(
    client: "ContainerClient", prefix: str, parts: tuple[int, ...], since: datetime
) -> Iterator[HourBlob]:
    if not _may_hold(parts, since):
        return
    if len(parts) == 1 + len(_UNITS):
        try:
            hour = datetime(parts[0], parts[1], parts[2], parts[3], tzinfo=UTC)
        except ValueError:
            return
        for blob in client.list_blobs(name_starts_with=prefix):
            yield HourBlob(client.container_name, blob.name, hour, blob.size)
        return
    unit = _UNITS[len(parts) - 1]
    for entry in client.walk_blobs(name_starts_with=prefix, delimiter="/"):
        match = re.fullmatch(rf"{unit}=(\d\d)/", entry.name[len(prefix) :])
        if match:
            yield from _hours(client, entry.name, (*parts, int(match[1])), since)


def _may_hold(parts: tuple[int, ...], since: datetime) -> bool:
    """Tell whether the folder of a year, month, day or hour may hold what ends after `since`."""
    begin = since - timedelta(hours=1)
    least = (begin.year, begin.month, begin.day, begin.hour)
    return parts[:4] >= least[: len(parts[:4])]
