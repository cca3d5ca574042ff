"""What is measured in a window of sightings: counts, values, sums, rules, chains of rules."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby, islice, product
from typing import Protocol, TypeAlias

from tocsin.detect.correlations.model import Denied, Expression, Joined, Occurs
from tocsin.detect.correlations.state import Sighting

_MOST_COMBINATIONS = 256

Exact: TypeAlias = int | Fraction


class Measure(Protocol):
    """A number that changes as sightings enter and leave a sliding window."""

    def load(self, before: Sequence[Sighting]) -> None:
        """Take in sightings of several moments, in order, whose values nobody asks for."""

    def add(self, together: Sequence[Sighting]) -> None:
        """Take in the sightings of the next moment."""

    def remove(self, sighting: Sighting) -> None:
        """Let go of the oldest sighting."""

    def value(self, edge_us: int) -> float:
        """Return the measure of what lies after `edge_us`, when all before it has been removed."""


class Count:
    """Number of events."""

    def __init__(self) -> None:
        self._count = 0

    def load(self, before: Sequence[Sighting]) -> None:
        """See `Measure`."""
        self.add(before)

    def add(self, together: Sequence[Sighting]) -> None:
        """See `Measure`."""
        self._count += len(together)

    def remove(self, sighting: Sighting) -> None:
        """See `Measure`."""
        self._count -= 1

    def value(self, edge_us: int) -> float:
        """See `Measure`."""
        return self._count


class Distinct:
    """Number of different values, of combinations where there are several fields."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def load(self, before: Sequence[Sighting]) -> None:
        """See `Measure`."""
        self.add(before)

    def add(self, together: Sequence[Sighting]) -> None:
        """See `Measure`."""
        for sighting in together:
            self._counts.update(combinations(sighting))

    def remove(self, sighting: Sighting) -> None:
        """See `Measure`."""
        for values in combinations(sighting):
            self._counts[values] -= 1
            if not self._counts[values]:
                del self._counts[values]

    def value(self, edge_us: int) -> float:
        """See `Measure`."""
        return len(self._counts)


class Sum:
    """Sum of the numbers, exact, so that the order of adding makes no difference.

    Attributes:
        below_zero: how many numbers are below zero.
    """

    def __init__(self) -> None:
        self._total: Exact = 0
        self.below_zero = 0

    def load(self, before: Sequence[Sighting]) -> None:
        """See `Measure`."""
        self.add(before)

    def add(self, together: Sequence[Sighting]) -> None:
        """See `Measure`."""
        for sighting in together:
            for number in numbers(sighting):
                self._total += number
                self.below_zero += number < 0

    def remove(self, sighting: Sighting) -> None:
        """See `Measure`."""
        for number in numbers(sighting):
            self._total -= number
            self.below_zero -= number < 0

    def value(self, edge_us: int) -> float:
        """See `Measure`."""
        return rounded(self._total)


class Occurring:
    """Number of different rules, or 1 where an expression over them holds."""

    def __init__(self, wanted: int, expression: Expression | None, bits: dict[str, int]) -> None:
        self._wanted = wanted
        self._expression = expression
        self._bits = bits
        self._counts: Counter[int] = Counter()

    def load(self, before: Sequence[Sighting]) -> None:
        """See `Measure`."""
        self.add(before)

    def add(self, together: Sequence[Sighting]) -> None:
        """See `Measure`."""
        for sighting in together:
            self._counts.update(bits_of(sighting.steps & self._wanted))

    def remove(self, sighting: Sighting) -> None:
        """See `Measure`."""
        self._counts.subtract(bits_of(sighting.steps & self._wanted))

    def value(self, edge_us: int) -> float:
        """See `Measure`."""
        present = {bit for bit, count in self._counts.items() if count}
        if self._expression is None:
            return len(present)
        return int(holds(self._expression, {n for n, bit in self._bits.items() if bit in present}))


class Chain:
    """Length of the longest chain of steps in order that ends at the last moment.

    Steps of one moment count as in order; neighbors in the chain are different events.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps = tuple(steps)
        # By length and place of the last step: latest beginnings, with the event of the last step;
        # two of them, so that one remains where the next step is the same event.
        self._best: dict[tuple[int, int], tuple[tuple[int, str], ...]] = {}
        self._ended: dict[int, int] = {}

    def load(self, before: Sequence[Sighting]) -> None:
        """See `Measure`."""
        # Nothing follows a last step: it counts where the chain is asked for at its moment.
        followed = sum(1 << step for step in set(self._steps[:-1]))
        needed = [each for each in before if each.steps & followed]
        for _, together in groupby(needed, key=lambda each: each.time_us):
            self.add(tuple(together))

    def add(self, together: Sequence[Sighting]) -> None:
        """See `Measure`."""
        self._ended = {}
        for length in range(1, len(self._steps) + 1):
            for sighting in together:
                for place, step in enumerate(self._steps):
                    if sighting.steps >> step & 1:
                        self._extend(length, place, sighting)

    def _extend(self, length: int, place: int, sighting: Sighting) -> None:
        begins = self._begin(length, place, sighting)
        if begins is None:
            return
        known = self._best.get((length, place), ())
        others = [each for each in known if each[1] != sighting.uid]
        latest = sorted([*others, (begins, sighting.uid)], reverse=True)[:2]
        self._best[length, place] = tuple(latest)
        self._ended[length] = max(begins, self._ended.get(length, begins))

    def _begin(self, length: int, place: int, sighting: Sighting) -> int | None:
        if length == 1:
            return sighting.time_us
        return max(
            (
                begins
                for before in range(place)
                for begins, uid in self._best.get((length - 1, before), ())
                if uid != sighting.uid
            ),
            default=None,
        )

    def remove(self, sighting: Sighting) -> None:
        """See `Measure`; beginnings before the edge do not count anyway."""

    def value(self, edge_us: int) -> float:
        """See `Measure`."""
        return max(
            (length for length, begins in self._ended.items() if begins > edge_us), default=0
        )

    def begin(self) -> int | None:
        """Return the latest beginning of a whole chain that ends at the last moment."""
        return self._ended.get(len(self._steps))


def combinations(sighting: Sighting) -> set[tuple[str, ...]]:
    """Return the values of an event, combined over the fields; none where a field is missing."""
    return set(islice(product(*sighting.fields), _MOST_COMBINATIONS))


def numbers(sighting: Sighting) -> Iterator[Exact]:
    """Yield the numbers in the first field; other values are left out."""
    for text in sighting.fields[0]:
        try:
            yield int(text) if text.lstrip("-").isdecimal() else _fraction(text)
        except (ValueError, OverflowError):
            continue


def _fraction(text: str) -> Fraction:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no number")
    return Fraction(number)


def rounded(number: Exact) -> float:
    """Return the number as a float; whole numbers stay exact."""
    if isinstance(number, int):
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def bits_of(steps: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set."""
    while steps:
        lowest = steps & -steps
        yield lowest.bit_length() - 1
        steps ^= lowest


def holds(expression: Expression, present: set[str]) -> bool:
    """Return whether an expression holds where these rules occur."""
    match expression:
        case Occurs(rule):
            return rule in present
        case Denied(part):
            return not holds(part, present)
        case Joined(parts, needs_all):
            return (all if needs_all else any)(holds(part, present) for part in parts)


def average(values: Iterable[Exact]) -> float | None:
    """Return the mean; `None` of nothing."""
    found = list(values)
    return rounded(Fraction(sum(found), 1) / len(found)) if found else None


def percentile(values: Iterable[Exact], percent: float) -> float | None:
    """Return a percentile, linear between neighbors (as SQL's `percentile_cont`)."""
    found = sorted(values)
    if not found:
        return None
    place = Fraction(percent) / 100 * (len(found) - 1)
    below = int(place)
    above = min(below + 1, len(found) - 1)
    return rounded(found[below] + (found[above] - found[below]) * (place - below))
