"""Random order, repetition, cuts into turns and restarts change nothing within the lateness.

What is found is compared with a plain evaluation over the whole set.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.correlations.oracle import Asked, Happening, findings
from tests.detect.correlations.running import LATENESS, Runner, definition
from tocsin.detect.correlations.model import Denied, Joined, Occurs

A, B, C = Occurs("a"), Occurs("b"), Occurs("c")
ABC = ("a", "b", "c")

SLIDING = {
    "event_count gte": Asked("event_count", ("a", "b"), 5, (("gte", 3),)),
    "event_count gt": Asked("event_count", ("a",), 4, (("gt", 1),)),
    "value_count gte": Asked("value_count", ("a", "b"), 6, (("gte", 2),)),
    "value_sum gt": Asked("value_sum", ("a",), 6, (("gt", 5),)),
    "temporal": Asked("temporal", ABC, 6, (("gte", 3),)),
    "temporal gte 2": Asked("temporal", ABC, 4, (("gte", 2),)),
    "temporal_ordered": Asked("temporal_ordered", ABC, 8, (("gte", 3),)),
    "temporal_ordered gte 2": Asked("temporal_ordered", ABC, 5, (("gte", 2),)),
    "sequence": Asked("sequence", ("a", "b", "a"), 9),
}
DECIDED = {
    "event_count lt": Asked("event_count", ("a",), 5, (("lt", 3),)),
    "event_count lte": Asked("event_count", ("a", "b"), 5, (("lte", 2),)),
    "event_count eq": Asked("event_count", ("a",), 5, (("eq", 2),)),
    "event_count neq": Asked("event_count", ("a",), 5, (("neq", 2),)),
    "event_count range": Asked("event_count", ("a", "b"), 6, (("gt", 1), ("lte", 3))),
    "value_count lt": Asked("value_count", ("a",), 5, (("lt", 2),)),
    "value_sum lt": Asked("value_sum", ("a",), 5, (("lt", 4),)),
    "value_avg gt": Asked("value_avg", ("a",), 5, (("gt", 2),)),
    "value_median gte": Asked("value_median", ("a",), 5, (("gte", 3),)),
    "value_percentile": Asked("value_percentile", ("a",), 5, (("gt", 3),), percent=90),
    "value_percentile share": Asked("value_percentile", ("a",), 9, (("lte", 30),)),
    "temporal lt": Asked("temporal", ABC, 5, (("lt", 2),)),
    "temporal_ordered eq": Asked("temporal_ordered", ABC, 5, (("eq", 2),)),
    "sequence without": Asked("sequence", ("a", "b"), 7, without=("c",)),
    "beacon": Asked("beacon", ("a", "b"), 24, (("gte", 0.6101),), at_least=4),
    "beacon of sizes": Asked("beacon", ("a", "b", "c"), 30, (("gt", 0.5523),), at_least=5),
    "absence of two": Asked("absence", ("a", "b"), 4),
    "absence of one": Asked("absence", ("a",), 5),
}
MEMORY = {
    "new_value": Asked("new_value", ("a",), 15, learning=4),
    "rate": Asked("rate", ("a",), 5, history=20, times=2, at_least=2, learning=5),
    "rate of sizes": Asked("rate", ("a",), 4, history=20, times=1.5, at_least=5, learning=4),
}
EXPRESSIONS = {
    "a and b": (Joined((A, B), True), lambda p: {"a", "b"} <= p),
    "a and (b or c)": (
        Joined((A, Joined((B, C), False)), True),
        lambda p: "a" in p and bool(p & {"b", "c"}),
    ),
    "a and not b": (Joined((A, Denied(B)), True), lambda p: "a" in p and "b" not in p),
}

TEXTS = ("1", "2", "3", "7", "x")
happenings = st.lists(
    st.tuples(
        st.integers(0, 45),
        st.sampled_from("gh"),
        st.frozensets(st.sampled_from("abc"), min_size=1, max_size=2),
        st.lists(st.sampled_from(TEXTS), max_size=2, unique=True),
    ),
    max_size=25,
).map(
    lambda rows: [
        Happening(f"evt_{number:02}", minute, group, rules, (tuple(texts),))
        for number, (minute, group, rules, texts) in enumerate(rows)
    ]
)


@st.composite
def deliveries(draw):
    """Return events in random order, some twice, cut into turns: (now, events, restarts)."""
    events = draw(happenings)
    twice = draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    delays = st.floats(0, LATENESS, exclude_max=True)
    arrivals = sorted(
        ((each.minute + draw(delays), each) for each in [*events, *twice]),
        key=lambda arrival: arrival[0],
    )
    turns = []
    while arrivals:
        size = draw(st.integers(1, 8))
        batch, arrivals = arrivals[:size], arrivals[size:]
        inside = draw(st.permutations([each for _, each in batch]))
        turns.append((max(at for at, _ in batch), inside, draw(st.booleans())))
    return events, turns


def reads_field(asked):
    return asked.kind.startswith("value") or asked.kind == "new_value" or asked.at_least == 5


def asked_of(asked, events):
    """Return the events that rules of the correlation match; fields only where they are read."""
    wanted = {*asked.rules, *asked.without}
    reads = reads_field(asked)
    return [
        Happening(e.uid, e.minute, e.group, e.rules & wanted, e.fields if reads else ())
        for e in events
        if e.rules & wanted
    ]


def delivered(asked, turns, **changes):
    runner = Runner([definition(asked, **changes)])
    for now, events, restarts in turns:
        runner.turn(asked_of(asked, events), now)
        if restarts:
            runner.restart()
    runner.finish(10_000)
    assert not runner.lost
    assert not runner.late
    return runner.findings()


def completed(asked):
    changes = {"lateness": LATENESS, "period": 30}
    return Asked(
        **{**{name: getattr(asked, name) for name in asked.__dataclass_fields__}, **changes}
    )


@pytest.mark.parametrize("name", sorted(SLIDING | DECIDED | MEMORY))
@settings(max_examples=60, deadline=None)
@given(delivery=deliveries())
def test_what_is_found_depends_on_the_set_of_events_alone(name, delivery):
    events, turns = delivery
    asked = completed((SLIDING | DECIDED | MEMORY)[name])
    reads = reads_field(asked)
    fields = {"fields": ("field0",)} if reads else {}

    assert delivered(asked, turns, **fields) == findings(asked, asked_of(asked, events))


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
@settings(max_examples=60, deadline=None)
@given(delivery=deliveries())
def test_expressions_too(name, delivery):
    events, turns = delivery
    expression, condition = EXPRESSIONS[name]
    denies = "not" in name
    asked = completed(Asked("temporal", ABC, 6, (("gte", 1),), condition=condition, denies=denies))

    found = delivered(asked, turns, expression=expression)

    assert found == findings(asked, asked_of(asked, events))
