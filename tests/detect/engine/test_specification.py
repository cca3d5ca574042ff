"""The engine gives what the specification says, case by case."""

import json
from dataclasses import replace

import pytest

from tests.detect.engine.test_engine import look_at_columns, pairs
from tests.detect.rules import parsed, rule_set
from tests.detect.tables import event_table
from tests.detect.test_specification import ROWS, named


def rule_of(lines):
    indented = lines.replace("\n", "\n  ")
    return parsed(f"s:\n  {indented}\ncondition: s")


@pytest.mark.parametrize(("section", "lines", "event", "expected"), ROWS, ids=map(named, ROWS))
def test_a_selection_alone_means_what_its_section_says(section, lines, event, expected):
    rules = rule_set(rule_of(lines))
    table = event_table(event, {"other": "x"}, event)
    matching = {f"evt_{place}" for place in (0, 2) if expected}

    found = {uid for _, uid in pairs(rules, table)} - {"evt_1"}

    assert found == matching, section
    look_at_columns(rules)
    assert {uid for _, uid in pairs(rules, table)} - {"evt_1"} == matching, section
    texts = table.column("raw_data").to_pylist()
    is_told = {place for place, _ in rules.engines["aws.cloudtrail"].pairs(texts)} - {1}
    assert is_told == ({0, 2} if expected else set())


def test_all_selections_beside_each_other_mean_what_their_sections_say():
    """One engine for all, each event between all others: none speaks for another."""
    numbered = {f"rule-{number}": row for number, row in enumerate(ROWS)}
    rules = rule_set(*(replace(rule_of(row[1]), uid=uid) for uid, row in numbered.items()))
    texts = [json.dumps(row[2]) for row in ROWS]
    table = event_table(*texts)
    for is_resting in (False, True):
        if is_resting:
            look_at_columns(rules)
        found = pairs(rules, table)
        for number, (section, lines, event, expected) in enumerate(ROWS):
            has_matched = (f"rule-{number}", f"evt_{number}") in found
            assert has_matched is expected, (section, lines, event)
