"""Python rules are read as panther-analysis lays them out; their text is never executed here."""

import json

import pytest

from tocsin.detect import parse_rules

SOURCE = "def rule(event):\n    return event.get('eventName') == 'StopLogging'\n"
YAML = """AnalysisType: rule
Filename: trail.py
RuleID: Example.Trail
DisplayName: Logging is stopped
Enabled: true
LogTypes: [AWS.CloudTrail]
Severity: High
Description: Somebody stopped a trail.
Reference: https://example.com/why
Reports:
  MITRE ATT&CK: ["TA0005:T1562.008"]
DedupPeriodMinutes: 15
Threshold: 3
Tests:
  - {Name: stopped, ExpectedResult: true, Log: {eventName: StopLogging}}
  - {Name: patched, ExpectedResult: true, Log: {}, Mocks: [{objectName: f, returnValue: 1}]}
"""


def read(yaml=YAML, source=SOURCE, name="trail.py"):
    return parse_rules({"aws/trail.yml": yaml, f"aws/{name}": source})


def test_a_rule_is_read_with_its_description():
    rule = read().rules[0]

    assert (rule.uid, rule.title, rule.kind) == ("Example.Trail", "Logging is stopped", "Python")
    assert (rule.severity_id, rule.threshold) == (4, 3)
    assert rule.period.total_seconds() == 900
    assert rule.log_source.log_types == ("AWS.CloudTrail",)
    assert (rule.tactics, rule.techniques) == (("defense-evasion",), ("T1562.008",))
    assert (rule.source, rule.condition) == (SOURCE, None)
    assert rule.references == ("https://example.com/why",)


def test_tests_become_examples_that_stand_alone():
    stopped, patched = read().rules[0].examples

    assert (stopped.name, stopped.matches, stopped.is_complete) == ("stopped", True, True)
    assert (stopped.mocks, patched.mocks) == ("[]", '[["f",1]]')


def test_the_version_changes_with_either_file():
    versions = {
        read().rules[0].version,
        read(source=SOURCE + "\n").rules[0].version,
        read(yaml=YAML + "\n").rules[0].version,
    }

    assert len(versions) == 3


def test_our_own_keys_may_stand_in_the_yaml():
    rule = read(
        YAML + "tocsin: {dedup: [awsRegion]}\nfalsepositives: [A migration.]\n"
        "examples: [{name: started, match: false, event: {eventName: StartLogging}}]\n"
    ).rules[0]

    assert rule.dedup == ("awsRegion",)
    assert rule.false_positives == ("A migration.",)
    assert rule.examples[-1].is_complete is False


def test_a_rule_can_be_switched_off():
    assert read(YAML.replace("Enabled: true", "Enabled: false")).rules[0].is_enabled is False


def test_the_text_is_not_executed():
    source = "raise SystemExit(1)\n" + SOURCE

    assert read(source=source).rules[0].source == source


def test_odd_escapes_in_a_rule_raise_no_warning():
    assert read(source=SOURCE + "X = '\\d'\n").problems == ()


@pytest.mark.parametrize(
    ("yaml", "source", "line", "words"),
    [
        (YAML, "x = 1\n", 2, "defines no function"),
        (YAML, "def rule(): return True\n", 2, "defines no function"),
        (YAML.replace("High", "Hihg"), SOURCE, 7, "did you mean"),
        (YAML.replace("15", "-1"), SOURCE, 12, "whole number"),
        (YAML.replace("Threshold: 3", "Threshold: yes"), SOURCE, 13, "whole number"),
        (YAML.replace("Threshold: 3", "Threshold: 99999"), SOURCE, 13, "10000"),
        (YAML.replace("Type: rule", "Type: policy"), SOURCE, 2, "no function `policy(event)`"),
        (YAML.replace("Type: rule", "Type: rulle"), SOURCE, 1, "unknown"),
        (YAML.replace("RuleID: Example.Trail\n", ""), SOURCE, 1, "'RuleID' must be text"),
        (YAML.replace("[AWS.CloudTrail]", "AWS.CloudTrail"), SOURCE, 6, "must be a list"),
        (YAML + "Detection: []\n", SOURCE, 2, "cannot stand together"),
        (YAML + "InlineFilters: [{Key: a, Condition: Is}]\n", SOURCE, 17, "'Is' is unknown"),
        (YAML + "OutputIds: team\n", SOURCE, 17, "must be a list"),
        (YAML.replace("ExpectedResult: true, Log: {e", "ExpectedResult: 1, Log: {e"), SOURCE, 15,
         "true or false"),
        (YAML.replace("Log: {}", "Log: 'x'"), SOURCE, 16, "not JSON"),
        (YAML.replace("objectName: f", "objectName: 5"), SOURCE, 16, "must be text"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_one_clear_line(yaml, source, line, words):
    result = read(yaml, source)

    assert result.rules == ()
    problem = str(result.problems[0])
    assert problem.startswith(f"aws/trail.yml:{line}: ")
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("def rule(event)\n", ":1"),
        ("def rule(event):\n    return True\n\nx = = 1\n", ":4"),
        ("x = " + "(" * 5_000, ""),
        ("x = 1\0", ""),
    ],
)
def test_python_that_cannot_be_read_is_named_by_its_own_file_and_line(source, place):
    result = read(source=source)

    assert result.rules == ()
    [problem] = map(str, result.problems)
    assert problem.startswith(f"aws/trail.py{place}")
    assert ": not Python: " in problem
    assert "\n" not in problem


def test_a_file_name_must_be_text():
    assert "names no Python file" in str(read(YAML.replace("trail.py", "5")).problems[0])


def test_a_missing_python_file_is_named():
    assert "names no Python file" in str(read(name="other.py").problems[0])


@pytest.mark.parametrize(("said", "expected"), [("'true'", True), ("'False'", False)])
def test_answers_and_records_may_stand_there_as_text(said, expected):
    plain = "ExpectedResult: true, Log: {eventName: StopLogging}"
    text = """Log: '{"eventName": "StopLogging"}'"""
    yaml = YAML.replace(plain, f"ExpectedResult: {said}, {text}")
    example = read(yaml).rules[0].examples[0]

    assert (example.matches, example.record) == (expected, '{"eventName":"StopLogging"}')


def test_a_policy_matches_where_it_says_no():
    yaml = YAML.replace("Type: rule", "Type: policy").replace("RuleID", "PolicyID")
    source = SOURCE.replace("rule(", "policy(")
    rule = read(
        yaml.replace("LogTypes: [AWS.CloudTrail]", "ResourceTypes: [AWS.S3]"), source
    ).rules[0]

    assert rule.log_source.log_types == ("AWS.S3",)
    assert [example.matches for example in rule.examples] == [False, False]


def test_a_scheduled_rule_is_read_with_its_queries():
    yaml = YAML.replace("Type: rule", "Type: scheduled_rule").replace(
        "LogTypes", "ScheduledQueries"
    )

    assert read(yaml).rules[0].log_source.log_types == ("AWS.CloudTrail",)


@pytest.mark.parametrize(
    "text",
    [
        "AnalysisType: pack\nPackID: p\n",
        "AnalysisType: lookup_table\nLookupName: l\n",
        "AnalysisType: saved_query\nQueryName: q\n",
        "AnalysisType: scheduled_query\nQueryName: q\n",
        "AnalysisType: correlation_rule\nRuleID: c\n",
        "AnalysisType: rule\nBaseDetection: Example.Trail\nRuleID: d\n",
    ],
)
def test_what_has_no_meaning_here_is_named_and_left_out(text):
    (problem,) = parse_rules({"x.yml": text}).problems

    assert str(problem).startswith("x.yml:1: warning: left out: ")


GLOBAL = "AnalysisType: global\nGlobalID: acme\nFilename: acme_words.py\n"
MODEL = """AnalysisType: datamodel
DataModelID: Trail
LogTypes: [AWS.CloudTrail]
Filename: model.py
Enabled: true
Mappings:
  - {Name: user, Path: userIdentity.arn}
  - {Name: event_type, Method: tell}
"""


def around(**files):
    names = {"m/model.yml": MODEL, "m/model.py": "def tell(event): return 1\n"}
    rule = {"aws/trail.yml": YAML, "aws/trail.py": SOURCE}
    helpers = {
        "g/acme.yml": GLOBAL,
        "g/acme_words.py": "A = 1\n",
        "global_helpers/own.py": "B = 1\n",
    }
    return parse_rules({**names, **rule, **helpers, **files})


def test_helpers_and_data_models_surround_the_rules():
    parsed = around()
    found = json.loads(parsed.surroundings)

    assert parsed.problems == ()
    assert found["modules"] == {"acme": "A = 1\n", "acme_words": "A = 1\n", "own": "B = 1\n"}
    assert found["log_types"] == {"Example.Trail": ["AWS.CloudTrail"]}
    assert found["data_models"][0]["mappings"] == [
        ["user", "userIdentity.arn", ""],
        ["event_type", "", "tell"],
    ]


USING = "from acme import A\n" + SOURCE


def version(**helpers):
    found = {f"global_helpers/{name}.py": text for name, text in helpers.items()}
    (rule,) = parse_rules({"aws/trail.yml": YAML, "aws/trail.py": USING, **found}).rules
    return rule.version, [name for name, _ in rule.helpers]


def test_the_version_of_a_rule_changes_with_the_helpers_that_it_imports():
    before = version(acme="from deep import A\n", deep="A = 1\n", other="B = 1\n")

    assert before[1] == ["acme", "deep"]
    assert version(acme="from deep import A\n", deep="A = 1\n", other="B = 2\n") == before
    assert version(acme="from deep import A\n", deep="A = 2\n", other="B = 1\n") != before
    assert version(acme="import deep\nA = deep.A\n", deep="A = 1\n", other="") != before


def test_helpers_that_import_each_other_are_read_once():
    assert version(acme="import deep\nA = 1\n", deep="import acme\n")[1] == ["acme", "deep"]


def test_what_the_file_says_beside_the_functions_is_kept():
    text = YAML + "Runbook: Ask the owner.\nOutputIds: [team, other]\nCreateAlert: false\n"
    rule = read(text).rules[0]

    assert rule.words == (("runbook", "Ask the owner."), ("destinations", "team, other"))
    assert (rule.creates_alerts, read().rules[0].creates_alerts) == (False, True)


def test_without_python_rules_there_are_no_surroundings():
    assert parse_rules({"g/acme.yml": GLOBAL, "g/acme_words.py": ""}).surroundings == ""


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"m/model.py": "x = 1\n"}, "m/model.yml:8: the method 'tell' is not defined"),
        ({"m/more.yml": MODEL.replace("Trail\n", "Other\n")}, "has a data model already"),
        ({"g/acme.yml": GLOBAL.replace("words", "nothing")}, "names no Python file"),
        ({"h/a.yml": GLOBAL, "h/acme_words.py": "C = 1\n"}, "another helper is called"),
    ],
)
def test_odd_surroundings_are_told(files, words):
    assert any(words in str(problem) for problem in around(**files).problems)


def test_a_data_model_can_be_switched_off():
    parsed = around(**{"m/model.yml": MODEL.replace("Enabled: true", "Enabled: false")})

    assert json.loads(parsed.surroundings)["data_models"] == []
