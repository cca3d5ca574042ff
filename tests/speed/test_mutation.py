"""Mutated rules are rules: as many as asked for, all valid, all different."""

import json

import pytest
import yaml

from benchmarks.detection import rule_sets
from benchmarks.detection.event_sets import COMMANDS, event_id, lines, templates
from benchmarks.detection.mutation import variant
from benchmarks.detection.process_rules import process_documents
from tocsin.conditions import compile_condition
from tocsin.detect.fields import Event, EventReader

RULE = {
    "title": "A title",
    "name": "a_title",
    "id": "5f0c6f0e-0000-4000-8000-000000000001",
    "logsource": {"product": "aws", "service": "cloudtrail"},
    "detection": {
        "selection": {
            "eventName": "StopLogging",
            "a|re": "^x$",
            "g|re": "(?i)y",
            "b|cidr": "192.0.2.0/24",
            "c|exists": True,
            "d|fieldref": "e",
            "f": ["end*", 7, None],
        },
        "words": ["a keyword"],
        "condition": "selection or words",
    },
}


def never(field, literal, number):
    return False


def test_a_variant_changes_literals_and_nothing_else():
    made = variant(RULE, 3, never)
    selection = made["detection"]["selection"]

    assert made["id"] != RULE["id"]
    assert "name" not in made
    assert made["detection"]["condition"] == "selection or words"
    assert selection["eventName"].startswith("StopLogging")
    assert selection["eventName"] != "StopLogging"
    assert selection["a|re"].startswith("(?:^x$)")
    assert selection["g|re"].startswith("(?i)(?:y)")
    assert selection["b|cidr"] == "10.0.3.0/24"
    assert (selection["c|exists"], selection["d|fieldref"]) == (True, "e")
    assert selection["f"][0].startswith("end")
    assert selection["f"][0].endswith("*")
    assert selection["f"][1:] == [7, None]
    assert made["detection"]["words"] != ["a keyword"]


def test_a_variant_leaves_the_rule_itself_alone():
    before = json.dumps(RULE)
    variant(RULE, 3, never)

    assert json.dumps(RULE) == before


def test_a_rule_of_nothing_but_kept_literals_becomes_another_all_the_same():
    made = variant(RULE, 3, lambda field, literal, number: True)

    assert made["detection"]["selection"]["eventName"] != "StopLogging"


def test_what_is_kept_stays():
    made = variant(RULE, 3, lambda field, literal, number: field == "eventName")

    assert made["detection"]["selection"]["eventName"] == "StopLogging"


@pytest.mark.parametrize("source", [rule_sets.CLOUDTRAIL, rule_sets.PROCESSES])
def test_mutated_rules_are_all_valid_and_all_different(source):
    made = rule_sets.documents(source, 300)
    rules = rule_sets.parsed(made)

    assert len({rule.uid for rule in rules}) == 300
    assert len({rule.condition for rule in rules}) == 300


def test_a_rule_that_became_invalid_is_not_passed_over():
    with pytest.raises(ValueError, match="1 rules became 0"):
        rule_sets.parsed([{**RULE, "detection": {"selection": {"a|unknown": 1}}}])


def test_larger_rule_sets_begin_with_the_smaller_ones():
    few, more = (rule_sets.cloudtrail_documents(count) for count in (57, 80))

    assert more[:57] == few
    assert [document["id"] for document in few] == [rule.uid for rule in rule_sets.parsed(few)]


def test_the_files_hold_what_is_measured(tmp_path):
    made = rule_sets.cloudtrail_documents(60)
    rule_sets.write(made, tmp_path / "rules")
    read = [
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((tmp_path / "rules").glob("*.yml"))
    ]

    assert rule_sets.parsed(read) == rule_sets.parsed(made)


def test_command_lines_match_some_rule_now_and_then_and_all_differ():
    rules = rule_sets.parsed(process_documents(40))
    holds = [compile_condition(rule.condition, EventReader()) for rule in rules]
    records = [json.loads(line) for line in lines(COMMANDS, 2_000)]
    matched = sum(any(each(Event(record, {})) for each in holds) for record in records)

    assert 10 <= matched <= 100
    assert len({record["CommandLine"] for record in records}) == 2_000


@pytest.mark.parametrize("name", ["repeated", "agents", "uniq"])
def test_fresh_values_leave_the_rest_of_a_recorded_event_as_it_was(name):
    first, again = (
        json.loads(line)
        for number, line in enumerate(lines(name, len(templates()) + 1))
        if number % len(templates()) == 0
    )
    changed = {key for key in first if first[key] != again[key]}
    values = {"userAgent", "sourceIPAddress", "userIdentity"}

    assert first["eventID"] == event_id(0)
    assert changed == {"eventID", "eventTime"} | (set() if name == "repeated" else values)
    assert {key for key in templates()[0] if templates()[0][key] != first[key]} <= {
        *changed,
        *values,
        "eventTime",
    }
