"""A group does something far more often, or moves far more, than it used to.

Events are counted in buckets of one timespan, or the numbers in a field of theirs are added up. The
average is taken over the buckets of the history that ended before the lateness of this one, so that
it does not move while this one fills.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace

import msgspec

from tocsin.detect.correlations.measures import numbers
from tocsin.detect.correlations.plan import Mark, Plan, Step
from tocsin.detect.correlations.state import NEVER, Group, Head, Sighting
from tocsin.detect.correlations.telling import Ledger

Counts = tuple[tuple[int, int], ...]

# So that what somebody writes into a log can be stored: more is as much as this.
_MOST = 1 << 62


@dataclass(frozen=True, slots=True)
class Rate:
    """The form of `rate`; it keeps counts, and the sightings of the newest buckets."""

    plan: Plan

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """See `Form`."""
        span_us = self.plan.span_us
        counts = dict(group.head.counts)
        ledger = Ledger(group.sightings, self.plan.period_us)
        touched = set()
        for place, sighting in enumerate(group.sightings):
            if not sighting.is_decided:
                bucket = sighting.time_us // span_us
                counts[bucket] = min(_MOST, counts.get(bucket, 0) + self._amount(sighting))
                touched.add(bucket)
                settled = msgspec.structs.replace(sighting, is_decided=True)
                ledger.sightings[place] = settled
        known = tuple(sorted(counts.items()))
        head = msgspec.structs.replace(group.head, counts=known)
        for bucket in sorted(touched):
            self._judge(ledger, head, bucket, counts[bucket])
        # Not before: the first events of this turn may be much older than the last.
        oldest = (mark.watermark_us - self.plan.late_us) // span_us - self.buckets - 1
        kept = tuple(each for each in known if each[0] >= oldest)
        head = msgspec.structs.replace(head, counts=kept)
        after = replace(group, head=head, sightings=tuple(ledger.sightings))
        return Step(after, ledger.tellings, ledger.closings)

    def due(self, group: Group) -> int:
        """See `Form`."""
        return NEVER

    def _amount(self, sighting: Sighting) -> int:
        """Return what one event counts: itself, or its numbers; none are below zero."""
        if not self.plan.correlation.fields:
            return 1
        return max(0, int(sum(numbers(sighting))))

    @property
    def buckets(self) -> int:
        """How many buckets the history has."""
        return self.plan.history_us // self.plan.span_us

    def usual(self, head: Head, bucket: int) -> float | None:
        """Return the average bucket of the history before one; `None` where there is none."""
        span_us = self.plan.span_us
        end = (bucket * span_us - self.plan.late_us) // span_us
        begin = max(head.first_us // span_us, end - self.buckets)
        if end <= begin:
            return None
        return sum(count for at, count in head.counts if begin <= at < end) / (end - begin)

    def _judge(self, ledger: Ledger, head: Head, bucket: int, count: int) -> None:
        begin_us = bucket * self.plan.span_us
        usual = self.usual(head, bucket)
        wanted = self.plan.correlation
        if usual is None or begin_us - head.first_us < self.plan.learning_us:
            return
        if count < wanted.at_least or count < wanted.times * usual:
            return
        times = [each.time_us for each in ledger.sightings]
        first, end = bisect_left(times, begin_us), bisect_left(times, begin_us + self.plan.span_us)
        if first < end:
            ledger.tell(first, end, end - 1, count, usual=usual, at_us=begin_us)
            ledger.close(end - 1)
