"""Warnings about rules beside each other, and about selections that nobody asks for."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.detect.rules import CLOUDTRAIL_HEAD, parsed, sigma
from tocsin.detect import parse_rules
from tocsin.detect.lint_together import doubles, unused_selections
from tocsin.run import RuleChoice, rule_work
from tocsin.settings import load

OTHER = "00000000-0000-4000-8000-000000000002"


def told(first: str, second: str, **changes) -> list[str]:
    rules = [parsed(first), replace(parsed(second), uid=OTHER, **changes)]
    return [each.message for each in doubles(rules)]


TWO = "selection: {a: b}\nfilter: {c: d}\ncondition: selection and not filter"


@pytest.mark.parametrize(
    ("second", "is_double"),
    [
        (TWO, True),
        ("filter: {c: d}\nwanted: {a: b}\ncondition: not filter and wanted", True),
        ("wanted: {a: b}\nfilter: {c: d}\ncondition: wanted and wanted and not filter", True),
        ("selection: {a: b}\nfilter: {c: e}\ncondition: selection and not filter", False),
        ("selection: {a: b}\nfilter: {c: d}\ncondition: selection or not filter", False),
        ("selection: {a: b}\ncondition: selection", False),
    ],
    ids=["the same", "another order", "said twice", "another value", "or", "less"],
)
def test_a_rule_that_finds_the_same_is_a_double(second: str, is_double: bool):
    assert bool(told(TWO, second)) is is_double


@pytest.mark.parametrize(
    "changes", [{"threshold": 5}, {"dedup": ("a",)}], ids=["threshold", "dedup"]
)
def test_rules_that_count_or_group_otherwise_are_no_doubles(changes):
    assert told(TWO, TWO, **changes) == []


def test_a_double_names_the_other():
    (message,) = told(TWO, TWO)

    assert message == "it finds what 'T' (rule.yml:1) finds; one is enough"


def test_other_logs_make_other_rules():
    other = CLOUDTRAIL_HEAD.replace("product: aws, service: cloudtrail", "category: ocsf")
    rules = [parsed(TWO), replace(parsed(TWO, head=other), uid=OTHER)]

    assert list(doubles(rules)) == []


def unused(detection: str, tail: str = "") -> list[tuple[int, str]]:
    text = sigma(detection, tail=tail)
    result = parse_rules({"rule.yml": text})
    return [
        (each.location.line, each.message.split("'")[1])
        for each in unused_selections(result.rules[0], text)
    ]


@pytest.mark.parametrize(
    ("detection", "names"),
    [
        ("one: {a: b}\ntwo: {c: d}\ncondition: one", ["two"]),
        ("one: {a: b}\ntwo: {c: d}\ncondition: one and not two", []),
        ("one: {a: b}\ntwo: {c: d}\ncondition: 1 of them", []),
        ("one: {a: b}\n_two: {c: d}\ncondition: all of them", ["_two"]),
        ("sel_one: {a: b}\nsel_two: {c: d}\nfilter: {e: f}\ncondition: 1 of sel_*", ["filter"]),
        ("one: {a: b}\none_more: {c: d}\ncondition: one", ["one_more"]),
        ("one: {a: b}\ntwo:\n  - {c: d}\n  - {condition: x}\ncondition: one or two", []),
        ("condition: one\none: {a: b}\n# two: {a: c}\n'three': {a: d}", ["three"]),
        ("one: {a: b}\ntwo: {c: d}\ncondition:\n  - one\n  - two", []),
    ],
    ids=[
        *("unused", "used", "them", "underscore", "pattern", "prefix", "inner keys"),
        *("quoted and commented", "list"),
    ],
)
def test_a_selection_that_nobody_asks_for_is_named(detection: str, names: list[str]):
    assert [name for _, name in unused(detection)] == names


def test_its_line_is_told():
    ((line, name),) = unused("one: {a: b}\ntwo: {c: d}\ncondition: one")

    assert sigma("one: {a: b}\ntwo: {c: d}\ncondition: one").splitlines()[line - 1].strip() == (
        "two: {c: d}"
    )
    assert name == "two"


def test_what_is_written_on_one_line_is_left_alone():
    head = CLOUDTRAIL_HEAD + "detection: {one: {a: b}, two: {c: d}, condition: one}\n"
    (rule,) = parse_rules({"rule.yml": head}).rules

    assert list(unused_selections(rule, head)) == []


@pytest.mark.corpora
def test_published_rules_are_not_accused(corpora: Path):
    checked = rule_work.check_rules(
        RuleChoice((corpora / "sigma",), with_builtin=False),
        load(None, {"TOCSIN_DATA": "/nowhere"}),
    )

    accused = [each for each in checked.problems if "it finds what" in each.message]
    accused += [each for each in checked.problems if "never asks for" in each.message]
    assert accused == []


def test_the_rules_that_ship_are_not_accused(tmp_path: Path):
    checked = rule_work.check_rules(RuleChoice(), load(None, {"TOCSIN_DATA": str(tmp_path)}))

    assert checked.problems == ()
