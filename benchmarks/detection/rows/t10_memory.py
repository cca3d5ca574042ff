"""T10: the most memory that a process holds which detects with 5,000 rules."""

from collections.abc import Sequence

from benchmarks.detection import answers
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, MOST
from benchmarks.detection.workplace import Workplace

TARGET = Target("T10", "peak memory, 5,000 rules, *uniq* events", 192, 128, "MiB", True)


def measure(workplace: Workplace) -> Sequence[Result]:
    workplace.say("T10: memory")
    rules = workplace.rule_folder(CLOUDTRAIL, MOST)
    peaks = {}
    for name in ("repeated", "uniq"):
        events = workplace.event_file(name, workplace.events)
        first = workplace.ours(rules, events, CLOUDTRAIL)
        workplace.check(CLOUDTRAIL, MOST, name, workplace.events, answers.read(first.pairs))
        peaks[name] = [
            workplace.ours(rules, events, CLOUDTRAIL).figure("peak_mib")
            for _ in range(workplace.turns)
        ]
    worst = max(max(each) for each in peaks.values())
    note = (
        f"over {workplace.events:,} events, {max(peaks['repeated']):.0f} MiB *repeated*; imports"
        f" alone {first.figure('imported_mib'):.0f} MiB; rules from the cache"
    )
    return [Result(TARGET, worst, note, {"peak_mib": peaks})]
