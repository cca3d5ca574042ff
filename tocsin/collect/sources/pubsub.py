"""Read messages of a Pub/Sub subscription by pulling, such as those of a log sink."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from tocsin.collect.cutting import cut_body
from tocsin.collect.extras import require
from tocsin.collect.lines import Found
from tocsin.collect.passes import Pause, read_messages
from tocsin.collect.records import Span, reject
from tocsin.collect.subscriptions import Delivery, Subscription
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Matching, Unwritten

_MOST_RECORDS = 100_000
_FEW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PubsubSettings:
    """What to read.

    Attributes:
        feed: unique name.
        source: the type of the records, which names their mapping.
        subscription: its full name, `projects/PROJECT/subscriptions/NAME`.
        lease_seconds: how long messages stay in hand unless extended, which they are.
        wait_seconds: how long Google holds the line open for a message.
        unwrap: where a message holds many records, as the mapping says.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    subscription: Annotated[
        str, Matching(r"projects/[^/]+/subscriptions/[^/]+", "projects/PROJECT/subscriptions/NAME")
    ]
    lease_seconds: Annotated[int, Unwritten()] = 60
    wait_seconds: Annotated[float, Unwritten()] = 5.0
    unwrap: str | None = None
    reader: LineReader | None = None


class Pubsub:
    """Reads a subscription.

    Attributes:
        counts: `rejected_messages` held nothing that could be read.
    """

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, settings: PubsubSettings, *, pause: Pause = time.sleep) -> None:
        """Take what to read; nothing is opened yet.

        Raises:
            SettingsError: the package that speaks to Pub/Sub is missing.
        """
        require("pubsub", "gcp", "google.cloud.pubsub_v1")
        self._settings = settings
        self._pause = pause
        self._subscription = Subscription(
            settings.subscription,
            lease_seconds=settings.lease_seconds,
            wait_seconds=settings.wait_seconds,
        )
        self.counts: Counter[str] = Counter()

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what is not acknowledged; see `Source.read`. The subscription keeps the place."""
        with self._subscription.keeping():
            yield from read_messages(self._settings, self._spans())

    def acknowledge(self, batch: RawBatch) -> None:
        """Acknowledge the messages whose last records are committed with this batch."""
        if isinstance(batch.receipt, tuple) and batch.receipt:
            self._subscription.delete(batch.receipt)

    def examine(self) -> str:
        """Ask whether the subscription may be read, taking nothing; for `tocsin doctor`.

        Raises:
            SourceError: it may not; the text says why.
        """
        return self._subscription.probe()

    def _spans(self) -> Iterator[tuple[Delivery | None, Span] | None]:
        while not self._pause(0):
            messages = self._subscription.receive()
            for message in messages:
                yield None, self._span(message)
                # Only behind all of its records is a message done with.
                yield replace(message, data=b""), Span("", (), (), (), 0)
            if len(messages) < _FEW:
                yield None

    def _span(self, message: Delivery) -> Span:
        settings = self._settings
        origin = f"pubsub://{settings.subscription}/{message.uid}"
        if not message.data.strip():
            self.counts["rejected_messages"] += 1
            empty = reject(0, "empty: a message without data", message.data)
            return Span(origin, (), (), [empty], 0)
        found = cut_body(message.data, settings.unwrap, _MOST_RECORDS, settings.reader)
        if found is None:
            self.counts["rejected_messages"] += 1
            many = reject(0, "too_many: records in one message", message.data)
            found = Found(rejects=[many])
        return found.span(origin, 0)
