"""T5: what 5,000 rules cost more than 57, over repeated events and over ones that all differ."""

from collections.abc import Sequence

from benchmarks.detection.event_sets import CLOUDTRAIL_SETS
from benchmarks.detection.rates import measured
from benchmarks.detection.report import Result, Target
from benchmarks.detection.workplace import Workplace

REPEATED = Target("T5", "cost of 5,000 rules over that of 57, *repeated*", 1.25, 1.05, "×", True)
UNIQ = Target("T5", "cost of 5,000 rules over that of 57, *uniq*", 1.6, 1.25, "×", True)


def measure(workplace: Workplace) -> Sequence[Result]:
    rates = measured(workplace)
    told = "; ".join(rates.told(name) for name in CLOUDTRAIL_SETS)
    note = f"events/s without the start, 57 / 1,000 / 5,000 rules: {told}"
    growths = f"*agents* ×{rates.growth('agents'):.2f}"
    return [
        Result(REPEATED, rates.growth("repeated"), note, rates.figures()),
        Result(UNIQ, rates.growth("uniq"), f"the same run; {growths}"),
    ]
