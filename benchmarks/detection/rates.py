"""Events per second of detection alone, in one process: engine and parse limit take turns."""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.detection import engine_door, event_sets
from benchmarks.detection.engine_door import BATCH
from benchmarks.detection.rule_sets import CLOUDTRAIL, FEW, MANY, MOST
from benchmarks.detection.turns import Seconds, interleave
from benchmarks.detection.workplace import Workplace
from tocsin.detect.rule_set import SourceEngine

RULE_COUNTS = (FEW, MANY, MOST)
_MOST_EVENTS, _QUICK_EVENTS = 100_000, 10_000


@dataclass
class Rates:
    """Seconds for the events of each set.

    Attributes:
        events: how many of each set.
        engine: by number of rules and event set.
        limit: the same, for decoding the index fields alone.
        matched: share of events that some rule matches.
    """

    events: int
    engine: dict[tuple[int, str], Seconds] = field(default_factory=dict)
    limit: dict[tuple[int, str], Seconds] = field(default_factory=dict)
    matched: dict[tuple[int, str], float] = field(default_factory=dict)

    def growth(self, name: str) -> float:
        """Return how much more 5,000 rules cost than 57."""
        return self.engine[MOST, name].median / self.engine[FEW, name].median

    def share(self, rules: int, name: str) -> float:
        """Return the share of the parse limit that the engine reaches."""
        return self.limit[rules, name].median / self.engine[rules, name].median

    def told(self, name: str) -> str:
        """Return the rates over one event set."""
        rates = (f"{self.events / self.engine[rules, name].median:,.0f}" for rules in RULE_COUNTS)
        return f"{name} {' / '.join(rates)}"

    def figures(self) -> dict[str, object]:
        """Return everything as it goes into JSON."""
        return {
            f"{rules} rules, {name}": {
                "events": self.events,
                "engine_seconds": list(seconds.turns),
                "limit_seconds": list(self.limit[rules, name].turns),
                "matched_share": self.matched[rules, name],
            }
            for (rules, name), seconds in self.engine.items()
        }


_MEASURED: dict[int, Rates] = {}


def measured(workplace: Workplace) -> Rates:
    """Return the rates, measured once for all rows that ask."""
    if id(workplace) not in _MEASURED:
        _MEASURED[id(workplace)] = _measure(workplace)
    return _MEASURED[id(workplace)]


def _measure(workplace: Workplace) -> Rates:
    rates = Rates(_QUICK_EVENTS if workplace.is_quick else _MOST_EVENTS)
    for name in event_sets.CLOUDTRAIL_SETS:
        texts = workplace.texts(name, rates.events)
        for count in RULE_COUNTS:
            found = engine_door.answers_of(_engine(workplace, count), texts)
            workplace.check(CLOUDTRAIL, count, name, rates.events, found)
            rates.matched[count, name] = len({event for event, _ in found}) / rates.events
        workplace.say(f"rates over {name}")
        engines = {count: _engine(workplace, count) for count in RULE_COUNTS}
        sides = {
            f"engine {count}": partial(_engine_seconds, workplace, count, texts)
            for count in RULE_COUNTS
        }
        sides |= {
            f"limit {count}": partial(_limit_seconds, engine, texts)
            for count, engine in engines.items()
        }
        taken = interleave(sides, workplace.turns)
        for count in RULE_COUNTS:
            rates.engine[count, name] = taken[f"engine {count}"]
            rates.limit[count, name] = taken[f"limit {count}"]
    return rates


def _engine(workplace: Workplace, count: int) -> SourceEngine:
    rules = workplace.rules(CLOUDTRAIL, count)
    return engine_door.engine_of(rules, CLOUDTRAIL, workplace.log_sources)


def _engine_seconds(workplace: Workplace, count: int, texts: Sequence[str]) -> float:
    """Return the seconds of an engine whose memories are empty; its index stands before."""
    engine = _engine(workplace, count)
    engine.matching(texts[:1])
    gc.collect()
    began = time.process_time()
    for start in range(0, len(texts), BATCH):
        engine.matching(texts[start : start + BATCH])
    return time.process_time() - began


def _limit_seconds(engine: SourceEngine, texts: Sequence[str]) -> float:
    began = time.process_time()
    engine_door.limit(engine, texts)
    return time.process_time() - began
