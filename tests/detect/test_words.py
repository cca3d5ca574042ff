"""What Python rules say beside yes or no decides how their matches become findings."""

import json

import pytest

from tests.detect.rules import detected
from tests.detect.tables import event_table
from tests.detect.test_evaluate import findings, python_rule, said, saying, stopped
from tocsin.detect import Windows
from tocsin.detect.rules import EntityPath


def test_the_title_joins_matches_where_a_rule_has_no_other_text_for_that():
    verdicts = [said(at, title=f"T{at % 2}") for at in range(4)]
    events = event_table(*[stopped()] * 4)
    found = findings([python_rule()], events, run_python=saying(*verdicts))
    named = python_rule(entity=(EntityPath("user", "userIdentity.arn"),))
    by_entity = findings([named], events, run_python=saying(*verdicts))

    assert [(each["dedup_key"], each["match_count"]) for each in found] == [("T0", 2), ("T1", 2)]
    assert [each["match_count"] for each in by_entity] == [4]


def test_a_rule_that_tells_nobody_raises_no_alert():
    quiet = [said(0, is_quiet=True), said(1, is_quiet=True)]
    events = event_table(stopped(), stopped())
    mixed = [said(0, is_quiet=True), said(1)]
    for verdicts, rule, is_alert in (
        (quiet, python_rule(), False),
        (mixed, python_rule(), True),
        (mixed, python_rule(creates_alerts=False), False),
    ):
        (found,) = findings([rule], events, run_python=saying(*verdicts))
        assert found["is_alert"] is is_alert


def test_what_the_file_says_of_every_match_stands_in_the_context_unless_the_rule_says_more():
    rule = python_rule(words=(("runbook", "Ask."), ("destinations", "team")))
    verdict = said(context='{"runbook": "Call.", "n": 1}')
    (found,) = findings([rule], event_table(stopped()), run_python=saying(verdict))

    assert json.loads(found["context"]) == {"runbook": "Call.", "destinations": "team", "n": 1}


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ("aab", 0), ("abc", 3), ("aaabbbc", 7), (["a", "", "", "b"], 0), (["a", "", "b", "c"], 4),
        (["", "", "", ""], 0),
    ],
)  # fmt: skip
def test_a_threshold_counts_the_different_values_that_unique_gives(values, count):
    verdicts = [said(at, unique=value) for at, value in enumerate(values)]
    events = event_table(*[stopped()] * len(values))
    found = findings([python_rule(threshold=3)], events, run_python=saying(*verdicts))

    assert [each["match_count"] for each in found] == ([count] if count else [])


def test_different_values_are_counted_over_turns_and_as_rows():
    windows = Windows()
    seen = []
    for at, value in enumerate("aabbc"):
        events = event_table(*[stopped()] * 5).slice(at, 1)
        verdict = said(unique=value)
        rules = [python_rule(threshold=3)]
        found = detected(rules, events, windows=windows, run_python=saying(verdict))
        windows = Windows.from_rows(found.windows.to_rows())
        seen += found.findings.column("match_count").to_pylist()

    assert seen == [5]
