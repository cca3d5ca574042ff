"""T2: 57 AWS rules over 200,000 CloudTrail events, against Tenzir's `sigma`."""

from collections.abc import Sequence

from benchmarks.detection.against_peer import GOAL, Match, against
from benchmarks.detection.peers import chosen
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, FEW
from benchmarks.detection.workplace import Workplace

TARGET = Target("T2", "57 AWS rules, against Tenzir `sigma`", 8, 20, "×")


def measure(workplace: Workplace) -> Sequence[Result]:
    match = Match(CLOUDTRAIL, FEW, "repeated", GOAL)
    return [against(workplace, TARGET, match, chosen.tenzir)]
