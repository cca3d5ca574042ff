"""Examples say the answer that a rule must give, and are run through the whole way."""

import json

import pytest

from tests.detect.rules import CLOUDTRAIL_HEAD, HEAD, parsed, rule_set, run_nothing
from tests.detect.tables import event_table
from tests.detect.test_evaluate import python_rule, said, saying
from tocsin.detect import parse_rules, run_examples
from tocsin.detect.laying import merged
from tocsin.detect.rules import Example

BASE = {"aws.cloudtrail": {"eventName": "Base", "userIdentity": {"type": "IAMUser", "arn": "a"}}}


def normalize(source, records):
    return [event_table(record, source=source) for record in records]


def results(*rules, normalize_records=normalize, run_python=run_nothing):
    return [
        (result.name, result.passed, result.reason)
        for result in run_examples(
            rule_set(*rules), normalize_records, run_python, base_records=BASE
        )
    ]


def rule_with(examples, detection="s: {eventName: Stop*}\ncondition: s", head=CLOUDTRAIL_HEAD):
    return parsed(detection, head=head, tail=f"examples: {json.dumps(examples)}\n")


def example(match, event, name="x", **values):
    return {"name": name, "match": match, "event": event, **values}


@pytest.mark.parametrize(
    ("match", "name", "reason"),
    [
        (True, "StopLogging", ""),
        (False, "StartLogging", ""),
        (True, "StartLogging", "should match, but does not"),
        (False, "StopLogging", "should not match, but does"),
    ],
)
def test_an_example_passes_or_says_why_not(match, name, reason):
    rule = rule_with([example(match, {"eventName": name})])

    assert results(rule) == [("x", not reason, reason)]


def test_an_example_lies_over_the_complete_record():
    rule = rule_with(
        [example(True, {"userIdentity": {"arn": "b"}})],
        "s: {eventName: Base, userIdentity.type: IAMUser, userIdentity.arn: b}\ncondition: s",
    )

    assert results(rule) == [("x", True, "")]


def test_merging_joins_objects_and_replaces_the_rest():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}

    assert merged(base, {"a": {"c": [3], "e": None}, "d": {"f": 1}}) == {
        "a": {"b": 1, "c": [3], "e": None},
        "d": {"f": 1},
    }
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_a_record_that_the_mapping_rejects_fails_its_example():
    rule = rule_with([example(False, {})])

    found = results(
        rule, normalize_records=lambda source, records: [event_table() for _ in records]
    )

    assert found == [("x", False, "the mapping of aws.cloudtrail rejects the record")]


def test_a_rule_that_nothing_is_bound_to_cannot_run_its_examples():
    head = HEAD + "logsource: {product: windows, category: process_creation}\n"

    assert (
        "none for windows/process_creation"
        in results(rule_with([example(True, {})], head=head))[0][2]
    )


def test_a_rule_of_several_sources_names_the_source_of_its_example():
    head = HEAD + "logsource: {category: ocsf}\n"
    rule = rule_with(
        [
            example(True, {"eventName": "StopLogging"}, "cloud", source="aws.cloudtrail"),
            example(True, {"verb": "stop"}, "unnamed"),
            example(True, {"verb": "stop"}, "wrong", source="okta"),
        ],
        "s: {api.operation: Stop*}\ncondition: s",
        head,
    )

    found = results(rule)

    assert found[0] == ("cloud", True, "")
    assert "aws.cloudtrail, kubernetes.audit" in found[1][2]
    assert "does not read the source 'okta'" in found[2][2]


def panther(**changes):
    values = {"name": "t", "matches": True, "record": "{}", "is_complete": True}
    return python_rule(examples=(Example(**(values | changes)),))


def test_a_panther_test_is_judged_on_its_record_alone():
    assert results(panther(), run_python=saying(said())) == [("t", True, "")]
    assert results(panther(matches=False), run_python=saying()) == [("t", True, "")]
    assert results(panther(), run_python=saying()) == [("t", False, "should match, but does not")]


def test_a_rule_that_fails_fails_its_example():
    failing = saying(said(matched=False, failure="raised KeyError"))

    assert results(panther(matches=False), run_python=failing) == [("t", False, "raised KeyError")]


def test_an_example_that_cannot_be_run_says_so():
    assert results(panther(obstacle="the test has Mocks")) == [("t", False, "the test has Mocks")]


def test_examples_of_disabled_rules_are_run_too():
    yaml = (
        "AnalysisType: rule\nFilename: x.py\nRuleID: X\nEnabled: false\nSeverity: Low\n"
        "LogTypes: [AWS.CloudTrail]\nexamples: [{name: n, match: true, event: {a: 1}}]\n"
    )
    (rule,) = parse_rules({"x.yml": yaml, "x.py": "def rule(event): return True\n"}).rules
    verdict = said()

    found = run_examples(
        rule_set(rule),
        normalize,
        lambda rules, records: [type(verdict)("X", 0, matched=True)],
        base_records=BASE,
    )

    assert [result.passed for result in found] == [True]
