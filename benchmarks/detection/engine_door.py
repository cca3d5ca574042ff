"""The engine as the suite uses it: rules become an index, texts become pairs."""

from collections.abc import Sequence

import pyarrow as pa

from benchmarks.detection.answers import Pairs
from tests.detect.oracle import plain_pairs
from tocsin.detect import LogSources, Rule, RuleSet
from tocsin.detect.fields import Event
from tocsin.detect.judging import read_record
from tocsin.detect.rule_set import SourceEngine


def engine_of(rules: Sequence[Rule], source: str, log_sources: LogSources) -> SourceEngine:
    """Return the engine of one source, its index not made yet."""
    return RuleSet.build(rules, log_sources).engines[source]


def matching(engine: SourceEngine, texts: Sequence[str]) -> list[tuple[int, tuple[int, ...]]]:
    """Return for each text that some rule matches its place and the numbers of those rules."""
    if hasattr(engine, "matching"):
        found: list[tuple[int, tuple[int, ...]]] = engine.matching(texts)
        return found
    selected = engine.index.select(texts)
    asked = [*selected.asked]
    for place in selected.odd:
        record = read_record(texts[place])
        if record is not None:
            asked.append((place, engine.index.of_record(record)))
    answers = ((place, _holding(engine, texts[place], numbers)) for place, numbers in asked)
    return [(place, numbers) for place, numbers in answers if numbers]


def _holding(engine: SourceEngine, text: str, numbers: Sequence[int]) -> tuple[int, ...]:
    event = Event(read_record(text) or {}, {})
    return tuple(
        number
        for number in numbers
        if (holds := engine.rules[number].holds) is not None and holds(event)
    )


def limit(engine: SourceEngine, texts: Sequence[str]) -> None:
    """Decode the index fields of every text with msgspec, and do nothing with them."""
    decode = engine.index.decode
    for text in texts:
        decode(text)


def plain(
    rules: Sequence[Rule],
    source: str,
    log_sources: LogSources,
    texts: Sequence[str],
    numbers: Sequence[int],
) -> Pairs:
    """Return the pairs of the plain evaluator of the tests, which asks every rule every event."""
    events = pa.table(
        {
            "source": [source] * len(texts),
            "event_uid": [str(number) for number in numbers],
            "raw_data": list(texts),
        }
    )
    # Tests carry no types.
    found = plain_pairs(RuleSet.build(rules, log_sources), events)  # type: ignore[no-untyped-call]
    return {(int(event), rule) for rule, event in found}
