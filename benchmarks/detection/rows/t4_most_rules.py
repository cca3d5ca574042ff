"""T4: 5,000 rules over 200,000 CloudTrail events, against Tenzir and pySigma's SQLite backend."""

from collections.abc import Sequence

from benchmarks.detection.against_peer import Match, against
from benchmarks.detection.peers import chosen
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, MOST
from benchmarks.detection.workplace import Workplace

TENZIR = Target("T4", "5,000 rules, against Tenzir `sigma`", 80, 200, "×")
SQLITE = Target("T4", "5,000 rules, against pySigma's SQLite backend", 400, 1_000, "×")
ZIRCOLITE = Target("T4", "5,000 rules, against Zircolite", 400, 1_000, "×")


def measure(workplace: Workplace) -> Sequence[Result]:
    results = [
        against(workplace, TENZIR, Match(CLOUDTRAIL, MOST, "repeated", 16_000), chosen.tenzir),
        against(workplace, SQLITE, Match(CLOUDTRAIL, MOST, "repeated", 8_000), chosen.sqlite),
    ]
    if workplace.zircolite:
        match = Match(CLOUDTRAIL, MOST, "repeated", 4_000)
        results.append(against(workplace, ZIRCOLITE, match, chosen.zircolite))
    return results
