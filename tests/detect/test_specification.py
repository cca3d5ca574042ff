r"""What the Sigma specification says, case by case, derived by hand; each names its section.

A row is a section, the lines of one selection, an event, and whether the selection holds.
"""

import pytest

from tests.detect import test_specification_modifiers
from tests.detect.rules import parsed, sigma
from tests.detect.specification import fits, named
from tocsin.conditions import holds
from tocsin.detect import parse_rules

ROWS = [
    # Rules, General: all values are treated as case-insensitive strings
    ("general", "f: ABC", {"f": "abc"}, True),
    ("general", "f: abc", {"f": "ABC"}, True),
    ("general", "f: ÄÖ", {"f": "äö"}, True),
    ("general", "f: abc", {"f": "abcd"}, False),
    ("general", "f: abc", {"f": " abc"}, False),
    ("general", "f: 42", {"f": 42}, True),
    ("general", "f: 42", {"f": "42"}, True),
    ("general", "f: '42'", {"f": 42}, True),
    ("general", "f: 42", {"f": 42.5}, False),
    ("general", "f: true", {"f": True}, True),
    ("general", "f: 'true'", {"f": True}, True),
    ("general", "f: true", {"f": 1}, False),
    ("general", "f: abc", {}, False),
    ("general", "f: abc", {"f": None}, False),
    ("general", "f: abc", {"g": "abc"}, False),
    ("general", "f: a+b.c[d]", {"f": "a+b.c[d]"}, True),
    ("general", "f: a.c", {"f": "abc"}, False),
    # Rules, String Wildcard
    ("wildcard", "f: 'prog?.exe'", {"f": "progA.exe"}, True),
    ("wildcard", "f: 'prog?.exe'", {"f": "prog.exe"}, False),
    ("wildcard", "f: 'prog?.exe'", {"f": "progAB.exe"}, False),
    ("wildcard", "f: 'av_V*.exe'", {"f": "av_V21.2.1.exe"}, True),
    ("wildcard", "f: 'av_V*.exe'", {"f": "av_V.exe"}, True),
    ("wildcard", "f: 'av_V*.exe'", {"f": "av_V1.exe.bak"}, False),
    ("wildcard", "f: '*b*d*'", {"f": "abcde"}, True),
    ("wildcard", "f: '*d*b*'", {"f": "abcde"}, False),
    ("wildcard", "f: 'a*c'", {"f": "a\nb\nc"}, True),
    ("wildcard", "f: '?'", {"f": "é"}, True),
    ("wildcard", "f: '?'", {"f": ""}, False),
    ("wildcard", "f: '*'", {"f": ""}, True),
    ("wildcard", "f: '*'", {}, False),
    ("wildcard", "f: '?*'", {"f": ""}, False),
    ("wildcard", "f: '??'", {"f": "ab"}, True),
    # Rules, Escape Character
    ("escape", r"f: 'C:\Windows'", {"f": "C:\\Windows"}, True),
    ("escape", r"f: 'C:\\Windows'", {"f": "C:\\Windows"}, True),
    ("escape", r"f: 'a\*'", {"f": "a*"}, True),
    ("escape", r"f: 'a\*'", {"f": "ab"}, False),
    ("escape", r"f: 'a\?'", {"f": "a?"}, True),
    ("escape", r"f: 'a\?'", {"f": "ab"}, False),
    ("escape", r"f: 'a\\*'", {"f": "a\\bc"}, True),
    ("escape", r"f: 'a\\*'", {"f": "abc"}, False),
    ("escape", r"f: 'a\\\*'", {"f": "a\\*"}, True),
    ("escape", r"f: 'a\\\*'", {"f": "a\\b"}, False),
    ("escape", r"f: 'a\\\\b'", {"f": "a\\\\b"}, True),
    ("escape", r"f: 'a\\\b'", {"f": "a\\\\b"}, True),
    # Rules, Lists and Maps
    ("lists", "f: [517, 1102]", {"f": 1102}, True),
    ("lists", "f: [517, 1102]", {"f": 1103}, False),
    ("lists", "f: [x, 'y*']", {"f": "yes"}, True),
    ("lists", "f: [x]", {"f": ["w", "x"]}, True),
    ("lists", "f: [x]", {"f": []}, False),
    ("maps", "f: x\ng: y", {"f": "x", "g": "y"}, True),
    ("maps", "f: x\ng: y", {"f": "x", "g": "z"}, False),
    ("maps", "f: x\ng: y", {"f": "x"}, False),
    ("lists of maps", "- f: x\n- g: y", {"g": "y"}, True),
    ("lists of maps", "- f: x\n  h: z\n- g: y", {"f": "x"}, False),
    ("lists of maps", "- f: x\n  h: z\n- g: y", {"f": "x", "h": "z"}, True),
    # Nested fields (taxonomy appendix: dotted names), into every element of a list
    ("nested", "a.b: x", {"a": {"b": "x"}}, True),
    ("nested", "a.b: x", {"a.b": "x"}, True),
    ("nested", "a.b: x", {"a": {"b": {"c": "x"}}}, False),
    ("nested", "a.b.c: x", {"a": [{"b": {"c": "w"}}, {"b": {"c": "x"}}]}, True),
    ("nested", "a.b: x\na.c: y", {"a": [{"b": "x"}, {"c": "y"}]}, True),
    ("nested", "a.b: x", {"a": "x"}, False),
    ("nested", "a.b: x", {"a": [["x"], [{"b": "x"}]]}, True),
    ("nested", "a.b|contains|all: [x, y]", {"a": [{"b": "x"}, {"b": "y"}]}, True),
    # Rules, Special Field Values
    ("empty", "f: ''", {"f": ""}, True),
    ("empty", "f: ''", {"f": None}, False),
    ("empty", "f: ''", {}, False),
    ("empty", "f: ''", {"f": " "}, False),
    ("null", "f: null", {"f": None}, True),
    ("null", "f: null", {}, True),
    ("null", "f: null", {"f": ""}, False),
    ("null", "f: null", {"f": 0}, False),
    ("null", "f.g: null", {"f": {}}, True),
    ("null", "f.g: null", {"f": {"g": 1}}, False),
    # Rules, Placeholders: without expand the value is literal
    ("placeholder", "f: '%name%'", {"f": "%name%"}, True),
    ("placeholder", r"f|expand: '\%name\%'", {"f": "%name%"}, True),
    # Rules, Keywords search: across the entire event
    ("keywords", "- event::clear\n- event::drop", {"a": {"b": ["x EVENT::drop y"]}}, True),
    ("keywords", "- event::clear\n- event::drop", {"a": "event: clear"}, False),
    ("keywords", "'|all': [one, ' -two ']", {"a": "x -Two y", "b": "one"}, True),
    ("keywords", "'|all': [one, ' -two ']", {"a": "one"}, False),
    ("keywords", "- 'a*c'", {"x": "__abc__"}, True),
    ("keywords", "- 'a?c'", {"x": "__ac__"}, False),
    ("keywords", "'|re': 'b{2}'", {"x": "abba"}, True),
    # Rules, General: numbers are written without quotes, and both are the same text
    ("general", "f: -5", {"f": -5}, True),
    ("general", "f: -5", {"f": "-5"}, True),
    ("general", "f: 0.5", {"f": 0.5}, True),
    ("general", "f: 42", {"f": "042"}, False),
    ("general", "f: '042'", {"f": 42}, False),
    ("general", "f: 042", {"f": "042"}, True),
    ("general", "f: 2026-01-02", {"f": "2026-01-02"}, True),
    ("general", "f: false", {"f": False}, True),
    ("general", "f: false", {"f": "FALSE"}, True),
    ("general", "f: false", {"f": 0}, False),
    ("general", "f: 0", {"f": False}, False),
    ("general", "f: x", {"f": {"g": "x"}}, False),
    ("general", "F: x", {"f": "x"}, False),
    # Rules, String Wildcard: in the middle, several, and none in numbers
    ("wildcard", "f: 'a?c*e'", {"f": "abcdde"}, True),
    ("wildcard", "f: 'a?c*e'", {"f": "acdde"}, False),
    ("wildcard", "f: '4*'", {"f": 4688}, True),
    ("wildcard", "f: '4*'", {"f": 5688}, False),
    ("wildcard", "f: 't*e'", {"f": True}, True),
    ("wildcard", "f: '***'", {"f": "x"}, True),
    ("wildcard", "f: ['a*', '?b']", {"f": "xb"}, True),
    # Rules, Escape Character: a backslash before anything else is itself
    ("escape", r"f: '\n'", {"f": "\\n"}, True),
    ("escape", r"f: '\n'", {"f": "\n"}, False),
    ("escape", r"f: 'a\\?c'", {"f": "a\\bc"}, True),
    ("escape", r"f: 'a\\?c'", {"f": "a\\c"}, False),
    ("escape", r"f: 'a\\\?'", {"f": "a\\?"}, True),
    ("escape", "f: 'C:\\'", {"f": "C:\\"}, True),
    ("escape", r"f: '\\\\host\share\*'", {"f": "\\\\host\\share*"}, True),
    ("escape", r"f|endswith: '\*'", {"f": "a*"}, True),
    ("escape", r"f|endswith: '\*'", {"f": "ab"}, False),
    ("escape", r"f|contains: 'a\?'", {"f": "xa?x"}, True),
    ("escape", r"f|contains: 'a\?'", {"f": "xabx"}, False),
    ("escape", r"f|startswith: '\\?'", {"f": "\\x"}, True),
    # Rules, Lists: of maps, of lists, of words beside maps; each linked with or
    ("lists of maps", "- - f: x\n    g: y\n  - f: z\n- h: w", {"f": "z"}, True),
    ("lists of maps", "- - f: x\n    g: y\n  - f: z\n- h: w", {"f": "x"}, False),
    ("lists of maps", "- - f: x\n    g: y\n  - f: z\n- h: w", {"h": "w"}, True),
    ("lists of maps", "- [evil, bad]\n- f: x", {"g": "a bad word"}, True),
    ("lists of maps", "- [evil, bad]\n- f: x", {"f": "x"}, True),
    ("lists of maps", "- [evil, bad]\n- f: x", {"g": "good"}, False),
    ("maps", "'|all': [one, two]\nf: x", {"g": "one two", "f": "x"}, True),
    ("maps", "'|all': [one, two]\nf: x", {"g": "one two"}, False),
    ("maps", "f|startswith: a\nf|endswith: z", {"f": "a to z"}, True),
    ("maps", "f|startswith: a\nf|endswith: z", {"f": "a to y"}, False),
    ("lists", "f: [1, '1', one]", {"f": "ONE"}, True),
    # Rules, Special Field Values: null and '' in one list are read, with a warning
    ("null", "f: ~", {"f": None}, True),
    ("null", "f:", {}, True),
    ("null", "f|neq: null", {"f": 1}, True),
    ("null", "f|neq: null", {}, False),
    ("empty", "f|neq: ''", {"f": ""}, False),
    ("empty", "f|neq: ''", {"f": "x"}, True),
    ("empty", "f: ['', x]", {"f": ""}, True),
    ("empty", "f|contains: ''", {"f": "x"}, True),
    ("empty", "f|contains: ''", {}, False),
    # Rules, Keywords search: modifiers hold for each value of the event
    ("keywords", "evil", {"g": "an EVIL word"}, True),
    ("keywords", "- 1102", {"g": 1102}, True),
    ("keywords", "- 1102", {"g": "event 1102 again"}, True),
    ("keywords", "- evil", {"evil": "g"}, False),
    ("keywords", "- ''", {"g": "x"}, True),
    ("keywords", "'|startswith': evil", {"g": "evil word"}, True),
    ("keywords", "'|startswith': evil", {"g": "an evil word"}, False),
    ("keywords", "'|endswith': evil", {"g": "an evil"}, True),
    ("keywords", "'|endswith': evil", {"g": "an evil word"}, False),
    ("keywords", "'|contains': evil", {"g": "an evil word"}, True),
    ("keywords", "'|cased': EVIL", {"g": "an EVIL word"}, True),
    ("keywords", "'|cased': EVIL", {"g": "an evil word"}, False),
    ("keywords", "'|neq': evil", {"g": "good"}, True),
    ("keywords", "'|neq': evil", {"g": "evil"}, False),
    ("keywords", "'|all|contains': [one, two]", {"g": "two", "h": ["one"]}, True),
    ("keywords", r"- 'C:\Temp\'", {"g": "in C:\\Temp\\x"}, True),
    ("keywords", r"- 'a\*b'", {"g": "xa*bx"}, True),
    ("keywords", r"- 'a\*b'", {"g": "xaxbx"}, False),
]


@pytest.mark.parametrize("row", ROWS, ids=map(named, ROWS))
def test_a_selection_means_what_its_section_says(row):
    assert fits(row)


# Rules, Condition; one holds, two fails, _three holds
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("one", True),
        ("two", False),
        ("one and one", True),
        ("one and two", False),
        ("two or one", True),
        ("two or two", False),
        ("not two", True),
        ("not one", False),
        ("not not one", True),
        ("not (one and two)", True),
        ("not one or one", True),
        ("one or one and two", True),
        ("(one or one) and two", False),
        ("two and two or one", True),
        ("1 of them", True),
        ("all of them", False),
        ("1 of on*", True),
        ("1 of tw*", False),
        ("all of on*", True),
        ("all of *o*", False),
        ("not 1 of tw*", True),
        ("1 of _three", True),
        ("one and not two", True),
        ("1 of one*\n  and not all of t*", True),
    ],
)
def test_a_condition_joins_parts_as_its_section_says(condition, expected):
    parts = "one: {f: x}\ntwo: {f: y}\n_three: {f: x}"
    text = condition.replace("\n", " ")

    assert holds(parsed(f"{parts}\ncondition: {text}").condition, {"f": "x"}) is expected


def test_them_leaves_out_names_that_begin_with_an_underscore():
    condition = parsed("one: {f: y}\n_two: {f: x}\ncondition: 1 of them").condition

    assert not holds(condition, {"f": "x"})
    assert holds(condition, {"f": "y"})


# Rules, Condition: what the quantifiers name, and names that look like words of the language
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("any of them", True),
        ("1 of *", True),
        ("all of *", False),
        ("1 of *e", True),
        ("1 of o*e", True),
        ("1 of t*o", False),
        ("all of one", True),
        ("1 of _*", True),
        ("all of _*", True),
        ("not all of them", True),
        ("not 1 of them", False),
        ("not (1 of tw* or all of on*)", False),
        ("one and (two or not two)", True),
        ("((((one))))", True),
        ("one and one and one and one", True),
        ("[two, one and not two]", True),
        ("[two, not one]", False),
        ("notes or orders", True),
        ("all-users and notes", True),
        ("1 of all* and not 1 of or*", True),
    ],
)
def test_a_condition_takes_quantifiers_and_odd_names(condition, expected):
    parts = (
        "one: {f: x}\ntwo: {f: y}\n_three: {f: x}\nnotes: {f: x}\norders: {f: y}\nall-users: {f: x}"
    )

    assert holds(parsed(f"{parts}\ncondition: {condition}").condition, {"f": "x"}) is expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("f: ['', null]", "null in a list of values"),
        ("f: [null, x]", "null in a list of values"),
        ("f: []", "no value means null here"),
    ],
)
def test_what_the_specification_discourages_is_read_with_a_warning(line, words):
    result = parse_rules({"x.yml": sigma(f"s:\n  {line}\ncondition: s")})

    (problem,) = result.problems
    assert len(result.rules) == 1
    assert problem.is_warning and problem.location.line == 7
    assert words in str(problem)
    assert holds(result.rules[0].condition, {})


def test_there_are_cases_enough():
    assert len(ROWS) + len(test_specification_modifiers.ROWS) >= 300
