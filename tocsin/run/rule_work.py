"""What people do with rules: list them, check them, test them, on examples and on history.

What looks into the store is loaded when first asked for: those who list or check need none of it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from tocsin import detect
from tocsin.errors import Problem
from tocsin.isolate import RuleWorker
from tocsin.ocsf import RawBatch, from_rows, schemas
from tocsin.run import content
from tocsin.run.notice import Noticed, ask_to_reload, noticed
from tocsin.run.wiring import (
    LoadedRules,
    RuleChoice,
    load_mappings,
    load_rules,
    log_sources,
    rules_of,
)

if TYPE_CHECKING:
    from tocsin import normalize
    from tocsin.run.backtest import Backtest, RuleTested, backtest
    from tocsin.run.backtest_plan import Asked
    from tocsin.run.coverage import Covered, coverage, navigator_layer
    from tocsin.run.noise import Noise, noise
    from tocsin.run.remembering import CorrelationMemory, Learning, correlation_memories
    from tocsin.settings import Settings

__all__ = [
    "Asked",
    "Backtest",
    "CorrelationMemory",
    "Covered",
    "ExampleTested",
    "Learning",
    "Noise",
    "Noticed",
    "RuleTested",
    "RulesChecked",
    "ask_to_reload",
    "backtest",
    "check_examples",
    "check_rules",
    "correlation_memories",
    "coverage",
    "list_rules",
    "navigator_layer",
    "noise",
    "normalize_record",
    "normalize_records",
    "noticed",
]

_HOMES = {
    "Asked": "backtest_plan",
    "Backtest": "backtest",
    "CorrelationMemory": "remembering",
    "Covered": "coverage",
    "Learning": "remembering",
    "Noise": "noise",
    "RuleTested": "backtest",
    "backtest": "backtest",
    "correlation_memories": "remembering",
    "coverage": "coverage",
    "navigator_layer": "coverage",
    "noise": "noise",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tocsin.run.{_HOMES[name]}"), name)


@dataclass(frozen=True, slots=True)
class RulesChecked:
    """How many rules can be used, how many files cannot, and every problem.

    Attributes:
        unbound: how many of the rules read logs that no source gives.
    """

    loaded: int
    refused: int
    problems: tuple[Problem, ...]
    unbound: int = 0


@dataclass(frozen=True, slots=True)
class ExampleTested:
    """One example of a rule and whether the rule gave the answer it must give."""

    rule: str
    title: str
    name: str
    passed: bool
    reason: str


def list_rules(choice: RuleChoice | None, settings: "Settings") -> LoadedRules:
    """Return the chosen rules that can be used, in order of file; those in force for `None`."""
    return load_rules(choice or rules_of(settings), settings)


def check_rules(choice: RuleChoice, settings: "Settings | None" = None) -> RulesChecked:
    """Return what is wrong with the chosen rules, and as warnings what looks wrong.

    Args:
        choice: which rules.
        settings: give values to placeholders; rules that they switch off are left out.
    """
    loaded = load_rules(choice, settings)
    bindings = log_sources(settings)
    alone = [rule for rule in loaded.rules if rule.correlation is None]
    unbound = [rule for rule in alone if not bindings.bind(rule.log_source)]
    fields = _fields_read(alone, bindings)
    odd = bindings.lint(loaded.rules, loaded.texts, attack=content.attack_text(), fields=fields)
    refused = len({each.location.file for each in loaded.refusals})
    problems = (*loaded.problems, *_never_run(unbound), *odd)
    return RulesChecked(len(loaded.rules), refused, problems, len(unbound))


def _never_run(unbound: Iterable[detect.Rule]) -> Iterator[Problem]:
    """Yield a warning for each kind of logs that nobody gives, at the first rule that reads it."""
    by_words: dict[str, list[detect.Rule]] = {}
    for rule in unbound:
        by_words.setdefault(str(rule.log_source), []).append(rule)
    for words, rules in by_words.items():
        who = "the rule never runs" if len(rules) == 1 else f"{len(rules)} rules never run"
        message = f"no source gives the logs {words}; {who}"
        yield Problem(rules[0].location, message, is_warning=True)


def _fields_read(
    rules: Iterable[detect.Rule], bindings: detect.LogSources
) -> dict[str, frozenset[str]]:
    """Return the known fields of the sources that the rules read; others are not compiled."""
    mappings = load_mappings()
    native = (rule.log_source for rule in rules if rule.condition is not None)
    logs = {each for each in native if not each.reads_ocsf}
    sources = {source for each in logs for source in bindings.bind(each)}
    return {
        source: _known_fields(mappings[source]) for source in sorted(sources.intersection(mappings))
    }


def _known_fields(mapping: "normalize.Mapping") -> frozenset[str]:
    """Return the fields that the mapping reads or that its records show, some without depth."""
    records = [mapping.example, *(sample.record for sample in mapping.samples)]
    return frozenset(mapping.fields).union(*records)


def check_examples(
    choice: RuleChoice,
    settings: "Settings | None" = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[ExampleTested, ...]:
    """Run every example of the chosen rules as in production: laid over a record, normalized.

    Args:
        choice: which rules.
        settings: give values to placeholders; rules that they switch off are left out.
        tell: is told what keeps a file from being used, a line each: its examples do not run.
    """
    loaded = load_rules(choice, settings)
    for refusal in loaded.refusals:
        tell(str(refusal))
    bindings = log_sources(settings)
    # Correlations are tested together with the rules that they refer to.
    referred = {
        uid for rule in loaded.rules if rule.correlation for uid in rule.correlation.references
    }
    alone = [rule for rule in loaded.rules if _stands_alone(rule) and rule.uid not in referred]
    others = [rule for rule in loaded.rules if not _stands_alone(rule) or rule.uid in referred]
    # Two workers at once for tests that need no mapping: these are the folders of thousands.
    with ThreadPoolExecutor(1, thread_name_prefix="tests") as beside:
        half = beside.submit(_examples_of, alone[1::2], loaded.surroundings, bindings)
        results = _examples_of([*others, *alone[::2]], loaded.surroundings, bindings)
        results += half.result()
    place = {rule.uid: index for index, rule in enumerate(loaded.rules)}
    return tuple(sorted(results, key=lambda each: place[each.rule]))


def _stands_alone(rule: detect.Rule) -> bool:
    is_python = rule.condition is None and rule.correlation is None
    return is_python and all(example.is_complete for example in rule.examples)


def _examples_of(
    chosen: Sequence[detect.Rule], surroundings: str, bindings: detect.LogSources
) -> list[ExampleTested]:
    if not chosen:
        return []
    titles = {rule.uid: rule.title for rule in chosen}
    needs_mappings = not all(_stands_alone(rule) for rule in chosen)
    mappings = load_mappings() if needs_mappings else {}
    rules = detect.RuleSet.build(chosen, bindings)

    def normalize(source: str, records: Sequence[Mapping[str, object]]) -> Sequence[pa.Table]:
        return normalize_records(mappings[source], records)

    bases = _Examples(mappings)
    with RuleWorker() as worker:
        worker.provide(surroundings)
        results = detect.run_examples(rules, normalize, worker, base_records=bases)
    return [
        ExampleTested(each.rule_uid, titles[each.rule_uid], each.name, each.passed, each.reason)
        for each in results
    ]


class _Examples(Mapping[str, Mapping[str, object]]):
    """The complete record of each source, its mapping compiled when first asked for."""

    def __init__(self, mappings: "Mapping[str, normalize.Mapping]") -> None:
        self._mappings = mappings

    def __getitem__(self, source: str) -> Mapping[str, object]:
        return self._mappings[source].example

    def __iter__(self) -> Iterator[str]:
        return iter(self._mappings)

    def __len__(self) -> int:
        return len(self._mappings)


def normalize_record(mapping: "normalize.Mapping", record: Mapping[str, object]) -> pa.Table:
    """Return the events table of one record; empty where it is a reject."""
    return normalize_records(mapping, [record])[0]


def normalize_records(
    mapping: "normalize.Mapping", records: Sequence[Mapping[str, object]]
) -> list[pa.Table]:
    """Return the events table of each record; empty where it is a reject.

    Addresses of documentation have the places that examples count on (`knowing`).
    """
    # Loaded here: those who list rules run no mapping.
    from tocsin import enrich, normalize
    from tocsin.run.knowing import example_knowledge

    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        {
            "raw": msgspec.json.encode(record),
            "origin": "example",
            "position": position,
            "received_time": now,
        }
        for position, record in enumerate(records)
    ]
    batch = RawBatch(
        source=mapping.source,
        feed="example",
        records=from_rows(rows, schemas.RAW),
        cursor=None,
        receipt=None,
        rejects=schemas.REJECTS.empty_table(),
    )
    events = enrich.enrich(normalize.apply(mapping, batch).events, example_knowledge())
    # Events come in the order of their records.
    positions = events.column("position").to_pylist()
    bounds = [bisect_left(positions, position) for position in range(len(rows) + 1)]
    return [events.slice(start, end - start) for start, end in pairwise(bounds)]
