"""Read objects from S3, such as those of CloudTrail: announced by a queue, or listed by prefix."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Annotated, ClassVar

from pydantic import Field

from tocsin.collect.arrivals import Allowed, Arrivals, Form
from tocsin.collect.buckets import Account, Clients, S3Objects, TrailClient
from tocsin.collect.digests import Digests
from tocsin.collect.listing import Listing, Standing
from tocsin.collect.passes import Pause, read_messages, read_passes
from tocsin.collect.probing import probe_buckets, probe_queue
from tocsin.collect.queue import Message, Queue
from tocsin.errors import SettingsError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Duration, Unwritten, Written


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where to read, and as whom.

    Attributes:
        feed: unique name, owner of the cursor.
        source: the type of the records, which names their mapping.
        buckets: what may be read; a message of the queue that names another bucket is refused.
        prefix: what the keys of the objects begin with.
        unwrap: where a payload holds many records (`Records`), as the mapping says.
        queue_url: the SQS queue that S3 notifies of new objects; without it, the buckets are
            listed.
        follow: with listing: list again and again. One pass otherwise.
        poll_seconds: how often the buckets are listed.
        visibility_seconds: how long a message stays in hand unless extended, which it is.
        wait_seconds: how long SQS holds the line open for a message, at most 20.
        max_receives: after how many receipts a message about a missing object becomes a reject.
        region: the region of queue and bucket; otherwise that of the environment.
        endpoint_url: another service that speaks S3 and SQS.
        role_arn: a role to assume for reading; otherwise the credentials of the environment are
            used as is.
        external_id: the external id that the role's trust policy asks for.
        verify_digests: whether CloudTrail's digests are verified: a log file or digest that was
            changed or removed becomes a finding. Every log file is then read twice.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    buckets: Annotated[tuple[str, ...], Field(min_length=1)]
    prefix: str = ""
    unwrap: str | None = None
    queue_url: str | None = None
    follow: Annotated[bool, Unwritten()] = True
    poll_seconds: Annotated[float, Written("every", Duration, timedelta.total_seconds, "5m")] = (
        300.0
    )
    visibility_seconds: Annotated[int, Unwritten()] = 300
    wait_seconds: Annotated[int, Unwritten()] = 5
    max_receives: Annotated[int, Unwritten()] = 5
    region: str | None = None
    endpoint_url: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    verify_digests: bool = False
    reader: LineReader | None = None


class S3:
    """Reads objects from S3.

    Attributes:
        counts: objects and messages that gave no records, by kind; see `Arrivals` and `Listing`.
    """

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, settings: S3Settings, *, pause: Pause = time.sleep) -> None:
        """Take where to read; nothing is opened yet.

        Raises:
            SettingsError: no bucket is named.
        """
        if not settings.buckets:
            raise SettingsError(f"{settings.feed}: name the buckets that may be read")
        self._settings = settings
        self._pause = pause
        self._account = Account(
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            role_arn=settings.role_arn,
            external_id=settings.external_id,
        )
        self._clients = Clients(self._account)
        self._queue: Queue | None = None
        self.counts: Counter[str] = Counter()

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what comes after `cursor`; see `Source.read`. A queue keeps its place itself."""
        if self._settings.queue_url is None:
            yield from self._read_listing(cursor)
        else:
            yield from self._read_queue(self._settings.queue_url)

    def acknowledge(self, batch: RawBatch) -> None:
        """Delete the messages whose objects are committed with this batch; see `Source`."""
        receipt = batch.receipt
        if self._queue is not None and isinstance(receipt, tuple):
            ended = [message for message in receipt if isinstance(message, Message)]
            if ended:
                self._queue.delete(ended)

    def examine(self) -> str:
        """Ask once what `read` would ask, taking nothing; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: it cannot be read; the text says why.
        """
        settings = self._settings
        if settings.queue_url is not None:
            return probe_queue(self._clients.sqs, settings.queue_url)
        return probe_buckets(self._clients.s3, settings.buckets, settings.prefix)

    def _read_queue(self, queue_url: str) -> Iterator[RawBatch]:
        settings = self._settings
        self._queue = queue = Queue(
            self._clients.sqs,
            queue_url,
            visibility_seconds=settings.visibility_seconds,
            wait_seconds=settings.wait_seconds,
        )
        arrivals = Arrivals(
            S3Objects(self._clients.s3),
            queue,
            allowed=Allowed(settings.buckets, settings.prefix),
            form=Form(settings.unwrap, settings.reader, self._digests()),
            max_receives=settings.max_receives,
            counts=self.counts,
        )
        with queue.keeping():
            yield from read_messages(settings, arrivals.rounds(self._pause))

    def _read_listing(self, cursor: str | None) -> Iterator[RawBatch]:
        settings = self._settings
        listing = Listing(
            S3Objects(self._clients.s3),
            settings.buckets,
            settings.prefix,
            Form(settings.unwrap, settings.reader, self._digests()),
            self.counts,
        )
        return read_passes(settings, self._pause, Standing.of(cursor), listing.read_pass)

    def _digests(self) -> Digests | None:
        """Return what verifies digests where that is wanted: in all of the buckets."""
        if not self._settings.verify_digests:
            return None

        @cache
        def trail_client(region: str) -> TrailClient:
            return Clients(replace(self._account, region=region or None)).cloudtrail

        return Digests(self._clients.s3, trail_client, Allowed(self._settings.buckets).covers)
