"""T10b: until 5,000 rules are ready, the first time and from the cache of compiled rules."""

import shutil
import statistics
from collections.abc import Sequence

from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, MOST
from benchmarks.detection.workplace import Ours, Workplace

FIRST = Target("T10b", "until 5,000 rules of YAML are ready, first time", 15, 8, "s", True)
CACHED = Target("T10b", "until 5,000 rules are ready, from the cache", 2, 0.5, "s", True)


def measure(workplace: Workplace) -> Sequence[Result]:
    workplace.say("T10b: load")
    rules = workplace.rule_folder(CLOUDTRAIL, MOST)
    first, cached = [], []
    for _ in range(workplace.turns):
        shutil.rmtree(workplace.cache_folder, ignore_errors=True)
        first.append(workplace.ours(rules, None, CLOUDTRAIL))
        cached.append(workplace.ours(rules, None, CLOUDTRAIL))
    return [_result(FIRST, first), _result(CACHED, cached)]


def _result(target: Target, runs: Sequence[Ours]) -> Result:
    """Return the seconds of processors from the start of the process until the index stands."""
    imports, index = (
        statistics.median(run.figure(name) for run in runs) for name in ("imports", "index")
    )
    clock = statistics.median(run.usage.seconds for run in runs)
    seconds = [run.usage.cpu_seconds for run in runs]
    note = (
        f"with start and imports ({imports:.2f} s) and the index ({index:.2f} s); {clock:.2f} s by"
        " the clock"
    )
    return Result(target, statistics.median(seconds), note, {"seconds": seconds})
