"""A condition is true or false for every event, by the semantics of the Sigma specification."""

import ipaddress
from datetime import UTC, datetime

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tests.conditions.test_paths import EVENTS
from tocsin.conditions import compile_condition, holds, pattern_problem
from tocsin.conditions.compiled import PlainReader
from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    AnyTest,
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
    TimePart,
    Wildcard,
)

ANY, ONE = Wildcard.ANY, Wildcard.ONE


def field(*tests, needs_all=False):
    return Field("a", tests, needs_all)


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        (Text(("Stop",)), "stop", True),
        (Text(("Stop",), is_cased=True), "stop", False),
        (Text(("Stop",), is_cased=True), "Stop", True),
        (Text(("stop",)), "stopped", False),
        (Text(()), "", True),
        (Text(()), "x", False),
        (Text(()), None, False),
        (Text((ANY,)), "", True),
        (Text((ANY,)), None, False),
        (Text((ANY, "mid", ANY)), "aMIDb", True),
        (Text(("pre", ANY)), "PREfix", True),
        (Text((ANY, "fix")), "preFIX", True),
        (Text(("a", ANY, "c")), "abc", True),
        (Text(("a", ANY, "c")), "ac", True),
        (Text(("a", ANY, "c")), "acd", False),
        (Text(("a", ANY, "c")), "a\nc", True),
        (Text(("a", ONE, "c")), "abc", True),
        (Text(("a", ONE, "c")), "ac", False),
        (Text(("a", ONE, "c"), is_cased=True), "aBc", True),
        (Text(("A", ONE, "c"), is_cased=True), "abc", False),
        (Text(("a", ONE, ".c")), "abxc", False),
        (Text(("x", ANY, "y")), "x\ud800y", True),
        (Text(("4688",)), 4688, True),
        (Text(("true",)), True, True),
        (Text(("1",)), True, False),
        (Text((ANY, '"b":1', ANY)), {"b": 1}, True),
        (Text(("2026-11-23T00:00:00+00:00",)), datetime(2026, 11, 23, tzinfo=UTC), True),
        (Text(("inf",)), float("inf"), True),
        (Text((ANY,)), {"unwritable": object()}, True),
        (Number(4688), 4688, True),
        (Number(4688), 4688.0, True),
        (Number(4688), "4688", True),
        (Number(4688), "4688 ", False),
        (Number(1), True, False),
        (Number(0.5), "0.5", True),
        (Flag(True), True, True),
        (Flag(True), "True", True),
        (Flag(True), 1, False),
        (Flag(False), False, True),
        (Flag(False), None, False),
        (Null(), None, True),
        (Null(), "", False),
        (Pattern("b+"), "abbc", True),
        (Pattern("^b"), "ab", False),
        (Pattern("B"), "b", False),
        (Pattern("B", "i"), "b", True),
        (Pattern("a.b"), "a\nb", False),
        (Pattern("a.b", "s"), "a\nb", True),
        (Pattern("^b$"), "a\nb\nc", False),
        (Pattern("^b$", "m"), "a\nb\nc", True),
        (Pattern("7$"), 47, True),
        (Pattern("x"), None, False),
        (Network("10.0.0.0/8"), "10.1.2.3", True),
        (Network("10.0.0.0/8"), "11.1.2.3", False),
        (Network("10.0.0.0/8"), "::ffff:10.1.2.3", True),
        (Network("10.0.0.0/8"), "AWS Internal", False),
        (Network("10.0.0.0/8"), 167837955, False),
        (Network("2001:db8::/32"), "2001:db8::1", True),
        (Network("2001:db8::/32"), "10.0.0.1", False),
        (Order("lt", 5), 4, True),
        (Order("lt", 5), 5, False),
        (Order("lte", 5), 5, True),
        (Order("gt", 5), "6", True),
        (Order("gt", 5), "5.5", True),
        (Order("gte", 5), "5", True),
        (Order("gt", 5), "six", False),
        (Order("gt", 5), True, False),
        (Order("gt", 5), "1_000", False),
        (Order("gt", 5), "infinity", False),
        (Order("gt", 5), "1" * 400, False),
        (Order("gt", 5), 10**400, True),
        (TimePart("hour", 23), "2026-11-23T23:10:00Z", True),
        (TimePart("minute", 10), "2026-11-23T23:10:00Z", True),
        (TimePart("day", 23), "2026-11-23", True),
        (TimePart("month", 11), datetime(2026, 11, 23, tzinfo=UTC), True),
        (TimePart("year", 2026), 1795435200, True),
        (TimePart("year", 2026), 1795435200000, True),
        (TimePart("week", 48), "2026-11-23T00:00:00Z", True),
        (TimePart("hour", 0), "soon", False),
        (TimePart("hour", 0), 10**30, False),
        (TimePart("hour", 0), True, False),
        (AnyTest((Text(("a",)), Text(("b",)))), "B", True),
        (AnyTest((Text(("a",)), Text(("b",)))), "c", False),
    ],
)
def test_a_value_passes_a_test(test, value, expected):
    assert holds(field(test), {"a": value}) is expected


def test_integers_too_long_to_print_are_compared_too():
    assert holds(field(Text(("0x", ANY))), {"a": 10**5_000})


def test_one_value_of_a_list_is_enough():
    assert holds(field(Text(("x",))), {"a": ["w", "x"]})


def test_values_of_a_rule_are_alternatives():
    condition = field(Text(("x",)), Text(("y", ANY)), Number(3))

    assert [holds(condition, {"a": value}) for value in ("X", "yes", 3, "z")] == [
        True,
        True,
        True,
        False,
    ]


def test_all_wants_every_value_of_the_rule():
    condition = field(Text((ANY, "x", ANY)), Text((ANY, "y", ANY)), needs_all=True)

    assert holds(condition, {"a": "xy"})
    assert holds(condition, {"a": ["x", "y"]})
    assert not holds(condition, {"a": "x"})


@pytest.mark.parametrize(
    "test", [Text(("x",)), Number(1), Flag(False), Pattern(".*"), Order("lt", 9)]
)
def test_a_missing_field_is_false_and_its_negation_true(test):
    assert not holds(field(test), {})
    assert holds(Not(field(test)), {})


def test_null_matches_missing_null_and_the_empty_list():
    for event in ({}, {"a": None}, {"a": []}, {"a": [1, None]}):
        assert holds(field(Null()), event)
    assert not holds(field(Null()), {"a": 0})


def test_null_beside_other_values_is_one_alternative():
    condition = field(Null(), Text(("x",)))

    assert [holds(condition, event) for event in ({}, {"a": "x"}, {"a": "y"})] == [
        True,
        True,
        False,
    ]


def test_exists_asks_for_presence_only():
    assert [holds(Exists("a.b"), event) for event in ({"a": {"b": None}}, {"a": {}}, {})] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("at", "left", "right", "expected"),
    [
        ("whole", "Alice", "alice", True),
        ("whole", "1", 1, True),
        ("whole", "alice", "bob", False),
        ("start", "alice-key", "alice", True),
        ("end", "key-alice", "alice", True),
        ("anywhere", "key-alice-2", "ALICE", True),
        ("start", "key-alice", "alice", False),
    ],
)
def test_a_field_is_compared_with_another(at, left, right, expected):
    assert holds(SameAs("a", "b", at), {"a": left, "b": right}) is expected


def test_two_missing_fields_are_not_the_same():
    assert not holds(SameAs("a", "b"), {})
    assert not holds(SameAs("a", "b"), {"a": None, "b": None})


def test_keywords_are_searched_in_every_value():
    word = Text((ANY, "evil", ANY))

    assert holds(Keyword((word,)), {"a": [{"b": "an EVIL thing"}]})
    assert not holds(Keyword((word,)), {"evil": "a"})


def test_keywords_with_all_may_stand_in_different_values():
    words = (Text((ANY, "one", ANY)), Text((ANY, "two", ANY)))

    assert holds(Keyword(words, needs_all=True), {"a": "one", "b": "two"})
    assert not holds(Keyword(words, needs_all=True), {"a": "one"})


def test_groups_join_as_logic_says():
    yes, no = Exists("a"), Exists("b")
    event = {"a": 1}

    assert holds(AllOf((yes, yes)), event)
    assert not holds(AllOf((yes, no)), event)
    assert holds(AnyOf((no, yes)), event)
    assert not holds(AnyOf((no,)), event)
    assert holds(AllOf(()), event)
    assert not holds(AnyOf(()), event)


@pytest.mark.parametrize("pattern", ["(?=a)", "(", "\ud800"])
def test_a_pattern_that_re2_refuses_does_not_compile(pattern):
    assert pattern_problem(pattern)
    with pytest.raises(re2.error):
        compile_condition(field(Pattern(pattern)), PlainReader())


def test_a_sound_pattern_has_no_problem():
    assert pattern_problem("^a+$", "ims") is None


WORDS = st.lists(st.sampled_from(["a", "B", ".", ANY, ONE]), max_size=4)
TESTS = st.one_of(
    st.builds(Text, WORDS.map(tuple), st.booleans()),
    st.builds(Number, st.integers()),
    st.builds(Flag, st.booleans()),
    st.just(Null()),
    st.sampled_from([Pattern("a|b"), Pattern("^$", "ims"), Network("10.0.0.0/8")]),
    st.builds(Order, st.sampled_from(["lt", "gte"]), st.floats(allow_nan=False)),
    st.builds(TimePart, st.sampled_from(["hour", "week"]), st.integers(0, 60)),
)
LEAVES = st.one_of(
    st.builds(
        Field,
        st.sampled_from(["a", "a.b", "c"]),
        st.lists(TESTS, min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(Exists, st.sampled_from(["a", "a.b"])),
    st.builds(SameAs, st.just("a"), st.just("b")),
    st.builds(Keyword, st.lists(TESTS, min_size=1, max_size=2).map(tuple), st.booleans()),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(CONDITIONS, EVENTS)
def test_every_condition_is_true_or_false_for_every_event(condition, event):
    answer = holds(condition, event)

    assert answer is True or answer is False
    assert holds(Not(condition), event) is not answer


@given(st.lists(st.sampled_from(["a", "b", ANY, ONE]), max_size=5), st.text("ab", max_size=6))
def test_wildcards_match_as_a_slow_matcher_says(parts, text):
    assert holds(field(Text(tuple(parts))), {"a": text}) is slow_match(parts, text)


def slow_match(parts, text):
    if not parts:
        return not text
    if parts[0] is ANY:
        return any(slow_match(parts[1:], text[at:]) for at in range(len(text) + 1))
    if not text:
        return False
    return (parts[0] is ONE or parts[0] == text[0]) and slow_match(parts[1:], text[1:])


@given(st.ip_addresses(v=4))
def test_networks_hold_the_addresses_that_the_library_says(address):
    inside = address in ipaddress.ip_network("10.0.0.0/8")

    assert holds(field(Network("10.0.0.0/8")), {"a": str(address)}) is inside
