"""Mutants show weak examples; structure shows rules that differ only in literals."""

import json

import pytest

from tests.detect.rules import matches, parsed, rule_set, run_nothing
from tests.detect.tables import event_table
from tests.detect.test_evaluate import python_rule
from tocsin.conditions import PlainReader, compile_condition
from tocsin.detect import run_examples
from tocsin.detect.review import is_single_comparison, mutants, structure

TRAIL = """
s: {eventName: StopLogging, eventSource: trail}
f: {errorCode|exists: true}
condition: s and not f
"""


def changes(detection):
    return sorted((mutant.change, mutant.where) for mutant in mutants(parsed(detection)))


def test_each_condition_is_dropped_negated_and_changed():
    assert changes(TRAIL) == [
        ("changed", "eventName"),
        ("changed", "eventSource"),
        ("dropped", "eventName"),
        ("dropped", "eventSource"),
        ("dropped", "not errorCode"),
        ("negated", "errorCode"),
        ("negated", "eventName"),
        ("negated", "eventSource"),
    ]


def test_alternatives_are_dropped_one_by_one():
    dropped = [where for change, where in changes(
        "a: {x: 1}\nb: {y: 2}\nc: {z: 3}\ncondition: a and (b or c)"
    ) if change == "dropped"]  # fmt: skip

    assert dropped == ["(y or z)", "x", "y", "z"]


@pytest.mark.parametrize(
    ("line", "matching"),
    [
        ("a: x", "x"),
        ("a|contains: x", "axb"),
        ("a: 5", 5),
        ("a: true", True),
        ("a: null", None),
        ("a|re: x+", "xx"),
        ("a|cidr: 10.0.0.0/8", "10.0.0.1"),
        ("a|cidr: '2001:db8::/32'", "2001:db8::1"),
        ("a|gt: 5", 6),
        ("a|lte: 5", 5),
        ("a|hour: 12", "2026-11-23T12:00:00Z"),
        ("a|windash: ' -x'", " /x"),
        ("a: ['*']", "x"),
    ],
)
def test_a_negated_or_changed_condition_no_longer_matches(line, matching):
    rule = parsed(f"s: {{{line}}}\ncondition: s")
    for mutant in mutants(rule):
        alive = compile_condition(mutant.rule.condition, PlainReader())({"a": matching})
        if mutant.change == "dropped":
            assert alive
        # There is nothing to change in `*`, and null has no literal.
        elif mutant.change == "negated" or matching not in ("x", None):
            assert not alive


def test_keywords_and_references_have_mutants_too():
    found = changes("s: [evil]\nt: {a|fieldref: b}\ncondition: s and t")

    assert ("changed", "keywords") in found
    assert ("negated", "a") in found


def test_python_rules_have_no_mutants():
    assert mutants(python_rule()) == ()


def survivors(examples):
    rule = parsed(TRAIL, tail=f"examples: {json.dumps(examples)}\n")

    def runs(each):
        return run_examples(
            rule_set(each),
            lambda source, records: [event_table(record) for record in records],
            run_nothing,
            base_records={},
        )

    assert all(result.passed for result in runs(rule))
    return {
        (mutant.change, mutant.where)
        for mutant in mutants(rule)
        if all(result.passed for result in runs(mutant.rule))
    }


MATCH = {"eventName": "StopLogging", "eventSource": "trail"}


def example(name, match, **values):
    return {"name": name, "match": match, "event": MATCH | values}


def test_strong_examples_leave_no_mutant_alive():
    assert not survivors(
        [
            example("match", True),
            example("other event", False, eventName="StartLogging"),
            example("other service", False, eventSource="tube"),
            example("denied", False, errorCode="AccessDenied"),
        ]
    )


def test_a_condition_that_no_example_holds_shows():
    weak = [example("match", True), example("denied", False, errorCode="AccessDenied")]

    assert survivors(weak) == {("dropped", "eventName"), ("dropped", "eventSource")}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("s: {a: x}\ncondition: s", "s: {a: [y, z]}\ncondition: s", True),
        ("s: {a: x, b: y}\ncondition: s", "s: {a: v}\nt: {b: w}\ncondition: t and s", True),
        ("s: {a: x}\ncondition: s", "s: {b: x}\ncondition: s", False),
        ("s: {a: x}\ncondition: s", "s: {a|contains: x}\ncondition: s", False),
        ("s: {a: x}\ncondition: s", "s: {a: x}\ncondition: not s", False),
        ("s: {a: x}\ncondition: s", "s: {a|cased: x}\ncondition: s", False),
        ("s: {a|gt: 1}\ncondition: s", "s: {a|gt: 2}\ncondition: s", True),
        ("s: {a|gt: 1}\ncondition: s", "s: {a|lt: 1}\ncondition: s", False),
        ("s: {a|all: [x*, y]}\ncondition: s", "s: {a: [x*, y]}\ncondition: s", False),
        ("s: {a|exists: true}\ncondition: s", "s: {a: x}\ncondition: s", False),
        ("s: {a|fieldref: b}\ncondition: s", "s: {a|fieldref: c}\ncondition: s", False),
        ("s: [x]\ncondition: s", "s: [y, z]\ncondition: s", True),
        ("s: {a|windash: ' -x'}\ncondition: s", "s: {a|hour: 1}\ncondition: s", False),
        ("s: [{a: x}, {b: y}]\ncondition: s", "s: {a: x, b: y}\ncondition: s", False),
    ],
)  # fmt: skip
def test_structure_ignores_literals_and_order_only(one, other, is_same):
    assert (structure(parsed(one)) == structure(parsed(other))) is is_same


def test_structure_of_python_ignores_literals_and_wording():
    one = python_rule(
        source='"""A."""\ndef rule(e): return e.get("a") == 1\ndef title(e): return "x"\n'
    )
    same = python_rule(source='def rule(e): return e.get("b") == 2\n')
    other = python_rule(source='def rule(e): return e.get("b") != 2\n')

    assert structure(one) == structure(same) != structure(other)


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("s: {eventName: StopLogging}\ncondition: s", True),
        ("s: {eventName: [a, b], eventSource: x}\ncondition: s", True),
        ("s: {verb: create}\ncondition: s", True),
        ("s: {eventName: a, errorCode: null}\ncondition: s", False),
        ("s: {eventName: a}\ncondition: not s", False),
        ("s: {eventName: a}\nt: {eventName: b}\ncondition: s or t", False),
    ],
)
def test_a_comparison_of_the_events_name_alone_is_told(detection, expected):
    assert is_single_comparison(parsed(detection)) is expected


def test_python_rules_are_no_single_comparison():
    assert not is_single_comparison(python_rule())


def test_double_negation_is_opened():
    detection = "a: {x: 1}\ncondition: not not a"

    assert matches(detection, {"x": 1}) == [True]
    assert structure(parsed(detection)) == structure(parsed("a: {x: 1}\ncondition: a"))
