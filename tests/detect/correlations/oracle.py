"""What correlations find, plainly: every window is looked at anew, over the whole set of events.

Written from the specification and the guide, without any part of what runs in production.
"""

import math
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import product

COMPARE = {
    "gt": lambda value, number: value > number,
    "gte": lambda value, number: value >= number,
    "lt": lambda value, number: value < number,
    "lte": lambda value, number: value <= number,
    "eq": lambda value, number: value == number,
    "neq": lambda value, number: value != number,
}


@dataclass(frozen=True)
class Happening:
    """One event: minutes, group, which rules matched it, texts of each field."""

    uid: str
    minute: int
    group: str
    rules: frozenset
    fields: tuple = ()


@dataclass(frozen=True)
class Asked:
    """A correlation in minutes."""

    kind: str
    rules: tuple
    span: int
    bounds: tuple = ()
    without: tuple = ()
    condition: object = None  # a function of the set of rules that occur
    denies: bool = False
    percent: float | None = None
    lateness: int = 0
    learning: int = 0
    history: int = 0
    times: float = 0
    at_least: int = 0
    period: int = 60
    found: dict = field(default_factory=lambda: defaultdict(set))


def findings(asked, happenings):
    """Return the events of each finding: by group and beginning of the period in minutes."""
    found = defaultdict(set)
    by_group = defaultdict(dict)
    for each in happenings:
        by_group[each.group][each.uid] = each
    for group, events in by_group.items():
        ordered = sorted(events.values(), key=lambda each: (each.minute, each.uid))
        for minute, told in _KINDS[asked.kind](asked, ordered):
            if told:
                found[group, minute // asked.period * asked.period] |= {each.uid for each in told}
    return dict(found)


def _fulfilled(asked, value):
    return value is not None and all(COMPARE[name](value, number) for name, number in asked.bounds)


def _is_lower_limit(asked):
    return not asked.denies and all(name in ("gt", "gte") for name, _ in asked.bounds)


def _opened(window, openers):
    """Return what lies at or after the first event that a chain can begin with."""
    first = min((each.minute for each in window if each.rules & set(openers)), default=None)
    return [each for each in window if first is not None and each.minute >= first]


def _named(asked, window):
    if asked.kind != "temporal_ordered":
        return window
    least = max([1, *(n + (name == "gt") for name, n in asked.bounds)])
    return _opened(window, asked.rules[: len(asked.rules) - least + 1])


def _measured(measure):
    """Windows that slide for lower limits, windows that follow each other for all else."""

    def look(asked, events):
        if _is_lower_limit(asked):
            for minute in sorted({each.minute for each in events}):
                window = [each for each in events if minute - asked.span < each.minute <= minute]
                if _fulfilled(asked, measure(asked, window, minute)):
                    yield minute, _named(asked, window)
            return
        yield from _following(
            asked, events, lambda window: _fulfilled(asked, measure(asked, window, None))
        )

    return look


def _following(asked, events, holds):
    rest = list(events)
    while rest:
        window = [each for each in rest if each.minute < rest[0].minute + asked.span]
        rest = rest[len(window) :]
        if holds(window):
            yield window[-1].minute, window


def _count(asked, window, minute):
    return len(window)


def _combinations(each):
    return set(product(*each.fields))


def _distinct(asked, window, minute):
    return len(set().union(*map(_combinations, window)))


def _numbers(window):
    found = []
    for each in window:
        for text in each.fields[0]:
            try:
                number = float(text)
            except ValueError:
                continue
            if math.isfinite(number):
                found.append(number)
    return found


def _sum(asked, window, minute):
    return math.fsum(_numbers(window))


def _average(asked, window, minute):
    numbers = _numbers(window)
    return statistics.fmean(numbers) if numbers else None


def _percentile(asked, window, minute):
    numbers = sorted(_numbers(window))
    if not numbers:
        return None
    place = (50 if asked.percent is None else asked.percent) / 100 * (len(numbers) - 1)
    below, above = math.floor(place), math.ceil(place)
    return numbers[below] + (numbers[above] - numbers[below]) * (place - below)


def _shares(asked, events):
    rest = list(events)
    while rest:
        window = [each for each in rest if each.minute < rest[0].minute + asked.span]
        rest = rest[len(window) :]
        counts = Counter(values for each in window for values in _combinations(each))
        rare = {v for v, count in counts.items() if _fulfilled(asked, 100 * count / counts.total())}
        told = [each for each in window if rare & _combinations(each)]
        if told:
            yield told[-1].minute, told


def _rules(asked, window, minute):
    present = set().union(*(each.rules for each in window))
    if asked.condition is not None:
        return int(asked.condition(present))
    return len(present & set(asked.rules))


def _chains(asked, window, minute):
    """Yield length and beginning of every chain of steps in order that ends in a minute."""

    steps = [(e, at) for e in window for at, rule in enumerate(asked.rules) if rule in e.rules]

    def back(event, place):
        yield 1, event.minute
        for before, earlier in steps:
            is_other = before.uid != event.uid and before.minute <= event.minute
            for length, begin in back(before, earlier) if is_other and earlier < place else ():
                yield length + 1, begin

    for event, place in steps:
        if event.minute == minute:
            yield from back(event, place)


def _in_order(asked, window, minute):
    minutes = {each.minute for each in window} if minute is None else {minute}
    lengths = [length for end in minutes for length, _ in _chains(asked, window, end)]
    return max(lengths, default=0)


def _sequence(asked, events):
    for minute in sorted({each.minute for each in events}):
        window = [each for each in events if minute - asked.span < each.minute <= minute]
        whole = [b for length, b in _chains(asked, window, minute) if length == len(asked.rules)]
        if not whole:
            continue
        if not asked.without:
            yield minute, _opened(window, asked.rules[:1])
            continue
        meanwhile = [each for each in window if each.minute >= max(whole)]
        if not any(each.rules & set(asked.without) for each in meanwhile):
            yield minute, [each for each in meanwhile if each.rules & set(asked.rules)]


def _absence(asked, events):
    start, expected = asked.rules[0], asked.rules[-1]
    for event in events:
        if start not in event.rules:
            continue
        if start == expected:
            later = [e for e in events if (e.minute, e.uid) > (event.minute, event.uid)]
        else:
            later = [e for e in events if e.minute >= event.minute and e.uid != event.uid]
        followed = any(
            expected in each.rules and each.minute <= event.minute + asked.span for each in later
        )
        if not followed:
            yield event.minute, [event]


def _new_value(asked, events):
    known_since = None
    for place, event in enumerate(events):
        if place == 0 or event.minute - events[place - 1].minute >= asked.span:
            known_since = event.minute
        if event.minute - known_since < asked.learning:
            continue
        for values in _combinations(event):
            seen = [
                each
                for each in events
                if values in _combinations(each)
                and event.minute - asked.span < each.minute < event.minute - asked.lateness
            ]
            if not seen:
                yield event.minute, [event]


def _rate(asked, events):
    first = events[0].minute
    for bucket in sorted({each.minute // asked.span for each in events}):
        begin = bucket * asked.span
        inside = [each for each in events if each.minute // asked.span == bucket]
        end = (begin - asked.lateness) // asked.span
        start = max(first // asked.span, end - asked.history // asked.span)
        if end <= start or begin - first < asked.learning:
            continue
        before = [each for each in events if start <= each.minute // asked.span < end]
        usual, amount = _amount(before) / (end - start), _amount(inside)
        if amount >= asked.at_least and amount >= asked.times * usual:
            yield begin, inside


def _amount(events):
    """Events that tell numbers count those, others themselves."""
    if not any(each.fields for each in events):
        return len(events)
    return sum(int(text) for each in events for text in each.fields[0] if text.isdecimal())


def _quartiles(numbers):
    return statistics.quantiles(numbers, n=4, method="inclusive")


def _alike(numbers):
    low, middle, high = _quartiles(numbers)
    if middle <= 0:
        return 0
    skew = 0 if high == low else abs((high - middle) - (middle - low)) / (high - low)
    near = 1 - statistics.median(abs(each - middle) for each in numbers) / middle
    return statistics.fmean([1 - skew, max(0, near)])


def _even(minutes):
    parts = min(24, max(2, len(minutes) // 4))
    begin, length = minutes[0], minutes[-1] - minutes[0]
    shares = [0] * parts
    for minute in minutes:
        shares[min(parts - 1, (minute - begin) * parts // length)] += 1
    mean = statistics.fmean(shares)
    return max(0, 1 - statistics.fmean(abs(each - mean) for each in shares) / mean)


def _beacon(asked, window, minute):
    minutes = sorted({each.minute for each in window})
    if len(minutes) < max(4, asked.at_least):
        return None
    pauses = [minutes[at] - minutes[at - 1] for at in range(1, len(minutes))]
    answers = [_alike(pauses), _even(minutes), min(1, (minutes[-1] - minutes[0]) / asked.span)]
    sizes = [_numbers([each])[0] for each in window if each.fields and _numbers([each])]
    if len(sizes) >= len(minutes):
        answers.append(_alike(sizes))
    return statistics.fmean(answers)


_KINDS = {
    "beacon": lambda asked, events: _following(
        asked, events, lambda window: _fulfilled(asked, _beacon(asked, window, None))
    ),
    "event_count": _measured(_count),
    "value_count": _measured(_distinct),
    "value_sum": _measured(_sum),
    "value_avg": lambda asked, events: _following(
        asked, events, lambda window: _fulfilled(asked, _average(asked, window, None))
    ),
    "value_median": lambda asked, events: _following(
        asked, events, lambda window: _fulfilled(asked, _percentile(asked, window, None))
    ),
    "value_percentile": lambda asked, events: (
        _shares(asked, events)
        if asked.percent is None
        else _following(
            asked, events, lambda window: _fulfilled(asked, _percentile(asked, window, None))
        )
    ),
    "temporal": _measured(_rules),
    "temporal_ordered": _measured(_in_order),
    "sequence": _sequence,
    "absence": _absence,
    "new_value": _new_value,
    "rate": _rate,
}
