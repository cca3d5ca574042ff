"""Correlations that a late event can undo: decided when it cannot come any more.

A window begins with the first event after the last window, and lasts one timespan. Each event is in
one window, so that "fewer than five" looks at all events there are.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from tocsin.detect.correlations.beacons import beacon_score
from tocsin.detect.correlations.measures import (
    Chain,
    Count,
    Distinct,
    Occurring,
    Sum,
    average,
    combinations,
    numbers,
    percentile,
)
from tocsin.detect.correlations.model import Correlation
from tocsin.detect.correlations.plan import Mark, Plan, Step
from tocsin.detect.correlations.state import NEVER, Group, Sighting
from tocsin.detect.correlations.telling import Ledger


@dataclass(frozen=True, slots=True)
class Tumbling:
    """Every condition that is no lower limit; averages, medians, percentiles, denied rules."""

    plan: Plan

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """See `Form`."""
        closed_us, late = group.head.closed_us, 0
        sightings = group.sightings
        if sightings and sightings[0].time_us < closed_us:
            kept = tuple(each for each in sightings if each.time_us >= closed_us)
            late, sightings = len(sightings) - len(kept), kept
        times = [each.time_us for each in sightings]
        ledger = Ledger(sightings, self.plan.period_us)
        first = 0
        while first < len(times) and self._is_over(times[first], mark):
            closed_us = times[first] + self.plan.span_us
            end = bisect_left(times, closed_us)
            self._decide(ledger, first, end)
            first = end
        head = msgspec.structs.replace(group.head, closed_us=closed_us)
        after = replace(group, head=head, sightings=tuple(sightings[first:]))
        return Step(after, ledger.tellings, ledger.closings, late)

    def due(self, group: Group) -> int:
        """See `Form`."""
        return group.sightings[0].time_us + self.plan.delay_us if group.sightings else NEVER

    def _is_over(self, begin_us: int, mark: Mark) -> bool:
        return begin_us + self.plan.delay_us <= mark.watermark_us

    def _decide(self, ledger: Ledger, first: int, end: int) -> None:
        window = ledger.sightings[first:end]
        if self.plan.correlation.kind == "value_percentile" and not self._has_percent:
            self._shares(ledger, first, end)
            return
        value = measured(self.plan, window)
        if value is not None and self._holds(value):
            ledger.tell(first, end, end - 1, value)
            ledger.close(end - 1)

    @property
    def _has_percent(self) -> bool:
        return self.plan.correlation.percentile is not None

    def _holds(self, value: float) -> bool:
        return all(bound.holds(value) for bound in self.plan.correlation.bounds)

    def _shares(self, ledger: Ledger, first: int, end: int) -> None:
        """Tell the sightings of values whose share in percent fulfills the condition."""
        found = [combinations(each) for each in ledger.sightings[first:end]]
        counts = Counter(values for each in found for values in each)
        total = counts.total()
        chosen = {
            values: 100 * count / total
            for values, count in counts.items()
            if self._holds(100 * count / total)
        }
        places = [first + at for at, each in enumerate(found) if not chosen.keys().isdisjoint(each)]
        if places:
            ledger.tell(first, end, places[-1], min(chosen.values()), among=places)
            ledger.close(places[-1])


def measured(plan: Plan, window: Sequence[Sighting]) -> float | None:
    """Return what a correlation measures in a whole window; `None` where there is no number."""
    correlation = plan.correlation
    measure = _SLIDING.get(correlation.kind)
    if measure is not None:
        summed = measure(plan)
        if correlation.kind == "temporal_ordered":
            return _longest(summed, window)
        summed.add(window)
        return summed.value(-NEVER)
    if correlation.kind == "beacon":
        return beacon_score(window, plan.span_us, correlation.at_least)
    found = [number for sighting in window for number in numbers(sighting)]
    if correlation.kind == "value_avg":
        return average(found)
    return percentile(found, _percent(correlation))


def _percent(correlation: Correlation) -> float:
    if correlation.kind == "value_median" or correlation.percentile is None:
        return 50.0
    return correlation.percentile


def _longest(
    chain: Count | Distinct | Sum | Occurring | Chain, window: Sequence[Sighting]
) -> float:
    longest = 0.0
    for time_us in sorted({each.time_us for each in window}):
        chain.add([each for each in window if each.time_us == time_us])
        longest = max(longest, chain.value(-NEVER))
    return longest


def occurring(plan: Plan) -> Occurring:
    """Return the measure of a `temporal` correlation."""
    wanted = sum(1 << plan.bits[uid] for uid in plan.correlation.rules)
    return Occurring(wanted, plan.correlation.expression, dict(plan.bits))


def chain(plan: Plan) -> Chain:
    """Return the measure of a `temporal_ordered` correlation."""
    return Chain([plan.bits[uid] for uid in plan.correlation.rules])


_SLIDING: dict[str, Callable[[Plan], Count | Distinct | Sum | Occurring | Chain]] = {
    "event_count": lambda plan: Count(),
    "value_count": lambda plan: Distinct(),
    "value_sum": lambda plan: Sum(),
    "temporal": occurring,
    "temporal_ordered": chain,
}
