"""What the running pipeline says of the way in of each feed, read from its counters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.serve.web.console import MetricView

LOST = "tocsin_feed_lost_total"
IN_FLIGHT = "tocsin_in_flight_records"
INFO = "tocsin_feed_info"


@dataclass(slots=True)
class WayIn:
    """The way in of one feed.

    Attributes:
        kind: how the records come, as in the settings; `None` where nobody reads the feed now.
        guarantee: `acknowledged`, `resumable` or `lossy`.
        in_flight: records that wait for their commit.
        lost: what was lost, refused or skipped since the start, by kind.
    """

    kind: str | None = None
    guarantee: str | None = None
    in_flight: int = 0
    lost: dict[str, int] = field(default_factory=dict)


def ways_in(samples: "Iterable[MetricView]") -> Mapping[str, WayIn]:
    """Return what the samples say of each feed."""
    found: dict[str, WayIn] = {}
    for sample in samples:
        if sample.name not in {LOST, IN_FLIGHT, INFO}:
            continue
        way = found.setdefault(sample.labels["feed"], WayIn())
        if sample.name == LOST:
            way.lost[sample.labels["what"]] = int(sample.value)
        elif sample.name == IN_FLIGHT:
            way.in_flight = int(sample.value)
        else:
            way.kind, way.guarantee = sample.labels["kind"], sample.labels["guarantee"]
    return found
