"""The engine gives the same pairs of rule and event as the plain evaluation."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.engine.generated import conditions, records
from tests.detect.oracle import plain_pairs
from tests.detect.rules import detected, parsed, rule_set
from tests.detect.tables import event_table
from tocsin.conditions.tree import Field, Text, Wildcard
from tocsin.detect.engine import engine as engine_module
from tocsin.detect.engine.engine import Engine, Necessary
from tocsin.detect.engine.field_index import MAX_REMEMBERED, FieldIndex
from tocsin.detect.engine.witnesses import Witness
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


@settings(max_examples=200)
@given(st.lists(conditions, min_size=1, max_size=8), st.lists(records, max_size=8))
def test_random_rules_over_random_events_give_the_plain_pairs(found, events):
    rules = rules_of(*found)
    table = event_table(*(json.dumps(record) for record in events))

    expected = plain_pairs(rules, table)

    assert pairs(rules, table) == expected
    assert pairs(rules, table) == expected, "a second time, from memory"


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


def stop_rules():
    return [parsed("s: {eventName: StopLogging, userAgent|contains: cli}\ncondition: s")]


def test_an_event_without_a_witness_asks_no_rule():
    engine = rule_set(*stop_rules()).engines["aws.cloudtrail"].index

    selected = engine.select(['{"eventName": "GetObject", "userAgent": "cli"}'])

    assert (selected.asked, selected.odd) == ([], [])


def necessary(*found):
    return [Necessary(condition, lambda path: True) for condition in found]


def test_a_million_different_values_stay_within_the_bounds():
    index = FieldIndex([(Witness("userAgent", "evil", is_whole=False), 0)])
    most = 0
    for number in range(1_000_000):
        index.of_text(f"agent-{number}")
        if not number % 1_000:
            most = max(most, len(index.remembered))

    assert 0 < most <= MAX_REMEMBERED


def test_different_combinations_stay_within_the_bound():
    engine = Engine(necessary(Field("eventName", (Text(("x",)),))))
    texts = [f'{{"eventName": "{number}"}}' for number in range(40_000)]

    engine.select(texts)

    assert 0 < len(engine.combinations) <= engine_module.MAX_COMBINATIONS


def test_long_values_are_not_kept():
    index = FieldIndex([(Witness("userAgent", "evil", is_whole=False), 0)])

    assert index.of_text("x" * 10_000 + "EVIL") == (0,)
    assert not index.remembered
