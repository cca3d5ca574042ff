"""T10: the most memory that a process holds which detects with 5,000 rules."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.detection import answers
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, MOST
from benchmarks.detection.workplace import Workplace

TARGET = Target("T10", "peak memory, 5,000 rules, *uniq* events", 192, 128, "MiB", True)

_RUNS, _QUICK = 3, 1


def measure(workplace: Workplace) -> Sequence[Result]:
    workplace.say("T10: memory")
    rules = workplace.rule_folder(CLOUDTRAIL, MOST)
    first = workplace.ours(rules, None, CLOUDTRAIL)
    peaks = {name: _peaks(workplace, rules, name) for name in ("repeated", "uniq")}
    worst = max(max(each) for each in peaks.values())
    note = (
        f"over {workplace.events:,} events, {max(peaks['repeated']):.0f} MiB *repeated*; imports"
        f" alone {first.figure('imported_mib'):.0f} MiB; rules from the cache; the"
        f" first load of YAML {first.figure('peak_mib'):.0f} MiB"
    )
    return [Result(TARGET, worst, note, {"peak_mib": peaks})]


def _peaks(workplace: Workplace, rules: Path, name: str) -> list[float]:
    """Return the peaks of some runs; the answers of the first are checked."""
    events = workplace.event_file(name, workplace.events)
    runs = [
        workplace.ours(rules, events, CLOUDTRAIL)
        for _ in range(_QUICK if workplace.is_quick else _RUNS)
    ]
    workplace.check(CLOUDTRAIL, MOST, name, workplace.events, answers.read(runs[0].pairs))
    return [run.figure("peak_mib") for run in runs]
