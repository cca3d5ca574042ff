"""Filters change the rules that they name (filters specification)."""

import pytest

from tests.detect.rules import UID, sigma
from tocsin.conditions import holds
from tocsin.detect import parse_rules

OTHER = "00000000-0000-4000-8000-000000000002"
RULE = sigma("s: {eventName: StopLogging}\ncondition: s", tail="name: stopped\n")
FILTER = f"""
title: Backups
logsource: {{product: aws}}
filter:
  rules: [{UID}]
  selection: {{user|startswith: bak_}}
  condition: not selection
"""
BACKUP = {"eventName": "StopLogging", "user": "bak_1"}
PERSON = {"eventName": "StopLogging", "user": "eve"}


def read(*filters):
    files = {f"f{at}.yml": text for at, text in enumerate(filters)}
    return parse_rules({"rule.yml": RULE, **files})


@pytest.mark.parametrize("rules", [f"[{UID}]", f"[{OTHER}, STOPPED]", "any", "[]", UID])
def test_a_filter_leaves_out_matches_of_the_rules_it_names(rules):
    result = read(FILTER.replace(f"[{UID}]", rules))

    assert result.problems == ()
    condition = result.rules[0].condition
    assert [holds(condition, BACKUP), holds(condition, PERSON)] == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        FILTER.replace(UID, OTHER),
        FILTER.replace("product: aws", "product: gcp"),
        FILTER.replace("product: aws", "product: aws, category: x"),
    ],
)
def test_a_filter_that_meets_no_rule_is_a_warning_and_changes_nothing(text):
    result = read(text)

    assert [(each.is_warning, "no Sigma rule" in each.message) for each in result.problems] == [
        (True, True)
    ]
    assert holds(result.rules[0].condition, BACKUP)


def test_a_filter_without_not_keeps_only_what_fits_and_says_so():
    result = read(FILTER.replace("not selection", "selection"))

    assert [str(each) for each in result.problems] == [
        "f0.yml:7: warning: matches that fit stay and all others go;"
        " to leave out those, write `not`"
    ]
    condition = result.rules[0].condition
    assert [holds(condition, BACKUP), holds(condition, PERSON)] == [True, False]


def test_several_filters_lie_over_one_rule():
    result = read(FILTER, FILTER.replace("bak_", "ev"))

    condition = result.rules[0].condition
    assert [holds(condition, BACKUP), holds(condition, PERSON)] == [False, False]


def test_a_filter_changes_the_version_and_not_the_uid():
    plain, filtered = read().rules[0], read(FILTER).rules[0]

    assert plain.uid == filtered.uid
    assert plain.version != filtered.version


def test_examples_see_the_rule_without_filters():
    rule = read(FILTER).rules[0].as_in_examples()

    assert holds(rule.condition, BACKUP)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (f"  rules: [{UID}]\n", "", 4, "'filter.rules' must be a list"),
        ("title: Backups", "title: ' '", 2, "'title' must be text"),
        ("{product: aws}", "{}", 3, "names no product"),
        ("condition: not selection", "condition: not x", 7, "names 'x'"),
        ("user|startswith", "user|startwith", 6, "did you mean 'startswith'"),
        ("  condition: not selection\n", "", 4, "the condition is empty"),
    ],
)
def test_a_broken_filter_is_named_and_the_rule_stays(old, new, line, words):
    result = read(FILTER.replace(old, new))

    assert str(result.problems[0]).startswith(f"f0.yml:{line}: ")
    assert words in str(result.problems[0])
    assert holds(result.rules[0].condition, BACKUP)
