"""T8: 1,083 rules full of substrings over command lines that all differ, against Tenzir."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.detection.against_peer import Match, against
from benchmarks.detection.event_sets import COMMANDS
from benchmarks.detection.peers import chosen
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import PROCESS_RULES, PROCESSES
from benchmarks.detection.workplace import Workplace

TARGET = Target(
    "T8", "substring-heavy rules, command lines all different, against Tenzir", 10, 40, "×"
)


def measure(workplace: Workplace) -> Sequence[Result]:
    result = against(
        workplace, TARGET, Match(PROCESSES, PROCESS_RULES, COMMANDS, 10_000), chosen.tenzir
    )
    rules = len(workplace.documents(PROCESSES, PROCESS_RULES))
    whose = "published" if workplace.published else "ours, by mutation"
    return [replace(result, note=f"{rules:,} rules ({whose}); {result.note}")]
