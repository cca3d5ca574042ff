"""Score how much the connections of a window look like those of a program that calls home.

Four questions, each answered between 0 and 1, and averaged: are the pauses alike, are the sizes
alike, is every part of the time as busy as the others, and does it last for the whole window?

Source: the published descriptions of RITA (Active Countermeasures): skew by quartiles (Bowley),
median absolute deviation, histogram and duration. The weights here are equal, and deviations are
measured against the median, so that one scale serves pauses of seconds and of hours.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from tocsin.detect.correlations.measures import Exact, numbers
from tocsin.detect.correlations.state import Sighting

_MOST_PARTS = 24
_EVENTS_PER_PART = 4
_FEWEST_MOMENTS = 4
_SECOND_US = 1_000_000


def beacon_score(window: Sequence[Sighting], span_us: int, at_least: int) -> float | None:
    """Return the score of a window, 0 to 1; `None` where it has too few moments.

    Args:
        window: in order of time.
        span_us: how long a window is.
        at_least: how many different seconds with a connection it takes.
    """
    moments = sorted({each.time_us // _SECOND_US for each in window})
    if len(moments) < max(at_least, _FEWEST_MOMENTS):
        return None
    pauses = [after - before for before, after in zip(moments, moments[1:], strict=False)]
    lasts = Fraction((moments[-1] - moments[0]) * _SECOND_US, span_us)
    answers = [_alike(pauses), _even(moments), min(lasts, Fraction(1))]
    sizes = [size for each in window if each.fields for size in list(numbers(each))[:1]]
    if len(sizes) >= len(moments):
        answers.append(_alike(sizes))
    return round(float(sum(answers, Fraction(0)) / len(answers)), 3)


def _alike(values: Sequence[Exact]) -> Fraction:
    """Return how alike numbers are: without skew, and near their median."""
    ordered = sorted(Fraction(each) for each in values)
    low, middle, high = (_quantile(ordered, Fraction(part, 4)) for part in (1, 2, 3))
    if middle <= 0:
        return Fraction(0)
    width = high - low
    skew = abs(high + low - 2 * middle) / width if width else Fraction(0)
    deviation = _quantile(sorted(abs(each - middle) for each in ordered), Fraction(1, 2))
    return (1 - skew + max(Fraction(0), 1 - deviation / middle)) / 2


def _quantile(ordered: Sequence[Fraction], part: Fraction) -> Fraction:
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _even(moments: Sequence[int]) -> Fraction:
    """Return how evenly moments lie between the first and the last one.

    One minus the mean deviation of the parts from their mean, against that mean.
    """
    parts = min(_MOST_PARTS, max(2, len(moments) // _EVENTS_PER_PART))
    length = moments[-1] - moments[0]
    counts = Counter(min(parts - 1, (each - moments[0]) * parts // length) for each in moments)
    mean = Fraction(len(moments), parts)
    deviation = sum((abs(counts[part] - mean) for part in range(parts)), Fraction(0)) / parts
    return max(Fraction(0), 1 - deviation / mean)
