"""The engine as the suite uses it: rules become an engine, texts become pairs."""

from collections.abc import Sequence

from benchmarks.detection.answers import Pairs
from tocsin.detect import LogSources, Rule, RuleSet
from tocsin.detect.rule_set import SourceEngine

BATCH = 4_000
"""Events that are given at once."""


def engine_of(rules: Sequence[Rule], source: str, log_sources: LogSources) -> SourceEngine:
    """Return the engine of one source, its index not made yet."""
    return RuleSet.build(rules, log_sources).engines[source]


def answers_of(engine: SourceEngine, texts: Sequence[str]) -> Pairs:
    """Return the pairs of an engine, in batches as events come."""
    uids = [bound.rule.uid for bound in engine.rules]
    return {
        (start + place, uids[number])
        for start in range(0, len(texts), BATCH)
        for place, numbers in engine.matching(texts[start : start + BATCH])
        for number in numbers
    }


def limit(engine: SourceEngine, texts: Sequence[str]) -> None:
    """Decode the index fields of every text with msgspec, and do nothing with them."""
    decode = engine.index.decode
    for text in texts:
        decode(text)
