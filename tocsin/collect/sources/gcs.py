"""Read objects from Google Cloud Storage, such as those of a log sink: listed, or announced."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from tocsin.collect.arrivals import Allowed, Arrivals, Form
from tocsin.collect.extras import require
from tocsin.collect.google_storage import SCHEME, GoogleObjects, ObjectNotices
from tocsin.collect.listing import Listing, Standing
from tocsin.collect.passes import Pause, read_messages, read_passes
from tocsin.collect.subscriptions import Delivery, Subscription
from tocsin.errors import SettingsError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Duration, Matching, Unwritten, Written

_SUBSCRIPTION = Matching(
    r"projects/[^/]+/subscriptions/[^/]+", "projects/PROJECT/subscriptions/NAME"
)
# Google's storage is consistent: what is not there when it is announced was deleted since.
_MAX_RECEIVES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsSettings:
    """Where to read.

    Attributes:
        feed: unique name, owner of the cursor.
        source: the type of the records, which names their mapping.
        buckets: what may be read; a message that names another bucket is refused.
        prefix: what the names of the objects begin with.
        subscription: the full name, `projects/PROJECT/subscriptions/NAME`, of a Pub/Sub
            subscription that the buckets notify of new objects; without it, they are listed.
        follow: with listing: list again and again. One pass otherwise.
        poll_seconds: how often the buckets are listed.
        lease_seconds: how long messages stay in hand unless extended, which they are.
        wait_seconds: how long Google holds the line open for a message.
        unwrap: where a payload holds many records, as the mapping says.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    buckets: Annotated[tuple[str, ...], Field(min_length=1)]
    prefix: str = ""
    subscription: Annotated[str, _SUBSCRIPTION] | None = None
    follow: Annotated[bool, Unwritten()] = True
    poll_seconds: Annotated[float, Written("every", Duration, timedelta.total_seconds, "5m")] = (
        300.0
    )
    lease_seconds: Annotated[int, Unwritten()] = 60
    wait_seconds: Annotated[float, Unwritten()] = 5.0
    unwrap: str | None = None
    reader: LineReader | None = None


class Gcs:
    """Reads objects from Google Cloud Storage.

    Attributes:
        counts: objects and messages that gave no records, by kind; see `Arrivals` and `Listing`.
    """

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, settings: GcsSettings, *, pause: Pause = time.sleep) -> None:
        """Take where to read; nothing is opened yet.

        Raises:
            SettingsError: no bucket is named, or a package is missing.
        """
        require("gcs", "gcp", "google.auth", "google.cloud.pubsub_v1")
        if not settings.buckets:
            raise SettingsError(f"{settings.feed}: name the buckets that may be read")
        self._settings = settings
        self._pause = pause
        self._objects = GoogleObjects(pause)
        self._subscription: Subscription | None = None
        if settings.subscription is not None:
            self._subscription = Subscription(
                settings.subscription,
                lease_seconds=settings.lease_seconds,
                wait_seconds=settings.wait_seconds,
            )
        self._form = Form(settings.unwrap, settings.reader)
        self.counts: Counter[str] = Counter()

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what comes after `cursor`; see `Source.read`. A subscription keeps its place."""
        with closing(self._objects):
            if self._subscription is None:
                yield from self._read_listing(cursor)
            else:
                yield from self._read_announced(self._subscription)

    def acknowledge(self, batch: RawBatch) -> None:
        """Acknowledge the messages whose objects are committed with this batch; see `Source`."""
        receipt = batch.receipt
        if self._subscription is not None and isinstance(receipt, tuple):
            done = [message for message in receipt if isinstance(message, Delivery)]
            if done:
                self._subscription.delete(done)

    def examine(self) -> str:
        """Ask once what `read` would ask, taking nothing; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: it cannot be read; the text says why.
        """
        if self._subscription is not None:
            return self._subscription.probe()
        with closing(self._objects):
            return self._objects.probe(self._settings.buckets, self._settings.prefix)

    def _read_announced(self, subscription: Subscription) -> Iterator[RawBatch]:
        settings = self._settings
        arrivals = Arrivals(
            self._objects,
            ObjectNotices(subscription),
            allowed=Allowed(settings.buckets, settings.prefix),
            form=self._form,
            max_receives=_MAX_RECEIVES,
            counts=self.counts,
        )
        with subscription.keeping():
            yield from read_messages(settings, arrivals.rounds(self._pause))

    def _read_listing(self, cursor: str | None) -> Iterator[RawBatch]:
        settings = self._settings
        listing = Listing(
            self._objects, settings.buckets, settings.prefix, self._form, self.counts, SCHEME
        )
        return read_passes(settings, self._pause, Standing.of(cursor), listing.read_pass)
