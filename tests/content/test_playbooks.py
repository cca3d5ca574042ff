"""The playbooks that ship: they only observe, and every example of theirs holds."""

import pytest

from tocsin.conditions.tree import leaves_of
from tocsin.run.playbook_examples import ExampleRunner
from tocsin.run.playbook_files import load_playbooks

LOADED = load_playbooks()


@pytest.fixture(scope="module")
def runner() -> ExampleRunner:
    return ExampleRunner()


def test_none_is_refused_and_there_are_a_dozen():
    assert [str(problem) for problem in LOADED.problems] == []
    assert len(LOADED.playbooks) >= 12


@pytest.mark.parametrize("playbook", LOADED.playbooks, ids=lambda each: each.uid)
def test_what_ships_only_observes(playbook):
    assert playbook.mode == "observe"


@pytest.mark.parametrize("playbook", LOADED.playbooks, ids=lambda each: each.uid)
def test_its_examples_give_exactly_the_requests_that_they_name(playbook, runner):
    outcomes = list(runner.run(playbook))

    assert [outcome.problem for outcome in outcomes if not outcome.is_passed] == []


@pytest.mark.parametrize("playbook", LOADED.playbooks, ids=lambda each: each.uid)
def test_it_has_an_example_that_acts_and_one_that_does_not(playbook):
    acting = [
        any(one.is_certain for one in each.requests) or bool(each.tells)
        for each in playbook.examples
    ]

    assert any(acting)
    assert not all(acting)


@pytest.mark.parametrize("playbook", LOADED.playbooks, ids=lambda each: each.uid)
def test_it_triggers_on_rules_that_ship(playbook, runner):
    named = [
        "".join(str(part) for part in test.parts)
        for leaf in leaves_of(playbook.trigger)
        if getattr(leaf, "path", "") == "finding.rule_uid"
        for test in leaf.tests
    ]

    assert [uid for uid in named if uid not in runner.rules] == []
