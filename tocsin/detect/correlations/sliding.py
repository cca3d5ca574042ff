"""Correlations that more events can only fulfill: decided at once, at every event.

The window is `(t - timespan, t]` for each time t of an event. A late event only adds windows and
makes others larger, so whatever has been told stays true. A window of steps in order is told from
its first opening on (see `orders`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import msgspec

from tocsin.detect.correlations.measures import Chain, Measure, Sum
from tocsin.detect.correlations.orders import Order, openings
from tocsin.detect.correlations.plan import Mark, Plan, Step
from tocsin.detect.correlations.state import NEVER, Group, Sighting
from tocsin.detect.correlations.telling import Ledger


@dataclass(frozen=True, slots=True)
class Sliding:
    """Counts, sums and rules in any order, with `gt` and `gte`; chains of steps in order."""

    plan: Plan
    measure: Callable[[], Measure]
    order: Order | None = None

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """See `Form`."""
        if _steps(group.sightings).bit_count() < self.plan.needed:
            return Step(group)
        ledger = Ledger(group.sightings, self.plan.period_us)
        waits = self.plan.correlation.kind == "value_sum"
        from_us = min(since_us, _open_from(group.sightings)) if waits else since_us
        opened = openings(group.sightings, self.order.opening) if self.order else None
        for window in windows(group.sightings, from_us, self.plan.span_us, self.measure()):
            if self._holds(window, mark):
                first = opened(window.first) if opened else window.first
                ledger.tell(first, window.end, window.moment, window.value)
                for place in range(window.moment, window.end):
                    ledger.close(place)
        sightings = tuple(ledger.sightings)
        if waits:
            sightings = _decided(sightings, mark.watermark_us - self.plan.late_us)
        return Step(replace(group, sightings=sightings), ledger.tellings, ledger.closings)

    def due(self, group: Group) -> int:
        """See `Form`."""
        if self.plan.correlation.kind != "value_sum":
            return NEVER
        return _open_from(group.sightings) + self.plan.late_us

    def _holds(self, window: "Window", mark: Mark) -> bool:
        if not all(bound.holds(window.value) for bound in self.plan.correlation.bounds):
            return False
        # A number below zero may still come and undo a sum; it is believed where none was seen.
        is_final = mark.watermark_us >= window.time_us + self.plan.late_us
        return is_final or not isinstance(window.measure, Sum) or not window.below_zero


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Chains of steps of which one must occur, each with steps that must not occur meanwhile.

    Attributes:
        chains: numbers of the steps in order, and a mask of the steps that deny the chain.
        is_late: whether a late event can undo a chain, so that it is decided after the lateness.
    """

    plan: Plan
    chains: tuple[tuple[tuple[int, ...], int], ...]
    is_late: bool

    @property
    def order(self) -> Order:
        """What the steps of all chains together are good for."""
        opening = going_on = closing = 0
        for steps, denied in self.chains:
            opening |= 1 << steps[0]
            closing |= 1 << steps[-1]
            going_on |= denied | sum(1 << step for step in set(steps[:-1]))
        closing &= ~(opening | going_on)
        return Order(opening, closing, self.plan.span_us, self.plan.late_us, self.is_late)

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """See `Form`."""
        if not self.is_late:
            return self._at_once(group, since_us)
        until_us = mark.watermark_us - self.plan.late_us
        open_from = _open_from(group.sightings)
        if open_from > until_us:
            return Step(group)
        ledger = Ledger(group.sightings, self.plan.period_us)
        present = _steps(group.sightings)
        for steps, denied in self.chains:
            if not all(present >> step & 1 for step in steps):
                continue
            ledger.rewind()
            self._look(ledger, steps, denied, open_from, until_us)
        after = replace(group, sightings=_decided(ledger.sightings, until_us))
        return Step(after, ledger.tellings, ledger.closings)

    def due(self, group: Group) -> int:
        """See `Form`."""
        return _open_from(group.sightings) + self.plan.late_us if self.is_late else NEVER

    def _at_once(self, group: Group, since_us: int) -> Step:
        ledger = Ledger(group.sightings, self.plan.period_us)
        present = _steps(group.sightings)
        for steps, _ in self.chains:
            if not all(present >> step & 1 for step in steps):
                continue
            ledger.rewind()
            opened = openings(group.sightings, 1 << steps[0])
            for window in windows(group.sightings, since_us, self.plan.span_us, Chain(steps)):
                if window.value == len(steps):
                    first = opened(window.first)
                    ledger.tell(first, window.end, window.moment, window.value)
                    self._close(ledger, window, steps)
        after = replace(group, sightings=tuple(ledger.sightings))
        return Step(after, ledger.tellings, ledger.closings)

    def _look(
        self, ledger: Ledger, steps: tuple[int, ...], denied: int, from_us: int, until_us: int
    ) -> None:
        sightings = tuple(ledger.sightings)
        wanted = sum(1 << step for step in set(steps))
        taken = [place for place, each in enumerate(sightings) if each.steps & wanted]
        denying = [place for place, each in enumerate(sightings) if each.steps & denied]
        for window in windows(sightings, from_us, self.plan.span_us, chain := Chain(steps)):
            if window.time_us > until_us:
                return
            moment = range(window.moment, window.end)
            if window.value < len(steps) or all(sightings[place].is_decided for place in moment):
                continue
            begin = bisect_left(sightings, chain.begin() or 0, key=lambda each: each.time_us)
            if bisect_left(denying, begin) == bisect_left(denying, window.end):
                among = taken[bisect_left(taken, begin) : bisect_left(taken, window.end)]
                ledger.tell(begin, window.end, window.moment, window.value, among=among)
                self._close(ledger, window, steps)

    def _close(self, ledger: Ledger, window: "Window", steps: tuple[int, ...]) -> None:
        for place in range(window.moment, window.end):
            if ledger.sightings[place].steps >> steps[-1] & 1:
                ledger.close(place)


@dataclass(frozen=True, slots=True)
class Window:
    """One window: places of its first sighting, of the first at its last moment, after its end."""

    first: int
    moment: int
    end: int
    time_us: int
    value: float
    measure: Measure
    below_zero: int = 0


def windows(
    sightings: Sequence[Sighting], since_us: int, span_us: int, measure: Measure
) -> Iterator[Window]:
    """Yield the windows that end at each moment from `since_us` on, with what is measured."""
    first = _after(sightings, since_us - span_us)
    end = _after(sightings, since_us - 1)
    measure.load(sightings[first:end])
    for time_us, moment in groupby(sightings[end:], key=lambda each: each.time_us):
        together = tuple(moment)
        place, end = end, end + len(together)
        measure.add(together)
        edge_us = time_us - span_us
        while sightings[first].time_us <= edge_us:
            measure.remove(sightings[first])
            first += 1
        # The measure goes on changing: what it counts beside its value is noted here.
        below_zero = measure.below_zero if isinstance(measure, Sum) else 0
        value = measure.value(edge_us)
        yield Window(first, place, end, time_us, value, measure, below_zero)


def _after(sightings: Sequence[Sighting], time_us: int) -> int:
    """Return the place of the first sighting after a time."""
    return bisect_right(sightings, time_us, key=lambda each: each.time_us)


def _steps(sightings: Iterable[Sighting]) -> int:
    """Return the steps that any of the sightings is; most groups never have them all."""
    steps = 0
    for each in sightings:
        steps |= each.steps
    return steps


def _open_from(sightings: Sequence[Sighting]) -> int:
    return next((each.time_us for each in sightings if not each.is_decided), NEVER)


def _decided(sightings: Iterable[Sighting], until_us: int) -> tuple[Sighting, ...]:
    return tuple(
        msgspec.structs.replace(each, is_decided=True)
        if each.time_us <= until_us and not each.is_decided
        else each
        for each in sightings
    )
