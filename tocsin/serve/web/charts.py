"""Numbers for charts, as plain lists that the browser draws; it computes nothing itself."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tocsin.serve.web import names, ranges

if TYPE_CHECKING:
    from tocsin.serve.web.ranges import TimeRange
    from tocsin.store.answers import Bucket

Chart = dict[str, object]
Stacks = Mapping[str, Sequence[int]]


def by_severity(counts: Iterable[tuple[datetime, int, int]], span: "TimeRange", link: str) -> Chart:
    """Return stacked bars of how many of each severity fell into each stretch of time.

    Args:
        counts: begin of a bar, severity id, how many; bars are `bar_width(span)` wide.
        span: first to last bar.
        link: where a click on a bar leads; the range of the bar is added.
    """
    width = bar_width(span)
    starts = _starts(span, width)
    places = {start: place for place, start in enumerate(starts)}
    bars = {severity: [0] * len(starts) for severity in sorted(names.SEVERITIES)}
    for start, severity, count in counts:
        if severity in bars and start in places:
            bars[severity][places[start]] += count
    filled = {f"sev-{severity}": values for severity, values in bars.items() if any(values)}
    captions = {f"sev-{severity}": caption for severity, caption in names.SEVERITIES.items()}
    return _bars(starts, width, filled, captions, link)


def bar_width(span: "TimeRange") -> timedelta:
    """Return the width of the bars in which findings are counted over `span`."""
    return ranges.step(span.end - span.start, bars=48)


def histogram(buckets: "Sequence[Bucket]", span: "TimeRange", caption: str, link: str) -> Chart:
    """Return the bars of a search's histogram."""
    starts = [_aware(bucket.start) for bucket in buckets]
    width = starts[1] - starts[0] if len(starts) > 1 else span.end - span.start
    counts = {"main": [bucket.count for bucket in buckets]}
    return _bars(starts, width, counts, {"main": caption}, link)


def hourly(volumes: Iterable[tuple[datetime, int]], now: datetime, hours: int = 24) -> list[int]:
    """Return counts of the last `hours` hours, oldest first, for a spark line."""
    last = _aware(now).replace(minute=0, second=0, microsecond=0)
    counts = [0] * hours
    for hour, count in volumes:
        place = hours - 1 - int((last - _aware(hour)) / timedelta(hours=1))
        if 0 <= place < hours:
            counts[place] += count
    return counts


def spark_points(counts: Sequence[int], width: int = 120, height: int = 28) -> str:
    """Return the points of an SVG polyline through `counts`."""
    highest = max(counts, default=0) or 1
    step = width / max(len(counts) - 1, 1)
    return " ".join(
        f"{place * step:.1f},{height - 2 - (height - 4) * count / highest:.1f}"
        for place, count in enumerate(counts)
    )


def _bars(
    starts: Sequence[datetime],
    width: timedelta,
    counts: Stacks,
    captions: Mapping[str, str],
    link: str,
) -> Chart:
    return {
        "starts": [int(start.timestamp() * 1000) for start in starts],
        "width": int(width.total_seconds() * 1000),
        "series": [
            {"color": color, "name": captions[color], "values": list(values)}
            for color, values in counts.items()
        ],
        "link": link,
    }


def _starts(span: "TimeRange", width: timedelta) -> list[datetime]:
    seconds = width.total_seconds()
    first = datetime.fromtimestamp(span.start.timestamp() // seconds * seconds, UTC)
    count = int((span.end - first) / width) + 1
    return [first + width * place for place in range(count)]


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
