"""A million distinct values fill no memory: what the engine remembers of values is bounded."""

import json
from collections.abc import Iterator

import psutil
import pytest

from tests.detect.rules import rule_set, sigma
from tocsin.detect import parse_rules
from tocsin.detect.rule_set import SourceEngine

RULES = {
    "agent.yml": sigma("s: {userAgent|contains: sqlmap}\ncondition: s"),
    "name.yml": sigma("s: {eventName|startswith: Evil}\ncondition: s").replace("0001", "0002"),
    "arn.yml": sigma("s: {userIdentity.arn|re: 'r[o0]ot$'}\ncondition: s").replace("0001", "0003"),
}
BATCH = 1_000


def records(count: int) -> Iterator[list[str]]:
    """Yield records in which every field that a rule reads is new; one in each batch matches."""
    for start in range(0, count, BATCH):
        texts = [
            json.dumps(
                {
                    "eventName": f"Call{number}",
                    "userAgent": f"agent/{number} " + "x" * 60,
                    "userIdentity": {"arn": f"arn:aws:iam::111122223333:user/{number}"},
                }
            )
            for number in range(start, start + BATCH)
        ]
        texts[7] = json.dumps({"eventName": f"Evil{start}", "userAgent": "sqlmap"})
        yield texts


def engine() -> SourceEngine:
    return rule_set(*parse_rules(RULES).rules).engines["aws.cloudtrail"]


def found_in(batches: Iterator[list[str]], asked: SourceEngine) -> int:
    return sum(len(numbers) for texts in batches for _, numbers in asked.matching(texts))


def test_thousands_of_distinct_values_find_what_they_must():
    assert found_in(records(20_000), engine()) == 2 * 20


@pytest.mark.slow
def test_a_million_distinct_values_fill_no_memory():
    asked, process = engine(), psutil.Process()
    assert found_in(records(100_000), asked) == 2 * 100
    before = process.memory_info().rss

    assert found_in(records(1_000_000), asked) == 2 * 1_000
    assert process.memory_info().rss - before < 32 << 20
