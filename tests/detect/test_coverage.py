"""The ATT&CK matrix: which techniques are seen, which are blind, and under which tactic."""

import json
from dataclasses import replace

import pytest

from tests.detect.rules import parsed, rule_set
from tests.detect.tables import LOG_SOURCES
from tocsin.detect import RuleSet, parse_rules

ATTACK = json.dumps(
    {
        "T1078": {"name": "Valid Accounts", "tactics": ["initial-access", "persistence"]},
        "T1609": {"name": "Administration Command", "tactics": ["execution"]},
        "T1002": {"name": "Data Compressed", "tactics": ["exfiltration"], "is_retired": True},
    }
)
AWS = frozenset({"aws.cloudtrail"})
NOBODY: frozenset[str] = frozenset()


def tagged(*techniques: str, uid: str = "a", tactics: tuple[str, ...] = (), **changes):
    rule = parsed("selection: {a: b}\ncondition: selection")
    return replace(rule, uid=uid, techniques=techniques, tactics=tactics, **changes)


def states(rules: RuleSet, speaking: frozenset[str]) -> dict[tuple[str, str], str]:
    return {
        (tactic.name, technique.uid): technique.state
        for tactic in rules.coverage(ATTACK, speaking).tactics
        for technique in tactic.techniques
    }


@pytest.mark.parametrize(("speaking", "state"), [(AWS, "seen"), (NOBODY, "blind")])
def test_a_technique_is_seen_only_while_a_source_of_its_rules_speaks(speaking, state):
    found = states(rule_set(tagged("T1609")), speaking)

    assert found[("execution", "T1609")] == state
    assert found[("persistence", "T1078")] == "uncovered"


def test_a_rule_counts_under_the_tactics_that_it_names():
    named = states(rule_set(tagged("T1078", tactics=("persistence",))), AWS)
    unnamed = states(rule_set(tagged("T1078")), AWS)
    elsewhere = states(rule_set(tagged("T1078", tactics=("impact",))), AWS)

    assert [named[(tactic, "T1078")] for tactic in ("initial-access", "persistence")] == [
        "uncovered",
        "seen",
    ]
    for found in (unnamed, elsewhere):
        assert found[("initial-access", "T1078")] == found[("persistence", "T1078")] == "seen"


def test_rules_that_are_switched_off_see_nothing():
    assert states(rule_set(tagged("T1609", is_enabled=False)), AWS)[("execution", "T1609")] == (
        "uncovered"
    )


def test_one_rule_that_sees_is_enough_and_both_are_named():
    ocsf = tagged("T1609", uid="b")
    kubernetes = replace(
        tagged("T1609", uid="a"),
        log_source=replace(ocsf.log_source, product="kubernetes", service="audit"),
    )
    rules = RuleSet.build([kubernetes, ocsf], LOG_SOURCES)

    (execution,) = (
        each for each in rules.coverage(ATTACK, AWS).tactics if each.name == "execution"
    )

    (technique,) = execution.techniques
    assert (technique.seeing, technique.blind, technique.state) == (("b",), ("a",), "seen")
    assert (execution.count("seen"), execution.count("blind")) == (1, 0)


def test_techniques_that_attack_does_not_know_are_named():
    found = rule_set(tagged("T1002", "T9999", "T1609")).coverage(ATTACK, AWS)

    assert found.unplaced == ("T1002", "T9999")
    assert ("exfiltration", "T1002") not in states(rule_set(tagged("T1002")), AWS)


CORRELATION = """\
title: Many
id: 00000000-0000-4000-8000-000000000009
tags: [attack.execution, attack.t1609]
correlation:
  type: event_count
  rules: [00000000-0000-4000-8000-000000000001]
  group-by: [user]
  timespan: 1h
  condition: {gte: 3}
level: high
"""


@pytest.mark.parametrize(("speaking", "state"), [(AWS, "seen"), (NOBODY, "blind")])
def test_a_correlation_sees_what_its_rules_see(speaking, state):
    from tests.detect.rules import sigma

    texts = {
        "a.yml": sigma("selection: {a: b}\ncondition: selection"),
        "b.yml": CORRELATION,
    }
    result = parse_rules(texts)
    assert [each for each in result.problems if not each.is_warning] == []

    found = states(RuleSet.build(result.rules, LOG_SOURCES), speaking)

    assert found[("execution", "T1609")] == state
