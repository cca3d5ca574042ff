"""The stretch of time that a page shows, as it stands in the address: `?since=24h&until=...`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CHOICES = ("15m", "1h", "6h", "24h", "7d", "30d", "90d")
DEFAULT = "24h"

_RELATIVE = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` up to, not including, `end`; both UTC.

    `since` and `until` are what stands in the address, so that links repeat it; `until` is empty
    where the range ends now.
    """

    start: datetime
    end: datetime
    since: str
    until: str = ""

    @property
    def is_live(self) -> bool:
        """Whether the range ends now and so moves."""
        return not self.until

    @property
    def query(self) -> dict[str, str]:
        """The range as parts of an address."""
        return {"since": self.since, **({"until": self.until} if self.until else {})}


def parse(since: str, until: str, now: datetime, default: str = DEFAULT) -> TimeRange:
    """Read a range from an address; what cannot be read counts as not given.

    Args:
        since: `24h`, `7d`, or a time of ISO 8601; a time without a zone is UTC.
        until: a time of ISO 8601, or empty for now.
        now: UTC.
        default: the `since` to take where there is none.
    """
    end = _moment(until) or now
    start = _start(since, end)
    if start is None or start >= end:
        since = default
        start = _start(default, end) or _EARLIEST
    return TimeRange(start, end, since, until if _moment(until) else "")


def step(span: timedelta, bars: int = 60) -> timedelta:
    """Return the width of a histogram's bar: a round one that gives about `bars` bars."""
    wanted = span.total_seconds() / bars
    minutes = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
    rounds = (1, 5, 10, 30, *(minute * 60 for minute in minutes))
    return timedelta(seconds=next((size for size in rounds if size >= wanted), 7 * 86400))


def stamp(moment: datetime) -> str:
    """Return a time as it stands in addresses: `2026-11-23T06:40:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _start(since: str, end: datetime) -> datetime | None:
    found = _RELATIVE.fullmatch(since)
    if not found:
        return _moment(since)
    try:
        return max(end - int(found[1]) * _UNITS[found[2]], _EARLIEST)
    except OverflowError:
        return _EARLIEST


def _moment(text: str) -> datetime | None:
    """Return the time of `text`, `None` where it is none or lies before 1970."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return aware.astimezone(UTC) if aware >= _EARLIEST else None
    except OverflowError:
        return None
