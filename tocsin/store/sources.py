"""Counters, lag and silence of each feed."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """One feed since it was first seen.

    `received` = `events` + `findings` + `resources` + `duplicates` + `rejects`, always.

    Attributes:
        feed: its configured name.
        source: its mapping.
        last_event_time: of the newest event; `None` before the first.
        last_received_time: of the last batch with records.
        lag: how old its newest event was when it was received.
        rhythm: the pause between batches that it seldom exceeds; `None` until it is known.
        is_silent: nothing came for longer than its rhythm allows.
    """

    feed: str
    source: str
    received: int
    events: int
    findings: int
    resources: int
    duplicates: int
    rejects: int
    last_event_time: datetime | None
    last_received_time: datetime | None
    lag: timedelta | None
    rhythm: timedelta | None
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Volume:
    """What one feed gave in the hour that begins at `hour`, UTC, by time of receipt."""

    feed: str
    hour: datetime
    received: int
    events: int
    rejects: int


class Sources:
    """Feeds, by name."""

    def list(self, now: datetime) -> tuple[FeedHealth, ...]:
        """Return every feed that ever committed, by name."""
        raise NotImplementedError

    def get(self, feed: str, now: datetime) -> FeedHealth | None:
        """Return one feed."""
        raise NotImplementedError

    def volumes(self, since: datetime, feed: str | None = None) -> tuple[Volume, ...]:
        """Return counts by hour since `since`, oldest first."""
        raise NotImplementedError

    def failures(self, since: datetime) -> tuple[tuple[str, str, int], ...]:
        """Return (rule uid, reason, count) of rules that could not answer, most frequent first."""
        raise NotImplementedError
