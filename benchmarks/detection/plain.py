"""The plain evaluator of the tests, which asks every rule about every event: what must come out."""

from collections.abc import Sequence

import pyarrow as pa

from benchmarks.detection.answers import Pairs
from tests.detect.oracle import plain_pairs
from tocsin.detect import LogSources, Rule, RuleSet


def plain(
    rules: Sequence[Rule],
    source: str,
    log_sources: LogSources,
    texts: Sequence[str],
    numbers: Sequence[int],
) -> Pairs:
    """Return the pairs of some events.

    Args:
        rules: every one is asked.
        source: of the events.
        log_sources: which source gives which logs.
        texts: the events.
        numbers: what each of them is called in the pairs.
    """
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
