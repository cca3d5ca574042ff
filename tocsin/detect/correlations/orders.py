"""Which sightings of steps in order can matter, so that busy last steps do not fill the memory.

A chain of steps begins with an *opening*, and a finding names what its window holds from the first
opening on. A sighting that is none, and that none precedes within the timespan, *waits*: it matters
only if an opening comes late. When the watermark has passed its time and the lateness, that of
inner correlations included, none can come any more, and it is dropped; one that arrives later than
that is looked at with its turn and not kept.

While it waits it is kept, for whatever would come late. Where a group has more sightings than fit,
last steps that wait go first, the oldest of them before others, and nobody misses them: an opening
that does come late still finds the newest ones, which close its chain and are its evidence. So what
is found is a function of the set of events within the lateness up to that bound; beyond it, a
finding may name fewer of them. Where a later event can undo a chain (*without*), each last step is
a decision of its own: one that had to go is counted, and of those that an opening precedes the
oldest stay, as they are decided first.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tocsin.detect.correlations.state import NEVER, Group, Sighting

# In the order in which sightings go where there are too many.
_WAITING, _DONE, _MANY, _FEW = range(4)


@dataclass(frozen=True, slots=True)
class Order:
    """What the steps of an ordered correlation are good for.

    Attributes:
        opening: mask of the steps that a chain can begin with.
        closing: mask of the steps that only end chains.
        span_us: timespan.
        late_us: how late its sightings may come.
        can_be_undone: whether chains are decided after the lateness.
    """

    opening: int
    closing: int
    span_us: int
    late_us: int
    can_be_undone: bool = False

    def without_vain(
        self, sightings: tuple[Sighting, ...], watermark_us: int
    ) -> tuple[Sighting, ...]:
        """Return the sightings without those that wait for what cannot come any more."""
        until_us = watermark_us - self.late_us
        if not sightings or sightings[0].time_us > until_us:
            return sightings
        settled = _from(sightings, until_us + 1)
        kept: list[Sighting] = []
        done = 0
        for begin, end in self._waiting(sightings):
            kept += sightings[done : min(begin, settled)]
            done = min(end, settled)
        return (*kept, *sightings[done:]) if done else sightings

    def fitting(
        self, sightings: tuple[Sighting, ...], most: int
    ) -> tuple[tuple[Sighting, ...], int]:
        """Return as many sightings as fit, and how many of the others are missed.

        Last steps go before those that chains still need.
        """
        many = len(sightings) - most
        if many <= 0:
            return sightings, 0
        waiting = {at for begin, end in self._waiting(sightings) for at in range(begin, end)}
        ranks = self._ranks(sightings, waiting)
        gone = set(sorted(range(len(sightings)), key=ranks.__getitem__)[:many])
        missed = sum(1 for at in gone if self._is_missed(sightings[at], ranks[at][0]))
        return tuple(each for at, each in enumerate(sightings) if at not in gone), missed

    def waits(self, group: Group) -> bool:
        """Return whether nobody misses a group: all it has are last steps that wait."""
        others = ~self.closing
        return not self.can_be_undone and not any(each.steps & others for each in group.sightings)

    def due(self, group: Group) -> int:
        """Return the watermark at which the first sighting has waited long enough."""
        begin, end = next(self._waiting(group.sightings), (0, 0))
        return group.sightings[begin].time_us + self.late_us if begin < end else NEVER

    def _waiting(self, sightings: Sequence[Sighting]) -> Iterator[tuple[int, int]]:
        """Yield from where to where no opening precedes sightings; those of one moment do."""
        opened = [each.time_us for each in sightings if each.steps & self.opening]
        begin = 0
        for at, time_us in enumerate(opened):
            if not at or time_us - opened[at - 1] > self.span_us:
                begin = _from(sightings, opened[at - 1] + self.span_us) if at else 0
                end = _from(sightings, time_us)
                if begin < end:
                    yield begin, end
        begin = _from(sightings, opened[-1] + self.span_us) if opened else 0
        if begin < len(sightings):
            yield begin, len(sightings)

    def _ranks(self, sightings: Sequence[Sighting], waiting: set[int]) -> list[tuple[int, int]]:
        """Return what sightings are ordered by where there are too many; the first go."""
        others = ~self.closing
        last = [not each.steps & others for each in sightings]
        # Neither must a busy last step push out the first ones, nor busy first ones the last.
        most_are_last = 2 * sum(last) > len(last)
        ranks = []
        for at, (each, is_last) in enumerate(zip(sightings, last, strict=True)):
            if not is_last:
                ranks.append((_FEW if most_are_last else _MANY, at))
            elif at in waiting:
                ranks.append((_WAITING, at))
            elif not self.can_be_undone or each.is_decided:
                ranks.append((_DONE, at))
            else:
                ranks.append((_MANY if most_are_last else _FEW, -at))
        return ranks

    def _is_missed(self, sighting: Sighting, rank: int) -> bool:
        if sighting.told:
            return False
        if self.can_be_undone:
            return not (sighting.is_decided and rank == _DONE)
        return rank != _WAITING


def openings(sightings: Sequence[Sighting], opening: int) -> Callable[[int], int]:
    """Return what gives the place from which a window tells, by the place of its first sighting.

    That is the first place at the moment of the first opening; a chain in the window has one.
    """
    opened = [place for place, each in enumerate(sightings) if each.steps & opening]
    begins: list[int] = []
    for place in opened:
        begin = begins[-1] if begins else 0
        if not begins or sightings[begin].time_us < sightings[place].time_us:
            begin = place
            while begin and sightings[begin - 1].time_us == sightings[place].time_us:
                begin -= 1
        begins.append(begin)

    def first(place: int) -> int:
        return begins[bisect_left(opened, place)]

    return first


def _from(sightings: Sequence[Sighting], time_us: int) -> int:
    """Return the place of the first sighting at or after a time."""
    return bisect_left(sightings, time_us, key=lambda each: each.time_us)
