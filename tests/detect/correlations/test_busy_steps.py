"""A busy last step without a first one is forgotten early, and nothing that is found changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.correlations.oracle import Asked, Happening, findings
from tests.detect.correlations.running import BEGIN, LATENESS, MINUTE, UID, Runner, definition
from tests.detect.correlations.test_chains import INNER, chained
from tests.detect.correlations.test_orders import ABC, completed
from tocsin.detect.correlations import running
from tocsin.detect.correlations.model import Denied, Joined, Occurs

A, B, C = Occurs("a"), Occurs("b"), Occurs("c")
LONG = 20
ORDERED = {
    "two steps": Asked("temporal_ordered", ("a", "b"), LONG, (("gte", 2),)),
    "three steps": Asked("temporal_ordered", ABC, LONG, (("gte", 3),)),
    "two of three": Asked("temporal_ordered", ABC, LONG, (("gt", 1),)),
    "sequence": Asked("sequence", ("a", "b"), LONG),
    "there and back": Asked("sequence", ("a", "b", "a"), LONG),
    "without": Asked("sequence", ("a", "b"), LONG, without=("c",)),
}
OPENINGS = {"two of three": "ab"}
PLAIN = Asked("temporal_ordered", ("a", "b"), 60, (("gte", 2),), lateness=LATENESS)
UNDONE = Asked("sequence", ("a", "b"), 60, without=("c",), lateness=LATENESS)


@st.composite
def busy(draw, rules=("b", "b", "b", "c", "bc", "a")):
    """Return turns of many later steps and few first ones: (now, events, restarts)."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 90),
                st.sampled_from("gh"),
                st.sampled_from(rules),
                st.floats(0, LATENESS, exclude_max=True),
                st.booleans(),
            ),
            max_size=40,
        )
    )
    arrivals = []
    for number, (minute, group, steps, delay, comes_twice) in enumerate(rows):
        event = Happening(f"evt_{number:02}", minute, group, frozenset(steps))
        arrivals += [(minute + delay, event), (minute + delay / 2, event)][: 1 + comes_twice]
    arrivals.sort(key=lambda arrival: arrival[0])
    turns = []
    while arrivals:
        size = draw(st.integers(1, 8))
        batch, arrivals = arrivals[:size], arrivals[size:]
        inside = draw(st.permutations([event for _, event in batch]))
        turns.append((batch[-1][0], inside, draw(st.booleans())))
    return turns


def kept(runner, uid=UID):
    (plan,) = (plan for plan in runner.plans.plans if plan.uid == uid)
    memory = runner.windows.memories.get(plan.key)
    return [group.sightings for _, group in memory.items()] if memory else []


def waits_in_vain(sightings, watermark_us, asked, openings):
    """Return the sightings that no opening precedes, of which the lateness has passed."""
    opened = [each.time_us for each in sightings if each.steps & openings]
    span_us, late_us = asked.span * MINUTE, asked.lateness * MINUTE
    return [
        each.uid
        for each in sightings
        if each.time_us <= watermark_us - late_us
        and not any(each.time_us - span_us < at <= each.time_us for at in opened)
    ]


@pytest.mark.parametrize("name", sorted(ORDERED))
@settings(max_examples=100, deadline=None)
@given(turns=busy())
def test_busy_later_steps_change_nothing_that_is_found(name, turns):
    asked = completed(ORDERED[name])
    wanted = {*asked.rules, *asked.without}
    runner = Runner([definition(asked)])
    everything = []
    openings = sum(1 << asked.rules.index(rule) for rule in OPENINGS.get(name, "a"))
    for now, events, restarts in turns:
        seen = [
            Happening(each.uid, each.minute, each.group, each.rules & wanted)
            for each in events
            if each.rules & wanted
        ]
        everything += seen
        runner.turn(seen, now)
        if restarts:
            runner.restart()
        touched = {each.group for each in seen}
        newest_us = int((BEGIN + max((each.minute for each in everything), default=0)) * MINUTE)
        for sightings in kept(runner):
            if sightings[0].uid in {each.uid for each in seen if each.group in touched}:
                assert not waits_in_vain(sightings, newest_us, asked, openings)
    runner.finish(10_000)

    assert (runner.lost, runner.late) == ({}, {})
    assert runner.findings() == findings(asked, everything)


@pytest.mark.parametrize(
    ("expression", "denies"),
    [
        pytest.param(Joined((A, Joined((B, C), False)), True), False, id="a then b or c"),
        pytest.param(Joined((A, B, Denied(C)), True), True, id="a then b without c"),
    ],
)
@settings(max_examples=60, deadline=None)
@given(turns=busy())
def test_ordered_expressions_find_the_same_in_any_order(expression, denies, turns):
    asked = Asked("temporal_ordered", ABC, LONG, (("gte", 1),), lateness=LATENESS, denies=denies)
    events = {each.uid: each for _, batch, _ in turns for each in batch}
    in_order = sorted(events.values(), key=lambda each: (each.minute, each.uid))
    found = []
    for delivered in (turns, [(each.minute, [each], False) for each in in_order]):
        runner = Runner([definition(asked, expression=expression)])
        for now, batch, restarts in delivered:
            runner.turn(batch, now)
            if restarts:
                runner.restart()
        runner.finish(10_000)
        assert (runner.lost, runner.late) == ({}, {})
        found.append(runner.findings())

    assert found[0] == found[1]


@pytest.mark.parametrize("name", sorted(set(INNER) - {"new value"}))
@settings(max_examples=60, deadline=None)
@given(turns=busy())
def test_a_first_step_that_an_inner_correlation_tells_late_is_followed(name, turns):
    inner = INNER[name]
    events = {each.uid: each for _, batch, _ in turns for each in batch}
    in_order = sorted(events.values(), key=lambda each: (each.minute, each.uid))
    found = []
    for delivered in (turns, [(100, in_order, False)]):
        runner = Runner(chained(inner))
        for now, batch, restarts in delivered:
            runner.turn(batch, now)
            if restarts:
                runner.restart()
        runner.finish(10_000)
        assert not runner.lost
        found.append((runner.findings("inner"), runner.findings()))

    assert found[0] == found[1]


def step(number, minute, rule, group="g"):
    return Happening(f"evt_{number:06}", minute, group, frozenset(rule))


@pytest.mark.parametrize("asked", [PLAIN, UNDONE], ids=["ordered", "without"])
def test_a_busy_last_step_is_kept_for_the_lateness_alone(asked):
    runner = Runner([definition(asked)])
    for number in range(600):
        runner.turn([step(number, number / 10, "b")], number / 10)
        assert sum(map(len, kept(runner))) <= LATENESS * 10

    assert (runner.lost, runner.told) == ({}, {})


def test_what_comes_after_the_lateness_and_waits_is_not_kept():
    runner = Runner([definition(PLAIN)])
    runner.turn([step(0, 30, "b", "other")], 30)
    runner.turn([step(1, 30 - LATENESS, "b")], 30)

    assert [[each.uid for each in sightings] for sightings in kept(runner)] == [["evt_000000"]]


def test_a_group_that_only_waited_is_gone_without_further_events():
    runner = Runner([definition(PLAIN)])
    runner.turn([step(0, 0, "b")], 0)
    runner.turn([step(1, LATENESS + 1, "b", "other")], LATENESS + 1)

    assert [[each.uid for each in sightings] for sightings in kept(runner)] == [["evt_000001"]]


@pytest.mark.parametrize("kind", ["temporal_ordered", "sequence"])
def test_a_finding_names_nothing_before_its_first_step(kind):
    bounds = (("gte", 2),) if kind == "temporal_ordered" else ()
    asked = Asked(kind, ("a", "b"), 60, bounds, lateness=LATENESS)
    runner = Runner([definition(asked)])
    runner.turn([step(0, 0, "b"), step(1, 1, "a"), step(2, 2, "b")], 2)

    assert runner.findings() == {("g", 0): {"evt_000001", "evt_000002"}}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(running, "MAX_GROUPS", 20)
    monkeypatch.setattr(running, "MAX_SIGHTINGS", 20)


def test_nobody_misses_last_steps_that_waited_and_the_newest_stay(small):
    runner = Runner([definition(PLAIN)])
    runner.turn([step(number, 1 + number / 100, "b") for number in range(50)], 1.5)
    runner.turn([step(100, 0, "a")], 1.5)

    assert not runner.lost
    assert runner.findings()["g", 0] == {f"evt_{number:06}" for number in (100, *range(30, 50))}


def test_a_busy_last_step_does_not_push_out_the_first_one(small):
    runner = Runner([definition(PLAIN)])
    runner.turn([step(0, 0, "a")], 0)
    for number in range(1, 200):
        runner.turn([step(number, number / 10, "b")], number / 10)

    assert sum(map(len, kept(runner))) == 20
    assert not runner.lost
    assert len(runner.findings()["g", 0]) == 200


def test_undecided_last_steps_are_counted_when_they_go(small):
    runner = Runner([definition(UNDONE)])
    runner.turn([step(number, 1 + number / 100, "b") for number in range(50)], 1.5)

    assert runner.lost[UID] == 30


def test_groups_that_wait_go_before_those_that_began(small):
    runner = Runner([definition(PLAIN)])
    runner.turn([step(0, 0, "a", "began")], 0)
    runner.turn([step(number, 1, "b", f"g{number}") for number in range(1, 60)], 1)
    runner.turn([step(99, 2, "b", "began")], 2)

    assert not runner.lost
    assert runner.findings() == {("began", 0): {"evt_000000", "evt_000099"}}


def test_of_pending_last_steps_the_oldest_stay_to_be_decided(small):
    runner = Runner([definition(UNDONE)])
    runner.turn([step(0, 0, "a")], 0)
    for number in range(1, 600):
        runner.turn([step(number, number / 100, "b")], number / 100)

    assert runner.lost[UID] > 0
    assert {"evt_000000", "evt_000001"} <= runner.findings()["g", 0]


def test_a_busy_first_step_does_not_push_out_a_pending_last_one(small):
    runner = Runner([definition(UNDONE)])
    runner.turn([step(number, number / 100, "a") for number in range(100)], 1)
    runner.turn([step(100, 1.1, "b")], 1.1)
    runner.turn([step(200 + number, 1.2 + number / 100, "a") for number in range(9)], 1.3)
    runner.finish(100)

    assert "evt_000100" in runner.findings()["g", 0]
