"""How much a feed gives in the last whole hour, against the same hour of other days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Connection, func, select

from tocsin.store.moments import HOUR_MICROSECONDS, from_microseconds, to_microseconds
from tocsin.store.tables import FEEDS, VOLUMES

WEEKS = 4
DAYS = 7
LEAST_LEARNED = 3
LEAST_EXPECTED = 50
"""Below so many records an hour, chance alone makes drops."""
DROP = 0.25


@dataclass(frozen=True, slots=True)
class HourVolume:
    """The last whole hour of a feed.

    Attributes:
        hour: its begin, UTC.
        expected: the median of the same hour on the same weekday, or where those are too few, on
            the days before; 0 while learning.
        learned: how many hours it is learned from; fewer than `LEAST_LEARNED`: still learning.
        least: the lowest of them; of four or more the second lowest, so that one outage in the past
            does not hide the next.
    """

    feed: str
    source: str
    hour: datetime
    received: int
    expected: int
    learned: int
    least: int

    @property
    def is_learning(self) -> bool:
        """Whether too little is known to expect anything."""
        return self.learned < LEAST_LEARNED

    @property
    def is_dropped(self) -> bool:
        """Whether far less came than ever in such an hour."""
        if self.is_learning or self.expected < LEAST_EXPECTED:
            return False
        return self.received < DROP * self.expected and 2 * self.received < self.least


def rhythms(connection: Connection, now: datetime) -> dict[str, HourVolume]:
    """Return the last whole hour of each feed."""
    last = to_microseconds(now) // HOUR_MICROSECONDS * HOUR_MICROSECONDS - HOUR_MICROSECONDS
    hour = from_microseconds(last)
    weekly = [hour - timedelta(weeks=each) for each in range(1, WEEKS + 1)]
    daily = [hour - timedelta(days=each) for each in range(1, DAYS + 1)]
    first = select(VOLUMES.c.feed, func.min(VOLUMES.c.hour)).group_by(VOLUMES.c.feed)
    begun = {feed: moment for feed, moment in connection.execute(first)}
    counted = {
        (feed, at): received
        for feed, at, received in connection.execute(
            select(VOLUMES.c.feed, VOLUMES.c.hour, VOLUMES.c.received).where(
                VOLUMES.c.hour.in_([hour, *weekly, *daily])
            )
        )
    }
    found = {}
    for feed, source in connection.execute(select(FEEDS.c.feed, FEEDS.c.source)):
        since = begun.get(feed)
        if since is None:
            continue
        # The first hour of a feed is cut; an hour without a row was an empty one.
        same = [counted.get((feed, at), 0) for at in weekly if at > since]
        if len(same) < LEAST_LEARNED:
            same = [counted.get((feed, at), 0) for at in daily if at > since]
        found[feed] = HourVolume(
            feed=feed,
            source=source,
            hour=hour,
            received=counted.get((feed, hour), 0),
            expected=int(median(same)) if same else 0,
            learned=len(same),
            least=_least(same),
        )
    return found


def _least(counts: list[int]) -> int:
    ordered = sorted(counts)
    return ordered[1] if len(ordered) > LEAST_LEARNED else min(ordered, default=0)
