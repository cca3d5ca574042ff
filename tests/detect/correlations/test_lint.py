"""What looks odd about correlations that can be used."""

from dataclasses import replace

import pytest

from tests.detect.correlations.rules import BASES, UID, base, written
from tests.detect.tables import LOG_SOURCES
from tocsin.detect import parse_rules

EXAMPLES = "examples: [{name: x, match: true, events: [{event: {eventName: a}}]}]"
FIELDS = {"aws.cloudtrail": ["eventName", "userIdentity.arn", "sourceIPAddress"]}
COUNT = "type: event_count\nrules: [a]\ngroup-by: eventName\ntimespan: 10m\ncondition: {gte: 3}"


def warnings(files, switched_off=()):
    files = {"c.yml": files} if isinstance(files, str) else files
    rules = [
        replace(rule, is_enabled=rule.name not in switched_off) for rule in parse_rules(files).rules
    ]
    found = LOG_SOURCES.lint(rules, files, attack="{}", fields=FIELDS)
    return [(each.location.file, each.location.line, each.message) for each in found]


def of_correlation(correlation, **changes):
    bases = changes.pop("bases", base("a", 1))
    text = written(correlation, tail=EXAMPLES, bases=bases)
    return [message for _, _, message in warnings(text, **changes)]


def test_a_good_correlation_has_none_and_its_rules_need_no_examples():
    assert of_correlation(COUNT) == []


def test_without_examples_all_are_named():
    assert [line for _, line, _ in warnings(written(COUNT, bases=base("a", 1)))] == [1, 11]


def test_rules_of_other_correlations_still_need_examples():
    found = warnings(written(COUNT, tail=EXAMPLES, bases=BASES))

    assert [message for _, _, message in found] == [
        "the rule has no examples; nobody notices when it stops to work"
    ] * 2


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("userIdentity.arn", None),
        ("tocsin.actor", None),
        ("src_endpoint.ip", None),
        ("ocsf.metadata.uid", None),
        ("userIdentiy.arn", "did you mean 'userIdentity'?"),
        ("User", "no record of aws.cloudtrail has the field 'User'"),
    ],
)
def test_fields_that_no_record_has_are_named(group, message):
    found = of_correlation(COUNT.replace("group-by: eventName", f"group-by: [{group}]"))

    assert len(found) == (message is not None)
    assert all(message in each for each in found)


def test_aliases_are_looked_up():
    correlation = COUNT.replace("group-by: eventName", "group-by: [who]")

    assert of_correlation(f"{correlation}\naliases: {{who: {{a: eventName}}}}") == []


@pytest.mark.parametrize(
    ("correlation", "effect"),
    [
        ("type: temporal\nrules: [a, b]\ntimespan: 1h", "it can never match"),
        (
            "type: temporal\nrules: [a, b]\ntimespan: 1h\ncondition: {gte: 1}",
            "it is counted in vain",
        ),
        ("type: event_count\nrules: [a, b]\ntimespan: 1h\ncondition: {gte: 3}", "in vain"),
        ("type: event_count\nrules: [b]\ntimespan: 1h\ncondition: {gte: 3}", "never match"),
        ("type: sequence\nrules: [a, c]\nwithout: [b]\ntimespan: 1h", "in vain"),
    ],
)
def test_rules_that_do_not_run_are_named(correlation, effect):
    every = of_correlation(correlation, bases=BASES, switched_off=("b",))
    found = [message for message in every if "Rule b" in message]

    assert len(found) == 1
    assert effect in found[0]


@pytest.mark.parametrize(
    ("condition", "is_odd"),
    [
        ("{gt: 5, lt: 5}", True),
        ("{gte: 5, lt: 3}", True),
        ("{gt: 2, lt: 4}", False),
        ("{eq: 2, neq: 2}", True),
    ],
)
def test_conditions_that_never_hold_are_named(condition, is_odd):
    found = of_correlation(COUNT.replace("{gte: 3}", condition))

    assert [("never holds" in message) for message in found] == [True] * is_odd


@pytest.mark.parametrize(
    ("level", "generate", "is_named"),
    [("high", "false", True), ("high", "true", False), ("medium", "false", False)],
)
def test_loud_rules_of_other_files_that_fall_silent_are_named(level, generate, is_named):
    files = {
        "c.yml": written(f"{COUNT}\ngenerate: {generate}", tail=EXAMPLES, bases=""),
        "z.yml": base("a", 1, level=level),
    }
    found = [message for _, _, message in warnings(files)]

    assert [("generate: true" in message) for message in found] == [True] * is_named


def test_tags_are_looked_up():
    text = written(COUNT, tail=f"tags: [attack.t9999]\n{EXAMPLES}", bases=base("a", 1))
    (found,) = warnings(text)

    assert "no technique T9999" in found[2]
    assert UID in text
