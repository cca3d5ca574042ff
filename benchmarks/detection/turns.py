"""Sides take turns, so that what disturbs the machine disturbs each of them; medians count."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seconds:
    """What one side needed, turn by turn."""

    turns: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the turns."""
        return statistics.median(self.turns)

    @property
    def spread(self) -> float:
        """How far the turns lie apart: the longest over the shortest, less one."""
        return max(self.turns) / min(self.turns) - 1


def interleave(sides: Mapping[str, Callable[[], float]], turns: int) -> dict[str, Seconds]:
    """Run every side once in each turn; every other turn in the opposite order.

    Args:
        sides: by name, functions that do the work once and return its seconds.
        turns: how often.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns):
        names = list(sides)
        for name in names if turn % 2 == 0 else reversed(names):
            found[name].append(sides[name]())
    return {name: Seconds(tuple(seconds)) for name, seconds in found.items()}


def extended(small: float, large: float, counts: tuple[int, int], goal: int) -> float:
    """Return the seconds for `goal` events of a side that was given fewer.

    What does not grow with the events, the start above all, is counted once, and not once for each
    of the pieces that would make up `goal`: the slow side's start is not held against it.

    Args:
        small: seconds for the smaller count.
        large: seconds for the larger count.
        counts: both counts, the smaller first.
        goal: for how many events.
    """
    few, many = counts
    if few >= many:
        raise ValueError("the second count must be the larger one")
    each = max(large - small, 0.0) / (many - few)
    return large + each * (goal - many)
