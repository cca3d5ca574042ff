"""What calls home scores high; what people do does not."""

import random

import pytest

from tests.detect.correlations.oracle import Asked, Happening
from tests.detect.correlations.rules import problems
from tests.detect.correlations.running import Runner, definition, found_in_order
from tests.detect.correlations.test_reading import read
from tocsin.detect.correlations import state
from tocsin.detect.correlations.beacons import beacon_score

HOUR_US = 3_600_000_000


def window(moments, sizes=None):
    return [
        state.Sighting(
            uid=f"evt_{at:05}",
            time_us=int(moment * 1_000_000),
            source="zeek.log",
            steps=1,
            fields=((str(sizes[at]),),) if sizes else (),
            values={},
            personas={},
        )
        for at, moment in enumerate(moments)
    ]


def score(moments, sizes=None, hours=6):
    return beacon_score(window(moments, sizes), hours * HOUR_US, 20)


def every(seconds, hours=6.0, jitter=0.0, seed=5):
    chance = random.Random(seed)
    count = int(hours * 3600 / seconds)
    return [at * seconds + chance.uniform(-jitter, jitter) * seconds / 2 for at in range(1, count)]


def people(count, seed=7):
    """Bursts of clicks with long pauses."""
    chance, now, found = random.Random(seed), 0.0, []
    while len(found) < count:
        now += chance.expovariate(1 / 1_500)
        for _ in range(chance.randint(1, 25)):
            now += chance.expovariate(1 / 6)
            found.append(now)
    return found


def calls(group, minutes):
    return [Happening(f"evt_{group}{at:05}", at, group, frozenset("a")) for at in minutes]


@pytest.mark.parametrize("seconds", [30, 60, 300, 900])
def test_a_steady_call_scores_nearly_one(seconds):
    assert score(every(seconds)) > 0.9
    assert score(every(seconds), [512] * 2_000) > 0.9


@pytest.mark.parametrize("jitter", [0.1, 0.2, 0.3])
def test_jitter_lowers_the_score_a_little(jitter):
    assert 0.85 < score(every(60, jitter=jitter)) < score(every(60))


@pytest.mark.parametrize("seed", range(8))
def test_people_score_low(seed):
    moments = people(300, seed)
    sizes = [random.Random(seed + at).randint(200, 90_000) for at in range(len(moments) + 9)]

    assert score(moments, sizes, hours=24) < 0.65


def test_a_short_burst_does_not_last():
    assert score(every(5, hours=0.1)) < 0.8


def test_sizes_that_differ_lower_the_score():
    chance = random.Random(3)
    moments = every(60)

    assert score(moments, [chance.randint(1, 50_000) for _ in moments]) < score(moments)


def test_too_few_calls_have_no_score():
    assert score(every(60)[:19]) is None
    assert score([1.0] * 500) is None


def test_a_busy_pair_is_bounded_and_no_failure():
    asked = Asked("beacon", ("a",), 6_000, (("gte", 0.5),), at_least=20)
    runner = Runner([definition(asked)])
    for minute in range(0, 5_000, 500):
        calls = [
            Happening(f"evt_{at:05}", at, "g", frozenset("a")) for at in range(minute, minute + 500)
        ]
        runner.turn(calls, minute + 500)
    runner.restart()

    [(_, group)] = runner.windows.memories[runner.plans.plans[0].key].items()
    assert len(group.sightings) == 2_000
    assert not runner.lost


def test_the_finding_names_the_calls_of_the_window():
    asked = Asked("beacon", ("a",), 60, (("gte", 0.9),), at_least=10)
    steady = calls("g", range(0, 60, 4))
    others = calls("h", (1, 2, 3, 5, 8, 20, 21, 40, 41, 50, 51))

    assert found_in_order(asked, steady + others) == {("g", 0): {each.uid for each in steady}}


def test_a_beacon_is_read():
    found = read(
        "type: beacon\nrules: [a]\ngroup-by: [host]\ntimespan: 6h\n"
        "condition: {field: bytes, at_least: 24, gte: 0.9}"
    ).correlation

    assert (found.kind, found.fields, found.at_least) == ("beacon", ("bytes",), 24)
    assert str(found) == "score gte 0.9 of at least 24 connections"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("{at_least: 24}", "the condition compares with nothing"),
        ("{lt: 0.5}", "'lt'"),
        ("{gte: 0.9, field: [a, b]}", "`beacon` takes one field"),
    ],
)
def test_what_no_beacon_has_is_named(condition, message):
    found = problems(f"type: beacon\nrules: [a]\ntimespan: 6h\ncondition: {condition}")

    assert any(message in each for _, each in found)
