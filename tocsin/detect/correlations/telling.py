"""Note which sightings a finding names, so that each is told once a period."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.detect.correlations.plan import Telling
from tocsin.detect.correlations.state import Sighting


@dataclass(slots=True)
class _Page:
    """What the finding of one period learns: places of sightings."""

    closing: int
    places: list[int] = field(default_factory=list)
    window: Sequence[int] = ()
    value: float | str = 0
    usual: float | None = None


class Ledger:
    """The sightings of a group while it is looked at, and what is told of them.

    Attributes:
        sightings: in order; changed where something is told.
    """

    def __init__(self, sightings: Iterable[Sighting], period_us: int) -> None:
        self.sightings = list(sightings)
        self._period_us = period_us
        self._pages: dict[int, _Page] = {}
        self._reached: dict[int, int] = {}
        self._closings: list[Sighting] = []

    def tell(
        self,
        first: int,
        end: int,
        closing: int,
        value: float | str,
        *,
        among: Sequence[int] = (),
        usual: float | None = None,
        at_us: int | None = None,
    ) -> None:
        """Tell a window that fulfills the condition.

        Args:
            first: place of its first sighting.
            end: place after its last one.
            closing: place of the sighting that says when it was.
            value: what was measured.
            among: places in the window, in order, where not all of it is meant.
            usual: what is usual.
            at_us: when it was, where the closing does not say so.
        """
        closing_us = self.sightings[closing].time_us if at_us is None else at_us
        period_us = closing_us // self._period_us * self._period_us
        reached = self._reached.get(period_us, 0)
        self._reached[period_us] = max(end, reached)
        # Windows follow each other: what earlier ones hold is told already.
        new = max(first, reached)
        places = among[bisect_left(among, new) :] if among else range(new, end)
        fresh = [place for place in places if period_us not in self.sightings[place].told]
        for place in fresh:
            told = (*self.sightings[place].told, period_us)
            self.sightings[place] = msgspec.structs.replace(self.sightings[place], told=told)
        if fresh:
            page = self._pages.setdefault(period_us, _Page(closing))
            page.places += fresh
            page.window, page.value, page.usual = among or range(first, end), value, usual

    def rewind(self) -> None:
        """Begin to tell windows from the first sighting again."""
        self._reached = {}

    def close(self, place: int) -> None:
        """Let outer correlations know of a sighting with which a window closed, once."""
        sighting = self.sightings[place]
        if not sighting.is_closed:
            self.sightings[place] = msgspec.structs.replace(sighting, is_closed=True)
            self._closings.append(sighting)

    @property
    def tellings(self) -> tuple[Telling, ...]:
        """What findings learn, in order of their periods."""
        return tuple(
            Telling(
                period_us,
                tuple(self.sightings[place] for place in page.places),
                self.sightings[page.closing],
                tuple(self.sightings[place] for place in page.window),
                page.value,
                page.usual,
            )
            for period_us, page in sorted(self._pages.items())
        )

    @property
    def closings(self) -> tuple[Sighting, ...]:
        """What outer correlations learn."""
        return tuple(self._closings)
