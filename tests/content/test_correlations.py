"""Each shipped correlation proves each of its elements by an example that notices its change."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pytest
import yaml

from tests.content.correlation_mutants import mutants
from tests.content.detection import Shipped, rule_file
from tocsin import detect
from tocsin.run import content, rule_work, wiring

pytestmark = pytest.mark.slow

LOADED = wiring.load_rules(wiring.RuleChoice())
CORRELATIONS = [rule for rule in LOADED.rules if rule.kind == "Correlation"]
EVENT_RULES = [rule for rule in LOADED.rules if rule.kind != "Correlation"]
NORMALIZED: dict[tuple[str, str], pa.Table] = {}
LOG_SOURCES = detect.LogSources.read(content.log_sources_text(), "log_sources.yaml")


def below(rule: detect.Rule) -> list[detect.Rule]:
    """Return the correlations that a correlation refers to, however far in."""
    by_uid = {each.uid: each for each in CORRELATIONS}
    inner = [by_uid[uid] for uid in rule.correlation.references if uid in by_uid]
    return [*inner, *(deeper for each in inner for deeper in below(each))]


def surviving(shipped: Shipped, rule: detect.Rule) -> list[str]:
    """Return the changes of a correlation that none of its examples notices."""
    document = yaml.safe_load(rule_file(rule).read_text())
    needed = {"correlation.yaml": "", **texts_of(shipped.rules, rule)}
    found = []
    for what, changed in mutants(document):
        needed["correlation.yaml"] = yaml.safe_dump(changed)
        parsed = detect.parse_rules(needed)
        variant = [each for each in parsed.rules if each.uid == rule.uid]
        if not variant:
            continue  # it cannot even be read: noticed
        if all(passes(shipped, parsed.rules, variant[0])):
            found.append(what)
    return found


def texts_of(rules: tuple[detect.Rule, ...], rule: detect.Rule) -> dict[str, str]:
    """Return the files of all rules that a correlation is built upon."""
    by_uid = {each.uid: each for each in rules}
    chain = [rule, *below(rule)]
    wanted = {uid for each in chain for uid in each.correlation.references}
    texts = {}
    for uid in sorted(wanted):
        file = rule_file(by_uid[uid])
        for path in (file, file.with_suffix(".py")):
            if path.exists():
                texts[str(path)] = path.read_text()
    return texts


def passes(shipped: Shipped, rules: tuple[detect.Rule, ...], rule: detect.Rule):
    """Yield for each example of the correlation whether it gets its answer."""
    alone = [each if each.uid == rule.uid else without_examples(each) for each in rules]
    rule_set = detect.RuleSet.build(alone, LOG_SOURCES)
    bases = {source: mapping.example for source, mapping in shipped.mappings.items()}
    results = detect.run_examples(
        rule_set,
        partial(normalized, shipped),
        shipped.worker,
        base_records=bases,
    )
    return [each.passed for each in results if each.rule_uid == rule.uid]


def normalized(shipped: Shipped, source: str, records: Sequence[Mapping]) -> list[pa.Table]:
    """Return the events of records; variants have the same examples, so each is read once."""
    keys = [(source, json.dumps(record, sort_keys=True)) for record in records]
    unread = {
        key: record for key, record in zip(keys, records, strict=True) if key not in NORMALIZED
    }
    tables = rule_work.normalize_records(shipped.mappings[source], list(unread.values()))
    NORMALIZED.update(zip(unread, tables, strict=True))
    return [NORMALIZED[key] for key in keys]


def without_examples(rule: detect.Rule) -> detect.Rule:
    return replace(rule, examples=())


@pytest.mark.parametrize("rule", CORRELATIONS, ids=lambda rule: rule.name)
def test_examples_notice_when_an_element_of_a_correlation_is_dropped_or_changed(shipped, rule):
    document = yaml.safe_load(rule_file(rule).read_text())

    assert list(mutants(document))
    assert surviving(shipped, rule) == []
