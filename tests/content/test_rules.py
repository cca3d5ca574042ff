"""Each shipped rule proves itself, says why it exists, and is one of its kind."""

import json
import re

import pytest

from tests.content.detection import (
    LOG_SOURCES,
    Shipped,
    attack_tactics,
    batch,
    examples,
    rule_file,
)
from tests.content.python_mutants import mutants as python_mutants
from tocsin import detect, normalize
from tocsin.conditions import compile_condition
from tocsin.conditions.tree import leaves_of, paths_of
from tocsin.detect.fields import Columns, Event, EventReader, Row
from tocsin.detect.review import is_single_comparison, mutants, structure
from tocsin.run import rule_work, wiring

LONGEST_FILE = 75
LONGEST_CORRELATION = 150
FEWEST_RULES = 70
FEWEST_CORRELATIONS = 12
FEWEST_PYTHON_RULES = 3
INFORMATIONAL = 1
LOADED = wiring.load_rules(wiring.RuleChoice())
SIGMA = [rule.as_in_examples() for rule in LOADED.rules if rule.kind == "Sigma"]
PYTHON = [rule for rule in LOADED.rules if rule.kind == "Python"]
CORRELATIONS = [rule for rule in LOADED.rules if rule.kind == "Correlation"]


def name(rule: detect.Rule) -> str:
    return rule_file(rule).stem


every_rule = pytest.mark.parametrize("rule", LOADED.rules, ids=name)


def in_view(shipped: Shipped, rule: detect.Rule, source: str, record: dict) -> Event:
    """Return the record as the rule sees it; normalized only where it reads more than records."""
    paths = {path for leaf in leaves_of(rule.condition) for path in paths_of(leaf)}
    if all(map(reader(rule, source).reads_record, paths)):
        return Event(record, {})
    events = normalize.apply(shipped.mappings[source], batch(source, [record])).events
    return Event(record, Row(Columns(events), 0))


def reader(rule: detect.Rule, source: str) -> EventReader:
    return EventReader(rule.log_source.reads_ocsf, LOG_SOURCES.native_roots(source))


def test_every_rule_file_can_be_used():
    checked = rule_work.check_rules(wiring.RuleChoice())

    assert [str(problem) for problem in checked.problems] == []


def test_every_example_gives_its_answer_through_normalization_and_the_worker():
    results = rule_work.check_examples(wiring.RuleChoice())

    assert [(each.title, each.name, each.reason) for each in results if not each.passed] == []
    assert len(results) >= 2 * len(LOADED.rules)


@every_rule
def test_a_rule_has_an_example_that_matches_and_one_that_nearly_does(rule):
    answers = {example.matches for example in rule.examples}

    assert answers == {True, False}


@pytest.mark.parametrize("rule", SIGMA, ids=name)
def test_examples_notice_when_a_condition_is_dropped_negated_or_changed(shipped, rule):
    seen = [
        (answer, source, in_view(shipped, rule, source, record))
        for answer, source, record in examples(shipped, rule)
    ]
    readers = {source: reader(rule, source) for _, source, _ in seen}

    unnoticed = []
    for mutant in mutants(rule):
        compiled = {
            source: compile_condition(mutant.rule.condition, reads)
            for source, reads in readers.items()
        }
        if all(compiled[source](event) == answer for answer, source, event in seen):
            unnoticed.append(f"{mutant.change}: {mutant.where}")

    assert unnoticed == []


@pytest.mark.parametrize("rule", PYTHON, ids=name)
def test_examples_notice_when_a_condition_of_a_python_rule_is_dropped(shipped, rule):
    told = examples(shipped, rule)
    variants = list(python_mutants(rule.source))
    texts = {what: text for what, text in variants}
    rows = [json.dumps(record) for _, _, record in told]

    verdicts = shipped.worker(texts, rows)

    expected = {index for index, (answer, *_) in enumerate(told) if answer}
    unnoticed = []
    for what in texts:
        mine = [verdict for verdict in verdicts if verdict.rule_uid == what]
        failed = any(verdict.failure for verdict in mine)
        if not failed and {verdict.record for verdict in mine if verdict.matched} == expected:
            unnoticed.append(what)
    assert variants
    assert unnoticed == []


def test_there_are_enough_rules_that_differ_in_more_than_literals():
    alarms = [rule for rule in (*SIGMA, *PYTHON) if not rule.is_building_block]

    assert len({structure(rule) for rule in alarms}) >= FEWEST_RULES
    assert len(PYTHON) >= FEWEST_PYTHON_RULES


def test_there_are_enough_correlations_that_alarm():
    alarms = [rule for rule in CORRELATIONS if not rule.is_building_block]

    assert len(alarms) >= FEWEST_CORRELATIONS
    assert all(rule.severity_id > INFORMATIONAL for rule in alarms)


def test_at_most_half_of_the_rules_only_compare_the_name_of_the_event():
    alarms = [rule for rule in (*SIGMA, *PYTHON) if not rule.is_building_block]
    single = [rule for rule in alarms if is_single_comparison(rule)]

    assert len(single) <= len(alarms) / 2


def test_building_blocks_say_nothing_alone_and_are_all_built_upon():
    referred = {uid for rule in CORRELATIONS for uid in rule.correlation.references}
    blocks = [rule for rule in LOADED.rules if rule.is_building_block]

    assert blocks
    assert [rule.title for rule in blocks if rule.uid not in referred] == []
    assert {rule.severity_id for rule in blocks} == {INFORMATIONAL}
    assert {rule.title for rule in LOADED.rules if rule.severity_id == INFORMATIONAL} == {
        rule.title for rule in blocks
    }


@pytest.mark.parametrize("alarm", ["IAM made overly permissive", "Sensitive data exposed"])
def test_the_alarms_that_owners_ask_for_by_name_are_among_the_titles(alarm):
    assert [rule for rule in LOADED.rules if rule.title.startswith(f"{alarm}:")]


@every_rule
def test_a_rule_says_why_when_it_is_wrong_and_where_it_comes_from(rule):
    assert len(rule.description.split()) >= 12
    assert rule.false_positives
    assert all(reference.startswith("https://") for reference in rule.references)
    assert rule.references
    assert rule.tactics
    assert rule.techniques


@every_rule
def test_a_rule_is_one_small_file(rule):
    yaml_file = rule_file(rule)
    files = [yaml_file, yaml_file.with_suffix(".py")] if rule.kind == "Python" else [yaml_file]

    lengths = {file.name: file.read_text().count("\n") for file in files}

    longest = LONGEST_CORRELATION if rule.kind == "Correlation" else LONGEST_FILE
    assert max(lengths.values()) <= longest, lengths


@every_rule
def test_a_rule_names_no_emulator_and_nothing_of_its_making(rule):
    text = (rule_file(rule).read_text() + rule.source).lower()

    assert not re.search(r"stratus|red.team|christophe|grimoire|mordor|malicious", text)


@pytest.mark.corpora
@every_rule
def test_the_techniques_of_a_rule_belong_to_its_tactics(corpora, rule):
    tactics = attack_tactics(corpora)

    assert [uid for uid in rule.techniques if not tactics[uid] & set(rule.tactics)] == []
    assert set(rule.tactics) <= set().union(*(tactics[uid] for uid in rule.techniques))
