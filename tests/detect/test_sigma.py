"""Sigma rules mean what the specification says; each case names its section."""

import base64

import pytest

from tests.detect.rules import CLOUDTRAIL_HEAD, HEAD, UID, matches, parsed, sigma
from tocsin.conditions.tree import AllOf, Field, Text
from tocsin.detect import parse_rules


def condition_of(detection):
    return parsed(detection).condition


def test_the_head_of_a_rule_is_read():
    text = f"""
title: Logging is stopped
id: {UID}
status: stable
description: Somebody stopped a trail.
references: [https://example.com/why]
author: Tocsin contributors
tags: [attack.defense-evasion, attack.t1562.008, cve.2026-1]
logsource: {{product: AWS, service: cloudtrail}}
detection:
  selection: {{eventName: StopLogging}}
  condition: selection
falsepositives: [A planned migration.]
level: critical
tocsin:
  entity: [{{type: trail, path: requestParameters.name}}]
  links: [{{type: user, path: requestParameters.userName}}]
  dedup: [recipientAccountId]
  period: 30m
examples:
  - {{name: stopped, match: true, event: {{eventName: StopLogging}}}}
  - {{name: started, match: false, event: {{eventName: StartLogging}}}}
"""
    rule = parse_rules({"a/b.yml": text}).rules[0]

    assert (rule.uid, rule.title, rule.severity_id) == (UID, "Logging is stopped", 5)
    assert (rule.tactics, rule.techniques) == (("defense-evasion",), ("T1562.008",))
    assert (rule.log_source.product, rule.log_source.service) == ("aws", "cloudtrail")
    assert [(path.type, path.path) for path in rule.entity] == [("trail", "requestParameters.name")]
    assert rule.dedup == ("recipientAccountId",)
    assert rule.period.total_seconds() == 1800
    assert [(each.name, each.matches) for each in rule.examples] == [
        ("stopped", True),
        ("started", False),
    ]
    assert (rule.false_positives, rule.references) == (
        ("A planned migration.",),
        ("https://example.com/why",),
    )


def test_the_version_changes_with_the_text_and_the_uid_does_not():
    before = parsed("s: {a: 1}\ncondition: s")
    after = parsed("s: {a: 2}\ncondition: s")

    assert before.uid == after.uid
    assert before.version != after.version


def test_rules_without_a_level_are_medium():
    head = CLOUDTRAIL_HEAD.replace("level: high\n", "")

    assert parsed("s: {a: 1}\ncondition: s", head=head).severity_id == 3


# Rules specification, "General", "String Wildcard", "Escape Character"
@pytest.mark.parametrize(
    ("value", "matching", "other"),
    [
        ("'stopLOGGING'", "StopLogging", "StopLoggings"),
        ("'Stop*'", "StopLogging", "DoStop"),
        ("'prog?.exe'", "progA.exe", "prog.exe"),
        (r"'a\*b'", "a*b", "axb"),
        (r"'a\?b'", "a?b", "axb"),
        (r"'a\\*'", "a\\x", "ax"),
        (r"'a\\\*b'", "a\\*b", "a\\xb"),
        (r"'a\b'", "a\\b", "ab"),
        (r"'a\\b'", "a\\b", "a\\\\b"),
        (r"'a\\\\b'", "a\\\\b", "a\\b"),
        ("''", "", "x"),
        ("4688", "4688", "4689"),
        ("'4688'", 4688, 4689),
        ("true", True, False),
        ("true", "true", "false"),
    ],
)
def test_a_plain_value(value, matching, other):
    found = matches(f"s:\n  a: {value}\ncondition: s", {"a": matching}, {"a": other}, {})

    assert found == [True, False, False]


# Rules specification, "Lists", "Maps"
def test_a_list_of_values_is_any_and_a_map_is_all():
    found = matches(
        "s: {a: [x, y], b: z}\ncondition: s",
        {"a": "x", "b": "z"},
        {"a": "y", "b": "z"},
        {"a": "x", "b": "w"},
        {"a": "x"},
    )

    assert found == [True, True, False, False]


def test_a_list_of_maps_is_any():
    found = matches(
        """
        s:
          - a: x
          - b: y
        condition: s
        """,
        {"a": "x"},
        {"b": "y"},
        {"a": "y"},
    )

    assert found == [True, True, False]


# Rules specification, "Keywords search"
def test_keywords_are_searched_in_every_value():
    detection = "s: ['event::clear', 'event::drop']\ncondition: s"

    found = matches(detection, {"a": {"b": "x Event::Clear y"}}, {"event::drop": "a"})

    assert found == [True, False]


def test_keywords_with_all_need_every_word():
    detection = "s:\n  '|all': [one, two]\ncondition: s"

    assert matches(detection, {"a": "one", "b": "TWO"}, {"a": "one"}) == [True, False]


def test_a_keyword_may_be_a_number():
    assert matches("s: [1102]\ncondition: s", {"a": "id 1102"}, {"a": "x"}) == [True, False]


@pytest.mark.parametrize(
    ("detection", "matching", "other"),
    [
        ("s:\n  '|windash': [' -x']", {"a": "cmd /x y"}, {"a": "cmd x"}),
        ("s:\n  '|re': ['e+vil']", {"a": "an eevil"}, {"a": "vil"}),
        ("s: [true]", {"a": True}, {"a": "untrue"}),
        ("s: ['a*c']", {"a": "xabcx"}, {"a": "xacbx ca"}),
    ],
)
def test_keywords_take_modifiers_and_wildcards(detection, matching, other):
    found = matches(f"{detection}\ncondition: s", matching, other)

    assert found == [True, detection == "s: ['a*c']"]


def test_references_and_existence_may_be_listed():
    any_of = "s: {a|fieldref: [b, c]}\nt: {d|exists: [true, false]}\ncondition: s and t"
    all_of = "s: {a|fieldref|all: [b, c]}\ncondition: s"
    event = {"a": "x", "b": "x", "c": "y"}

    assert matches(any_of, event) == [True]
    assert matches(all_of, event, event | {"c": "x"}) == [False, True]


# Rules specification, "Special Field Values", "Field Existence"
def test_null_matches_missing_and_null():
    found = matches("s: {a: null}\ncondition: s", {}, {"a": None}, {"a": ""}, {"a": "x"})

    assert found == [True, True, False, False]


def test_exists_asks_for_the_field_only():
    detection = "s: {a|exists: true}\nt: {b|exists: false}\ncondition: s and t"

    assert matches(detection, {"a": None}, {"b": 1}, {"a": 1, "b": None}) == [True, False, False]


# Modifiers appendix, each of them
ENCODED = base64.b64encode(b"/bin/sh").decode()
SHIFTED = base64.b64encode(b"x/bin/sh -c").decode()
WIDE = base64.b64encode("cmd".encode("utf-16-le")).decode()


@pytest.mark.parametrize(
    ("key", "value", "matching", "other"),
    [
        ("a|contains", "log", "StopLogging", "Stop"),
        ("a|startswith", "stop", "StopLogging", "DoStop"),
        ("a|endswith", "LOGGING", "StopLogging", "Loggings"),
        ("a|contains|all", "[log, stop]", "StopLogging", "Logging"),
        ("a|all", "['*log*', 'stop*']", "StopLogging", "Logging"),
        ("a|cased", "Stop", "Stop", "stop"),
        ("a|contains|cased", "Log", "StopLogging", "stoplogging"),
        ("a|neq", "x", "y", "x"),
        ("a|neq", "[x, y]", "z", "y"),
        ("a|re", "'^Stop[A-Z]'", "StopLogging", "stopLogging"),
        ("a|re|i", "'^stop'", "StopLogging", "DoStop"),
        ("a|re|m", "'^b$'", "a\nb", "ab"),
        ("a|re|s", "'a.b'", "a\nb", "ab"),
        ("a|re|i|s", "'A.B'", "a\nb", "ab"),
        ("a|re|contains", "'b+'", "abc", "ac"),
        ("a|re|startswith", "'b|c'", "cab", "acb"),
        ("a|re|endswith", "'b|c'", "acb", "bca"),
        ("a|cidr", "10.0.0.0/8", "10.1.2.3", "192.0.2.1"),
        ("a|cidr", "'2001:db8::/32'", "2001:db8::1", "10.0.0.1"),
        ("a|lt", "5", 4, 5),
        ("a|lte", "5", "5", "6"),
        ("a|gt", "5", 6, 5),
        ("a|gte", "5", 5, 4),
        ("a|hour", "23", "2026-11-23T23:00:00Z", "2026-11-23T22:00:00Z"),
        ("a|minute", "10", "2026-11-23T23:10:00Z", "2026-11-23T23:00:00Z"),
        ("a|day", "23", "2026-11-23", "2026-11-24"),
        ("a|week", "48", "2026-11-23", "2026-11-30"),
        ("a|month", "11", "2026-11-23", "2026-12-23"),
        ("a|year", "2026", "2026-11-23", "2027-11-23"),
        ("a|base64", "/bin/sh", ENCODED, "/bin/sh"),
        ("a|base64|contains", "/bin/sh", f"x {ENCODED}", "x"),
        ("a|base64offset|contains", "/bin/sh", SHIFTED, "x"),
        ("a|wide|base64", "cmd", WIDE, "cmd"),
        ("a|utf16le|base64", "cmd", WIDE, "cmd"),
        ("a|windash", "' -f'", " /f", " f"),
        ("a|windash|contains", "' -f'", "x –f", "x f"),
    ],
)
def test_a_modifier(key, value, matching, other):
    found = matches(f"s:\n  {key}: {value}\ncondition: s", {"a": matching}, {"a": other})

    assert found == [True, False]


@pytest.mark.parametrize(
    ("key", "left", "expected"),
    [
        ("a|fieldref", "alice", True),
        ("a|fieldref", "bob", False),
        ("a|fieldref|startswith", "alice-2", True),
        ("a|fieldref|endswith", "x-alice", True),
        ("a|fieldref|contains", "x-alice-2", True),
        ("a|fieldref|neq", "alice", False),
    ],
)
def test_a_field_reference(key, left, expected):
    assert matches(f"s: {{{key}: b}}\ncondition: s", {"a": left, "b": "Alice"}) == [expected]


def test_negation_of_a_missing_field_is_true():
    assert matches("s: {a|neq: x}\ncondition: s", {}) == [True]
    assert matches("s: {a: x}\ncondition: not s", {}) == [True]


# Rules specification, "Condition"
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("one and two", False),
        ("one or two", True),
        ("not one", False),
        ("not two and one", True),
        ("one or two and two", True),
        ("(one or two) and two", False),
        ("1 of them", True),
        ("any of them", True),
        ("all of them", False),
        ("all of o*", True),
        ("1 of t*", False),
        ("one and not 1 of t*", True),
        ("1 of _hidden*", True),
        ("[two, one]", True),
    ],
)
def test_a_condition(condition, expected):
    detection = f"one: {{a: x}}\ntwo: {{a: y}}\n_hidden: {{a: x}}\ncondition: {condition}"

    assert matches(detection, {"a": "x"}) == [expected]


def test_names_that_begin_with_an_operator_are_names():
    assert matches("notes: {a: x}\norder: {b: y}\ncondition: notes or order", {"b": "y"}) == [True]


def test_nested_and_listed_fields_are_reached():
    detection = "s: {a.b.c: x}\ncondition: s"

    assert matches(detection, {"a": [{"b": {"c": ["w", "x"]}}]}, {"a.b": {"c": "x"}}) == [
        True,
        True,
    ]


def test_a_rule_becomes_a_plain_tree():
    assert condition_of("s: {a: x, b: [y, z]}\ncondition: s") == AllOf(
        (Field("a", (Text(("x",)),)), Field("b", (Text(("y",)), Text(("z",)))))
    )


def problem_of(text):
    result = parse_rules({"rules/x.yml": text})
    assert result.rules == ()
    assert len(result.problems) == 1, result.problems
    return str(result.problems[0])


SOUND = "s: {a: x}\ncondition: s"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (sigma("s:\n  a|contians: x\ncondition: s"), 7, "did you mean 'contains'"),
        (sigma("s:\n  b: y\n  a|re: '(?=x)'\ncondition: s"), 8, "look-around is not supported"),
        (sigma("s:\n  a|re: '('\ncondition: s"), 7, "missing )"),
        (sigma("s:\n  a|re: 5\ncondition: s"), 7, "put it in quotes"),
        (sigma("s:\n  a|cidr: 10.0.0.0/99\ncondition: s"), 7, "CIDR"),
        (sigma("s:\n  a|gt: x\ncondition: s"), 7, "needs a number"),
        (sigma("s:\n  a|expand: '%x%'\ncondition: s"), 7, "placeholder %x%"),
        (sigma("s:\n  a|expand: '%organization.x%'\ncondition: s"), 7, "organization.accounts"),
        (sigma(SOUND, tail="tocsin: {example_values: {x: y}}\n"), 8, "must be a list"),
        (sigma("s:\n  a: {b: c}\ncondition: s"), 7, "a value must be text"),
        (sigma("s: {}\ncondition: s"), 6, "'s' is empty"),
        (sigma("s: []\ncondition: s"), 6, "'s' is empty"),
        (sigma("s: {a: x}\ncondition: ''"), 7, "the condition is empty"),
        (sigma("s: {a: x}\ncondition: []"), 7, "the condition is empty"),
        (sigma("s: {a: x}"), 5, "the condition is empty"),
        (sigma("selection: {a: x}\ncondition: selektion"), 7, "did you mean 'selection'"),
        (sigma("s: {a: x}\ncondition: s and"), 7, "cannot be read"),
        (sigma("s: {a: x}\ncondition: 1 of filter*"), 7, "no detection is named like"),
        (sigma("s: {a: x}\ncondition: s | count() > 5"), 7, "correlation rule"),
        (sigma("s: {a: x}\ncondition: " + "(" * 99 + "s" + ")" * 99), 7, "too nested"),
        (sigma("s: {a: x}\ncondition: s " + "or s " * 9999), 7, "longer than"),
        (sigma(SOUND, head=f"id: {UID}\nlogsource: {{product: a}}\n"), 1, "must have a title"),
        (sigma(SOUND).replace("title: T", "title: ' '"), 1, "'title' must be text"),
        (sigma(SOUND, head=HEAD), 1, "'logsource' must be a mapping"),
        (sigma(SOUND, head=f"{HEAD}logsource: {{}}\n"), 4, "names no product"),
        (sigma(SOUND).replace("level: high", "level: hihg"), 3, "hihg"),
        (sigma(SOUND).replace(UID, "rule-1"), 2, "UUID"),
        (sigma(SOUND).replace(UID, "5"), 1, "not a Sigma rule"),
        (sigma("s:\n  a|re|expand: '%x%'\ncondition: s"), 7, "under `rules.placeholders: {x"),
        (sigma("s: [null]\ncondition: s"), 6, "null must be bound to a field"),
        (sigma(SOUND, tail="tags: [attack]\n"), 8, "tag"),
        (sigma(SOUND, tail="status: fine\n"), 8, "fine"),
        (sigma(SOUND, tail="date: yesterday\n"), 8, "yesterday"),
        (sigma(SOUND, tail="exmaples: []\n"), 8, "did you mean 'examples'"),
        (sigma(SOUND, tail="tocsin: {perod: 1h}\n"), 8, "did you mean 'period'"),
        (sigma(SOUND, tail="tocsin: {period: 1 year}\n"), 8, "such as 30m"),
        (sigma(SOUND, tail="tocsin: {period: 32d}\n"), 8, "31d at most"),
        (sigma(SOUND, tail="tocsin: {entity: [{type: user}]}\n"), 8, "'tocsin.entity.0.path'"),
        (sigma(SOUND, tail="tocsin: [x]\n"), 8, "must be a mapping"),
        (sigma(SOUND, tail="examples: [{name: x, match: so, event: {}}]\n"), 8, "true or false"),
        (sigma(SOUND, tail="examples: {}\n"), 8, "must be a list"),
        (sigma(SOUND, tail="filter: {}\n"), 8, "a list of ids or names, or `any`"),
        ("- a\n- b\n", 1, "must be a mapping"),
        ("", 0, "holds no rule"),
        ("title: [x\n", 2, "not YAML"),
        (f"{HEAD}logsource: &a {{product: aws}}\ndetection: *a\n", 4, "not supported"),
    ],
)
def test_a_broken_rule_is_one_clear_line(text, line, words):
    problem = problem_of(text)

    assert problem.startswith(f"rules/x.yml:{line}: " if line else "rules/x.yml: ")
    assert words in problem
    assert "\n" not in problem


def test_every_problem_of_a_rule_is_told_at_once():
    text = sigma("s:\n  a|contians: x\n  b|re: '('\ncondition: t", tail="tocsin: {perod: 1h}\n")

    result = parse_rules({"x.yml": text})

    assert [problem.location.line for problem in result.problems] == [7, 8, 9, 10]


def test_two_examples_of_one_name_are_a_problem():
    example = "  - {name: x, match: true, event: {}}\n"

    assert "named 'x'" in problem_of(sigma(SOUND, tail=f"examples:\n{example}{example}"))


def test_refused_patterns_write_nothing_to_standard_error(capfd):
    problem_of(sigma("s:\n  a|re: '(?<!x)y'\ncondition: s"))

    assert capfd.readouterr().err == ""


def test_attributes_of_ones_own_are_allowed():
    assert parsed(SOUND, tail="simulation: {type: atomic}\n").uid == UID


def test_a_hostile_selector_takes_no_time():
    name = "a" * 200
    selector = "a*" * 60 + "b"

    problem = problem_of(sigma(f"{name}: {{a: x}}\ncondition: 1 of {selector}"))

    assert "no detection is named like" in problem


def test_a_thousand_negations_are_read_or_refused():
    result = parse_rules({"x.yml": sigma("s: {a: x}\ncondition: " + "not " * 900 + "s")})

    assert len(result.rules) + len(result.problems) == 1
