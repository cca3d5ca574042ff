"""A dotted path reaches into objects and lists, and finds keys that hold dots themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.conditions import lookup
from tocsin.conditions.paths import leaves, presence_at


@pytest.mark.parametrize(
    ("event", "path", "expected"),
    [
        ({"a": 1}, "a", [1]),
        ({"a": {"b": {"c": "x"}}}, "a.b.c", ["x"]),
        ({"a": [{"b": 1}, {"b": 2}]}, "a.b", [1, 2]),
        ({"a": [{"b": [1, 2]}, {"c": 3}]}, "a.b", [1, 2]),
        ({"a": [[{"b": 1}], [[{"b": 2}]]]}, "a.b", [1, 2]),
        ({"a": [1, [2, [3]]]}, "a", [1, 2, 3]),
        ({"a": None}, "a", [None]),
        ({"a": [None, 1]}, "a", [None, 1]),
        ({"a": []}, "a", []),
        ({"a": {"b": 1}}, "a", [{"b": 1}]),
        ({"a": "text"}, "a.b", []),
        ({}, "a.b", []),
        ({"a.b": 1}, "a.b", [1]),
        ({"annotations": {"k8s.io/decision": "allow"}}, "annotations.k8s.io/decision", ["allow"]),
    ],
)
def test_a_path_gives_every_value(event, path, expected):
    assert lookup(event, path) == expected


def test_the_longest_literal_key_wins():
    assert lookup({"a.b": "long", "a": {"b": "short"}}, "a.b") == ["long"]


def test_a_literal_key_that_leads_nowhere_does_not_hide_a_value():
    assert lookup({"a.b": {"x": 1}, "a": {"b": {"c": 2}}}, "a.b.c") == [2]


def test_a_path_of_absurd_length_is_one_literal_key():
    path = ".".join("a" * 100)

    assert lookup({path: 1}, path) == [1]


def test_lists_may_nest_deeper_than_the_stack():
    nested = [1]
    for _ in range(5_000):
        nested = [nested]

    assert lookup({"a": nested}, "a") == [1]


@pytest.mark.parametrize(
    ("event", "path", "expected"),
    [
        ({"a": None}, "a", True),
        ({"a": []}, "a", True),
        ({"a": ""}, "a", True),
        ({"a": {"b": None}}, "a.b", True),
        ({"a": [{"b": 1}]}, "a.b", True),
        ({"a.b": {}}, "a.b", True),
        ({"a": []}, "a.b", False),
        ({"a": 1}, "a.b", False),
        ({}, "a", False),
    ],
)
def test_a_path_is_present_whatever_its_value(event, path, expected):
    assert presence_at(path)(event) is expected


def test_leaves_are_every_scalar_but_no_key():
    assert sorted(leaves({"a": ["x", {"b": "y"}], "c": {"d": "z"}})) == ["x", "y", "z"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b", "c"]), inner, max_size=3)
    ),
    max_leaves=12,
)
EVENTS = st.dictionaries(st.sampled_from(["a", "b", "a.b", "c"]), JSON, max_size=4)
PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(EVENTS, PATHS)
def test_a_path_that_gives_a_value_is_present(event, path):
    if lookup(event, path):
        assert presence_at(path)(event)


@given(EVENTS, PATHS)
def test_lookup_never_gives_a_list(event, path):
    assert not any(isinstance(value, list) for value in lookup(event, path))
