"""T13: what two processes get done against one, by the clock."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.detection import answers
from benchmarks.detection.children import python, start, wait
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, MANY
from benchmarks.detection.workplace import Workplace

TARGET = Target("T13", "two processes against one, 1,000 rules", 1.7, 1.95, "×")


def measure(workplace: Workplace) -> Sequence[Result]:
    workplace.say("T13: two processes")
    rules = workplace.rule_folder(CLOUDTRAIL, MANY)
    events = workplace.event_file("repeated", workplace.events)
    first = answers.read(workplace.ours(rules, events, CLOUDTRAIL).pairs)
    workplace.check(CLOUDTRAIL, MANY, "repeated", workplace.events, first)
    one, two = [], []
    for _ in range(workplace.turns):
        one.append(_seconds(workplace, rules, events, 1))
        two.append(_seconds(workplace, rules, events, 2))
    value = 2 * statistics.median(one) / statistics.median(two)
    note = (
        f"{workplace.events:,} events each, rules and index included:"
        f" {statistics.median(one):.2f} s alone, {statistics.median(two):.2f} s side by side"
    )
    return [Result(TARGET, value, note, {"one": one, "two": two})]


def _seconds(workplace: Workplace, rules: Path, events: Path, processes: int) -> float:
    """Return the seconds by the clock until the last of these processes has ended."""
    commands = [
        python(
            *("detection.ours", str(rules), str(events), str(workplace.folder / f"{number}.pairs")),
            *("--source", CLOUDTRAIL),
        )
        for number in range(processes)
    ]
    running = [start(command, workplace.folder, workplace.environ) for command in commands]
    used = [wait(each) for each in running]
    for each in used:
        json.loads(each.printed)
    return max(each.seconds for each in used)
