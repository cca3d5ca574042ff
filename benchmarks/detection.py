"""Measure detection alone: `make benchmark-detection`, or `python -m benchmarks.detection --quick`.

Rules: the shipped Sigma rules, and 1,000 and 5,000 made from them by changing literals. Events:
recorded ones, repeated; and *uniq*, where every user agent, address and ARN is different. The limit
is msgspec decoding the index fields and nothing else. Seconds are those of the processor. Before a
speed is printed, the pairs of rule and event must be those of the plain way, which asks every rule
about every event.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

from benchmarks import recorded
from tocsin import detect
from tocsin.conditions.tree import AllOf, AnyOf, AnyTest, Condition, Field, Not, Pattern, Test, Text
from tocsin.detect.fields import Event
from tocsin.detect.judging import read_record
from tocsin.detect.rule_set import SourceEngine
from tocsin.run import content
from tocsin.run.wiring import RuleChoice, load_rules

SOURCE = "aws.cloudtrail"
_PLAIN_ANSWERS = 1_000_000
_TURNS = 5
_BATCH = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    options = parser.parse_args()
    events = 20_000 if options.quick else 200_000
    repeated = [line.decode() for line in recorded.lines(events)]
    corpora = {"repeated": repeated, "uniq": [_fresh(text, at) for at, text in enumerate(repeated)]}
    rows = []
    for rules in _rule_sets():
        for name, texts in corpora.items():
            row = _measure(name, texts, rules)
            rows.append(row)
            if not options.json:
                _print(row)
    if options.json:
        print(json.dumps(rows))


def _print(row: dict[str, object]) -> None:
    print(
        f"{row['rules']:5} rules, {row['events']:8}: {row['engine']:9,.0f} events/s, plain"
        f" {row['plain']:6,.0f}, limit {row['limit']:9,.0f}: {row['share']:.0%} of it;"
        f" {row['asked']:.1%} of events asked, {row['pairs']:,} pairs equal,"
        f" index made in {row['seconds_to_build']:.2f} s",
        flush=True,
    )


def _rule_sets() -> list[tuple[detect.Rule, ...]]:
    shipped = tuple(
        rule
        for rule in load_rules(RuleChoice()).rules
        if rule.condition is not None and rule.log_source.service == "cloudtrail"
    )
    return [shipped, *(_multiplied(shipped, count) for count in (1_000, 5_000))]


def _multiplied(rules: tuple[detect.Rule, ...], count: int) -> tuple[detect.Rule, ...]:
    """Return that many rules: those given, then variants with other literals."""
    made = list(rules)
    for number in range(count - len(rules)):
        rule = rules[number % len(rules)]
        assert rule.condition is not None
        condition = _other(rule.condition, number)
        made.append(replace(rule, uid=f"{rule.uid}-{number}", condition=condition))
    return tuple(made)


def _other(condition: Condition, number: int) -> Condition:
    match condition:
        case AllOf(inner) | AnyOf(inner):
            return type(condition)(tuple(_other(each, number) for each in inner))
        case Not(inner_condition):
            return Not(_other(inner_condition, number))
        case Field(path, tests, needs_all):
            return Field(path, tuple(_other_test(each, path, number) for each in tests), needs_all)
        case _:
            return condition


def _other_test(test: Test, path: str, number: int) -> Test:
    """Return the test with another literal; one variant in eight keeps names that events have."""
    if number % 8 == 0 and path in ("eventName", "eventSource"):
        return test
    match test:
        case Text(parts, is_cased):
            tail = blake2b(f"{path}{number}".encode(), digest_size=3).hexdigest()
            other = tuple(f"{part}{tail}" if isinstance(part, str) else part for part in parts)
            return Text(other, is_cased)
        case Pattern(pattern, flags):
            return Pattern(f"(?:{pattern})x{number}", flags)
        case AnyTest(tests):
            return AnyTest(tuple(_other_test(each, path, number) for each in tests))
        case _:
            return test


def _fresh(text: str, number: int) -> str:
    """Return the record with a user agent, an address and an ARN that no other has."""
    record = json.loads(text)
    record["userAgent"] = f"{record.get('userAgent')} run/{number}"
    record["sourceIPAddress"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    identity = record.get("userIdentity")
    if isinstance(identity, dict) and "arn" in identity:
        identity["arn"] = f"{identity['arn']}-{number}"
        identity["accessKeyId"] = f"ASIA{number:016}"
    return json.dumps(record, separators=(",", ":"))


def _measure(name: str, texts: list[str], rules: tuple[detect.Rule, ...]) -> dict[str, object]:
    log_sources = detect.LogSources.read(content.log_sources_text(), "log_sources.yaml")
    engine = detect.RuleSet.build(rules, log_sources).engines[SOURCE]
    build = _seconds(lambda: engine.index)
    sample = texts[: _PLAIN_ANSWERS // len(rules)]
    pairs = _check(engine, sample)
    asked = len(engine.index.select(texts).asked) / len(texts)
    # Recorded once, memories are warm for repeated events and never for *uniq*.
    sides = [
        (_seconds(lambda: _fast(engine, texts)), _seconds(lambda: _limit(engine, texts)))
        for _ in range(_TURNS)
    ]
    fast, limit = (statistics.median(side) for side in zip(*sides, strict=True))
    return {
        "rules": len(rules),
        "events": name,
        "engine": len(texts) / fast,
        "plain": len(sample) / _seconds(lambda: _plain(engine, sample)),
        "limit": len(texts) / limit,
        "share": limit / fast,
        "asked": asked,
        "pairs": pairs,
        "seconds_to_build": build,
    }


def _check(engine: SourceEngine, texts: list[str]) -> int:
    found, expected = _fast(engine, texts), _plain(engine, texts)
    if found != expected:
        raise SystemExit(f"the answers differ: {sorted(found ^ expected)[:5]}")
    return len(expected)


def _fast(engine: SourceEngine, texts: list[str]) -> set[tuple[int, int]]:
    """Return (event, rule) by way of the index, in batches as they come."""
    found = set()
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        selected = engine.index.select(batch)
        for place, numbers in selected.asked:
            found |= _answers(engine, batch[place], start + place, numbers)
        for place in selected.odd:
            record = read_record(batch[place])
            if record is not None:
                numbers = engine.index.of_record(record)
                found |= _answers(engine, batch[place], start + place, numbers)
    return found


def _plain(engine: SourceEngine, texts: list[str]) -> set[tuple[int, int]]:
    every = range(len(engine.rules))
    return set().union(*(_answers(engine, text, place, every) for place, text in enumerate(texts)))


def _answers(
    engine: SourceEngine, text: str, place: int, numbers: "range | tuple[int, ...]"
) -> set[tuple[int, int]]:
    event = Event(read_record(text) or {}, {})
    rules = engine.rules
    return {(place, number) for number in numbers if rules[number].holds(event)}


def _limit(engine: SourceEngine, texts: list[str]) -> None:
    decode = engine.index.decode
    for text in texts:
        decode(text)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
