"""The engine gives the same pairs of rule and event as the plain evaluation."""

import json
import re

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.engine.generated import conditions, records
from tests.detect.engine.generated import leaves as single
from tests.detect.oracle import plain_pairs
from tests.detect.rules import parsed, rule_set, run_nothing
from tests.detect.tables import event_table
from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    Exists,
    Field,
    Flag,
    Keyword,
    Network,
    Not,
    Null,
    Number,
    Order,
    Pattern,
    SameAs,
    Text,
    Wildcard,
)
from tocsin.detect.engine import Engine, Necessary, Selected
from tocsin.detect.engine.memory import Allowance, Remembered
from tocsin.detect.judging import judge
from tocsin.detect.records import read_record
from tocsin.detect.rules import LogSource, Rule
from tocsin.errors import Location

HALF_PAIR = re.compile(r"\\ud[89a-f]")
HALF_PAIR_ESCAPE = re.compile(r"\\ud[89a-f][0-9a-f]{2}")
CLOUDTRAIL = LogSource("aws", "cloudtrail")
OCSF = LogSource(category="ocsf")


def rules_of(*found, log_source=CLOUDTRAIL):
    return rule_set(
        *(
            Rule(
                uid=f"rule-{number}",
                title="T",
                description="",
                severity_id=1,
                kind="Sigma",
                log_source=log_source,
                location=Location("r.yml", 1),
                version="v",
                condition=condition,
                dedup=("none",),
            )
            for number, condition in enumerate(found)
        )
    )


def pairs(rules, events):
    """Return (uid of the rule, uid of the event) of every hit; events are of one source."""
    source = next(iter(events.column("source").to_pylist()), "aws.cloudtrail")
    hits, _ = judge(rules.engines[source], events, run_nothing)
    found = [(hit.bound.rule.uid, hit.event.row["event_uid"]) for hit in hits]
    assert len(found) == len(set(found)), "no rule is told twice of an event"
    return set(found)


several_rules = st.lists(conditions, min_size=1, max_size=8)
# Some are written in ASCII alone: then many signs are written by their numbers.
written = st.lists(st.tuples(records, st.booleans()), max_size=8)


def table_of(events):
    """Return a table of (record, whether it is written in ASCII alone)."""
    table = event_table(*(plain(record) for record, _ in events))
    texts = [
        json.dumps(record, ensure_ascii=is_ascii or bool(HALF_PAIR.search(repr(record))))
        for record, is_ascii in events
    ]
    return table.set_column(
        table.column_names.index("raw_data"), "raw_data", pa.array(texts, pa.string())
    )


def look_at_columns(rules, source="aws.cloudtrail"):
    """Make the engine look at columns for some ten thousand events."""
    for _ in range(7):
        rules.engines[source].index.rest()


def plain(value):
    """Return the value with texts that Arrow can hold."""
    return json.loads(HALF_PAIR_ESCAPE.sub("?", json.dumps(value)))


@settings(max_examples=400)
@given(several_rules, written, st.sampled_from((CLOUDTRAIL, OCSF)))
def test_random_rules_over_random_events_give_the_plain_pairs(found, events, log_source):
    rules = rules_of(*found, log_source=log_source)
    table = table_of(events)
    expected = plain_pairs(rules, table)

    assert pairs(rules, table) == expected
    assert pairs(rules, table) == expected, "a second time, from memory"
    rules.engines["aws.cloudtrail"].index.learn()
    assert pairs(rules, table) == expected, "after more fields are read at the first look"


@settings(max_examples=400)
@given(several_rules, written)
def test_random_rules_give_the_plain_pairs_column_by_column_too(found, events):
    rules = rules_of(*found)
    table = table_of(events)
    look_at_columns(rules)
    expected = plain_pairs(rules, table)

    assert pairs(rules, table) == expected
    assert pairs(rules, table) == expected, "a second time, from memory"


@settings(max_examples=100)
@given(st.lists(single, min_size=1, max_size=4), st.lists(conditions, max_size=30), written)
def test_rules_of_one_field_beside_many_others_give_the_plain_pairs(found, others, events):
    """With many rules on few fields, fields are read together, and second looks are needed."""
    rules = rules_of(*found, *others)
    table = table_of([*events, *events])

    assert pairs(rules, table) == plain_pairs(rules, table)


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
            look_at_columns(rules)
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


def keyword(word):
    return Keyword((Text((Wildcard.ANY, word, Wildcard.ANY)),))


KEYED = [named("eventName", f"Name{number}") for number in range(8)]
"""Enough rules for `eventName` to be read together with other such fields."""


@pytest.mark.parametrize("is_resting", [False, True])
@pytest.mark.parametrize(
    ("found", "events"),
    [
        pytest.param(
            [Field("eventName", (Text(("Stop", Wildcard.ANY)),))],
            [{"eventName": name} for name in ("xStop", "StopIt", "stop", "Xstop")],
            id="a start that is seen elsewhere",
        ),
        pytest.param(
            [Field("eventName", (Network("10.0.0.0/8"),))],
            [{"eventName": name} for name in ("11.0.0.1", "10.0.0.1", "x", "10.0.0.2")],
            id="a test without a literal",
        ),
        pytest.param(
            [Field("eventName", (Text(("One",), True),))],
            [{"eventName": name} for name in ("one", "One", "ONE")],
            id="letter case of a key",
        ),
        pytest.param(
            [AllOf((named("eventName", "Name1"), Not(Exists("a.b")), Not(holding("a.c", "x"))))]
            + [holding("a.c", "evil"), *(named("a.b", word) for word in "uvwxyz")],
            [
                {"eventName": "Name1", "a": a}
                for a in (None, {"b": None}, {"b": []}, [{}], [], "x", {"c": "x"}, [{"b": None}])
            ],
            id="what stands in the way of a key",
        ),
        pytest.param(
            [AllOf((named("eventName", "Name1"), Exists("a.b")))]
            + [holding(path, "evil") for path in ("a.c", "d.c")]
            + [named(path, word) for path in ("a.b", "d.b") for word in "uvwxyz"],
            [
                {"eventName": "Name1", "a": a, "d": d}
                for a in (None, {"b": None})
                for d in ({"b": None}, None)
            ],
            id="what stands in the way of one key or another",
        ),
        pytest.param(
            [AllOf((holding("userAgent", "evil"), named("a", "x"), Not(named("b", "y"))))],
            [{"userAgent": "is evil", "a": a, "b": b} for a in "xyz" for b in "xyz"],
            id="a value and further fields",
        ),
        pytest.param(
            [Field("userAgent", (Pattern("evil[0-9]"),)), Field("userAgent", (Pattern("^evilx"),))],
            [{"userAgent": agent} for agent in ("evil", "evil1", "an evilx", "evilx", "EVIL1")],
            id="patterns with one literal",
        ),
        pytest.param(
            [keyword("46.25")],
            ['{"n": 4625e-2}', '{"n": "46.25"}', '{"n": 46.250}', '{"n": 4625}'],
            id="a keyword that is a number",
        ),
        pytest.param(
            [
                Keyword((Text((Wildcard.ANY, word, Wildcard.ANY)),))
                for word in ('r"m', "kill", "a/b")
            ],
            [
                '{"x": "r\\"m"}',
                '{"x": "\\u006bill"}',
                '{"x": "a\\/b"}',
                '{"kill": "x"}',
                '["kill"]',
            ],
            id="keywords that are escaped",
        ),
        pytest.param(
            [
                AllOf((keyword("kill"), named("a", "x"))),
                AnyOf((keyword("kill"), named("a", "y"))),
                AllOf((Keyword((Pattern("[0-9]{4}"),)), named("a", "x"))),
                Keyword((Pattern("k.ll"), Text((Wildcard.ANY, "none", Wildcard.ANY)))),
            ],
            [{"a": a, "b": [b]} for a in "xyz" for b in ("KILL", "z", 1234, 12)],
            id="keywords beside fields",
        ),
        pytest.param(
            [
                AllOf((holding("a", "x"), Field("n", (Order("gt", 1),)))),
                AllOf((holding("a", "x"), Field("n", (Flag(True),)))),
            ],
            [{"a": "x", "n": n} for n in (True, 1, 2, "2", 2.5, None, [1, 3], [True], "true")],
            id="numbers and truth values",
        ),
        pytest.param(
            [AllOf((holding("a", "x"), Exists("b"))), AllOf((holding("a", "x"), Not(Exists("b"))))],
            [{"a": "x", "b": b} for b in ({}, {"c": 1}, [], [[]], [{}], None, 1, 1.5, False, "")],
            id="presence of anything",
        ),
        pytest.param(
            [AllOf((holding("a", "x"), SameAs("a", "b.c"))), SameAs("a", "b.c", "start")],
            [
                {"a": a, "b": b}
                for a in ("x", "xy", ["X", 1])
                for b in ({"c": "X"}, {"c": ["x"]}, [])
            ],
            id="fields beside each other",
        ),
    ],
)
def test_what_is_remembered_of_one_event_does_not_answer_for_another(found, events, is_resting):
    rules = rules_of(*KEYED, *found)
    table = event_table(*(each if isinstance(each, str) else json.dumps(each) for each in events))
    if is_resting:
        look_at_columns(rules)
    expected = plain_pairs(rules, table)

    assert pairs(rules, table) == expected
    rules.engines["aws.cloudtrail"].index.learn()
    assert pairs(rules, table) == expected
    assert pairs(rules_of(*KEYED, *found), table.take(list(range(len(events)))[::-1])) == expected
    if all(isinstance(each, dict) for each in events):
        assert len({uid for uid, _ in expected}) > 0


SCRAPS = (
    '"',
    "\\",
    "\\u00",
    "\\ud83d",
    "{",
    "}",
    "[",
    ",",
    ":",
    "0",
    "1e",
    ".",
    "-",
    "\x01",
    "nul",
    " ",
)


@settings(max_examples=500)
@given(records, st.lists(st.tuples(st.integers(0, 200), st.sampled_from(SCRAPS)), max_size=3))
def test_what_the_engine_decodes_can_be_read_in_full(record, scraps):
    """Rules may match without the record being read; one that nobody can read must match none."""
    text = json.dumps({"skipped": record, "eventName": "x"})
    for place, scrap in scraps:
        text = f"{text[:place]}{scrap}{text[place:]}"
    try:
        Engine(necessary(named("eventName", "x"))).decode(text)
    except msgspec.MsgspecError:
        return

    assert read_record(text) is not None


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


def test_fields_that_many_events_need_are_read_at_the_first_look():
    open_rule = AllOf((named("eventName", "Name1"), Field("n", (Order("gt", 1_000),))))
    engine = Engine(necessary(*KEYED, open_rule))
    texts = [f'{{"eventName": "Name1", "n": {at}}}' for at in range(3_000)]
    of_first_look = engine.decode(texts[0])

    before, after = engine.select(texts), engine.select(texts)

    assert before.sure == after.sure
    assert (2_000, (1, 8)) in after.sure
    assert (500, (1,)) in after.sure
    assert engine.decode(texts[0]) != of_first_look


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
