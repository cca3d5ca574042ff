"""Rules that are there for correlations alone never have findings of their own."""

import pytest

from tocsin import detect
from tocsin.detect import LogSources, RuleSet, parse_rules

SOURCES = "sources:\n  aws.cloudtrail:\n    sigma: [{product: aws, service: cloudtrail}]\n"
BLOCK = """
title: A block
id: 6a1f1c0e-0000-4000-8000-000000000001
name: block
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: A}, condition: selection}
level: informational
tocsin: {building_block: %s}
"""
ALARM = """
title: An alarm
id: 6a1f1c0e-0000-4000-8000-000000000002
name: alarm
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: B}, condition: selection}
level: high
"""
TOGETHER = """
title: Both
id: 6a1f1c0e-0000-4000-8000-000000000003
name: both
correlation: {type: temporal, rules: [block, alarm], timespan: 1h, generate: true}
level: high
tocsin: {building_block: %s}
"""


def muted(*texts: str) -> set[str]:
    parsed = parse_rules({f"{place}.yml": text for place, text in enumerate(texts)})
    assert parsed.problems == ()
    rules = RuleSet.build(parsed.rules, LogSources.read(SOURCES, "log_sources.yaml"))
    by_uid = {rule.uid: rule.title for rule in rules.rules}
    return {by_uid[uid] for uid in rules.muted}


def test_a_block_is_silent_although_a_correlation_wants_findings_of_what_it_refers_to():
    assert muted(BLOCK % "true", ALARM, TOGETHER % "false") == {"A block"}


def test_a_block_that_nothing_refers_to_is_silent_too():
    assert muted(BLOCK % "true", ALARM) == {"A block"}


def test_without_the_word_it_has_findings_as_sigma_says():
    assert muted(BLOCK % "false", ALARM, TOGETHER % "false") == set()


def test_a_correlation_can_be_a_block():
    assert muted(BLOCK % "false", ALARM, TOGETHER % "true") == {"Both"}


@pytest.mark.parametrize("text", [BLOCK, TOGETHER], ids=["rule", "correlation"])
def test_it_is_yes_or_no(text):
    parsed = parse_rules({"0.yml": text % "perhaps", "1.yml": BLOCK % "true", "2.yml": ALARM})

    assert any("must be true or false" in problem.message for problem in parsed.problems)
    assert detect.Rule not in {type(rule) for rule in parsed.rules if rule.title == "Both"}
