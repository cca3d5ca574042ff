"""What only the running pipeline knows: turns, their seconds, failures, the queue."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.store.answers import ForwarderState

_TURN_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One sample in the words of the Prometheus text format."""

    name: str
    kind: str
    description: str
    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class Meter:
    """Counters of this process; safe to use from several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turns: int = 0
    _failed: int = 0
    _seconds: float = 0.0
    _records: int = 0
    _refused: int = 0
    _buckets: list[int] = field(default_factory=lambda: [0] * len(_TURN_SECONDS))

    def turned(self, records: int, seconds: float) -> None:
        """Count a turn that committed."""
        with self._lock:
            self._turns += 1
            self._records += records
            self._seconds += seconds
            for place, bound in enumerate(_TURN_SECONDS):
                self._buckets[place] += seconds <= bound

    def failed(self) -> None:
        """Count a turn that stored nothing."""
        with self._lock:
            self._failed += 1

    def refused(self) -> None:
        """Count a delivery that was refused because the queue was full."""
        with self._lock:
            self._refused += 1

    def samples(self, waiting_records: int, waiting_bytes: int) -> Sequence[Metric]:
        """Return the counters and the depth of the queue."""
        with self._lock:
            name, about = "tocsin_turn_seconds", "Seconds from taking a batch to its commit."
            buckets = [
                Metric(f"{name}_bucket", "histogram", about, {"le": str(bound)}, count)
                for bound, count in zip(_TURN_SECONDS, self._buckets, strict=True)
            ]
            return [
                *buckets,
                Metric(f"{name}_bucket", "histogram", about, {"le": "+Inf"}, self._turns),
                Metric(f"{name}_sum", "histogram", about, {}, self._seconds),
                Metric(f"{name}_count", "histogram", about, {}, self._turns),
                _counter("tocsin_turns_failed_total", "Turns that stored nothing.", self._failed),
                _counter("tocsin_records_turned_total", "Records committed.", self._records),
                _counter(
                    "tocsin_deliveries_refused_total",
                    "Deliveries refused because the queue was full.",
                    self._refused,
                ),
                _gauge("tocsin_queue_records", "Records that wait for a turn.", waiting_records),
                _gauge("tocsin_queue_bytes", "Bytes that wait for a turn.", waiting_bytes),
            ]


FEED_COUNTS = "tocsin_feed_lost_total"
"""Name of the metric of what plugs lost, refused or skipped."""


def feed_counts(counts: Mapping[tuple[str, str], int]) -> Sequence[Metric]:
    """Return what plugs count, which they name by feed and kind."""
    about = "What a source or receiver lost, refused or skipped, by kind."
    return [
        Metric(FEED_COUNTS, "counter", about, {"feed": feed, "what": what}, count)
        for (feed, what), count in sorted(counts.items())
    ]


def feed_gauges(
    in_flight: Mapping[str, int], ways: Mapping[str, tuple[str, str]]
) -> Sequence[Metric]:
    """Return what waits for its commit by feed, and what each way in promises.

    Args:
        in_flight: records by feed.
        ways: kind and guarantee by feed.
    """
    about = "Records that were taken and wait for their commit."
    waiting = [
        Metric("tocsin_in_flight_records", "gauge", about, {"feed": feed}, in_flight.get(feed, 0))
        for feed in sorted({*in_flight, *ways})
    ]
    promise = "How the records of a feed come, and what that way in promises."
    told = [
        Metric(
            "tocsin_feed_info",
            "gauge",
            promise,
            {"feed": feed, "kind": kind, "guarantee": guarantee},
            1,
        )
        for feed, (kind, guarantee) in sorted(ways.items())
    ]
    return (*waiting, *told)


def forwarder_samples(states: Sequence[ForwarderState]) -> Sequence[Metric]:
    """Return how much each forwarder has sent, and what waits or is parked."""
    kinds = {
        "tocsin_forwarded_records_total": ("counter", "Records that a target took."),
        "tocsin_forward_waiting_records": ("gauge", "Records that no attempt has reached."),
        "tocsin_forward_again_records": ("gauge", "Records that will be sent again."),
        "tocsin_forward_parked_records": ("gauge", "Records refused too often; see their reason."),
        "tocsin_forward_failing": ("gauge", "Whether nothing leaves at present."),
    }
    values = [
        (each.name, (each.sent, each.waiting, each.again, each.parked, bool(each.problem)))
        for each in states
    ]
    return [
        Metric(metric, kind, about, {"forwarder": name}, counts[place])
        for place, (metric, (kind, about)) in enumerate(kinds.items())
        for name, counts in values
    ]


def _counter(name: str, description: str, value: float) -> Metric:
    return Metric(name, "counter", description, {}, value)


def _gauge(name: str, description: str, value: float) -> Metric:
    return Metric(name, "gauge", description, {}, value)
