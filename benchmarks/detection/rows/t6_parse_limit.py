"""T6: which share of the parse limit detection reaches: msgspec, the index fields and no more."""

from collections.abc import Sequence

from benchmarks.detection.rates import RULE_COUNTS, measured
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import FEW
from benchmarks.detection.workplace import Workplace

TARGET = Target("T6", "share of the parse limit, 57 rules, *repeated*", 0.6, 0.9, "%")


def measure(workplace: Workplace) -> Sequence[Result]:
    rates = measured(workplace)
    limit = rates.events / rates.limit[FEW, "repeated"].median
    shares = ", ".join(
        f"{count:,} rules {rates.share(count, 'repeated'):.0%} and *uniq*"
        f" {rates.share(count, 'uniq'):.0%}"
        for count in RULE_COUNTS
    )
    note = (
        f"the limit is {limit:,.0f} events/s; {shares}; {rates.matched[FEW, 'repeated']:.0%} of"
        " these recorded events match a rule and are read in full"
    )
    return [Result(TARGET, rates.share(FEW, "repeated"), note)]
