"""Over recorded events, and odd variants of them, the shipped rules match as in the plain way."""

import json
from hashlib import blake2b

import pytest

from tests.detect.engine.test_engine import pairs
from tests.detect.oracle import plain_pairs
from tests.detect.tables import event_table
from tocsin import detect
from tocsin.isolate import RuleWorker
from tocsin.run import content
from tocsin.run.wiring import RuleChoice, load_rules

pytestmark = pytest.mark.corpora


@pytest.fixture(scope="module")
def rules():
    log_sources = detect.LogSources.read(content.log_sources_text(), "log_sources.yaml")
    return detect.RuleSet.build(load_rules(RuleChoice()).rules, log_sources)


def recorded(corpora):
    """Yield (source, record) of every recorded CloudTrail and Kubernetes event."""
    for path in sorted((corpora / "stratus-red-team/docs/detonation-logs").glob("*.json")):
        for record in json.loads(path.read_text()):
            yield "aws.cloudtrail", record
    for path in sorted((corpora / "otrf").glob("*.json")):
        for line in path.read_text().splitlines()[:2_000]:
            yield "aws.cloudtrail", json.loads(line)
    for line in (corpora / "audit2rbac/testdata/demo.log").read_text().splitlines():
        yield "kubernetes.audit", json.loads(line)


CHANGES = (
    lambda value: value,
    lambda value: value,
    lambda value: value.swapcase() if isinstance(value, str) else value,
    lambda value: [value, ["x"]],
    lambda value: None,
    lambda value: f"x{value}y" if isinstance(value, str) else value,
    lambda value: 7,
    lambda value: {"value": value},
)


def changed(value, seed):
    """Return the value with some parts inside it changed; the same for the same seed."""
    if isinstance(value, dict):
        value = {key: changed(inner, f"{seed}.{key}") for key, inner in value.items()}
    elif isinstance(value, list):
        value = [changed(inner, f"{seed}.{place}") for place, inner in enumerate(value)]
    digest = blake2b(seed.encode(), digest_size=2).digest()
    if digest[0] % 10 or seed.count(".") == 0:
        return value
    return CHANGES[digest[1] % len(CHANGES)](value)


@pytest.mark.parametrize("variant", range(4))
def test_shipped_rules_match_recorded_events_as_in_the_plain_way(corpora, rules, variant):
    by_source = {}
    for number, (source, record) in enumerate(recorded(corpora)):
        odd = changed(record, f"{variant}-{number}") if variant else record
        by_source.setdefault(source, []).append(odd)
    total = 0
    for source, records in by_source.items():
        table = event_table(*records, source=source)
        expected = plain_pairs(rules, table)
        total += len(expected)

        assert pairs(rules, table) == expected

    assert total > 20


def test_no_python_rule_matches_where_it_is_not_asked(corpora, rules):
    total = 0
    with RuleWorker() as worker:
        for source, engine in rules.engines.items():
            texts = [json.dumps(record) for of, record in recorded(corpora) if of == source]
            selected = engine.index.select(texts)
            asked = dict(selected.asked)
            numbers = {
                each.rule.uid: number
                for number, each in enumerate(engine.rules)
                if each.holds is None
            }
            sources = {uid: engine.rules[number].rule.source for uid, number in numbers.items()}
            matched = [each for each in worker(sources, texts) if each.matched]
            missed = [
                each
                for each in matched
                if numbers[each.rule_uid] not in asked.get(each.record, ())
                and each.record not in selected.odd
            ]
            assert missed == []
            total += len(matched)
    assert total > 0
