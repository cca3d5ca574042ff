"""Step: Tocsin's detection alone, as a program: rules of a folder over a file of JSON lines.

It prints a JSON object: the seconds of the processor for imports, rules, index and events, and the
most memory that was held, after the imports and at the end. `-` instead of a file stops after the
index.
"""

import argparse
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.detection import answers, engine_door
from benchmarks.detection.children import peak_mib
from benchmarks.detection.rule_sets import log_sources
from tocsin.run.wiring import RuleChoice, load_rules


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.ours")
    parser.add_argument("rules", type=Path)
    parser.add_argument("events")
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--source", required=True)
    options = parser.parse_args()
    imported, imports = peak_mib(), time.process_time()
    loading = load_rules(RuleChoice((options.rules,), with_builtin=False))
    if loading.refusals:
        raise SystemExit(f"{len(loading.refusals)} rules are refused: {loading.refusals[0]}")
    loaded = time.process_time()
    engine = engine_door.engine_of(loading.rules, options.source, log_sources())
    index = engine.index
    built = time.process_time()
    if options.events != "-":
        uids = [bound.rule.uid for bound in engine.rules]
        found = (
            (start + place, uids[number])
            for start, batch in _batches(options.events)
            for place, numbers in engine.matching(batch)
            for number in numbers
        )
        answers.write(found, options.pairs)
    del index
    figures = {
        "imports": imports,
        "rules": loaded - imports,
        "index": built - loaded,
        "events": time.process_time() - built,
        "imported_mib": imported,
        "peak_mib": peak_mib(),
    }
    print(json.dumps(figures))


def _batches(path: str) -> Iterator[tuple[int, list[str]]]:
    with Path(path).open(encoding="utf-8") as stream:
        start = 0
        while batch := list(islice(stream, engine_door.BATCH)):
            yield start, batch
            start += len(batch)


if __name__ == "__main__":
    main()
