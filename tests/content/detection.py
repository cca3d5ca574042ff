"""The shipped content at work: records in, findings out, by the functions that the product uses."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tocsin import detect, normalize
from tocsin.detect.stories import usual_source
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch, empty, from_rows, schemas
from tocsin.run import content, wiring

MEDIUM = 3
DRILLED = ("aws.cloudtrail", "kubernetes.audit")
"""What the drill plays. Rules of other sources are held by their examples and mutation alone."""
MORNING = datetime(2026, 11, 23, 8, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 20, tzinfo=UTC)
LOG_SOURCES = detect.LogSources.read(content.log_sources_text(), "log_sources.yaml")
_EVERY_AGE = timedelta(days=36_500)


@dataclass(frozen=True)
class Shipped:
    """The rules and mappings that ship, and a worker for the rules in Python."""

    rules: tuple[detect.Rule, ...]
    rule_set: detect.RuleSet
    mappings: Mapping[str, normalize.Mapping]
    worker: RuleWorker

    def findings(self, source: str, records: Iterable[Mapping[str, object]]) -> list[dict]:
        """Return the findings of medium severity or more as rows, `rule` being the rule itself."""
        by_uid = {rule.uid: rule for rule in self.rules}
        table = self.finding_table(source, records)
        return [
            {**row, "rule": by_uid[row["rule_uid"]]}
            for row in table.to_pylist()
            if row["severity_id"] >= MEDIUM
        ]

    def finding_table(self, source: str, records: Iterable[Mapping[str, object]]) -> pa.Table:
        normalized = normalize.apply(self.mappings[source], batch(source, records))
        assert normalized.rejects.num_rows == 0
        detected = detect.evaluate(
            self.rule_set, normalized.events, detect.Windows(), LATER, self.worker
        )
        assert detected.failures.to_pylist() == []
        return detected.findings


def shipped(worker: RuleWorker) -> Shipped:
    loaded = wiring.load_rules(wiring.RuleChoice())
    assert loaded.problems == ()
    worker.provide(loaded.surroundings)
    rule_set = detect.RuleSet.build(loaded.rules, LOG_SOURCES, _EVERY_AGE)
    return Shipped(loaded.rules, rule_set, wiring.load_mappings(), worker)


def batch(source: str, records: Iterable[Mapping[str, object]]) -> RawBatch:
    rows = [
        {
            "raw": json.dumps(record).encode(),
            "origin": "test",
            "position": position,
            "received_time": LATER.replace(tzinfo=None),
        }
        for position, record in enumerate(records)
    ]
    return RawBatch(
        source, "test", from_rows(rows, schemas.RAW), None, None, empty(schemas.REJECTS)
    )


def attack_tactics(corpora: Path) -> dict[str, set[str]]:
    """Return the tactics of each ATT&CK technique."""
    listed = json.loads((corpora / "attack-index" / "enterprise-techniques.json").read_text())
    return {technique["id"]: set(technique["tactics"]) for technique in listed}


def rule_file(rule: detect.Rule) -> Path:
    """Return the YAML file that the rule was read from."""
    path = Path(rule.location.file)
    return path if path.is_absolute() else Path.cwd() / path


def examples(shipped: Shipped, rule: detect.Rule) -> list[tuple[bool, str, dict]]:
    """Return the answer, the source and the complete record of each example of a rule."""
    return [
        (
            example.matches,
            source,
            normalize.overlay(shipped.mappings[source].example, json.loads(example.record)),
        )
        for example in rule.examples
        for source in [example.source or source_of(rule)]
    ]


def source_of(rule: detect.Rule) -> str:
    """Return the source that a rule reads; of a rule that reads several, its examples'."""
    told = {example.source for example in rule.examples if example.source}
    return usual_source(LOG_SOURCES.bind(rule.log_source), [rule]) or min(told)


def is_drilled(rule: detect.Rule) -> bool:
    """Return whether the rule reads a source that the drill plays, and no other."""
    return LOG_SOURCES.bind(rule.log_source) in [(source,) for source in DRILLED]
