"""Literals of patterns are in every text that the pattern is found in."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tests.detect.engine.generated import PATTERNS
from tocsin.detect.engine.literals import fold, literals_of_pattern


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("stop", {"stop"}),
        ("^AWS-Stop$", {"aws-stop"}),
        (r"a\.exe\b", {"a.exe"}),
        ("stop(ped)?", {"stop"}),
        ("stops?", {"stop"}),
        ("ab|cd", {"ab", "cd"}),
        ("x(abc|def)y", {"abc", "def"}),
        ("(?i)Kali.*Linux", {"linux"}),
        ("ab|c*", set()),
        (r"\x41bc", set()),
        ("a{b|c}d", set()),
        ("(?P<n>abc)", set()),
        ("é", set()),
    ],
)
def test_a_pattern_has_these_literals(pattern, expected):
    assert literals_of_pattern(pattern) == expected


pieces = st.sampled_from(
    [*PATTERNS, "a", "B", "(", ")", "(?:", "[", "]", "|", "*", "+", "?", "{2}", "{,2}", "\\", "^"]
)


@given(st.lists(pieces, max_size=6).map("".join), st.data())
def test_no_text_is_found_without_one_of_its_literals(pattern, data):
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        return
    text = data.draw(st.text("abcdelogingsStTopK0\u212aſ.?x{}A,2\n", max_size=12))

    literals = literals_of_pattern(pattern)

    if literals and compiled.search(text):
        assert any(literal in fold(text) for literal in literals)
