"""Chains of correlations find the same in any order, whatever waits for what."""

from datetime import timedelta

import pytest
from hypothesis import given, settings

from tests.detect.correlations.oracle import Asked
from tests.detect.correlations.running import LATENESS, RULES, UID, Runner, definition
from tests.detect.correlations.test_orders import asked_of, deliveries
from tocsin.detect.correlations import Definition
from tocsin.detect.correlations.model import Bound, Correlation

INNER = {
    "at once": Asked("event_count", ("a",), 5, (("gte", 2),), lateness=LATENESS, period=30),
    "decided late": Asked("event_count", ("a",), 5, (("lt", 3),), lateness=LATENESS, period=30),
    "sequence": Asked("sequence", ("a", "b"), 5, without=("c",), lateness=LATENESS, period=30),
    "absence": Asked("absence", ("a",), 4, lateness=LATENESS, period=30),
    "new value": Asked("new_value", ("a",), 15, learning=4, lateness=LATENESS, period=30),
}


def chained(inner):
    """Return an inner correlation and an outer one that wants `b` after it."""
    fields = {"fields": ("field0",)} if inner.kind == "new_value" else {}
    one = definition(inner, **fields)
    outer = Correlation(
        kind="temporal_ordered",
        rules=("inner", "b"),
        timespan=timedelta(minutes=8),
        group_by=("group",),
        bounds=(Bound("gte", 2),),
        lateness=timedelta(minutes=LATENESS),
    )
    return [
        Definition("inner", one.correlation, one.period),
        Definition(UID, outer, timedelta(minutes=30)),
    ]


def found(inner, turns):
    runner = Runner(chained(inner))
    both = Asked(inner.kind, (*inner.rules, "b"), 1, without=inner.without)
    for now, events, restarts in turns:
        runner.turn(asked_of(both, events), now)
        if restarts:
            runner.restart()
    runner.finish(10_000)
    assert not runner.lost
    assert not runner.late
    return runner.findings(UID), runner.findings("inner")


@pytest.mark.parametrize("name", sorted(INNER))
@settings(max_examples=60, deadline=None)
@given(delivery=deliveries())
def test_a_chain_finds_the_same_in_any_order(name, delivery):
    events, turns = delivery
    in_order = [(each.minute, [each], False) for each in sorted(events, key=lambda one: one.minute)]

    assert found(INNER[name], turns) == found(INNER[name], in_order)


def test_the_outer_one_waits_as_long_as_the_inner_one():
    plans = Runner(chained(INNER["decided late"])).plans.plans

    assert [plan.uid for plan in plans] == ["inner", UID]
    assert [plan.late_us // 60_000_000 for plan in plans] == [LATENESS, LATENESS + 5]
    assert plans[1].leaves == {"a", "b"}
    assert set(RULES) > plans[1].leaves
