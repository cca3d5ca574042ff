"""Something expected does not happen: decided when the timespan and the lateness are over."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from tocsin.detect.correlations.plan import Mark, Plan, Step
from tocsin.detect.correlations.state import NEVER, Group, Sighting
from tocsin.detect.correlations.telling import Ledger


@dataclass(frozen=True, slots=True)
class Absence:
    """After a match of the first rule, none of the second within the timespan.

    With one rule: after a match, no further one.
    """

    plan: Plan

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """See `Form`."""
        ledger = Ledger(group.sightings, self.plan.period_us)
        starts, expected = self._masks
        ends = [each for each in group.sightings if each.steps & expected]
        kept: list[int] = []
        for place, sighting in enumerate(group.sightings):
            is_open = bool(sighting.steps & starts) and not sighting.is_decided
            if is_open and self._is_followed(sighting, ends):
                is_open = False
                self._settle(ledger, place)
            elif is_open and sighting.time_us + self.plan.delay_us <= mark.watermark_us:
                is_open = False
                ledger.tell(place, place + 1, place, 0)
                ledger.close(place)
                self._settle(ledger, place)
            # What is settled stays for as long as it could still follow something that comes late.
            if is_open or sighting.keep_us > mark.watermark_us:
                kept.append(place)
        after = replace(group, sightings=tuple(ledger.sightings[place] for place in kept))
        return Step(after, ledger.tellings, ledger.closings)

    def due(self, group: Group) -> int:
        """See `Form`."""
        starts, _ = self._masks
        times = (
            each.time_us for each in group.sightings if each.steps & starts and not each.is_decided
        )
        return min(times, default=NEVER) + self.plan.delay_us

    @property
    def _masks(self) -> tuple[int, int]:
        rules = self.plan.correlation.rules
        return 1 << self.plan.bits[rules[0]], 1 << self.plan.bits[rules[-1]]

    def _is_followed(self, sighting: Sighting, ends: Sequence[Sighting]) -> bool:
        is_alone = len(set(self.plan.correlation.rules)) == 1
        from_order = sighting.order if is_alone else (sighting.time_us, "")
        place = bisect_right(ends, from_order, key=lambda each: each.order)
        if place < len(ends) and ends[place].uid == sighting.uid:
            place += 1
        return place < len(ends) and ends[place].time_us <= sighting.time_us + self.plan.span_us

    def _settle(self, ledger: Ledger, place: int) -> None:
        sighting = ledger.sightings[place]
        ledger.sightings[place] = msgspec.structs.replace(sighting, is_decided=True)
