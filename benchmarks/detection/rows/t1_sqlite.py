"""T1: 57 AWS rules over 200,000 CloudTrail events, against pySigma's SQLite backend."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.detection.against_peer import Match, against
from benchmarks.detection.peers import chosen
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, FEW
from benchmarks.detection.workplace import Workplace

TARGET = Target("T1", "57 AWS rules, against pySigma's SQLite backend", 40, 100, "×")


def measure(workplace: Workplace) -> Sequence[Result]:
    match = Match(CLOUDTRAIL, FEW, "repeated", 40_000)
    results = [against(workplace, TARGET, match, chosen.sqlite)]
    if workplace.zircolite:
        target = replace(TARGET, what="57 AWS rules, against Zircolite")
        results.append(
            against(workplace, target, replace(match, peer_events=20_000), chosen.zircolite)
        )
    return results
