"""The search language as text: what it means, and where it is wrong."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import UsageError
from tocsin.store.language import (
    ANY,
    EVERYTHING,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    Between,
    Compare,
    Every,
    Exists,
    Not,
    Some,
    Value,
    Words,
    parse,
)


def word(text: str, position: int, *, wild: bool = False) -> Value:
    return Value(text, has_wildcards=wild, position=position)


def test_an_empty_search_is_everything() -> None:
    assert parse("  ") == EVERYTHING


def test_terms_side_by_side_are_joined_by_and() -> None:
    assert parse("a b") == Every((Words(word("a", 0)), Words(word("b", 2))))


def test_and_binds_closer_than_or() -> None:
    assert parse("a OR b AND c") == Some(
        (Words(word("a", 0)), Every((Words(word("b", 5)), Words(word("c", 11)))))
    )


def test_parentheses_come_first() -> None:
    assert parse("(a OR b) c") == Every(
        (Some((Words(word("a", 1)), Words(word("b", 6)))), Words(word("c", 9)))
    )


def test_not_negates_the_next_term_only() -> None:
    assert parse("NOT a b") == Every((Not(Words(word("a", 4))), Words(word("b", 6))))


def test_lower_case_operators_are_words() -> None:
    assert parse("and") == Words(word("and", 0))


def test_a_path_is_compared() -> None:
    assert parse("api.operation:Delete*") == Compare(
        "api.operation", "=", word(f"Delete{ANY}", 14, wild=True), 0
    )


@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
def test_a_path_takes_operators(operator: str) -> None:
    query = parse(f"severity_id:{operator}4")

    assert isinstance(query, Compare)
    assert (query.operator, query.value.text) == (operator, "4")


def test_quotes_keep_spaces_keywords_and_wildcards() -> None:
    assert parse('a:"x AND (y*) \\"z\\""') == Compare("a", "=", word('x AND (y*) "z"', 2), 0)


def test_a_backslash_takes_a_wildcard_as_it_is() -> None:
    assert parse("a\\*b") == Words(word("a*b", 0))


def test_a_range_has_open_and_closed_ends() -> None:
    assert parse("time:[2026-11-01 TO 2026-11-08}") == Between(
        "time",
        word("2026-11-01", 6),
        word("2026-11-08", 20),
        includes_low=True,
        includes_high=False,
        position=0,
    )


def test_a_star_leaves_a_side_open() -> None:
    query = parse("n:[* TO 5]")

    assert isinstance(query, Between)
    assert query.low is None


def test_several_values_of_one_path_stand_in_parentheses() -> None:
    assert parse("a:(x OR y)") == Some(
        (Compare("a", "=", word("x", 3), 0), Compare("a", "=", word("y", 8), 0))
    )


def test_an_address_keeps_its_colons() -> None:
    query = parse("src_endpoint.ip:2001:db8::/32")

    assert isinstance(query, Compare)
    assert query.value.text == "2001:db8::/32"


def test_existence_is_asked_for_by_path() -> None:
    assert parse("_exists_:actor.user") == Exists("actor.user", 9)


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ("a AND", "position 6: something is missing at the end"),
        ("(a", "position 1: a parenthesis is not closed"),
        ("a)", "position 2: a closing parenthesis has no opening one"),
        ('"a', "position 1: a quotation mark is not closed"),
        ("path:", "position 1: path: needs a value"),
        ("a OR OR b", "position 6: OR is not expected here"),
        ("a:(x y)", "position 6: a:(...) takes values joined by OR"),
        ("a:(x OR AND)", "position 9"),
        ("n:>", "position 3: n:> needs a value"),
        ("n:[1 2]", "position 3: a range is written"),
        ("a\\", "position 2: a backslash at the end"),
        ("x" * (MAX_LENGTH + 1), "longer than"),
        ("(" * (MAX_DEPTH + 2) + "a", "deep"),
        ("a " * (MAX_TERMS + 1), "terms"),
        (ANY, "cannot be searched for"),
    ],
)
def test_a_wrong_search_names_the_place(search: str, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(search)

    assert problem in str(error.value)


@given(st.text(alphabet='ab.:"()[]{}*?\\ANDORT TO<>=/-_', max_size=60))
def test_any_text_is_understood_or_refused(search: str) -> None:
    with contextlib.suppress(UsageError):
        parse(search)
