"""What is kept of rules comes back as it was, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detect.rules import sigma
from tocsin.conditions.tree import AllOf, AnyOf, Exists, Field, Keyword, Not, SameAs, Text, Wildcard
from tocsin.detect.adaptation import AS_WRITTEN
from tocsin.detect.packing import Packing
from tocsin.detect.rule_file import RuleFile, read_file


class Color(Enum):
    RED = "r"
    BLUE = "b"


@dataclass(frozen=True, slots=True)
class Leaf:
    word: str
    number: int | float = 0


@dataclass(frozen=True, slots=True)
class Fork:
    left: "Leaf | Fork | None"
    right: "tuple[Leaf | Fork | Color | str, ...]" = ()


@dataclass(frozen=True, slots=True)
class Everything:
    tree: Leaf | Fork
    words: frozenset[str]
    pair: tuple[str, int]
    length: timedelta
    kind: Literal["a", "b"]
    color: Color
    table: Mapping[str, tuple[Leaf, ...]]
    maybe: timedelta | None
    flag: bool


words = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
leaves = st.builds(Leaf, words, numbers)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        Fork,
        inner | st.none(),
        st.lists(inner | st.sampled_from(Color) | words, max_size=3).map(tuple),
    ),
    max_leaves=8,
)
lengths = st.timedeltas(timedelta(days=-400), timedelta(days=400))
everything = st.builds(
    Everything,
    trees,
    st.frozensets(words),
    st.tuples(words, st.integers(0, 9)),
    lengths,
    st.sampled_from(["a", "b"]),
    st.sampled_from(Color),
    st.dictionaries(words, st.lists(leaves, max_size=2).map(tuple)),
    lengths | st.none(),
    st.booleans(),
)
PACKING = Packing(Everything)


@given(everything)
def test_a_value_comes_back_with_its_types(value):
    found = PACKING.unpack(PACKING.pack(value))

    assert found == value
    assert repr(found.tree) == repr(value.tree)


@given(everything, st.data())
def test_broken_bytes_are_refused_or_read_and_never_raise_anything_else(value, data):
    content = bytearray(PACKING.pack(value))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])

    try:
        PACKING.unpack(cut)
    except ValueError:
        return


def test_equal_values_have_equal_bytes():
    sets = [frozenset(words) for words in (["a", "b", "c"], ["c", "b", "a"])]
    values = [
        Everything(Leaf(""), each, ("", 0), timedelta(), "a", Color.RED, {}, None, True)
        for each in sets
    ]

    assert PACKING.pack(values[0]) == PACKING.pack(values[1])


def test_bytes_for_other_types_are_refused():
    with pytest.raises(ValueError, match="other types"):
        Packing(Fork).unpack(Packing(Leaf).pack(Leaf("x")))


@pytest.mark.parametrize("value", [Leaf("\ud800"), Leaf("x", 2**64)], ids=["surrogate", "integer"])
def test_what_bytes_cannot_hold_is_said(value):
    with pytest.raises(ValueError):
        Packing(Leaf).pack(value)


def test_equal_words_are_one_object():
    packing = Packing(Fork)
    content = packing.pack(Fork(Leaf("userIdentity.type"), (Leaf("userIdentity.type"),)))

    first, second = packing.unpack(content), packing.unpack(content)

    assert first.left.word is second.right[0].word


tests = st.builds(
    Text,
    st.lists(words | st.sampled_from(Wildcard), max_size=3).map(tuple),
    st.booleans(),
)
listed = st.lists(tests, min_size=1, max_size=2).map(tuple)
fields = (
    st.builds(Field, words, listed, st.booleans())
    | st.builds(Exists, words)
    | st.builds(SameAs, words, words)
    | st.builds(Keyword, listed)
)
conditions = st.recursive(
    fields,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, st.lists(inner, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=10,
)


@given(conditions)
def test_every_condition_of_a_rule_comes_back(condition):
    from dataclasses import replace

    (rule,) = read_file("x.yml", sigma("s: {a: 1}\ncondition: s"), AS_WRITTEN).rules
    packing = Packing(RuleFile)
    file = RuleFile(rules=(replace(rule, condition=condition),))

    assert packing.unpack(packing.pack(file)) == file
