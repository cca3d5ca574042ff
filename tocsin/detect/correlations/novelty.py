"""A group sees a value that it has not seen for long.

A value is new at time t where none of its sightings lies in `(t - timespan, t - lateness)`: the
events of its first minutes all belong to the finding, so that a late first event changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from tocsin.detect.correlations.measures import combinations
from tocsin.detect.correlations.plan import Mark, Plan, Step
from tocsin.detect.correlations.state import NEVER, Group, Seen, Sighting, group_key
from tocsin.detect.correlations.telling import Ledger

Spans = tuple[tuple[int, int], ...]

_GROUP = ""


@dataclass(frozen=True, slots=True)
class Novelty:
    """The form of `new_value`; it keeps values, and only the sightings that it told."""

    plan: Plan

    def step(self, group: Group, since_us: int, mark: Mark) -> Step:
        """See `Form`."""
        fresh = [at for at, each in enumerate(group.sightings) if not each.is_decided]
        seen = self._remembered(group.seen, [group.sightings[at] for at in fresh])
        ledger = Ledger(group.sightings, self.plan.period_us)
        kept = set(range(len(group.sightings))).difference(fresh)
        for place in fresh:
            new = self._new(group.sightings[place], seen)
            if new:
                ledger.tell(place, place + 1, place, ", ".join(new))
                ledger.close(place)
                self._settle(ledger, place)
                kept.add(place)
        sightings = tuple(ledger.sightings[place] for place in sorted(kept))
        # Not before: the first events of this turn may be much older than the last.
        forgotten_us = mark.watermark_us - self._memory_us
        kept_seen = {key: each for key, each in seen.items() if each.last_us > forgotten_us}
        after = replace(group, sightings=sightings, seen=kept_seen)
        return Step(after, ledger.tellings, ledger.closings)

    def due(self, group: Group) -> int:
        """See `Form`."""
        return min((each.last_us for each in group.seen.values()), default=NEVER) + self._memory_us

    @property
    def _memory_us(self) -> int:
        return self.plan.span_us + self.plan.late_us

    def _new(self, sighting: Sighting, seen: Mapping[str, Seen]) -> tuple[str, ...]:
        """Return the first new value of a sighting, nothing where the group still learns."""
        time_us = sighting.time_us
        if self.is_learning(seen, time_us):
            return ()
        new = (
            values
            for values in combinations(sighting)
            if not self._is_known(seen[group_key(values)].spans, time_us)
        )
        return min(new, default=())

    def _is_known(self, spans: Spans, time_us: int) -> bool:
        first_us, last_us = time_us - self.plan.span_us, time_us - self.plan.late_us
        return any(begin < last_us and end > first_us for begin, end in spans)

    def is_learning(self, seen: Mapping[str, Seen], time_us: int) -> bool:
        """Return whether the group is not known for long enough at a time."""
        learning_us = self.plan.learning_us
        spans = seen[_GROUP].spans if _GROUP in seen else ()
        begin = max((begin for begin, end in spans if begin <= time_us), default=time_us)
        return time_us - begin < learning_us

    def _remembered(
        self, seen: Mapping[str, Seen], fresh: Iterable[Sighting]
    ) -> Mapping[str, Seen]:
        """Return the values with those of new sightings."""
        times: dict[str, tuple[str, list[int]]] = {}
        for sighting in fresh:
            times.setdefault(_GROUP, ("", []))[1].append(sighting.time_us)
            for values in combinations(sighting):
                known = times.setdefault(group_key(values), (", ".join(values), []))
                known[1].append(sighting.time_us)
        kept = dict(seen)
        for key, (text, found) in times.items():
            gap_us = self.plan.span_us - (self.plan.late_us if key != _GROUP else 0)
            before = kept[key].spans if key in kept else ()
            kept[key] = Seen(text, spanned((*before, *((each, each) for each in found)), gap_us))
        return kept

    def _settle(self, ledger: Ledger, place: int) -> None:
        settled = msgspec.structs.replace(ledger.sightings[place], is_decided=True)
        ledger.sightings[place] = settled


def known_since(seen: Mapping[str, Seen]) -> int:
    """Return since when a group is known without a gap that would forget it."""
    return seen[_GROUP].spans[-1][0] if _GROUP in seen else NEVER


def spanned(spans: Iterable[tuple[int, int]], gap_us: int) -> Spans:
    """Return spans of time in order, joined where less than the gap lies between them."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin - joined[-1][1] < gap_us:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return tuple(joined)
