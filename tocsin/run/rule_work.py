"""What people do with rules: list them, check them, test them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pyarrow as pa

from tocsin import detect, normalize
from tocsin.errors import Problem
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch, from_rows, schemas
from tocsin.run import content
from tocsin.run.wiring import RuleChoice, load_mappings, load_rules
from tocsin.settings import Settings


@dataclass(frozen=True, slots=True)
class RulesChecked:
    """How many rules can be used, how many files cannot, and every problem."""

    loaded: int
    refused: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ExampleTested:
    """One example of a rule and whether the rule gave the answer it must give."""

    rule: str
    title: str
    name: str
    passed: bool
    reason: str


def list_rules(choice: RuleChoice) -> tuple[detect.Rule, ...]:
    """Return the chosen rules that can be used, in order of file."""
    return load_rules(choice).rules


def check_rules(choice: RuleChoice, settings: Settings | None = None) -> RulesChecked:
    """Return what is wrong with the chosen rules; also those whose logs no source gives.

    Args:
        choice: which rules.
        settings: give values to placeholders; rules that they switch off are left out.
    """
    loaded = load_rules(choice, settings)
    rules = detect.RuleSet.build(loaded.rules, _log_sources())
    unbound = tuple(
        Problem(
            rule.location, f"no source gives the logs {rule.log_source}; the rule never runs", True
        )
        for rule in rules.unbound
    )
    refused = len({each.location.file for each in loaded.refusals})
    return RulesChecked(len(loaded.rules), refused, loaded.problems + unbound)


def check_examples(
    choice: RuleChoice, settings: Settings | None = None
) -> tuple[ExampleTested, ...]:
    """Run every example of the chosen rules as in production: laid over a record, normalized."""
    loaded = load_rules(choice, settings)
    mappings = load_mappings()
    rules = detect.RuleSet.build(loaded.rules, _log_sources())
    titles = {rule.uid: rule.title for rule in loaded.rules}

    def normalize_example(source: str, record: Mapping[str, object]) -> pa.Table:
        return normalize_record(mappings[source], record)

    bases = {source: mapping.example for source, mapping in mappings.items()}
    with RuleWorker() as worker:
        results = detect.run_examples(rules, normalize_example, worker, base_records=bases)
    return tuple(
        ExampleTested(each.rule_uid, titles[each.rule_uid], each.name, each.passed, each.reason)
        for each in results
    )


def normalize_record(mapping: normalize.Mapping, record: Mapping[str, object]) -> pa.Table:
    """Return the events table of one record; empty where it is a reject."""
    row = {
        "raw": msgspec.json.encode(record),
        "origin": "example",
        "position": 0,
        "received_time": datetime.now(UTC).replace(tzinfo=None),
    }
    batch = RawBatch(
        source=mapping.source,
        feed="example",
        records=from_rows([row], schemas.RAW),
        cursor=None,
        receipt=None,
        rejects=schemas.REJECTS.empty_table(),
    )
    return normalize.apply(mapping, batch).events


def _log_sources() -> detect.LogSources:
    return detect.LogSources.read(content.log_sources_text(), "content/log_sources.yaml")
