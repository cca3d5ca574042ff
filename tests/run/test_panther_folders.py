"""A folder laid out like panther-analysis is checked and tested as it is."""

import json
import time

import pytest

from tests.detect.panther_folder import TESTS, description, example_of, write
from tocsin.run import RuleChoice, offline, rule_work
from tocsin.settings import Settings


def outcome(folder):
    return rule_work.check_examples(RuleChoice((folder,), with_builtin=False))


def test_the_tests_of_a_folder_pass_with_its_helpers_models_and_mocks(tmp_path):
    results = outcome(write(tmp_path, rules=3))

    assert [(each.rule, each.name, each.reason) for each in results if not each.passed] == []
    assert len(results) == 3 * len(TESTS) + 2
    assert [each.rule for each in results[:2]] == ["Example.Volume", "Example.Volume"]


def test_what_is_left_out_is_named_and_refuses_nothing(tmp_path):
    checked = rule_work.check_rules(RuleChoice((write(tmp_path, rules=1),), with_builtin=False))

    assert (checked.loaded, checked.refused) == (2, 0)
    assert [p.message for p in checked.problems if "packs/all.yml" in p.location.file] == [
        "left out: packs are chosen by folders here"
    ]


@pytest.mark.parametrize(
    ("source", "test", "reason"),
    [
        (
            "def rule(event): return True\n",
            example_of("x", False, {}),
            "should not match, but does",
        ),
        (
            "def rule(event): return False\n",
            example_of("x", True, {}),
            "should match, but does not",
        ),
        ("def rule(event): return event['a']\n", example_of("x", True, {}), "raised KeyError: 'a'"),
        ("def rule(event): return True\n", example_of("x", True, {}, other=""), "mock 'other'"),
        ("import boto3\ndef rule(event): return True\n", example_of("x", True, {}), "'boto3'"),
        ("def rule(event):\n    while True: pass\n", example_of("x", True, {}), "it took longer"),
    ],
)
def test_a_test_that_fails_says_what_came(tmp_path, source, test, reason):
    more = {"rules/own.py": source, "rules/own.yml": description("rule", "Own", "own.py", [test])}
    results = outcome(write(tmp_path, rules=1, **more))
    (failed,) = [each for each in results if not each.passed]

    assert (failed.rule, failed.name) == ("Own", "x")
    assert reason in failed.reason


def test_a_rule_that_is_switched_off_is_tested_all_the_same(tmp_path):
    yaml = description("rule", "Own", "own.py", [example_of("x", True, {})], Enabled=False)
    more = {"rules/own.py": "def rule(event): return False\n", "rules/own.yml": yaml}

    assert [e.rule for e in outcome(write(tmp_path, rules=0, **more)) if not e.passed] == ["Own"]


@pytest.mark.slow
def test_thousands_of_tests_take_less_than_two_minutes(tmp_path):
    write(tmp_path, rules=800)
    start = time.monotonic()
    results = outcome(tmp_path)
    seconds = time.monotonic() - start

    assert (len(results), all(each.passed for each in results)) == (4_002, True)
    assert seconds < 120


def test_lookup_tables_of_a_folder_are_read_and_other_data_is_not(tmp_path):
    table = (
        "AnalysisType: lookup_table\nLookupName: known\nFilename: known.csv\n"
        "LogTypeMap: {PrimaryKey: ip, AssociatedLogTypes: [{LogType: AWS.CloudTrail, "
        "Selectors: [sourceIPAddress]}]}\n"
    )
    source = (
        "def rule(event):\n    places = event.get('p_enrichment') or {}\n"
        "    return places['known']['sourceIPAddress']['place'] == 'office'\n"
    )
    test = example_of("known", True, {"sourceIPAddress": "192.0.2.1"})
    more = {
        "luts/known.yml": table, "luts/known.csv": "ip,place\n192.0.2.1,office\n",
        "luts/other.csv": "\0", "rules/known.csv": "\0", "rules/own.py": source,
        "rules/own.yml": description("rule", "Own", "own.py", [test]),
    }  # fmt: skip
    folder = write(tmp_path, rules=0, **more)
    checked = rule_work.check_rules(RuleChoice((folder,), with_builtin=False))

    assert [str(each) for each in checked.problems if "luts" in str(each)] == []
    assert [each.reason for each in outcome(folder) if each.rule == "Own"] == [""]


def test_rules_of_a_folder_find_their_helpers_when_they_run(tmp_path):
    source = (
        "from acme_words import actor\n"
        "def rule(event): return event.udm('event_type') == 'successful_login'\n"
        "def title(event): return actor(event)\n"
    )
    yaml = description("rule", "Own", "own.py", [])
    folder = write(tmp_path, rules=0, **{"rules/own.py": source, "rules/own.yml": yaml})
    record = {
        "eventVersion": "1.08", "eventID": "00000000-0000-0000-0000-000000000001",
        "eventTime": "2026-01-01T00:00:00Z", "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice"},
        "recipientAccountId": "111122223333", "eventType": "AwsConsoleSignIn",
    }  # fmt: skip
    (tmp_path / "log.json").write_text(json.dumps(record))
    choice = RuleChoice(
        (folder / "rules", folder / "global_helpers", folder / "data_models"), False
    )

    run = offline.detect_files(
        [str(tmp_path / "log.json")],
        "aws.cloudtrail",
        choice,
        Settings(data=tmp_path / "data"),
        lambda done, whole: None,
    )

    assert [each["finding_info"]["title"] for each in run.results] == [
        "arn:aws:iam::111122223333:user/alice"
    ]
