"""T9: rule and event pairs equal those of the plain evaluator of the tests; peers' misses."""

from collections.abc import Sequence

from benchmarks.detection import engine_door, event_sets
from benchmarks.detection.rates import measured
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import PROCESS_RULES, PROCESSES
from benchmarks.detection.workplace import Workplace

TARGET = Target("T9", "pairs of rule and event equal to the plain evaluator's", 1.0, 1.0, "%")
_COMMANDS = 20_000


def measure(workplace: Workplace) -> Sequence[Result]:
    measured(workplace)
    _check_commands(workplace)
    pairs = sum(workplace.checked.values())
    misses = "; ".join(f"{peer} {missed}" for peer, missed in workplace.misses.items())
    note = (
        f"{pairs:,} pairs in {len(workplace.checked)} comparisons, any difference ends the suite."
        f" Peers: {misses or 'none was run'}"
    )
    figures: dict[str, object] = {
        "compared": dict(workplace.checked),
        "peers": {peer: missed.share for peer, missed in workplace.misses.items()},
    }
    return [Result(TARGET, 1.0, note, figures)]


def _check_commands(workplace: Workplace) -> None:
    rules = workplace.rules(PROCESSES, PROCESS_RULES)
    engine = engine_door.engine_of(rules, PROCESSES, workplace.log_sources)
    found = engine_door.answers_of(engine, workplace.texts(event_sets.COMMANDS, _COMMANDS))
    workplace.check(PROCESSES, PROCESS_RULES, event_sets.COMMANDS, _COMMANDS, found)
