"""The engine gives the same pairs of rule and event as the plain evaluation."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.engine.generated import conditions, records
from tests.detect.oracle import plain_pairs
from tests.detect.rules import detected, parsed, rule_set
from tests.detect.tables import event_table
from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    Exists,
    Field,
    Not,
    Null,
    Number,
    Order,
    SameAs,
    Text,
    Wildcard,
)
from tocsin.detect.engine import Engine, Necessary, Selected
from tocsin.detect.engine.memory import Allowance, Remembered
from tocsin.detect.rules import LogSource, Rule
from tocsin.errors import Location


def rules_of(*found):
    return rule_set(
        *(
            Rule(
                uid=f"rule-{number}",
                title="T",
                description="",
                severity_id=1,
                kind="Sigma",
                log_source=LogSource("aws", "cloudtrail"),
                location=Location("r.yml", 1),
                version="v",
                condition=condition,
                dedup=("none",),
            )
            for number, condition in enumerate(found)
        )
    )


def pairs(rules, events):
    matches = detected(rules, events).matches
    return set(
        zip(
            matches.column("rule_uid").to_pylist(),
            matches.column("event_uid").to_pylist(),
            strict=True,
        )
    )


@settings(max_examples=300)
@given(st.lists(conditions, min_size=1, max_size=8), st.lists(records, max_size=8))
def test_random_rules_over_random_events_give_the_plain_pairs(found, events):
    rules = rules_of(*found)
    table = event_table(*(json.dumps(record) for record in events))

    expected = plain_pairs(rules, table)

    assert pairs(rules, table) == expected
    assert pairs(rules, table) == expected, "a second time, from memory"


@settings(max_examples=300)
@given(st.lists(conditions, min_size=1, max_size=8), st.lists(records, max_size=8))
def test_random_rules_give_the_plain_pairs_column_by_column_too(found, events):
    rules = rules_of(*found)
    table = event_table(*(json.dumps(record) for record in events))
    rules.engines["aws.cloudtrail"].index.rest()
    expected = plain_pairs(rules, table)

    assert pairs(rules, table) == expected
    assert pairs(rules, table) == expected, "a second time, from memory"


def test_many_combinations_after_each_other_give_the_plain_pairs():
    """Few values in all combinations: what is remembered of one must not answer for another."""
    found = (
        AllOf((named("eventName", "x"), Not(named("a", "x")), Exists("b.c"))),
        AllOf((named("eventName", "x", "y"), Field("b.c", (Null(),)), named("a", "y"))),
        AllOf((named("a", "x"), Not(Exists("c")))),
        AllOf((named("c", "X"), holding("b.d", "x"), Not(holding("b.d", "y")))),
        AllOf((Field("n", (Order("gt", 1),)), named("a", "x"))),
        AllOf((Field("n", (Number(1),)), named("a", "y"))),
        AnyOf((named("c", "y"), AllOf((holding("b.d", "xy"), Field("n", (Number(2),)))))),
        SameAs("a", "b.d"),
    )
    values = ("x", "Y", "xy", None, True, 1, 2, 1.0, [], ["x", "y"], [["x"]], {"c": "x"}, {})
    texts = [
        json.dumps({"eventName": name, "a": values[at % 13], "c": values[at // 13], "n": values[n]})
        for name in ("x", "y")
        for at in range(169)
        for n in (4, 5, 6, 7)
    ]
    texts += [
        json.dumps({"eventName": "x", "a": a, "b": b})
        for a in values
        for b in [*values, *({key: value} for key in "cd" for value in values)]
    ]
    for is_resting in (False, True):
        rules = rules_of(*found)
        if is_resting:
            rules.engines["aws.cloudtrail"].index.rest()
        table = event_table(*texts)
        expected = plain_pairs(rules, table)
        assert len(expected) > 500
        assert pairs(rules, table) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"event\\u004eame": "StopLogging"}',
        '{"eventName": ["x", ["StopLogging"]]}',
        '{"eventName": "x", "eventName": "StopLogging"}',
        '{"eventName": "StopLogging", "n": 1e999}',
        '{"a.b": "StopLogging", "a": {"b": "x"}}',
        '{"a": [{"b": "x"}, {"b": "stopLogging"}]}',
        '{"a": null, "eventName": "stoplogging"}',
        '{"a": "text", "eventName": "stoplogging"}',
    ],
)
def test_records_of_odd_shape_take_the_slow_way_to_the_same_answer(text):
    whole = Text(("StopLogging",))
    rules = rules_of(
        Field("eventName", (whole,)),
        Field("a.b", (whole,)),
        Field("a.b", (Text((Wildcard.ANY, "stop", Wildcard.ANY)),)),
    )
    table = event_table(text)

    assert plain_pairs(rules, table)
    assert pairs(rules, table) == plain_pairs(rules, table)


def named(path, *words):
    return Field(path, tuple(Text((word,)) for word in words))


def holding(path, word):
    return Field(path, (Text((Wildcard.ANY, word, Wildcard.ANY)),))


def stop_rules():
    return [parsed("s: {eventName: StopLogging, userAgent|contains: cli}\ncondition: s")]


def test_an_event_without_a_witness_asks_no_rule():
    engine = rule_set(*stop_rules()).engines["aws.cloudtrail"].index

    selected = engine.select(['{"eventName": "GetObject", "userAgent": "cli"}'])

    assert (selected.asked, selected.odd) == ([], [])


def necessary(*found):
    return [Necessary(condition, lambda path: True) for condition in found]


def kept(engine):
    """Return how many entries and characters the memories of an engine hold."""
    memories = [memory for each in engine.allowances for memory in each.memories]
    entries = sum(map(len, memories))
    return entries, sum(len(str(key)) for memory in memories for key in memory)


def test_a_million_different_values_stay_within_the_bounds():
    engine = Engine(necessary(holding("userAgent", "evil"), Field("eventName", (Text(("x",)),))))
    most = 0

    for start in range(0, 1_000_000, 20_000):
        texts = [
            f'{{"eventName": "{at}", "userAgent": "cli/{at}"}}'
            for at in range(start, start + 20_000)
        ]
        assert engine.select(texts) == Selected()
        most = max(most, kept(engine)[0])

    assert 0 < most < 100_000


def test_long_values_are_not_kept():
    engine = Engine(necessary(holding("a", "evil"), Field("b", (Text(("x",)),))))
    texts = [f'{{"b": "{"y" * 5_000}{at}", "a": "{"x" * 5_000}{at}evil"}}' for at in range(2_000)]

    selected = engine.select(texts)

    assert selected.sure == [(at, (0,)) for at in range(2_000)]
    assert kept(engine)[1] < 10_000


def test_an_allowance_that_is_spent_empties_what_shares_it():
    allowance = Allowance(5_000)
    one, other = Remembered(allowance), Remembered(allowance)

    for at in range(100):
        one.keep(f"a{at}", at, 2)
        other.keep(f"b{at}", at, 2)
        assert 0 < len(one) + len(other) < 13
