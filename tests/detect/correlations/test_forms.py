"""The forms that Tocsin adds to Sigma: new value, absence, sequence, rate."""

import json

import pytest

from tests.detect.correlations.rules import numbers, told

HOUR, DAY = 60, 1440


def new_value(more="learning: 7d"):
    return (
        "type: new_value\nrules: a\ngroup-by: user\ntimespan: 14d\n"
        f"condition: {{field: country}}\n{more}\n"
    )


def seen(days, country):
    return days * DAY, "a", {"country": country}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([seen(0, "DE"), seen(8, "DE"), seen(8.1, "KP")], [2]),
        ([seen(0, "DE"), seen(6, "KP")], []),
        ([seen(0, "DE"), seen(8, "DE"), seen(9, "DE")], []),
        # A value is forgotten after the timespan, and what is seen again lives on.
        ([seen(0, "DE"), seen(1, "KP"), seen(10, "DE"), seen(16, "KP")], [3]),
        ([seen(0, "DE"), seen(1, "KP"), seen(10, "KP"), seen(20, "KP")], []),
        # A group that was not seen for the timespan learns again.
        ([seen(0, "DE"), seen(8, "DE"), seen(30, "KP")], []),
        ([seen(0, "DE"), seen(8, ["DE", "KP"])], [1]),
        ([seen(0, "DE"), (8 * DAY, "a", {})], []),
    ],
)
def test_new_value(events, expected):
    assert numbers(told(new_value(), *events)) == expected


def test_the_first_minutes_of_a_new_value_belong_to_the_finding():
    events = [seen(0, "DE"), *((8 * DAY + minute, "a", {"country": "KP"}) for minute in (0, 5, 40))]

    assert numbers(told(new_value(), *events)) == [1, 2]


def test_learning_lasts_as_long_as_the_timespan_by_default():
    events = [seen(0, "DE"), seen(10, "DE"), seen(13.9, "KP"), seen(14.1, "SY")]

    assert numbers(told(new_value(""), *events)) == [3]


def test_each_group_learns_for_itself():
    events = [seen(0, "DE"), (8 * DAY, "a", {"user": "v", "country": "KP"})]

    assert told(new_value(), *events) == []


def test_values_of_several_fields_are_new_together():
    correlation = new_value().replace("field: country", "field: [country, agent]")
    events = [
        (0, "a", {"country": "DE", "agent": "x"}),
        (1, "a", {"country": "FR", "agent": "y"}),
        (8 * DAY, "a", {"country": "DE", "agent": "y"}),
    ]
    (row,) = told(correlation, *events)

    assert json.loads(row["context"])["value"] == "DE, y"


ABSENCE = "type: absence\nrules: {}\ngroup-by: user\ntimespan: 1h\n"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(0, "a")], [0]),
        ([(0, "a"), (30, "b")], []),
        ([(0, "a"), (60, "b")], []),
        ([(0, "a"), (61, "b")], [0]),
        ([(0, "b"), (1, "a")], [1]),
        ([(0, "a"), (0, "b")], []),
        ([(0, "a"), (50, "a"), (55, "b")], []),
        ([(0, "a"), (10, "a"), (65, "b")], [0]),
        ([(0, "a"), (30, "b", {"user": "v"})], [0]),
    ],
)
def test_absence_of_what_is_expected(events, expected):
    assert numbers(told(ABSENCE.format("[a, b]"), *events)) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [((0,), [0]), ((0, 50, 100), [2]), ((0, 61), [0, 1]), ((0, 60), [1]), ((0, 0), [1])],
)
def test_absence_of_a_repetition(minutes, expected):
    assert numbers(told(ABSENCE.format("[a]"), *((at, "a") for at in minutes))) == expected


SEQUENCE = "type: sequence\nrules: {}\nwithout: [c]\ngroup-by: user\ntimespan: 10m\n"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ("ab", [0, 1]),
        ("acb", []),
        ("cab", [1, 2]),
        ("abc", [0, 1]),
        ("acab", [2, 3]),
        ("ba", []),
        ("aab", [1, 2]),
    ],
)
def test_sequence_without(events, expected):
    assert numbers(told(SEQUENCE.format("[a, b]"), *enumerate(events))) == expected


def test_what_denies_a_sequence_is_of_the_same_group():
    events = [(0, "a"), (1, "c", {"user": "v"}), (2, "b")]

    assert numbers(told(SEQUENCE.format("[a, b]"), *events)) == [0, 2]


def test_a_sequence_may_repeat_a_step():
    correlation = SEQUENCE.format("[a, b, a]").replace("without: [c]\n", "")

    assert told(correlation, (0, "a"), (1, "b")) == []
    assert numbers(told(correlation, (0, "a"), (1, "b"), (2, "a"))) == [0, 1, 2]


RATE = (
    "type: rate\nrules: a\ngroup-by: user\ntimespan: 1h\nhistory: 1d\nlearning: 12h\n"
    "condition: {times: 3, at_least: 4}\n"
)


def hourly(count, hours):
    return [(hour * HOUR + at, "a") for hour in hours for at in range(count)]


@pytest.mark.parametrize(
    ("usual", "hours", "count", "expected"),
    [
        (2, range(24), 6, 6),
        (2, range(24), 5, 0),
        (1, range(24), 4, 4),
        (1, range(24), 3, 0),
        (2, range(6), 9, 0),
    ],
)
def test_rate_against_the_own_history(usual, hours, count, expected):
    before = hourly(usual, hours)
    events = [*before, *hourly(count, [len(hours)])]

    assert numbers(told(RATE, *events)) == [len(before) + number for number in range(expected)]


@pytest.mark.parametrize(("size", "expected"), [(90, 1), (89, 0), (10**400, 1), ("many", 0)])
def test_a_rate_of_sizes_adds_up_numbers(size, expected):
    rule = RATE.replace("{times: 3, at_least: 4}", "{times: 3, at_least: 80, field: size}")
    before = [(hour * HOUR, "a", {"size": 30}) for hour in range(24)]

    found = told(rule, *before, (24 * HOUR, "a", {"size": size}))

    assert numbers(found) == [24] * expected


def test_a_rate_tells_what_is_usual():
    rows = told(RATE, *hourly(2, range(24)), *hourly(8, [24]))
    context = json.loads(rows[-1]["context"])

    assert (context["value"], context["usual"]) == (8, 2.0)
