"""The drill: our attacks are found, and a day on which nobody does wrong stays quiet."""

import json
from datetime import datetime

import pytest

from tests.content.detection import Shipped, is_drilled, rule_file, source_of
from tocsin import detect, normalize
from tocsin.collect.demo_story import load_story
from tocsin.conditions import holds
from tocsin.run import RuleChoice, content, wiring
from tocsin.run import drill as drills
from tocsin.run.drill_attacks import read_attacks
from tocsin.settings import load as load_settings

# One worker plays the drill, for all.
pytestmark = pytest.mark.xdist_group("drill")

FEWEST_EVENTS = 20_000
FEWEST_ATTACKS = 40
FEWEST_TECHNIQUES = 25
MOST_FALSE_FINDINGS = 3
BEGUN = datetime.fromisoformat("2026-03-10T00:00:00+00:00")
RULES = wiring.load_rules(wiring.RuleChoice()).rules
ATTACKS = read_attacks(content.drill_folder() / "attacks", frozenset())


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> drills.ScoreCard:
    data = tmp_path_factory.mktemp("drill")
    settings = load_settings(None, {"TOCSIN_DATA": str(data)})
    return drills.run_drill(drills.DrillChoice(rules=RuleChoice()), settings)


@pytest.fixture(scope="module")
def day() -> dict[str, list[dict]]:
    folder = content.drill_folder()
    story = load_story(
        (folder / "benign_day.yaml").read_text(),
        "benign_day.yaml",
        (folder / "company.yaml").read_text(),
    )
    return {source: list(story.told(source, BEGUN)) for source in story.frames}


def test_every_attack_is_read_whole_and_found(card):
    troubled = {
        score.file: score.problem for score in card.attacks if score.problem or score.unread
    }
    missed = [score.file for score in card.attacks if not score.is_detected]

    assert card.problems == ()
    assert troubled == {}
    assert missed == []


def test_attacks_are_many_labelled_and_chains_of_events(card):
    techniques = {uid for score in card.attacks for uid in score.label.techniques}

    assert len(card.attacks) >= FEWEST_ATTACKS
    assert len(techniques) >= FEWEST_TECHNIQUES
    assert techniques <= set(card.technique_names)
    assert [score.file for score in card.attacks if score.event_count < 2] == []


def test_the_benign_day_is_full_and_quiet(card):
    cried = [(each.count, each.title, each.entities) for each in card.benign.false_findings]

    assert card.benign.event_count >= FEWEST_EVENTS
    assert card.benign.false_count <= MOST_FALSE_FINDINGS, cried


def test_the_benign_day_is_the_same_each_time(day):
    folder = content.drill_folder()
    again = load_story(
        (folder / "benign_day.yaml").read_text(), "b", (folder / "company.yaml").read_text()
    )

    for source, records in day.items():
        assert list(again.told(source, BEGUN)) == records


def event_names(record: dict) -> set[tuple[str, ...]]:
    """Return what the event is called, with and without its verb."""
    if "eventName" in record:
        return {(record["eventName"],)}
    target = record.get("objectRef") or {}
    named = (str(target.get("resource")), str(target.get("subresource")))
    return {(str(record.get("verb")), *named), named}


def looked_at(shipped: Shipped, rule: detect.Rule) -> list[set[tuple[str, ...]]]:
    """Return the names of the events that the rule's examples say it matches."""
    base = shipped.mappings[source_of(rule)].example
    found = []
    for example in rule.examples:
        if example.matches:
            own = json.loads(example.record)
            whole = event_names(normalize.overlay(base, own))
            # Where an example leaves the verb to the mapping, any verb will do.
            names_verb = "verb" in own or "eventName" in own
            found.append({name for name in whole if len(name) != 2} if names_verb else whole)
    return found


# The day is one of an AWS account and its cluster: it asks nothing of rules for other sources.
DRILLED = [rule for rule in RULES if rule.kind != "Correlation" and is_drilled(rule)]
ALARMS = [rule for rule in DRILLED if not rule.is_building_block]
BLOCKS = [rule for rule in DRILLED if rule.kind == "Sigma" and rule.is_building_block]


@pytest.mark.parametrize("rule", ALARMS, ids=lambda rule: rule_file(rule).stem)
def test_the_benign_day_holds_an_event_that_each_rule_looks_at_and_must_let_pass(
    shipped, day, rule
):
    wanted = set().union(*looked_at(shipped, rule))
    alike = [record for record in day[source_of(rule)] if event_names(record) & wanted]

    assert alike
    # What Python rules say of the day is seen in its findings, above.
    if rule.condition is not None:
        assert not all(holds(rule.as_in_examples().condition, record) for record in alike)


@pytest.mark.parametrize("rule", BLOCKS, ids=lambda rule: rule.name)
def test_the_benign_day_holds_what_correlations_are_built_of(shipped, day, rule):
    """Below the threshold or out of order: no correlation that alarms may come of it, see above."""
    assert any(holds(rule.condition, record) for record in day[source_of(rule)])


def test_no_correlation_says_a_word_on_the_benign_day(card):
    correlations = {rule.uid for rule in RULES if rule.kind == "Correlation"}

    cried = [each.title for each in card.benign.false_findings if each.rule_uid in correlations]
    assert cried == []
